#include "tests/unit/places.h"

#include <sys/stat.h>
#include <unistd.h>

#include "backends/webdav/propfind.h"
#include "backends/webdav/token.h"
#include "lib/clock.h"
#include "lib/command.h"
#include "tests/unit/scratch.h"

/* What needs no server: options, addresses, the token's command. */

static struct places p;

static struct backend *at(const char *spec)
{
	return opened(&p, spec);
}

static void refused(const char *spec, enum err_kind kind)
{
	struct backend *be = NULL;

	CHECK(remote_open(&p.remotes, spec, &p.op, &be) == -1);
	CHECK(p.op.err.kind == kind);
	CHECK(!strstr(p.op.err.msg, "secret"));
	err_clear(&p.op.err);
}

static void options_are_checked_before_a_server_is_asked(void)
{
	places_begin(&p);
	refused(":webdav:", ERR_INVALID);
	refused(":webdav,url=ftp\\://x:", ERR_INVALID);
	refused(":webdav,url='ftp://x/':", ERR_INVALID);
	refused(":webdav,url='http://x/?a=b':", ERR_INVALID);
	refused(":webdav,url='http://x/%zz':", ERR_INVALID);
	refused(":webdav,url='http://x/',vendor=floppy:", ERR_INVALID);
	refused(":webdav,url='http://x/',vendor=sharepoint-ntlm:",
		ERR_UNSUPPORTED);
	refused(":webdav,url='http://x/',headers='X-A':", ERR_INVALID);
	refused(":webdav,url='http://x/',headers='X-A,secret,X-B':",
		ERR_INVALID);
	refused(":webdav,url='http://x/',headers='X A,secret':", ERR_INVALID);
	refused(":webdav,url='http://x/',headers='X-A,secret\n':", ERR_INVALID);
	refused(":webdav,url='http://x/',headers='\"X-A,secret':", ERR_INVALID);
	refused(":webdav,url='http://x/',bearer_token='secret\n':",
		ERR_INVALID);
	refused(":webdav,url='http://x/',bearer_token_command='\"x':",
		ERR_INVALID);
	refused(":webdav,url='http://x/',bearer_token=secret,"
		"bearer_token_command=x:",
		ERR_INVALID);
	refused(":webdav,url='http://x/',"
		"pass=lgZwpQr0UU-Vq31MmJQC0rMYBIRtlA:",
		ERR_INVALID);
	places_end(&p);
}

static void headers_are_names_and_values_by_turns(void)
{
	static const char *const good[] = {
		":webdav,url='http://x/',headers='':",
		":webdav,url='http://x/',headers='Cookie,a=b':",
		":webdav,url='http://x/',headers='A,b c,D,':",
		":webdav,url='http://x/',headers='\"A\",\"b,\"\"c\"\"\",D,e':",
	};

	places_begin(&p);
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		be_close(at(good[i]));
	places_end(&p);
}

/* Whether two places have one identity; they are one service then, too. */
static bool are_one(const char *a, const char *b)
{
	struct backend *x, *y;
	bool same;

	places_begin(&p);
	x = at(a);
	y = at(b);
	same = strcmp(x->identity, y->identity) == 0;
	be_close(x);
	be_close(y);
	places_end(&p);
	return same;
}

static void two_spellings_of_one_place_are_one(void)
{
	CHECK(are_one(":webdav,url='http://h/dav':a",
		      ":webdav,url='HTTP://H:80//dav/a/':"));
	CHECK(are_one(":webdav,url='https://h/d%61v/%c3%a9':",
		      ":webdav,url='https://h:443/dav':\xc3\xa9"));
	CHECK(are_one(":webdav,url='https://h',user=u:a",
		      ":webdav,url='https://h/a/',user=u:"));
	CHECK(!are_one(":webdav,url='https://h',user=u:a",
		       ":webdav,url='https://h',user=v:a"));
	CHECK(!are_one(":webdav,url='https://h':a",
		       ":webdav,url='http://h':a"));
	CHECK(!are_one(":webdav,url='https://h':a",
		       ":webdav,url='https://h:444':a"));
	CHECK(!are_one(":webdav,url='https://h':a",
		       ":webdav,url='https://h':A"));
}

static void an_identity_holds_no_secret(void)
{
	struct backend *be;

	places_begin(&p);
	be = at(":webdav,url='http://h/',user=me,bearer_token=secret,"
		"headers='X,secret':d");
	CHECK_STR(be->identity, "webdav:http://me@h:80/d");
	CHECK(!strstr(be->name, "secret"));
	be_close(be);
	places_end(&p);
}

