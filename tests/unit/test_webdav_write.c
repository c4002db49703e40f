#include "tests/harness.h"

#include "backends/webdav/write.h"

#define NOW (INT64_C(1800000000) * NS_PER_SEC)
#define DAY (INT64_C(86400) * NS_PER_SEC)

static void facts_come_back(void)
{
	const struct webdav_facts f = {
		.if_match = true,
		.stable_etag = true,
		.time_moves = true,
		.time = WEBDAV_TIME_PROP_OWN,
	};
	struct webdav_facts got;
	struct buf b = BUF_INIT;

	facts_text(&b, &f, NOW);
	CHECK_STR(b.data, "1 1800000000 101001000 5");
	CHECK(facts_parse(b.data, NOW, &got));
	CHECK(got.if_match && !got.if_none_match && got.stable_etag);
	CHECK(!got.move_over && !got.if_header && got.time_moves);
	CHECK(got.time == WEBDAV_TIME_PROP_OWN);
	buf_free(&b);
}

static void facts_are_good_for_thirty_days(void)
{
	static const char text[] = "1 1800000000 101001000 5";
	struct webdav_facts f;

	CHECK(facts_parse(text, NOW + 29 * DAY, &f));
	CHECK(!facts_parse(text, NOW + 31 * DAY, &f));
	CHECK(!facts_parse(text, NOW - DAY, &f));
}

static void notes_of_another_form_are_no_facts(void)
{
	static const char *const texts[] = {
		"",
		"1",
		"1 ",
		"1  101001000 5",
		"2 1800000000 101001000 5",
		"1 1800000000",
		"1 1800000000 ",
		"1 1800000000 10100100 5",
		"1 1800000000 1010010001 5",
		"1 1800000000 101001000",
		"1 1800000000 101001000 ",
		"1 1800000000 101001000 7",
		"1 1800000000 101001000 55",
		"1 1800000000 10a001000 5",
		"1 18000000000000000000000000000 101001000 5",
		"1 -9223372036854775808 101001000 5",
		"1 9223372036854775807 101001000 5",
	};
	struct webdav_facts f;

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		CHECK(!facts_parse(texts[i], NOW, &f));
}

static void our_own_time_belongs_to_one_etag(void)
{
	struct entry e = { .mtime = NOW, .tag = "\"a b\"" };
	int64_t ns = 0;

	CHECK(webdav_own_time("-5 \"a b\"", &e, &ns) && ns == -5);
	CHECK(!webdav_own_time("-5 \"a c\"", &e, &ns));
	CHECK(!webdav_own_time("-5", &e, &ns));
	CHECK(!webdav_own_time(" \"a b\"", &e, &ns));
	CHECK(!webdav_own_time("five \"a b\"", &e, &ns));
	CHECK(!webdav_own_time("99999999999999999999 \"a b\"", &e, &ns));
	CHECK(!webdav_own_time("", &e, &ns));
	/* or to a second and a size, where no ETag was told */
	e.size = 10;
	CHECK(webdav_own_time("8 <=1800000000/10", &e, &ns) && ns == 8);
	CHECK(webdav_own_time("8 <=1800000001/10", &e, &ns));
	CHECK(!webdav_own_time("8 <=1799999999/10", &e, &ns));
	CHECK(!webdav_own_time("8 <=1800000000/11", &e, &ns));
	CHECK(!webdav_own_time("8 <=1800000000", &e, &ns));
	CHECK(!webdav_own_time("8 <=/10", &e, &ns));
	CHECK(!webdav_own_time("8 <=1800000000/", &e, &ns));
	e.tag = NULL;
	CHECK(webdav_own_time("7 Fri, 15 Jan 2027 08:00:00 GMT", &e, &ns));
	CHECK(ns == 7);
	CHECK(!webdav_own_time("7 Fri, 15 Jan 2027 08:00:01 GMT", &e, &ns));
	e.mtime = MTIME_UNKNOWN;
	CHECK(!webdav_own_time("7 Fri, 15 Jan 2027 08:00:00 GMT", &e, &ns));
}

static void names_beside_are_known_and_differ(void)
{
	struct cancel c;
	struct op op;
	const char *one, *two;

	cancel_init(&c);
	op = op_begin(&c);
	one = webdav_aside(&op, "a/b/c");
	two = webdav_aside(&op, "a/b/c");
	CHECK(strncmp(one, "a/b/.ferry-tmp.", 15) == 0);
	CHECK(strcmp(one, two) != 0);
	CHECK(webdav_is_aside(one + 4) && !webdav_is_aside(one));
	CHECK(webdav_is_aside(webdav_aside(&op, "")));
	CHECK(!webdav_is_aside(".ferry-tmp.0123456789abcde"));
	CHECK(!webdav_is_aside(".ferry-tmp.0123456789abcdef0"));
	CHECK(!webdav_is_aside(".ferry-tmp.0123456789abcdeF"));
	CHECK(!webdav_is_aside(".ferry-tmp.0123456789abcdef.part"));
	op_end(&op);
	cancel_free(&c);
}

static void only_old_asides_are_strays(void)
{
	const int64_t now = clock_wall();
	struct webdav w = { .strays = BUF_INIT };
	struct entry e = { .kind = ENTRY_FILE, .mtime = now - 2 * DAY };
	char fresh[32];

	pthread_mutex_init(&w.lock, NULL);
	snprintf(fresh, sizeof(fresh), ".ferry-tmp.%08x00000000",
		 (unsigned)(now / NS_PER_SEC));
	webdav_note_stray(&w, fresh, &e); /* has its file's time already */
	CHECK(w.strays.len == 0);
	e.mtime = now;
	webdav_note_stray(&w, "d/.ferry-tmp.0000000100000000", &e);
	CHECK(w.strays.len == 0); /* digits drawn by another program */
	e.mtime = now - 2 * DAY;
	webdav_note_stray(&w, "d/.ferry-tmp.0000000100000000", &e);
	CHECK_STR(w.strays.data, "d/.ferry-tmp.0000000100000000");
	e.kind = ENTRY_DIR;
	webdav_note_stray(&w, ".ferry-tmp.0000000100000000", &e);
	CHECK(w.strays.len == 30);
	buf_free(&w.strays);
	pthread_mutex_destroy(&w.lock);
}

int main(void)
{
	RUN(facts_come_back);
	RUN(facts_are_good_for_thirty_days);
	RUN(notes_of_another_form_are_no_facts);
	RUN(our_own_time_belongs_to_one_etag);
	RUN(names_beside_are_known_and_differ);
	RUN(only_old_asides_are_strays);
	return 0;
}
