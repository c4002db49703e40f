#include "tests/unit/places.h"
#include "tests/unit/scratch.h"

#include <stdio.h>

/* Folders that were found a moment ago, and have been renamed since. */

static bool lists_only(struct places *p, struct backend *be, const char *dir,
		       const char *name)
{
	struct listing l = LISTING_INIT;
	struct posix_meta meta;
	struct entry e;
	bool is;

	CHECK(be_list(be, &p->op, dir, &l) == 0);
	is = listing_next(&l, &p->op, &e, &meta) == 1 &&
	     strcmp(e.name, name) == 0 &&
	     listing_next(&l, &p->op, &e, &meta) == 0;
	listing_free(&l);
	return is;
}

static void a_listing_is_of_what_has_the_name_now(void)
{
	struct places p;
	struct scratch tmp;
	struct backend *be;
	struct buf a = BUF_INIT, b = BUF_INIT, c = BUF_INIT;

	places_begin(&p);
	scratch_begin(&tmp);
	be = opened(&p, tmp.dir);
	CHECK(put_bytes(&p, be, "a/in-a", 1, 10) == 0);
	CHECK(put_bytes(&p, be, "b/in-b", 2, 10) == 0);
	CHECK(lists_only(&p, be, "a", "in-a"));
	CHECK(lists_only(&p, be, "b", "in-b"));
	buf_addf(&a, "%s/a", tmp.dir);
	buf_addf(&b, "%s/b", tmp.dir);
	buf_addf(&c, "%s/c", tmp.dir);
	/* as another program does it */
	CHECK(rename(a.data, c.data) == 0 && rename(b.data, a.data) == 0);
	CHECK(lists_only(&p, be, "a", "in-b"));
	CHECK(lists_only(&p, be, "c", "in-a"));
	buf_free(&a);
	buf_free(&b);
	buf_free(&c);
	be_close(be);
	scratch_end(&tmp);
	places_end(&p);
}

int main(void)
{
	RUN(a_listing_is_of_what_has_the_name_now);
	return 0;
}
