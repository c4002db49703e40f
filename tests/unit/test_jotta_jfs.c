#include "tests/harness.h"

#include "backends/jotta/fail.h"
#include "backends/jotta/jfs.h"
#include "lib/log.h"
#include "lib/parse.h"

#define HEAD "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
#define ROOT " time=\"2020-01-02-T03:04:05Z\" host=\"dn-1\""
#define MD5  "D41D8CD98F00B204E9800998ECF8427E"

struct nodes {
	struct op op;
	struct buf text; /* a line for each node */
};

/* "file a/b 5 2020-...Z md5 ..." */
static int note(void *arg, struct op *op, const struct jfs_node *n)
{
	static const char *const kinds[] = { "file", "folder", "revision" };
	struct buf *b = arg;

	(void)op;
	buf_addf(b, "%s%s \"%s\"", n->self ? "self " : "", kinds[n->kind],
		 n->name ? n->name : "(none)");
	if (n->number)
		buf_addf(b, " #%lld", (long long)n->number);
	if (n->size != SIZE_UNKNOWN)
		buf_addf(b, " %lld", (long long)n->size);
	if (n->mtime != MTIME_UNKNOWN) {
		buf_adds(b, " ");
		show_time_utc(b, n->mtime);
	}
	if (n->hash.have) {
		buf_adds(b, " ");
		digest_hex(b, &n->hash, HASH_MD5);
	}
	buf_addf(b, "%s%s", n->deleted ? " deleted" : "",
		 n->complete ? " complete" : "");
	if (n->mime)
		buf_addf(b, " %s", n->mime);
	if (n->uuid)
		buf_addf(b, " %s", n->uuid);
	if (n->public_uri)
		buf_addf(b, " %s %s", n->public_uri, n->public_path);
	buf_adds(b, "\n");
	return 0;
}

static void begin(struct nodes *n)
{
	*n = (struct nodes){ .op = op_begin(NULL), .text = BUF_INIT };
}

static void end(struct nodes *n)
{
	op_end(&n->op);
	buf_free(&n->text);
}

static int parse(struct nodes *n, const char *text)
{
	buf_reset(&n->text);
	err_clear(&n->op.err);
	return jfs_parse(&n->op, text, strlen(text), note, &n->text);
}

/* In pieces of `step` bytes, as they might arrive. */
static int stream(struct nodes *n, const char *top, const char *text,
		  size_t step)
{
	struct liststream *s = liststream_new(top, "test:", note, &n->text);
	size_t len = strlen(text);
	int rc = 0;

	buf_reset(&n->text);
	err_clear(&n->op.err);
	for (size_t i = 0; rc == 0 && i < len; i += step)
		rc = liststream_sink(s)->write(liststream_sink(s), &n->op,
					       text + i,
					       len - i < step ? len - i : step);
	if (rc == 0)
		rc = liststream_end(s, &n->op);
	liststream_free(s);
	return rc;
}

#define REVISION(number, state, modified, size)                    \
	"<number>" number "</number><state>" state "</state>"      \
	"<created>2001-02-03-T04:05:06Z</created>"                 \
	"<modified>" modified "</modified><mime>text/plain</mime>" \
	"<size>" size "</size><md5>" MD5 "</md5>"

static const char folder[] = HEAD
	"<folder name=\"a&amp;b\"" ROOT ">"
	"<path xml:space=\"preserve\">/u/Jotta/Archive</path>"
	"<abspath xml:space=\"preserve\">/u/Jotta/Archive</abspath>"
	"<folders><folder name=\"x\"/>"
	"<folder name=\"gone\" deleted=\"2020-01-01-T00:00:00Z\"/></folders>"
	"<files>"
	"<file name=\"f\" uuid=\"u-1\"><currentRevision>" REVISION(
		"3", "COMPLETED", "2001-02-03-T04:05:07Z",
		"17") "</currentRevision></file>"
		      "<file name=\"half\" uuid=\"u-2\"><latestRevision>" REVISION(
			      "1", "INCOMPLETE", "",
			      "9") "</latestRevision></file>"
				   "<file name=\"bad\" uuid=\"u-3\"><currentRevision>" REVISION(
					   "1", "CORRUPT",
					   "2001-02-03-T04:05:07Z",
					   "9") "</currentRevision></file>"
						"<file><currentRevision>" REVISION(
							"1", "COMPLETED",
							"2001-02-03T04:05:07.123+01:00",
							"0") "</currentRevision></file>"
							     "</files><metadata first=\"\" max=\"\" total=\"6\"/></folder>";