static void roots_with_the_same_credentials_share_a_service(void)
{
	struct backend *a, *b, *c, *d;

	places_begin(&p);
	a = at(":webdav,url='http://h/',bearer_token=x:a");
	b = at(":webdav,url='http://h/',bearer_token=x:b");
	c = at(":webdav,url='http://h/',bearer_token=y:a");
	d = at(":webdav,url='http://h/d',bearer_token=x:a");
	CHECK(webdav_of(a)->service == webdav_of(b)->service);
	CHECK(webdav_of(a)->service != webdav_of(c)->service);
	CHECK(webdav_of(a)->service != webdav_of(d)->service);
	be_close(a);
	be_close(b);
	be_close(c);
	be_close(d);
	places_end(&p);
}

static void all_in_a_path_is_encoded(void)
{
	struct backend *be;
	struct webdav *w;

	places_begin(&p);
	be = at(":webdav,url='http://h/dav':a b");
	w = webdav_of(be);
	CHECK_STR(webdav_url(w, &p.op, "", false), "http://h/dav/a%20b");
	CHECK_STR(webdav_url(w, &p.op, "", true), "http://h/dav/a%20b/");
	CHECK_STR(webdav_url(w, &p.op, "c/%?#\xff\n", false),
		  "http://h/dav/a%20b/c/%25%3F%23%FF%0A");
	CHECK_STR(webdav_url(w, &p.op, "c", true), "http://h/dav/a%20b/c/");
	be_close(be);
	be = at(":webdav,url='http://h':");
	w = webdav_of(be);
	CHECK_STR(webdav_url(w, &p.op, "", true), "http://h/");
	CHECK_STR(webdav_url(w, &p.op, "c", false), "http://h/c");
	be_close(be);
	places_end(&p);
}

static void a_changed_file_is_another(void)
{
	const struct entry base = { .size = 5, .mtime = 7 * NS_PER_SEC };
	struct entry a = base, b = base;

	CHECK(webdav_same(&a, &b));
	b.mtime += NS_PER_SEC - 1; /* kept in whole seconds */
	CHECK(webdav_same(&a, &b));
	b.mtime++;
	CHECK(!webdav_same(&a, &b));
	b = base;
	b.size = 6;
	CHECK(!webdav_same(&a, &b));
	b = base;
	b.kind = ENTRY_DIR;
	CHECK(!webdav_same(&a, &b));
	b = base;
	a.tag = "\"1\"";
	CHECK(webdav_same(&a, &b));
	b.tag = "W/\"1\"";
	b.mtime = 0;
	CHECK(webdav_same(&a, &b));
	b.tag = "\"2\"";
	b.mtime = a.mtime;
	CHECK(!webdav_same(&a, &b));
}

static void etags_are_compared_by_what_is_in_quotes(void)
{
	CHECK(webdav_same_etag("\"a\"", "\"a\""));
	CHECK(webdav_same_etag("\"a\"", "W/\"a\""));
	CHECK(webdav_same_etag("\"a\"", "a"));
	CHECK(!webdav_same_etag("\"a\"", "\"b\""));
	CHECK(!webdav_same_etag("\"a\"", "\"aa\""));
	CHECK(!webdav_same_etag("\"\"", "\"a\""));
	CHECK(webdav_same_etag("\"", "")); /* nothing is read beyond the end */
	CHECK(webdav_etag_is_strong("\"a\""));
	CHECK(!webdav_etag_is_strong("W/\"a\""));
	CHECK(!webdav_etag_is_strong("a") && !webdav_etag_is_strong(""));
	CHECK(!webdav_etag_is_strong(NULL));
}

static const char *words(const char *command)
{
	static char said[200];
	struct arena a = { 0 };
	struct err e = { 0 };
	char **w;

	said[0] = '\0';
	if (command_split(&a, "x", command, &w, &e) < 0) {
		CHECK(e.kind == ERR_INVALID);
		strcpy(said, "refused");
	} else {
		for (size_t i = 0; w[i]; i++) {
			strcat(said, w[i]);
			strcat(said, "|");
		}
	}
	arena_free(&a);
	return said;
}

