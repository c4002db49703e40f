#include "tests/harness.h"

#include "backends/webdav/multistatus.h"
#include "lib/stream.h"

#define HEAD                                                     \
	"<?xml version=\"1.0\"?><D:multistatus xmlns:D=\"DAV:\"" \
	" xmlns:o=\"http://owncloud.org/ns\">"
#define TAIL "</D:multistatus>"
#define OK   "<D:status>HTTP/1.1 200 OK</D:status>"

#define RESPONSE(href, props)                                             \
	"<D:response><D:href>" href "</D:href><D:propstat><D:prop>" props \
	"</D:prop>" OK "</D:propstat></D:response>"
#define FOLDER(href) \
	RESPONSE(href, "<D:resourcetype><D:collection/></D:resourcetype>")
#define FILE_(href) RESPONSE(href, "<D:resourcetype/>")
#define SIZE(n)                                                        \
	RESPONSE("/dav/d/f", "<D:resourcetype/><D:getcontentlength>" n \
			     "</D:getcontentlength>")
#define SELF FOLDER("/dav/d/")

static struct cancel cancel;

/* "kind name size tag|" of each, to compare with one text. */
static int note(void *arg, struct op *op, const struct multistatus_item *item)
{
	struct buf *b = arg;

	(void)op;
	buf_addf(b, "%s%s", item->dir ? "d:" : "f:", item->name);
	if (item->size != SIZE_UNKNOWN)
		buf_addf(b, " %lld", (long long)item->size);
	if (*item->tag)
		buf_addf(b, " %s", item->tag);
	if (*item->modified)
		buf_addf(b, " @%s", item->modified);
	if (*item->own)
		buf_addf(b, " =%s", item->own);
	for (unsigned t = 0; t < HASH_TYPES; t++)
		if (item->hash.have & 1u << t) {
			buf_adds(b, " #");
			digest_hex(b, &item->hash, (enum hash_type)t);
		}
	if (item->used >= 0 || item->available >= 0)
		buf_addf(b, " %lld/%lld", (long long)item->used,
			 (long long)item->available);
	buf_adds(b, "|");
	return 0;
}

/* In pieces of `step` bytes; what was told, or the kind of the error. */
static const char *parse_by(const char *base, bool children, const char *text,
			    size_t step, enum err_kind *kind)
{
	static char said[2000];
	struct buf b = BUF_INIT;
	struct op op = op_begin(&cancel);
	struct multistatus *m = multistatus_new(base, children, note, &b);
	struct sink *s = multistatus_sink(m);
	size_t n = strlen(text);
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < n; i += step)
		rc = s->write(s, &op, text + i, n - i < step ? n - i : step);
	if (rc == 0)
		rc = multistatus_end(m, &op);
	multistatus_free(m);
	*kind = rc < 0 ? op.err.kind : ERR_OK;
	snprintf(said, sizeof(said), "%s", b.data);
	buf_free(&b);
	op_end(&op);
	return said;
}

static void says(const char *text, const char *want)
{
	enum err_kind kind;

	CHECK_STR(parse_by("/dav/d/", true, text, 1000000, &kind), want);
	CHECK(kind == ERR_OK);
	CHECK_STR(parse_by("/dav/d/", true, text, 1, &kind), want);
	CHECK(kind == ERR_OK);
}

static enum err_kind fails(const char *text)
{
	enum err_kind kind;

	parse_by("/dav/d/", true, text, 1000000, &kind);
	return kind;
}

static void a_folder_and_what_is_in_it_are_told(void)
{
	says(HEAD SELF FILE_("/dav/d/f") FOLDER("/dav/d/e/") TAIL,
	     "d:|f:f|d:e|");
	says(HEAD FILE_("/dav/d/f") SELF TAIL, "f:f|d:|");
	says(HEAD FOLDER("/dav/d") TAIL, "d:|");
	says(HEAD RESPONSE(
		     "/dav/d/f",
		     "<D:getlastmodified>Sun, 06 Nov 1994 08:49:37 GMT"
		     "</D:getlastmodified>"
		     "<D:getetag>W/&quot;1&quot;</D:getetag>"
		     "<m:mtime xmlns:m='https://ferry.invalid/ns'>12 \"1\""
		     "</m:mtime><D:getcontentlength>17"
		     "</D:getcontentlength><D:resourcetype/>") SELF TAIL,
	     "f:f 17 W/\"1\" @Sun, 06 Nov 1994 08:49:37 GMT =12 \"1\"|d:|");
}

