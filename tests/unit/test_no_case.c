/*
 * A sync to a service to which "A" and "a" are one name.
 */
#include "tests/unit/places.h"

#include "sync/sync.h"

static struct places p;
static struct backend *src, *dst;
static struct sync_stats stats;

static void begin(void)
{
	places_begin(&p);
	src = opened(&p, ":mem:from");
	dst = opened(&p, ":mem,no_case=true:to");
}

static void end(void)
{
	be_close(src);
	be_close(dst);
	places_end(&p);
}

static int run(enum sync_mode mode)
{
	struct sync_opts o;
	struct sync_run *r;
	int rc;

	sync_opts_init(&o);
	o.mode = mode;
	stats = (struct sync_stats){ 0 };
	r = sync_new(src, dst, &o, &stats, NULL, NULL);
	rc = sync_tree(r, &p.op);
	sync_free(r);
	return rc;
}

static void twins_are_reported_and_neither_is_written(void)
{
	struct entry e;

	begin();
	CHECK(put_bytes(&p, src, "d/Photo.jpg", 1, 10) == 0);
	CHECK(put_bytes(&p, src, "d/photo.JPG", 2, 20) == 0);
	CHECK(put_bytes(&p, src, "d/other", 3, 30) == 0);
	CHECK(run(SYNC_COPY) == -1 && p.op.err.kind == ERR_PARTIAL);
	CHECK(stats.failed == 2 && stats.files_done == 1);
	CHECK(be_stat(dst, &p.op, "d/photo.jpg", &e) == -1);
	CHECK(gets_bytes(&p, dst, "d/other", 3, 30));
	end();
}

static void a_name_in_another_case_is_the_same_file(void)
{
	begin();
	CHECK(put_bytes(&p, src, "Read Me", 1, 10) == 0);
	CHECK(put_bytes(&p, src, "zz", 4, 10) == 0);
	CHECK(put_bytes(&p, dst, "READ ME", 2, 20) == 0);
	CHECK(put_bytes(&p, dst, "M", 5, 20) == 0);
	CHECK(run(SYNC_SYNC) == 0);
	CHECK(stats.deleted == 1 && stats.files_done == 2);
	CHECK(gets_bytes(&p, dst, "read me", 1, 10));
	CHECK(gets_bytes(&p, dst, "zz", 4, 10));
	end();
}

static void nothing_is_done_twice(void)
{
	begin();
	CHECK(put_bytes(&p, src, "Ä/B/c", 1, 10) == 0);
	CHECK(run(SYNC_SYNC) == 0 && stats.files_done == 1);
	CHECK(run(SYNC_SYNC) == 0 && stats.files_done == 0);
	CHECK(stats.checked == 1 && stats.deleted == 0);
	end();
}

static void a_folder_is_not_moved_onto_itself(void)
{
	places_begin(&p);
	src = opened(&p, ":mem,no_case=true:Photos");
	dst = opened(&p, ":mem,no_case=true:photos");
	CHECK(put_bytes(&p, src, "d/a", 1, 10) == 0);
	CHECK(run(SYNC_MOVE) == -1 && p.op.err.kind == ERR_INVALID);
	CHECK(gets_bytes(&p, src, "d/a", 1, 10));
	end();
}

static int run_file(enum sync_mode mode, const char *from, const char *to)
{
	struct sync_opts o;
	struct sync_run *r;
	int rc;

	sync_opts_init(&o);
	o.mode = mode;
	stats = (struct sync_stats){ 0 };
	r = sync_new(src, dst, &o, &stats, NULL, NULL);
	rc = sync_file(r, &p.op, from, to);
	sync_free(r);
	return rc;
}

static void a_file_is_renamed_and_not_lost(void)
{
	places_begin(&p);
	src = opened(&p, ":mem,no_case=true:x");
	dst = opened(&p, ":mem,no_case=true:X");
	CHECK(put_bytes(&p, src, "photo", 1, 10) == 0);
	CHECK(run_file(SYNC_COPY, "photo", "Photo") == -1 &&
	      p.op.err.kind == ERR_INVALID);
	CHECK(run_file(SYNC_MOVE, "photo", "Photo") == 0);
	CHECK(stats.files_done == 1 && stats.deleted == 0);
	CHECK(gets_bytes(&p, dst, "Photo", 1, 10));
	end();
}

int main(void)
{
	RUN(twins_are_reported_and_neither_is_written);
	RUN(a_name_in_another_case_is_the_same_file);
	RUN(nothing_is_done_twice);
	RUN(a_folder_is_not_moved_onto_itself);
	RUN(a_file_is_renamed_and_not_lost);
	return 0;
}