static void a_command_is_words_and_quotes(void)
{
	CHECK_STR(words("a"), "a|");
	CHECK_STR(words("  a  -b c "), "a|-b|c|");
	CHECK_STR(words("a \"b c\" d"), "a|b c|d|");
	CHECK_STR(words("a \"b \"\"c\"\"\" \"\""), "a|b \"c\"||");
	CHECK_STR(words("a b\"c"), "a|b\"c|");
	CHECK_STR(words("a \"b"), "refused");
	CHECK_STR(words("a \"b\"\""), "refused");
	CHECK_STR(words("  "), "refused");
	CHECK_STR(words(""), "refused");
}

/* What a command's token is; `stale` as for webdav_authorize(). */
static int token_of(struct webdav_service *s, struct scratch *d,
		    const char *stale, const char **value)
{
	err_clear(&d->op.err);
	*value = "";
	return webdav_authorize(s, &d->op, stale, value);
}

static void begin(struct webdav_service *s, struct scratch *d,
		  const char *script)
{
	scratch_begin(d);
	pthread_mutex_init(&s->token_lock, NULL);
	s->bearer_command = arena_printf(&d->op.arena, "/bin/sh -c \"%s\" %s",
					 script, scratch_path(d, "n"));
}

static void end(struct webdav_service *s, struct scratch *d)
{
	pthread_mutex_destroy(&s->token_lock);
	free(s->token);
	scratch_end(d);
}

static void the_command_is_run_when_its_token_is_refused(void)
{
	struct webdav_service s = { 0 };
	const char *value;
	struct scratch d;

	begin(&s, &d, "echo x >>$0; echo; echo t$(wc -l <$0)");
	CHECK(token_of(&s, &d, NULL, &value) == 0);
	CHECK_STR(value, "Bearer t1");
	CHECK(token_of(&s, &d, NULL, &value) == 0);
	CHECK_STR(value, "Bearer t1");
	CHECK(token_of(&s, &d, "Bearer t1", &value) == 0);
	CHECK_STR(value, "Bearer t2");
	/* Another thread was refused the old one, too. */
	CHECK(token_of(&s, &d, "Bearer t1", &value) == 0);
	CHECK_STR(value, "Bearer t2");
	end(&s, &d);
}

static void a_command_that_gives_no_token_is_an_error(void)
{
	static const char *const bad[] = {
		"exit 3",
		"true",
		"echo a; echo b",
		"echo secret; exit 1",
		"echo secret; kill -9 $$",
		"head -c 100000 /dev/zero",
	};
	const char *value;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct webdav_service s = { 0 };
		struct scratch d;

		begin(&s, &d, bad[i]);
		CHECK(token_of(&s, &d, NULL, &value) == -1);
		CHECK(d.op.err.kind == ERR_AUTH);
		CHECK(!strstr(d.op.err.msg, "secret") && !s.token);
		end(&s, &d);
	}
}

static void a_command_that_is_not_there_is_an_error(void)
{
	struct webdav_service s = { .bearer_command = "/no/such/command a" };
	const char *value;
	struct scratch d;

	scratch_begin(&d);
	pthread_mutex_init(&s.token_lock, NULL);
	CHECK(token_of(&s, &d, NULL, &value) == -1);
	CHECK(d.op.err.kind == ERR_AUTH);
	end(&s, &d);
}

static void a_fixed_token_is_always_the_same(void)
{
	char bearer[] = "Bearer x";
	struct webdav_service s = { .bearer = bearer };
	const char *value;
	struct scratch d;

	scratch_begin(&d);
	CHECK(token_of(&s, &d, "Bearer x", &value) == 0);
	CHECK_STR(value, "Bearer x");
	scratch_end(&d);
}

int main(void)
{
	RUN(options_are_checked_before_a_server_is_asked);
	RUN(headers_are_names_and_values_by_turns);
	RUN(two_spellings_of_one_place_are_one);
	RUN(an_identity_holds_no_secret);
	RUN(roots_with_the_same_credentials_share_a_service);
	RUN(all_in_a_path_is_encoded);
	RUN(a_changed_file_is_another);
	RUN(etags_are_compared_by_what_is_in_quotes);
	RUN(a_command_is_words_and_quotes);
	RUN(the_command_is_run_when_its_token_is_refused);
	RUN(a_command_that_gives_no_token_is_an_error);
	RUN(a_command_that_is_not_there_is_an_error);
	RUN(a_fixed_token_is_always_the_same);
	return 0;
}