static void a_folder_is_its_children(void)
{
	struct nodes n;

	begin(&n);
	CHECK(parse(&n, folder) == 0);
	CHECK_STR(n.text.data,
		  "self folder \"a&b\"\n"
		  "folder \"x\"\n"
		  "folder \"gone\" deleted\n"
		  "file \"f\" #3 17 2001-02-03T04:05:07.000000000Z "
		  "d41d8cd98f00b204e9800998ecf8427e complete text/plain u-1\n"
		  "file \"half\" u-2\n"
		  "file \"bad\" u-3\n"
		  "file \"\" #1 0 2001-02-03T03:05:07.123000000Z "
		  "d41d8cd98f00b204e9800998ecf8427e complete text/plain\n");
	end(&n);
}

static void a_file_has_its_revisions_behind_it(void)
{
	struct nodes n;

	begin(&n);
	CHECK(parse(&n, HEAD
		    "<file name=\"f\" uuid=\"u\" deleted=\"\"" ROOT ">"
		    "<publicURI>abc</publicURI>"
		    "<publicSharePath>/s/abc</publicSharePath>"
		    "<currentRevision>" REVISION(
			    "2", "COMPLETED", "",
			    "5") "</currentRevision>"
				 "<latestRevision>" REVISION(
					 "3", "INCOMPLETE", "",
					 "6") "</latestRevision>"
					      "<revisions><revision>" REVISION(
						      "1", "COMPLETED",
						      "2001-02-03-T04:05:06Z",
						      "4") "</revision></revisions></file>") ==
	      0);
	CHECK_STR(n.text.data,
		  "self file \"f\" #2 5 d41d8cd98f00b204e9800998ecf8427e "
		  "deleted complete text/plain u abc /s/abc\n"
		  "revision \"\" #1 4 2001-02-03T04:05:06.000000000Z "
		  "d41d8cd98f00b204e9800998ecf8427e complete text/plain\n");
	end(&n);
}

static void mountpoints_devices_and_users_are_folders(void)
{
	struct nodes n;

	begin(&n);
	CHECK(parse(&n, HEAD
		    "<mountPoint" ROOT "><name>Archive</name><path>/u</path>"
		    "<size>0</size><modified></modified><device>Jotta</device>"
		    "<user>u</user><folders><folder name=\"x\"/></folders>"
		    "</mountPoint>") == 0);
	CHECK_STR(n.text.data, "self folder \"Archive\"\nfolder \"x\"\n");
	CHECK(parse(&n,
		    HEAD "<device" ROOT "><name>PC</name><mountPoints>"
			 "<mountPoint><name>C</name><size>7</size></mountPoint>"
			 "</mountPoints></device>") == 0);
	CHECK_STR(n.text.data, "self folder \"PC\"\nfolder \"C\"\n");
	CHECK(parse(&n, HEAD "<user" ROOT "><username>u</username><devices>"
			     "<device><name>Jotta</name></device>"
			     "</devices></user>") == 0);
	CHECK_STR(n.text.data, "self folder \"u\"\nfolder \"Jotta\"\n");
	end(&n);
}

static void what_is_told_late_of_a_folder_is_told_again(void)
{
	struct nodes n;

	begin(&n);
	CHECK(parse(&n, HEAD "<folder name=\"a\"><files></files>"
			     "<publicURI>u</publicURI>"
			     "<publicSharePath>p</publicSharePath>"
			     "</folder>") == 0);
	CHECK_STR(n.text.data, "self folder \"a\"\nself folder \"a\" u p\n");
	end(&n);
}

static void documents_that_end_early_are_to_be_asked_for_again(void)
{
	static const char *const texts[] = {
		"",
		"<?xml version=\"1.0\"",
		"<folder name=\"a\"><folders>",
		"<folder name=\"a\"><folders><folder name=\"b\"/></fold",
	};
	struct nodes n;

	begin(&n);
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		CHECK(parse(&n, texts[i]) < 0);
		CHECK(n.op.err.kind == ERR_NETWORK);
	}
	end(&n);
}

static void a_web_page_may_be_gone_the_next_time(void)
{
	struct nodes n;

	begin(&n);
	CHECK(parse(&n, "<html><body/></html>") < 0);
	CHECK(n.op.err.kind == ERR_SERVER);
	end(&n);
}

