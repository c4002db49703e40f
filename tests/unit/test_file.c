#include "tests/harness.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/file.h"
#include "tests/unit/scratch.h"

static unsigned mode_of(const char *path)
{
	struct stat st;

	CHECK(stat(path, &st) == 0);
	return st.st_mode & 07777;
}

static void check_content(struct op *op, const char *path, const char *want)
{
	struct buf b = BUF_INIT;

	CHECK(file_read(op, path, 1000, &b) == 0);
	CHECK_STR(b.data, want);
	buf_free(&b);
}

static void what_was_written_is_read(void)
{
	struct scratch s;
	const char *path;
	struct stat st;

	scratch_begin(&s);
	path = scratch_path(&s, "new/folders/file");
	CHECK(file_write(&s.op, path, "one", 3) == 0);
	check_content(&s.op, path, "one");
	CHECK(mode_of(path) == 0600);
	CHECK(mode_of(scratch_path(&s, "new")) == 0700);
	CHECK(mode_of(scratch_path(&s, "new/folders")) == 0700);
	CHECK(chmod(path, 0644) == 0);
	CHECK(file_write(&s.op, path, "", 0) == 0);
	check_content(&s.op, path, "");
	CHECK(mode_of(path) == 0600);
	CHECK(scratch_count(&s, "new/folders") == 1); /* nothing aside */
	CHECK(stat(path, &st) == 0 && st.st_nlink == 1);
	scratch_end(&s);
}

static void a_file_is_read_up_to_the_limit(void)
{
	struct scratch s;
	struct buf big = BUF_INIT, b = BUF_INIT;
	const char *path;

	scratch_begin(&s);
	path = scratch_path(&s, "file");
	memset(buf_room(&big, 100000), 'x', 100000);
	big.len = 100000;
	CHECK(file_write(&s.op, path, big.data, big.len) == 0);
	buf_adds(&b, "kept:");
	CHECK(file_read(&s.op, path, 99999, &b) == -1);
	CHECK(s.op.err.kind == ERR_CORRUPT);
	CHECK_STR(b.data, "kept:");
	CHECK(file_read(&s.op, path, 100000, &b) == 0);
	CHECK(b.len == 100005 && memcmp(b.data + 5, big.data, 100000) == 0);
	CHECK(file_read(&s.op, scratch_path(&s, "none"), 10, &b) == -1);
	CHECK(s.op.err.kind == ERR_NOT_FOUND);
	CHECK(file_read(&s.op, s.dir, 10, &b) == -1);
	CHECK(s.op.err.kind == ERR_IS_DIR);
	buf_free(&big);
	buf_free(&b);
	scratch_end(&s);
}

static void a_link_stays_and_its_file_is_replaced(void)
{
	struct scratch s;
	struct stat st;

	scratch_begin(&s);
	CHECK(mkdir(scratch_path(&s, "d"), 0700) == 0);
	CHECK(symlink("d/second", scratch_path(&s, "first")) == 0);
	CHECK(symlink("../real", scratch_path(&s, "d/second")) == 0);
	/* the file is not there yet, and then it is */
	for (int i = 0; i < 2; i++) {
		const char *text = i ? "two" : "one";

		CHECK(file_write(&s.op, scratch_path(&s, "first"), text, 3) ==
		      0);
		check_content(&s.op, scratch_path(&s, "real"), text);
	}
	CHECK(lstat(scratch_path(&s, "first"), &st) == 0);
	CHECK(S_ISLNK(st.st_mode));
	CHECK(lstat(scratch_path(&s, "d/second"), &st) == 0);
	CHECK(S_ISLNK(st.st_mode));
	CHECK(symlink("loop", scratch_path(&s, "loop")) == 0);
	CHECK(file_write(&s.op, scratch_path(&s, "loop"), "x", 1) == -1);
	scratch_end(&s);
}

static void a_failed_write_leaves_the_old_file(void)
{
	struct scratch s;

	scratch_begin(&s);
	CHECK(mkdir(scratch_path(&s, "folder"), 0700) == 0);
	CHECK(file_write(&s.op, scratch_path(&s, "folder"), "x", 1) == -1);
	CHECK(scratch_count(&s, ".") == 1);
	CHECK(file_write(&s.op, scratch_path(&s, "f"), "x", 1) == 0);
	CHECK(file_write(&s.op, scratch_path(&s, "f/g"), "x", 1) == -1);
	CHECK(s.op.err.kind == ERR_NOT_DIR);
	check_content(&s.op, scratch_path(&s, "f"), "x");
	scratch_end(&s);
}

