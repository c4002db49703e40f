/*
 * Retry and resume, proven: be_*() over a fault over files in memory.
 */
#include "tests/unit/places.h"

static struct places p;

/* The files, and the same with a fault in front of them. */
static struct backend *mem, *be;

static void begin(const char *fault)
{
	const char *spec;

	places_begin(&p);
	mem = opened(&p, ":mem:");
	spec = arena_printf(&p.op.arena, ":fault,remote=':mem:',%s:", fault);
	be = opened(&p, spec);
}

static void end(void)
{
	be_close(be);
	be_close(mem);
	places_end(&p);
}

static bool fails_with(int rc, enum err_kind kind)
{
	return rc == -1 && p.op.err.kind == kind;
}

/* As by a careful caller: with the tag that was listed. */
static int get_tagged(const char *path, struct bytes_sink *dst)
{
	struct get_opt opt = { .len = -1 };
	struct entry e;

	CHECK(be_stat(be, &p.op, path, &e) == 0 && e.tag);
	opt.tag = e.tag;
	return be_get(be, &p.op, path, &opt, &dst->base);
}

static void a_download_resumes_where_it_was_cut(void)
{
	struct bytes_sink dst = bytes_sink(1, 0);

	begin("op=get,cut=70001,calls=1-3,error=network");
	CHECK(put_bytes(&p, mem, "f", 1, 500000) == 0);
	CHECK(get_tagged("f", &dst) == 0);
	CHECK(dst.n == 500000 && dst.wrong == 0);
	CHECK(be->retries == 3);
	end();
}

static void a_range_resumes_within_itself(void)
{
	struct bytes_sink dst = bytes_sink(1, 1000);
	struct get_opt opt = { .off = 1000, .len = 300000 };
	struct entry e;

	begin("op=get,cut=100000,calls=1-2,error=timeout");
	CHECK(put_bytes(&p, mem, "f", 1, 500000) == 0);
	CHECK(be_stat(be, &p.op, "f", &e) == 0);
	opt.tag = e.tag;
	CHECK(be_get(be, &p.op, "f", &opt, &dst.base) == 0);
	CHECK(dst.n == 300000 && dst.wrong == 0);
	end();
}

static void a_download_without_a_tag_is_not_patched_together(void)
{
	struct bytes_sink dst = bytes_sink(1, 0);
	const struct get_opt all = { .len = -1 };

	begin("op=get,cut=70000,calls=1,error=network");
	CHECK(put_bytes(&p, mem, "f", 1, 500000) == 0);
	CHECK(fails_with(be_get(be, &p.op, "f", &all, &dst.base), ERR_NETWORK));
	CHECK(dst.n == 70000);
	end();
}

static void a_file_that_changes_meanwhile_is_a_conflict(void)
{
	struct bytes_sink dst = bytes_sink(1, 0);
	struct backend *both;
	struct get_opt opt = { .len = -1 };
	struct entry e;

	/* The first get is cut, and for the second the file is another. */
	begin("op=get,calls=2-,changed");
	both = opened(&p, ":fault,op=get,cut=70000,calls=1,error=network,"
			  "remote=\":fault,op=get,calls=2-,changed,"
			  "remote=':mem:':\":");
	CHECK(put_bytes(&p, mem, "f", 1, 500000) == 0);
	CHECK(be_stat(both, &p.op, "f", &e) == 0);
	opt.tag = e.tag;
	CHECK(fails_with(be_get(both, &p.op, "f", &opt, &dst.base),
			 ERR_CONFLICT));
	CHECK(dst.n == 70000 && dst.wrong == 0); /* nothing of the other */
	be_close(both);
	end();
}

static void a_changed_file_has_another_tag_and_other_bytes(void)
{
	struct bytes_sink dst = bytes_sink(1, 0);
	struct entry before, after;
	struct get_opt opt = { .len = -1 };

	begin("calls=2-,changed");
	CHECK(put_bytes(&p, mem, "f", 1, 5000) == 0);
	CHECK(be_stat(be, &p.op, "f", &before) == 0);
	CHECK(be_stat(be, &p.op, "f", &after) == 0);
	CHECK(strcmp(before.tag, after.tag) != 0);
	opt.tag = before.tag;
	CHECK(fails_with(be_get(be, &p.op, "f", &opt, &dst.base),
			 ERR_CONFLICT));
	opt.tag = after.tag;
	CHECK(be_get(be, &p.op, "f", &opt, &dst.base) == 0);
	CHECK(dst.n == 5000 && dst.wrong > 4000);
	end();
}

