#include "tests/suite/suite.h"

#include "lib/clock.h"

/* What is done within the service: copies, moves, comparing. */

#define WHEN (INT64_C(1111111111) * NS_PER_SEC)

typedef int transfer_fn(struct backend *be, struct op *op, struct backend *from,
			const char *src, const struct entry *seen,
			const char *dst, const struct put_opt *opt,
			struct entry *out);

static int transfer(struct suite *s, transfer_fn *fn, const char *src,
		    const char *dst, const struct put_opt *opt)
{
	struct entry seen, out;

	if (be_stat(s->be, &s->op, in(s, src), &seen) < 0)
		return -1;
	if (fn(s->be, &s->op, s->be, in(s, src), &seen, in(s, dst), opt, &out) <
	    0)
		return -1;
	if (out.kind != ENTRY_FILE || out.size != seen.size)
		return err_set(&s->op.err, ERR_CORRUPT,
			       "it tells another file than it made");
	return 0;
}

static int put_at(struct suite *s, const char *name, uint64_t seed,
		  int64_t size)
{
	const struct put_opt opt = { .mtime = WHEN };

	return put_with(s, name, seed, size, &opt);
}

/* If the backend keeps times at all: whether that file has WHEN. */
static bool has_time(struct suite *s, const char *name)
{
	struct entry e;

	return !be_can(s->be, BE_SET_MTIME) ||
	       (be_stat(s->be, &s->op, in(s, name), &e) == 0 &&
		same_time(s, e.mtime, WHEN));
}

static void copies_are_whole(struct suite *s)
{
	const struct put_opt opt = { .mtime = WHEN };

	WANT(put_at(s, "f", 1, 70000) == 0);
	WANT(transfer(s, be_copy, "f", "a/b/g", &opt) == 0);
	WANT(holds(s, "f", 1, 70000) && holds(s, "a/b/g", 1, 70000));
	WANT(has_time(s, "a/b/g"));
	WANT(put(s, "h", 2, 10) == 0);
	WANT(transfer(s, be_copy, "h", "a/b/g", &opt) == 0);
	WANT(holds(s, "a/b/g", 2, 10));
	WANT(put(s, "h", 3, 20) == 0);
	WANT(holds(s, "a/b/g", 2, 10)); /* a copy, not another name */
}

static void moves_leave_nothing_behind(struct suite *s)
{
	WANT(put_at(s, "f", 1, 70000) == 0);
	WANT(transfer(s, be_move, "f", "a/b/g", &put_plainly) == 0);
	WANT(is_gone(s, "f"));
	WANT(holds(s, "a/b/g", 1, 70000));
	WANT(has_time(s, "a/b/g"));
	WANT(put(s, "h", 2, 10) == 0);
	WANT(transfer(s, be_move, "h", "a/b/g", &put_plainly) == 0);
	WANT(is_gone(s, "h"));
	WANT(holds(s, "a/b/g", 2, 10));
}

static void check_preconditions(struct suite *s, transfer_fn *fn)
{
	const struct put_opt create = { .mtime = WHEN, .mode = PUT_CREATE };
	struct put_opt over = { .mtime = WHEN, .mode = PUT_OVER };
	struct backend *be = s->be;
	struct entry seen, target;

	WANT(put_at(s, "f", 1, 100) == 0 && put_at(s, "g", 2, 200) == 0);
	WANT_ERR(transfer(s, fn, "f", "g", &create), ERR_EXISTS);
	WANT(holds(s, "f", 1, 100) && holds(s, "g", 2, 200));
	WANT(be_stat(be, &s->op, in(s, "f"), &seen) == 0);
	WANT(be_stat(be, &s->op, in(s, "g"), &target) == 0);
	over.over = &target;
	WANT(put(s, "g", 3, 300) == 0);
	WANT_ERR(transfer(s, fn, "f", "g", &over), ERR_CONFLICT);
	WANT(holds(s, "f", 1, 100) && holds(s, "g", 3, 300));
	WANT(put(s, "f", 4, 400) == 0); /* no longer what was seen */
	/* Either it is refused, or all of it is as it is now. */
	if (fn(be, &s->op, be, in(s, "f"), &seen, in(s, "h"), &create, NULL) <
	    0) {
		WANT(s->op.err.kind == ERR_CONFLICT);
		WANT(holds(s, "f", 4, 400) && is_gone(s, "h"));
		WANT(be_unlink(be, &s->op, in(s, "f")) == 0);
	} else {
		WANT(holds(s, "h", 4, 400));
		WANT(be_unlink(be, &s->op, in(s, "h")) == 0);
		if (!is_gone(s, "f"))
			WANT(be_unlink(be, &s->op, in(s, "f")) == 0);
	}
	WANT_ERR(fn(be, &s->op, be, in(s, "f"), &seen, in(s, "h"), &create,
		    NULL),
		 ERR_NOT_FOUND);
	WANT(is_gone(s, "h"));
	WANT(transfer(s, fn, "g", "h", &create) == 0);
	WANT(holds(s, "h", 3, 300));
}