static void a_write_is_done_after_a_cancel(void)
{
	struct scratch s;

	scratch_begin(&s);
	cancel_set(&s.cancel);
	CHECK(file_write(&s.op, scratch_path(&s, "token"), "x", 1) == 0);
	scratch_end(&s);
}

static void folders_are_made_once(void)
{
	struct scratch s;

	scratch_begin(&s);
	CHECK(file_make_dirs(&s.op, scratch_path(&s, "a/b//c/")) == 0);
	CHECK(file_make_dirs(&s.op, scratch_path(&s, "a/b/c")) == 0);
	CHECK(mode_of(scratch_path(&s, "a/b/c")) == 0700);
	CHECK(file_make_dirs(&s.op, "/") == 0);
	CHECK(file_make_dirs(&s.op, ".") == 0);
	scratch_end(&s);
}

struct waiter {
	struct cancel *cancel;
	const char *path;
	int fd;
	struct err err;
};

static void *wait_for_lock(void *arg)
{
	struct waiter *w = arg;
	struct op op = op_begin(w->cancel);

	w->fd = file_lock(&op, w->path, 60000);
	w->err = op.err;
	op_end(&op);
	return NULL;
}

static void a_lock_is_held_by_one(void)
{
	struct scratch s;
	struct waiter w = { .cancel = &s.cancel };
	pthread_t thread;
	int fd;

	scratch_begin(&s);
	fd = file_lock(&s.op, scratch_path(&s, "new/conf"), 0);
	CHECK(fd >= 0 && (fcntl(fd, F_GETFD) & FD_CLOEXEC));
	CHECK(file_lock(&s.op, scratch_path(&s, "new/conf"), 0) == -1);
	CHECK(s.op.err.kind == ERR_LOCKED);
	close(fd);
	fd = file_lock(&s.op, scratch_path(&s, "conf"), 30);
	CHECK(fd >= 0);
	CHECK(file_lock(&s.op, scratch_path(&s, "conf"), 30) == -1);
	w.path = scratch_path(&s, "conf");
	CHECK(!pthread_create(&thread, NULL, wait_for_lock, &w));
	close(fd);
	pthread_join(thread, NULL);
	CHECK(w.fd >= 0);
	close(w.fd);
	scratch_end(&s);
}

static void waiting_for_a_lock_can_be_called_off(void)
{
	struct scratch s;
	struct waiter w = { .cancel = &s.cancel };
	pthread_t thread;
	int fd;

	scratch_begin(&s);
	fd = file_lock(&s.op, scratch_path(&s, "conf"), 0);
	w.path = scratch_path(&s, "conf");
	CHECK(!pthread_create(&thread, NULL, wait_for_lock, &w));
	cancel_set(&s.cancel);
	pthread_join(thread, NULL);
	CHECK(w.fd == -1 && w.err.kind == ERR_CANCELED);
	close(fd);
	scratch_end(&s);
}

static void *drain(void *arg)
{
	int fd = *(const int *)arg;
	char some[1000];
	size_t *sum = calloc(1, sizeof(*sum));
	ssize_t n;

	CHECK(sum);
	while ((n = read(fd, some, sizeof(some))) > 0)
		*sum += (size_t)n;
	return sum;
}

static void write_all_goes_on_after_a_short_write(void)
{
	const size_t size = 1024 * 1024;
	char *big = calloc(size, 1);
	pthread_t thread;
	void *sum;
	int fd[2];

	CHECK(big && pipe(fd) == 0);
	CHECK(!pthread_create(&thread, NULL, drain, &fd[0]));
	CHECK(write_all(fd[1], big, size) == 0);
	close(fd[1]);
	pthread_join(thread, &sum);
	CHECK(*(size_t *)sum == size);
	errno = 0;
	CHECK(write_all(-1, big, 1) == -1 && errno == EBADF);
	free(sum);
	free(big);
	close(fd[0]);
}

int main(void)
{
	RUN(what_was_written_is_read);
	RUN(a_file_is_read_up_to_the_limit);
	RUN(a_link_stays_and_its_file_is_replaced);
	RUN(a_failed_write_leaves_the_old_file);
	RUN(a_write_is_done_after_a_cancel);
	RUN(folders_are_made_once);
	RUN(a_lock_is_held_by_one);
	RUN(waiting_for_a_lock_can_be_called_off);
	RUN(write_all_goes_on_after_a_short_write);
	return 0;
}