static void names_are_decoded(void)
{
	says(HEAD SELF FILE_("/dav/d/a%20b") FILE_("/dav/d/100%25")
		     FILE_("/dav/d/%c3%A9") FILE_("/dav/d/a&amp;b c")
			     FILE_("/dav/d/a+b") FILE_("/dav/d/a%5Cb%0a") TAIL,
	     "d:|f:a b|f:100%|f:\xc3\xa9|f:a&b c|f:a+b|f:a\\b\n|");
}

static void any_host_may_be_in_an_href(void)
{
	says(HEAD FOLDER("http://elsewhere:81/dav/d/")
		     FILE_("https://[::1]/dav/d/f") FILE_("//dav//d///g")
			     FOLDER("HTTP://x/%64av/%64/e/") TAIL,
	     "d:|f:f|f:g|d:e|");
}

static void the_root_of_a_server_is_a_folder(void)
{
	enum err_kind kind;

	CHECK_STR(parse_by("/", true,
			   HEAD FOLDER("/") FILE_("/f") FOLDER("http://x/e/")
				   TAIL,
			   7, &kind),
		  "d:|f:f|d:e|");
	CHECK(kind == ERR_OK);
	CHECK_STR(parse_by("/", true, HEAD FOLDER("http://x") TAIL, 7, &kind),
		  "d:|");
	CHECK(kind == ERR_OK);
}