static void copy_keeps_its_preconditions(struct suite *s)
{
	check_preconditions(s, be_copy);
}

static void move_keeps_its_preconditions(struct suite *s)
{
	check_preconditions(s, be_move);
}

static void copy_can_keep_the_old_file(struct suite *s)
{
	struct put_opt keep = { .mtime = WHEN };

	keep.keep_old = in(s, "old/g.1");
	WANT(put(s, "f", 1, 100) == 0 && put(s, "g", 2, 200) == 0);
	WANT(transfer(s, be_copy, "f", "g", &keep) == 0);
	WANT(holds(s, "g", 1, 100) && holds(s, "old/g.1", 2, 200));
}

static void another_root_is_the_same_service(struct suite *s)
{
	struct backend *from;
	struct entry seen;
	int rc;

	WANT(put_at(s, "f", 1, 70000) == 0);
	WANT(be_stat(s->be, &s->op, in(s, "f"), &seen) == 0);
	WANT(open_again(s, &from) == 0);
	rc = be_copy(s->be, &s->op, from, "f", &seen, in(s, "g"), &put_plainly,
		     NULL);
	if (rc == 0 && be_can(s->be, BE_MOVE))
		rc = be_move(s->be, &s->op, from, "f", &seen, in(s, "h"),
			     &put_plainly, NULL);
	be_close(from);
	if (rc < 0 && s->op.err.kind == ERR_UNSUPPORTED) {
		WANT(holds(s, "f", 1, 70000));
		WANT(is_gone(s, "g") || holds(s, "g", 1, 70000));
		SKIP("two roots are two services");
	}
	WANT(rc == 0);
	WANT(holds(s, "g", 1, 70000));
	WANT(!be_can(s->be, BE_MOVE) || holds(s, "h", 1, 70000));
}

static void directories_move_with_all_below(struct suite *s)
{
	struct backend *be = s->be;
	struct op *op = &s->op;

	WANT(put_at(s, "d/f", 1, 100) == 0);
	WANT(put_at(s, "d/e/g", 2, 200) == 0);
	WANT(be_move_dir(be, op, be, in(s, "d"), in(s, "a/b/d2")) == 0);
	WANT(is_gone(s, "d"));
	WANT(holds(s, "a/b/d2/f", 1, 100) && holds(s, "a/b/d2/e/g", 2, 200));
	WANT(has_time(s, "a/b/d2/e/g"));
	WANT(put(s, "x/f", 3, 300) == 0);
	WANT_ERR(be_move_dir(be, op, be, in(s, "x"), in(s, "a/b/d2")),
		 ERR_EXISTS);
	WANT(holds(s, "x/f", 3, 300) && holds(s, "a/b/d2/f", 1, 100));
	WANT_ERR(be_move_dir(be, op, be, in(s, "x"), in(s, "x/y")),
		 ERR_INVALID);
	WANT(holds(s, "x/f", 3, 300));
	WANT_ERR(be_move_dir(be, op, be, in(s, "no"), in(s, "y")), ERR_NO_DIR);
}

static void equal_compares_the_bytes(struct suite *s)
{
	struct backend *be = s->be;
	struct op *op = &s->op;
	bool equal;

	WANT(put(s, "a", 1, 70000) == 0 && put(s, "b", 1, 70000) == 0);
	WANT(put(s, "c", 2, 70000) == 0 && put(s, "d", 1, 69999) == 0);
	WANT(be_equal(be, op, in(s, "a"), be, in(s, "b"), &equal) == 0);
	WANT(equal);
	WANT(be_equal(be, op, in(s, "a"), be, in(s, "c"), &equal) == 0);
	WANT(!equal);
	WANT(be_equal(be, op, in(s, "a"), be, in(s, "d"), &equal) == 0);
	WANT(!equal);
	WANT_ERR(be_equal(be, op, in(s, "a"), be, in(s, "no"), &equal),
		 ERR_NOT_FOUND);
}

const struct suite_test service_tests[] = {
	TEST(copies_are_whole, BE_COPY),
	TEST(moves_leave_nothing_behind, BE_MOVE),
	TEST(copy_keeps_its_preconditions, BE_COPY),
	TEST(move_keeps_its_preconditions, BE_MOVE),
	TEST(copy_can_keep_the_old_file, BE_COPY | BE_KEEP_OLD),
	TEST(another_root_is_the_same_service, BE_COPY),
	TEST(directories_move_with_all_below, BE_MOVE_DIR),
	TEST(equal_compares_the_bytes, BE_EQUAL),
	{ NULL, NULL, 0 },
};