static void other_documents_are_refused(void)
{
	static const char *const texts[] = {
		"x<",
		"<list><body/></list>",
		"<error><code>404</code></error>",
		"<!DOCTYPE folder><folder name=\"a\"/>",
		"<file name=\"f\"><currentRevision><size>1e3</size>"
		"</currentRevision></file>",
		"<file name=\"f\"><currentRevision><size>-1</size>"
		"</currentRevision></file>",
		"<file name=\"f\"><currentRevision>"
		"<size>9223372036854775808</size></currentRevision></file>",
	};
	struct nodes n;

	begin(&n);
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		CHECK(parse(&n, texts[i]) < 0);
		CHECK(n.op.err.kind == ERR_CORRUPT);
	}
	end(&n);
}

#define FILE_IN(path, name)                                        \
	"<file><path>" path "</path><filename>" name "</filename>" \
	"<md5>" MD5 "</md5><size>5</size>"                         \
	"<modified>2001-02-03T04:05:06.000Z</modified></file>"
#define FOLDER_AT(path) "<folder><path>" path "</path></folder>"
#define STATS(folders, files)                   \
	"<stats><folders>" folders "</folders>" \
	"<files>" files "</files></stats></list>"
#define FACTS                                                                \
	" 5 2001-02-03T04:05:06.000000000Z d41d8cd98f00b204e9800998ecf8427e" \
	" complete\n"

static void a_stream_names_each_folder_once(void)
{
	static const char text[] = HEAD "<list" ROOT ">" FOLDER_AT("/Archive/A")
		FILE_IN("/archive/a/b/c", "f") FILE_IN("/archive/a/b/c", "g")
			FILE_IN("/archive/a/d", "h")
				FILE_IN("/archive/a/b/c", "i")
					FOLDER_AT("/archive/a/empty")
						STATS("4", "4");
	struct nodes n;

	begin(&n);
	for (size_t step = 1; step < 300; step += 37) {
		CHECK(stream(&n, "Archive/a", text, step) == 0);
		CHECK_STR(n.text.data,
			  "self folder \"\"\n"
			  "folder \"b\"\n"
			  "folder \"b/c\"\n"
			  "file \"b/c/f\"" FACTS "file \"b/c/g\"" FACTS
			  "folder \"d\"\n"
			  "file \"d/h\"" FACTS "file \"b/c/i\"" FACTS
			  "folder \"empty\"\n");
	}
	end(&n);
}

static void blanks_in_a_stream_are_part_of_names(void)
{
	struct nodes n;

	begin(&n);
	CHECK(stream(&n, "A",
		     "<list>\n " FILE_IN("/A/ d", " f ") "\n " STATS("1", "1"),
		     7) == 0);
	CHECK_STR(n.text.data, "self folder \"\"\nfolder \" d\"\n"
			       "file \" d/ f \"" FACTS);
	end(&n);
}

static void a_stream_cut_short_may_be_tried_again(void)
{
	static const char *const texts[] = {
		"<list>" FILE_IN("/A", "f") STATS("1", "2"),
		"<list>" FILE_IN("/A", "f") STATS("2", "1"),
		"<list>" FILE_IN("/A", "f") "</list>",
		"<list>" FILE_IN("/A", "f"),
		"<list><file><path>/A</pa",
		"",
	};
	struct nodes n;

	begin(&n);
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		CHECK(stream(&n, "A", texts[i], 1000) < 0);
		CHECK(err_info(n.op.err.kind)->retry);
	}
	CHECK(stream(&n, "A", "<list>" FILE_IN("/A", "f") STATS("1", "1"),
		     1000) == 0);
	end(&n);
}

static void what_lies_elsewhere_is_refused(void)
{
	static const char *const paths[] = {
		"/B", "/", "", "/A/b", "/A/../A/x", "/A/ab/x", "//A/a", "/Aa/a",
	};
	struct nodes n;

	begin(&n);
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		const char *text = arena_printf(
			&n.op.arena,
			"<list><folder><path>%s</path></folder>" STATS("1",
								       "0"),
			paths[i]);

		CHECK(stream(&n, "A/a", text, 1000) < 0);
		CHECK(n.op.err.kind == ERR_CORRUPT);
	}
	end(&n);
}

static void keep_line(void *arg, enum log_level level, const char *text)
{
	(void)level;
	buf_addf(arg, "%s\n", text);
}