static void hrefs_that_lead_elsewhere_are_refused(void)
{
	static const char *const bad[] = {
		HEAD SELF FILE_("/dav/e/f") TAIL,
		HEAD SELF FILE_("/dav/d/e/f") TAIL,
		HEAD SELF FILE_("/dav/dd") TAIL,
		HEAD SELF FILE_("/dav/") TAIL,
		HEAD SELF FILE_("/dav/d/../d/f") TAIL,
		HEAD SELF FILE_("/dav/d/..") TAIL,
		HEAD SELF FILE_("/dav/d/%2e%2E") TAIL,
		HEAD SELF FILE_("/dav/d/.") TAIL,
		HEAD SELF FILE_("/dav/d/a%2fb") TAIL,
		HEAD SELF FILE_("/dav%2fd/f") TAIL,
		HEAD SELF FILE_("/dav/d/a%00b") TAIL,
		HEAD SELF FILE_("/dav/d/a%0") TAIL,
		HEAD SELF FILE_("/dav/d/a%zz") TAIL,
		HEAD SELF FILE_("/dav/d/a?b") TAIL,
		HEAD SELF FILE_("/dav/d/a#b") TAIL,
		HEAD SELF FILE_("f") TAIL,
		HEAD SELF FILE_("ftp://x/dav/d/f") TAIL,
		HEAD SELF FILE_("http://x?/dav/d/f") TAIL,
		HEAD SELF FILE_("") TAIL,
		HEAD SELF "<D:response>" OK "</D:response>" TAIL,
		HEAD SELF "<D:response><D:href>/dav/d/f</D:href>"
			  "<D:href>/dav/d/g</D:href></D:response>" TAIL,
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		CHECK(fails(bad[i]) == ERR_CORRUPT);
}

static void asked_about_one_the_answer_has_but_one(void)
{
	enum err_kind kind;

	CHECK_STR(parse_by("/dav/d/f", false, HEAD FILE_("/dav/d/f") TAIL, 3,
			   &kind),
		  "f:|");
	CHECK(kind == ERR_OK);
	parse_by("/dav/d", false, HEAD SELF FILE_("/dav/d/f") TAIL, 3, &kind);
	CHECK(kind == ERR_CORRUPT);
}

static void an_answer_about_something_else_is_refused(void)
{
	CHECK(fails(HEAD TAIL) == ERR_CORRUPT);
	CHECK(fails(HEAD FILE_("/dav/d/f") TAIL) == ERR_CORRUPT);
	CHECK(fails("<html xmlns='DAV:'><body/></html>") == ERR_CORRUPT);
	CHECK(fails("<multistatus/>") == ERR_CORRUPT);
	CHECK(fails("") == ERR_CORRUPT);
}

static void an_answer_that_ends_early_is_refused(void)
{
	const char *whole = HEAD SELF FILE_("/dav/d/f") TAIL;
	char *part = xstrdup(whole);

	for (size_t n = strlen(whole) - 1; n > 0; n--) {
		part[n] = '\0';
		CHECK(fails(part) == ERR_CORRUPT);
	}
	free(part);
}

static void only_properties_with_success_count(void)
{
	says(HEAD SELF "<D:response><D:href>/dav/d/f</D:href>"
		       "<D:propstat><D:prop><D:resourcetype/>"
		       "<D:getetag>\"1\"</D:getetag></D:prop>" OK
		       "</D:propstat><D:propstat><D:prop>"
		       "<D:getcontentlength>5</D:getcontentlength>"
		       "<D:getetag>\"2\"</D:getetag>"
		       "<D:resourcetype><D:collection/></D:resourcetype>"
		       "</D:prop><D:status>HTTP/1.1 404 Not Found</D:status>"
		       "</D:propstat></D:response>" TAIL,
	     "d:|f:f \"1\"|");
	says(HEAD SELF "<D:response><D:href>/dav/d/f</D:href><D:propstat>"
		       "<D:status>HTTP/2 200</D:status><D:prop>"
		       "<D:getcontentlength>5</D:getcontentlength></D:prop>"
		       "</D:propstat><D:propstat><D:prop>"
		       "<D:getetag>\"2\"</D:getetag></D:prop></D:propstat>"
		       "</D:response>" TAIL,
	     "d:|f:f 5|");
}

static void what_looks_alike_elsewhere_does_not_count(void)
{
	says(HEAD SELF RESPONSE("/dav/d/f",
				"<D:lockdiscovery><D:href>/x</D:href>"
				"<D:getetag>\"1\"</D:getetag><D:resourcetype>"
				"<D:collection/></D:resourcetype>"
				"</D:lockdiscovery><getetag>\"2\"</getetag>"
				"<D:resourcetype><collection/>"
				"</D:resourcetype>") TAIL,
	     "d:|f:f|");
}

static void sizes_are_digits(void)
{
	says(HEAD SELF SIZE("9223372036854775807") TAIL,
	     "d:|f:f 9223372036854775807|");
	says(HEAD SELF SIZE("") TAIL, "d:|f:f|");
	says(HEAD SELF SIZE(" 12\n") TAIL, "d:|f:f 12|");
	CHECK(fails(HEAD SELF SIZE("9223372036854775808") TAIL) == ERR_CORRUPT);
	CHECK(fails(HEAD SELF SIZE("-1") TAIL) == ERR_CORRUPT);
	CHECK(fails(HEAD SELF SIZE("1 2") TAIL) == ERR_CORRUPT);
	CHECK(fails(HEAD SELF SIZE("0x10") TAIL) == ERR_CORRUPT);
	CHECK(fails(HEAD SELF SIZE("1e3") TAIL) == ERR_CORRUPT);
}

static void checksums_are_understood_in_all_spellings(void)
{
#define CHECKSUM(s) \
	HEAD SELF RESPONSE("/dav/d/f", "<o:checksums>" s "</o:checksums>") TAIL
#define MD5  "5d41402abc4b2a76b9719d911017c592"
#define SHA1 "aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d"
	says(CHECKSUM("<o:checksum>SHA1:" SHA1 " MD5:" MD5
		      " ADLER32:062c0215</o:checksum>"),
	     "d:|f:f #" MD5 " #" SHA1 "|");
	says(CHECKSUM("<o:checksum>md5:" MD5 "</o:checksum>"
		      "<o:checksum>SHA1:" SHA1 "</o:checksum>"),
	     "d:|f:f #" MD5 " #" SHA1 "|");
	says(CHECKSUM("<o:checksum>SHA1:" MD5
		      " MD5:x MD5: : SHA1</o:checksum>"),
	     "d:|f:f|");
	says(CHECKSUM("<o:checksum></o:checksum>"), "d:|f:f|");
}

static void quotas_may_be_unknown(void)
{
#define QUOTA(used, free)                                                 \
	HEAD RESPONSE("/dav/d/",                                          \
		      "<D:quota-used-bytes>" used "</D:quota-used-bytes>" \
		      "<D:quota-available-bytes>" free                    \
		      "</D:quota-available-bytes>") TAIL
	says(QUOTA("5", "7"), "f: 5/7|");
	says(QUOTA("5", "-3"), "f: 5/-1|");
	says(QUOTA("5", ""), "f: 5/-1|");
	says(QUOTA("much", "99999999999999999999"), "f:|");
}

static void what_is_gone_is_left_out(void)
{
#define STATUS(href, status)                    \
	"<D:response><D:href>" href "</D:href>" \
	"<D:status>HTTP/1.1 " status "</D:status></D:response>"
	says(HEAD SELF STATUS("/dav/d/f", "404 Not Found") TAIL, "d:|");
	CHECK(fails(HEAD SELF STATUS("/dav/d/f", "403 Forbidden") TAIL) ==
	      ERR_DENIED);
	CHECK(fails(HEAD SELF STATUS("/dav/d/f", "423 Locked") TAIL) ==
	      ERR_BUSY);
	CHECK(fails(HEAD STATUS("/dav/d/", "404 Not Found") TAIL) ==
	      ERR_NOT_FOUND);
	CHECK(fails(HEAD SELF "<D:response><D:href>/dav/d/f</D:href>"
			      "<D:propstat><D:prop/>"
			      "<D:status>HTTP/1.1 401 No</D:status>"
			      "</D:propstat></D:response>" TAIL) == ERR_AUTH);
}

static int failure(const char *text)
{
	struct op op = op_begin(&cancel);
	int status = multistatus_failure(&op, text, strlen(text));

	op_end(&op);
	return status;
}

static void the_first_failure_in_an_answer_counts(void)
{
	CHECK(failure(HEAD TAIL) == 0);
	CHECK(failure(HEAD SELF TAIL) == 0);
	CHECK(failure(HEAD STATUS("/dav/d/f", "423 Locked")
			      STATUS("/dav/d/", "424 x") TAIL) == 423);
	CHECK(failure(HEAD STATUS("/dav/d/", "424 x")
			      STATUS("/dav/d/f", "507 Full") TAIL) == 507);
	CHECK(failure(HEAD STATUS("/dav/d/", "424 x") TAIL) == 424);
	CHECK(failure(HEAD STATUS("/dav/d/", "x") TAIL) == 500);
	CHECK(failure(HEAD "<D:response><D:propstat><D:prop/>"
			   "<D:status>HTTP/1.1 403 Forbidden</D:status>"
			   "</D:propstat></D:response>" TAIL) == 403);
	CHECK(failure("not XML") == -1);
	CHECK(failure("<a/>") == -1);
	CHECK(failure(HEAD SELF) == -1); /* it ends early */
}

static void a_failure_is_found_in_what_is_no_xml(void)
{
	CHECK(failure(HEAD "<D:response><D:href>/x.txt</D:href><D:propstat>"
			   "<D:prop><DAV:getlastmodified/></D:prop>"
			   "<D:status>HTTP/1.1 403 Forbidden</D:status>"
			   "</D:propstat></D:response>" TAIL) == 403);
}

int main(void)
{
	cancel_init(&cancel);
	RUN(a_folder_and_what_is_in_it_are_told);
	RUN(names_are_decoded);
	RUN(any_host_may_be_in_an_href);
	RUN(the_root_of_a_server_is_a_folder);
	RUN(hrefs_that_lead_elsewhere_are_refused);
	RUN(asked_about_one_the_answer_has_but_one);
	RUN(an_answer_about_something_else_is_refused);
	RUN(an_answer_that_ends_early_is_refused);
	RUN(only_properties_with_success_count);
	RUN(what_looks_alike_elsewhere_does_not_count);
	RUN(sizes_are_digits);
	RUN(checksums_are_understood_in_all_spellings);
	RUN(quotas_may_be_unknown);
	RUN(what_is_gone_is_left_out);
	RUN(the_first_failure_in_an_answer_counts);
	RUN(a_failure_is_found_in_what_is_no_xml);
	cancel_free(&cancel);
	return 0;
}
