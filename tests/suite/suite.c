#include "tests/suite/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/clock.h"

struct counts {
	unsigned passed, failed, skipped;
};

static const struct {
	unsigned cap;
	const char *name;
} cap_names[] = {
	{ BE_RANGE, "BE_RANGE" },         { BE_PUT_ATOMIC, "BE_PUT_ATOMIC" },
	{ BE_SET_MTIME, "BE_SET_MTIME" }, { BE_EMPTY_DIR, "BE_EMPTY_DIR" },
	{ BE_POSIX, "BE_POSIX" },         { BE_KEEP_OLD, "BE_KEEP_OLD" },
	{ BE_COPY, "BE_COPY" },           { BE_MOVE, "BE_MOVE" },
	{ BE_MOVE_DIR, "BE_MOVE_DIR" },   { BE_TOUCH, "BE_TOUCH" },
	{ BE_HASH, "BE_HASH" },           { BE_QUOTA, "BE_QUOTA" },
	{ BE_XATTRS, "BE_XATTRS" },       { BE_SET_META, "BE_SET_META" },
	{ BE_MKNODE, "BE_MKNODE" },       { BE_HARDLINK, "BE_HARDLINK" },
	{ BE_EQUAL, "BE_EQUAL" },         { BE_FLUSH, "BE_FLUSH" },
	{ BE_STRAYS, "BE_STRAYS" },       { BE_READER, "BE_READER" },
	{ BE_WRITER, "BE_WRITER" },
};

static const char *missing_cap(const struct backend *be, unsigned caps)
{
	for (size_t i = 0; i < ARRAY_LEN(cap_names); i++)
		if (caps & ~be->caps & cap_names[i].cap)
			return cap_names[i].name;
	return "more than this backend claims";
}

/* 1 for a pass, 0 for a skip, -1 for a failure. */
static int run(struct suite *s, const struct suite_test *t, const char *dir)
{
	s->failed = false;
	s->skip = NULL;
	s->dir = dir;
	if (!be_can(s->be, t->caps)) {
		printf("skip %s: no %s\n", t->name,
		       missing_cap(s->be, t->caps));
		return 0;
	}
	if (be_mkdir(s->be, &s->op, dir) < 0)
		suite_failed(s, __FILE__, __LINE__, "mkdir", dir);
	else
		t->run(s);
	if (s->skip && !s->failed) {
		printf("skip %s: %s\n", t->name, s->skip);
		return 0;
	}
	printf("%s %s\n", s->failed ? "not ok" : "ok", t->name);
	return s->failed ? -1 : 1;
}

static void run_all(struct suite *s, const struct suite_test *t,
		    const char *base, const char *only, struct counts *c)
{
	for (; t->name; t++) {
		char dir[200];
		int rc;

		if (only && !strstr(t->name, only))
			continue;
		snprintf(dir, sizeof(dir), "%s/%.150s", base, t->name);
		rc = run(s, t, dir);
		c->passed += rc > 0;
		c->skipped += rc == 0;
		c->failed += rc < 0;
		fflush(stdout);
		arena_reset(&s->op.arena);
		err_clear(&s->op.err);
	}
}

static unsigned run_in(struct suite *s, const char *base, const char *only)
{
	static const struct suite_test *const lists[] = {
		list_tests, file_tests,  change_tests, service_tests,
		name_tests, posix_tests, thread_tests,
	};
	struct counts c = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		run_all(s, lists[i], base, only, &c);
	if (be_purge(s->be, &s->op, base) < 0 && s->op.err.kind != ERR_NO_DIR) {
		printf("not ok cleaning up: %s\n", s->op.err.msg);
		c.failed++;
	}
	printf("%u passed, %u failed, %u skipped\n", c.passed, c.failed,
	       c.skipped);
	return c.failed;
}

static const char *config_path(struct arena *a)
{
	const char *path = getenv("FERRY_CONFIG");
	const char *home = getenv("HOME"), *xdg = getenv("XDG_CONFIG_HOME");

	if (path)
		return path;
	if (xdg && *xdg)
		return arena_printf(a, "%s/ferry/ferry.conf", xdg);
	return arena_printf(a, "%s/.config/ferry/ferry.conf", home ? home : "");
}

int main(int argc, char **argv)
{
	struct arena a = { 0 };
	struct cancel cancel;
	struct remotes remotes = { .lock = PTHREAD_MUTEX_INITIALIZER,
				   .config_path = config_path(&a),
				   .state_dir = getenv("SUITE_STATE"),
				   .no_memory = !getenv("SUITE_STATE"),
				   .metadata = true };
	struct suite s = { .remotes = &remotes, .cancel = &cancel };
	const char *base =
		arena_printf(&a, "ferry-suite-%ld-%lld", (long)getpid(),
			     (long long)(clock_wall() / 1000));
	int status = 1;

	if (argc != 2 && argc != 3) {
		fprintf(stderr,
			"usage: suite REMOTE [PART-OF-A-TEST'S-NAME]\n");
		return 2;
	}
	cancel_init(&cancel);
	s.op = op_begin(&cancel);
	s.spec = argv[1];
	if (remote_open(&remotes, s.spec, &s.op, &s.be) < 0)
		fprintf(stderr, "suite: %s\n", s.op.err.msg);
	else
		status = run_in(&s, base, argv[2]) ? 1 : 0;
	be_close(s.be);
	remotes_free(&remotes);
	op_end(&s.op);
	cancel_free(&cancel);
	arena_free(&a);
	return status;
}