static void a_lying_end_is_not_noticed_by_the_transport(void)
{
	struct bytes_sink dst = bytes_sink(1, 0);

	begin("op=get,cut=70000");
	CHECK(put_bytes(&p, mem, "f", 1, 500000) == 0);
	CHECK(get_tagged("f", &dst) == 0); /* so whoever calls must count */
	CHECK(dst.n == 70000 && dst.wrong == 0);
	end();
}

static void an_upload_is_read_again_from_its_start(void)
{
	struct bytes_source src = bytes_source(1, 200000);
	const struct put_opt opt = { .mtime = MTIME_UNKNOWN };

	begin("op=put,cut=150000,calls=1-2,error=server");
	CHECK(be_put(be, &p.op, "f", &src.base, &opt, NULL) == 0);
	CHECK(src.seeks == 2 && be->retries == 2);
	CHECK(gets_bytes(&p, mem, "f", 1, 200000));
	end();
}

static void an_upload_that_cannot_be_read_again_is_not(void)
{
	struct bytes_source src = bytes_source(1, 200000);
	const struct put_opt opt = { .mtime = MTIME_UNKNOWN };

	begin("op=put,cut=150000,calls=1,error=server");
	src.base.seek = NULL;
	CHECK(fails_with(be_put(be, &p.op, "f", &src.base, &opt, NULL),
			 ERR_SERVER));
	CHECK(fails_with(be_stat(mem, &p.op, "f", NULL), ERR_NOT_FOUND));
	end();
}

static void a_source_that_ends_early_is_a_conflict(void)
{
	begin("op=put,cut=150000");
	CHECK(fails_with(put_bytes(&p, be, "f", 1, 200000), ERR_CONFLICT));
	CHECK(fails_with(be_stat(mem, &p.op, "f", NULL), ERR_NOT_FOUND));
	CHECK(be->retries == 0);
	end();
}

static void only_what_may_pass_is_tried_again(void)
{
	begin("op=mkdir");
	for (int k = ERR_OK + 1; k < ERR_KINDS; k++) {
		const struct err_info *info = err_info((enum err_kind)k);
		const char *spec = arena_printf(
			&p.op.arena,
			":fault,remote=':mem:',op=mkdir,calls=1,error=%s:",
			info->name);
		struct backend *f = opened(&p, spec);
		int rc = be_mkdir(f, &p.op, "d");

		CHECK(f->retries == (info->retry ? 1 : 0));
		if (info->retry)
			CHECK(rc == 0);
		else
			CHECK(fails_with(rc, (enum err_kind)k));
		be_close(f);
	}
	CHECK(be_mkdir(be, &p.op, "d") == 0);
	end();
}

static void trying_ends(void)
{
	begin("op=mkdir,error=busy");
	be->tries = 4;
	CHECK(fails_with(be_mkdir(be, &p.op, "d"), ERR_BUSY));
	CHECK(be->retries == 3);
	CHECK(strstr(p.op.err.msg, "d: a fault on purpose (busy)"));
	end();
}

static size_t count(struct backend *b, const char **last)
{
	struct listing l = LISTING_INIT;
	struct posix_meta meta;
	struct entry e;
	size_t n = 0;

	CHECK(be_list(b, &p.op, "", &l) == 0);
	for (; listing_next(&l, &p.op, &e, &meta) > 0; n++) {
		CHECK(n == 0 || strcmp(*last, e.name) < 0);
		*last = arena_strdup(&p.op.arena, e.name);
	}
	CHECK(l.total == n);
	listing_free(&l);
	return n;
}

static void put_many(size_t n)
{
	char name[32];

	for (size_t i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "f%03zu", i);
		CHECK(put_bytes(&p, mem, name, i, 1) == 0);
	}
}

static void a_listing_that_breaks_off_is_begun_anew(void)
{
	const char *last = "";

	begin("op=list,cut=60,calls=1-2,error=network");
	put_many(100);
	CHECK(count(be, &last) == 100); /* and none of them twice */
	CHECK_STR(last, "f099");
	CHECK(be->retries == 2);
	end();
}

static void a_listing_that_fails_for_good_is_empty(void)
{
	struct listing l = LISTING_INIT;

	begin("op=list,cut=60,error=denied");
	put_many(100);
	CHECK(fails_with(be_list(be, &p.op, "", &l), ERR_DENIED));
	CHECK(l.total == 0 && l.n == 0);
	listing_free(&l);
	end();
}

static void sizes_can_lie(void)
{
	struct entry e;

	begin("op='list,stat',grow=-30");
	CHECK(put_bytes(&p, mem, "a", 1, 100) == 0);
	CHECK(put_bytes(&p, mem, "b", 1, 10) == 0);
	CHECK(be_stat(be, &p.op, "a", &e) == 0 && e.size == 70);
	CHECK(be_stat(be, &p.op, "b", &e) == 0 && e.size == 0);
	CHECK(be_mkdir(be, &p.op, "d") == 0);
	CHECK(be_stat(be, &p.op, "d", &e) == 0 && e.size == SIZE_UNKNOWN);
	end();
}

