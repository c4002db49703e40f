#include "tests/unit/places.h"

#include <unistd.h>

#include "backends/webdav/chunks.h"
#include "lib/file.h"
#include "tests/unit/scratch.h"

/* What is noted of uploads that may be gone on with. */

#define NAME ".ferry-tmp.0123456789abcdef"

static struct places p;
static struct scratch scratch;
static struct backend *be;

static void set_up(void)
{
	places_begin(&p);
	scratch_begin(&scratch);
	p.remotes.state_dir = scratch.dir;
	be = opened(&p, ":webdav,url='http://h/':");
}

static void tear_down(void)
{
	be_close(be);
	places_end(&p);
	scratch_end(&scratch);
}

static int no_seek(struct source *src, struct op *op, int64_t off)
{
	(void)src;
	(void)op;
	(void)off;
	return 0;
}

static struct webdav_journal journal_of(const char *path, int64_t size,
					int64_t mtime)
{
	const struct source src = { .size = size,
				    .stable = true,
				    .seek = no_seek };
	const struct put_opt opt = { .mtime = mtime };
	struct webdav_journal j;

	webdav_journal_open(&j, webdav_of(be), &p.op, path, &src, &opt, 0);
	return j;
}

static const char *noted(const char *path, int64_t size, int64_t mtime,
			 bool *same)
{
	struct webdav_journal j = journal_of(path, size, mtime);
	const char *id = webdav_journal_read(&j, &p.op, webdav_is_aside, same);

	webdav_journal_close(&j);
	return id;
}

static void what_is_noted_is_found_until_it_is_forgotten(void)
{
	struct webdav_journal j;
	bool same;

	set_up();
	CHECK(!noted("a/b", 5, 7, &same) && !same);
	j = journal_of("a/b", 5, 7);
	CHECK(j.path);
	webdav_journal_note(&j, &p.op, NAME);
	webdav_journal_close(&j);
	CHECK_STR(noted("a/b", 5, 7, &same), NAME);
	CHECK(same);
	/* of another source: its name, so that it can be removed */
	CHECK_STR(noted("a/b", 6, 7, &same), NAME);
	CHECK(!same);
	CHECK_STR(noted("a/b", 5, 8, &same), NAME);
	CHECK(!same);
	CHECK(!noted("a/c", 5, 7, &same));
	j = journal_of("a/b", 5, 7);
	webdav_journal_forget(&j);
	webdav_journal_close(&j);
	CHECK(!noted("a/b", 5, 7, &same));
	tear_down();
}

static void an_upload_that_is_under_way_has_its_journal_alone(void)
{
	struct webdav_journal one, two, other;

	set_up();
	one = journal_of("a", 5, 7);
	two = journal_of("a", 5, 7);
	other = journal_of("b", 5, 7);
	CHECK(one.path && !two.path && other.path);
	/* without one, all of this does nothing */
	webdav_journal_note(&two, &p.op, NAME);
	webdav_journal_forget(&two);
	webdav_journal_close(&two);
	webdav_journal_close(&one);
	two = journal_of("a", 5, 7);
	CHECK(two.path);
	webdav_journal_close(&two);
	webdav_journal_close(&other);
	tear_down();
}

static void no_journal_is_kept_of_what_cannot_be_known_again(void)
{
	const struct put_opt dated = { .mtime = 7 };
	const struct source once = { .size = 5, .stable = true };
	const struct source fickle = { .size = 5, .seek = no_seek };
	struct webdav_journal j;

	set_up();
	CHECK(!journal_of("a", 5, MTIME_UNKNOWN).path);
	webdav_journal_open(&j, webdav_of(be), &p.op, "a", &once, &dated, 0);
	CHECK(!j.path && j.lock < 0);
	webdav_journal_open(&j, webdav_of(be), &p.op, "a", &fickle, &dated, 0);
	CHECK(!j.path && j.lock < 0);
	p.remotes.state_dir = NULL;
	CHECK(!journal_of("a", 5, 7).path);
	tear_down();
}

static void all_names_in_journals_can_be_had(void)
{
	struct buf names = BUF_INIT;
	struct webdav_journal j;

	set_up();
	webdav_journal_names(webdav_of(be), &p.op, &names);
	CHECK(names.len == 0);
	j = journal_of("a", 5, 7);
	webdav_journal_note(&j, &p.op, NAME);
	webdav_journal_close(&j);
	j = journal_of("b", 5, 7);
	CHECK(file_write(&p.op, j.path, "", 0) == 0); /* cut when it was new */
	webdav_journal_close(&j);
	webdav_journal_names(webdav_of(be), &p.op, &names);
	CHECK(names.len == sizeof(NAME) + 1);
	CHECK(strcmp(names.data, NAME) == 0 ||
	      strcmp(names.data + 1, NAME) == 0);
	buf_free(&names);
	tear_down();
}

static void folders_of_uploads_have_names_of_one_form(void)
{
	CHECK(upload_is_id("ferry-0123456789abcdef0123456789abcdef"));
	CHECK(!upload_is_id("ferry-0123456789abcdef0123456789abcdef0"));
	CHECK(!upload_is_id("ferry-0123456789abcdef0123456789abcde"));
	CHECK(!upload_is_id("ferry-0123456789abcdef0123456789abcd/."));
	CHECK(!upload_is_id("other-0123456789abcdef0123456789abcdef"));
	CHECK(!upload_is_id(""));
}

static bool any(const char *id)
{
	return *id != '\0';
}

static void words_of_another_form_are_no_journal(void)
{
	struct arena a = { 0 };
	bool same;

	CHECK_STR(webdav_journal_words(&a, "id 1 2\n", any, "1 2", &same),
		  "id");
	CHECK(same);
	CHECK_STR(webdav_journal_words(&a, "id 1 23\n", any, "1 2", &same),
		  "id");
	CHECK(!same);
	CHECK_STR(webdav_journal_words(&a, "id 1 2", any, "1 2", &same), "id");
	CHECK(!same);
	CHECK(!webdav_journal_words(&a, "", any, "", &same));
	CHECK(!webdav_journal_words(&a, "\n", any, "", &same));
	CHECK(!webdav_journal_words(&a, "../../x 1\n", webdav_is_aside, "1",
				    &same));
	arena_free(&a);
}

int main(void)
{
	RUN(what_is_noted_is_found_until_it_is_forgotten);
	RUN(an_upload_that_is_under_way_has_its_journal_alone);
	RUN(no_journal_is_kept_of_what_cannot_be_known_again);
	RUN(all_names_in_journals_can_be_had);
	RUN(folders_of_uploads_have_names_of_one_form);
	RUN(words_of_another_form_are_no_journal);
	return 0;
}