static void impossible_names_are_reported_and_left_out(void)
{
	static const char text[] = "<list>" FILE_IN("/A", "..")
		FILE_IN("/A", "") FILE_IN("/A", "x/y") FILE_IN("/A/../B", "f")
			FILE_IN("/A/../B", "g") FOLDER_AT("/A//c")
				FILE_IN("/A", "good") STATS("3", "6");
	struct buf log = BUF_INIT;
	enum log_level was = log_max;
	struct nodes n;
	size_t lines = 0;

	begin(&n);
	log_max = LOG_NOTICE;
	log_set_sink(keep_line, &log);
	CHECK(stream(&n, "A", text, 1000) == 0);
	log_set_sink(NULL, NULL);
	log_max = was;
	CHECK_STR(n.text.data, "self folder \"\"\nfile \"good\"" FACTS);
	for (const char *p = log.data; (p = strchr(p, '\n')); p++)
		lines++;
	CHECK(lines == 5 && strstr(log.data, "\"x/y\"") &&
	      strstr(log.data, "\"../B\""));
	buf_free(&log);
	end(&n);
}

static enum err_kind kind_of(struct nodes *n, int status, const char *body,
			     const char *retry_after)
{
	const struct http_header headers[] = {
		{ retry_after ? "Retry-After" : "X", retry_after },
		{ NULL, NULL },
	};
	const struct http_answer a = { .status = status,
				       .headers = headers,
				       .body = body,
				       .body_len = strlen(body) };

	err_clear(&n->op.err);
	CHECK(jotta_fail(&n->op, &a) < 0);
	CHECK(n->op.err.code == status);
	return n->op.err.kind;
}

static void refusals_are_told_apart(void)
{
	static const struct {
		int status;
		const char *body;
		enum err_kind kind;
		const char *says;
	} rows[] = {
		{ 404, "<error><message>no such file</message></error>",
		  ERR_NOT_FOUND, "no such file" },
		{ 409, "", ERR_EXISTS, "there already" },
		{ 412, "", ERR_CONFLICT, "changed" },
		{ 420, "", ERR_NETWORK, "early" },
		{ 460, "{\"code\":460,\"message\":\"over\"}", ERR_NO_SPACE,
		  "quota is full (\"over\")" },
		{ 507, "", ERR_NO_SPACE, "quota is full" },
		{ 403, "{\"error_id\":\"QuotaExceeded\"}", ERR_NO_SPACE,
		  "quota is full" },
		{ 403,
		  "<error><reason>account is write-locked</reason></error>",
		  ERR_AUTH, "locked for writing" },
		{ 402, "{\"message\":\"account is quota-write-locked\"}",
		  ERR_AUTH, "locked for writing" },
		{ 403, "<error><message>read-locked</message></error>",
		  ERR_AUTH, "locked for reading" },
		{ 403, "<html><body>no</body></html>", ERR_DENIED,
		  "does not allow" },
		{ 400, "{\"message\":\"illegal \\u001b[2Jname\"}", ERR_DENIED,
		  "illegal \\x1b[2Jname" },
		{ 500, "<error><mess", ERR_SERVER, "failed" },
		{ 502, "", ERR_SERVER, "proxy" },
		{ 401, "", ERR_AUTH, "login" },
		{ 402, "", ERR_AUTH, "paid" },
	};
	struct nodes n;

	begin(&n);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CHECK(kind_of(&n, rows[i].status, rows[i].body, NULL) ==
		      rows[i].kind);
		CHECK(strstr(n.op.err.msg, rows[i].says));
		CHECK(n.op.err.retry_after == 0);
	}
	end(&n);
}

static void a_throttled_plan_is_waited_for(void)
{
	struct nodes n;

	begin(&n);
	CHECK(kind_of(&n, 509, "", "7") == ERR_BUSY);
	CHECK(n.op.err.retry_after == 7000);
	CHECK(kind_of(&n, 429, "", "2") == ERR_BUSY);
	CHECK(n.op.err.retry_after == 2000);
	CHECK(kind_of(&n, 404, "", "2") == ERR_NOT_FOUND);
	CHECK(n.op.err.retry_after == 0);
	end(&n);
}

int main(void)
{
	RUN(a_folder_is_its_children);
	RUN(a_file_has_its_revisions_behind_it);
	RUN(mountpoints_devices_and_users_are_folders);
	RUN(what_is_told_late_of_a_folder_is_told_again);
	RUN(documents_that_end_early_are_to_be_asked_for_again);
	RUN(a_web_page_may_be_gone_the_next_time);
	RUN(other_documents_are_refused);
	RUN(a_stream_names_each_folder_once);
	RUN(blanks_in_a_stream_are_part_of_names);
	RUN(a_stream_cut_short_may_be_tried_again);
	RUN(what_lies_elsewhere_is_refused);
	RUN(impossible_names_are_reported_and_left_out);
	RUN(refusals_are_told_apart);
	RUN(a_throttled_plan_is_waited_for);
	return 0;
}