static void a_lost_answer_to_a_removal_is_no_failure(void)
{
	begin("op='unlink,rmdir,purge',after,error=network,calls=/2");
	CHECK(put_bytes(&p, mem, "f", 1, 1) == 0);
	CHECK(put_bytes(&p, mem, "g", 1, 1) == 0);
	CHECK(be_mkdir(mem, &p.op, "d") == 0);
	CHECK(be_unlink(be, &p.op, "f") == 0); /* call 1 */
	CHECK(be_unlink(be, &p.op, "g") == 0); /* 2 is done but fails, 3 */
	CHECK(be_rmdir(be, &p.op, "d") == 0);  /* 4, 5 */
	CHECK(be->retries == 2);
	CHECK(fails_with(be_stat(mem, &p.op, "g", NULL), ERR_NOT_FOUND));
	CHECK(fails_with(be_stat(mem, &p.op, "d", NULL), ERR_NOT_FOUND));
	end();
}

static void one_path_can_be_picked(void)
{
	begin("op=put,path=d/b,error=denied");
	CHECK(put_bytes(&p, be, "d/a", 1, 1) == 0);
	CHECK(fails_with(put_bytes(&p, be, "d/b", 1, 1), ERR_DENIED));
	CHECK(put_bytes(&p, be, "d/c", 1, 1) == 0);
	end();
}

static void a_fault_can_what_the_other_can(void)
{
	const struct put_opt opt = { .mtime = MTIME_UNKNOWN };
	struct backend *twice;

	begin("op=stat,error=denied");
	CHECK(be->caps == mem->caps && be->hashes == mem->hashes);
	CHECK(strcmp(be->identity, mem->identity) != 0);
	twice = opened(&p, ":fault,remote=\":fault,remote=':mem:':x\":y");
	CHECK(put_bytes(&p, twice, "f", 1, 10) == 0);
	CHECK(gets_bytes(&p, mem, "x/y/f", 1, 10));
	/* Within one service, however many faults lie between. */
	CHECK(be_copy(be, &p.op, twice, "f", NULL, "g", &opt, NULL) == 0);
	CHECK(be_move(twice, &p.op, be, "g", NULL, "h", &opt, NULL) == 0);
	CHECK(be_move_dir(be, &p.op, mem, "x/y", "z") == 0);
	CHECK(gets_bytes(&p, mem, "z/h", 1, 10));
	be_close(twice);
	end();
}

static void a_delay_ends_when_called_off(void)
{
	begin("op=mkdir,delay=1h");
	cancel_set(&p.cancel);
	CHECK(fails_with(be_mkdir(be, &p.op, "d"), ERR_CANCELED));
	end();
}

static void nonsense_is_refused(void)
{
	static const char *const bad[] = {
		"op=gte",   "op='get,'x", "calls=0",      "calls=3-2",
		"calls=/0", "calls=x",    "error=failed", "calls=-1",
		"cut=much", "error=ok",   "calls=1-x",
	};

	places_begin(&p);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		const char *spec = arena_printf(
			&p.op.arena, ":fault,remote=':mem:',%s:", bad[i]);
		struct backend *none = NULL;

		CHECK(fails_with(remote_open(&p.remotes, spec, &p.op, &none),
				 ERR_INVALID));
	}
	places_end(&p);
}

int main(void)
{
	RUN(a_download_resumes_where_it_was_cut);
	RUN(a_range_resumes_within_itself);
	RUN(a_download_without_a_tag_is_not_patched_together);
	RUN(a_file_that_changes_meanwhile_is_a_conflict);
	RUN(a_changed_file_has_another_tag_and_other_bytes);
	RUN(a_lying_end_is_not_noticed_by_the_transport);
	RUN(an_upload_is_read_again_from_its_start);
	RUN(an_upload_that_cannot_be_read_again_is_not);
	RUN(a_source_that_ends_early_is_a_conflict);
	RUN(only_what_may_pass_is_tried_again);
	RUN(trying_ends);
	RUN(a_listing_that_breaks_off_is_begun_anew);
	RUN(a_listing_that_fails_for_good_is_empty);
	RUN(sizes_can_lie);
	RUN(a_lost_answer_to_a_removal_is_no_failure);
	RUN(one_path_can_be_picked);
	RUN(a_fault_can_what_the_other_can);
	RUN(a_delay_ends_when_called_off);
	RUN(nonsense_is_refused);
	return 0;
}
