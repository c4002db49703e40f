#include "tests/unit/places.h"
#include "tests/unit/scratch.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

static struct places p;
static struct scratch tmp;
static struct backend *be;
static int files, folders; /* errno of fsync(), 0: it works */

/* In the place of the C library's. */
int fsync(int fd)
{
	struct stat st;

	CHECK(fstat(fd, &st) == 0);
	errno = S_ISDIR(st.st_mode) ? folders : files;
	return errno ? -1 : 0;
}

static int put_durably(void)
{
	struct bytes_source src = bytes_source(1, 100);
	const struct put_opt opt = { .mtime = MTIME_UNKNOWN, .durable = true };

	return be_put(be, &p.op, "dir/file", &src.base, &opt, NULL);
}

static void begin(void)
{
	places_begin(&p);
	scratch_begin(&tmp);
	be = opened(&p, tmp.dir);
}

static void end(void)
{
	files = folders = 0;
	be_close(be);
	scratch_end(&tmp);
	places_end(&p);
}

static void where_nothing_can_be_synced_files_are_stored_all_the_same(void)
{
	static const int cannot[] = { EINVAL, ENOTSUP, ENOSYS };

	begin();
	for (size_t i = 0; i < ARRAY_LEN(cannot); i++) {
		folders = cannot[i];
		files = i ? cannot[i] : 0;
		CHECK(put_durably() == 0);
		CHECK(gets_bytes(&p, be, "dir/file", 1, 100));
	}
	end();
}

static void a_sync_that_fails_is_an_error(void)
{
	begin();
	files = EIO;
	CHECK(put_durably() < 0);
	files = 0;
	folders = EIO;
	CHECK(put_durably() < 0);
	end();
}

int main(void)
{
	RUN(where_nothing_can_be_synced_files_are_stored_all_the_same);
	RUN(a_sync_that_fails_is_an_error);
	return 0;
}
