#include "tests/harness.h"

#include "net/xml.h"

struct fixture {
	struct cancel cancel;
	struct op op;
	struct buf seen;
	const char *stop_at; /* the handlers fail there */
};

static int note_start(void *arg, struct op *op, const char *name,
		      const char *const *attrs)
{
	struct fixture *f = arg;

	buf_addf(&f->seen, "<%s", name);
	for (; attrs[0]; attrs += 2)
		buf_addf(&f->seen, " %s=%s", attrs[0], attrs[1]);
	buf_adds(&f->seen, ">");
	if (f->stop_at && strcmp(name, f->stop_at) == 0)
		return err_set(&op->err, ERR_NO_SPACE, "enough");
	return 0;
}

static int note_end(void *arg, struct op *op, const char *name,
		    const char *text)
{
	struct fixture *f = arg;

	buf_addf(&f->seen, "%s</%s>", text, name);
	if (f->stop_at && f->stop_at[0] == '/' &&
	    strcmp(name, f->stop_at + 1) == 0)
		return err_set(&op->err, ERR_NO_SPACE, "enough");
	return 0;
}

static const struct xml_handler noting = { note_start, note_end };

static void begin(struct fixture *f)
{
	*f = (struct fixture){ .seen = BUF_INIT };
	cancel_init(&f->cancel);
	f->op = op_begin(&f->cancel);
}

static void end(struct fixture *f)
{
	buf_free(&f->seen);
	op_end(&f->op);
	cancel_free(&f->cancel);
}

/* In pieces of `step` bytes. */
static int feed(struct fixture *f, const char *text, size_t n, size_t step,
		int64_t max)
{
	struct xml x;
	int rc = 0;

	xml_init(&x, &noting, f, max);
	for (size_t at = 0; at < n && rc == 0; at += step)
		rc = x.sink.write(&x.sink, &f->op, text + at,
				  n - at < step ? n - at : step);
	if (rc == 0)
		rc = xml_end(&x, &f->op);
	else
		CHECK(xml_end(&x, &f->op) < 0);
	xml_free(&x);
	return rc;
}

static void check_events(const char *text, const char *want)
{
	for (size_t step = 1; step < 200; step = step * 3 + 1) {
		struct fixture f;

		begin(&f);
		CHECK(feed(&f, text, strlen(text), step, 0) == 0);
		CHECK_STR(f.seen.data, want);
		end(&f);
	}
}

static void check_refused(const char *text, size_t n, int64_t max,
			  const char *why)
{
	for (size_t step = 1; step < 1000000; step = step * 200 + 1) {
		struct fixture f;

		if (n / step > 100000)
			continue;
		begin(&f);
		CHECK(feed(&f, text, n, step, max) < 0);
		CHECK(f.op.err.kind == ERR_CORRUPT);
		if (!strstr(f.op.err.msg, why))
			CHECK_STR(f.op.err.msg, why);
		end(&f);
	}
}

static void elements_come_with_their_namespace(void)
{
	check_events("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n"
		     "<d:a xmlns:d=\"DAV:\" x=\"1\" d:y='2'><b/>"
		     "<c xmlns='urn:c'>t</c></d:a>\n",
		     "<DAV: a x=1 DAV: y=2><b></b><urn:c c>t</urn:c c>"
		     "</DAV: a>");
}

static void text_is_trimmed_and_whole(void)
{
	check_events("<a> \n one<b> two </b> three&amp;&#x41;<![CDATA[<4>]]>\t"
		     "</a>",
		     "<a><b>two</b>one three&A<4></a>");
	check_events("<a><!-- no -->x<?no no?>y</a>", "<a>xy</a>");
	check_events("<a>   </a>", "<a></a>");
	check_events("<a>\xc3\xa4\xf0\x9f\x90\x88</a>",
		     "<a>\xc3\xa4\xf0\x9f\x90\x88</a>");
}

static void other_encodings_become_utf8(void)
{
	check_events("<?xml version='1.0' encoding='iso-8859-1'?><a>\xe4</a>",
		     "<a>\xc3\xa4</a>");
}

static void attributes_are_found_by_their_plain_name(void)
{
	static const char *const attrs[] = { "uri: a", "1", "b", "2", NULL };

	CHECK_STR(xml_attr(attrs, "a"), "1");
	CHECK_STR(xml_attr(attrs, "b"), "2");
	CHECK(!xml_attr(attrs, "c"));
	CHECK(!xml_attr(attrs, "uri:"));
}

static void what_is_no_document_is_refused(void)
{
	static const struct {
		const char *text, *why;
	} bad[] = {
		{ "", "it ends early" },
		{ "  ", "it ends early" },
		{ "<a>", "it ends early" },
		{ "<a", "it ends early" },
		{ "<a><b></b>", "it ends early" },
		{ "<a></b>", "mismatched" },
		{ "<a></a>junk", "junk" },
		{ "<a></a><b/>", "junk" },
		{ "<html><br></html>", "mismatched" },
		{ "plain text", "syntax" },
		{ "<a>&nbsp;</a>", "undefined entity" },
		{ "<a>&#0;</a>", "reference" },
		{ "<a>\xff</a>", "not well-formed" },
		{ "<p:a/>", "unbound prefix" },
		{ "<!DOCTYPE a><a/>", "DOCTYPE" },
		{ "<!DOCTYPE a [<!ENTITY b 'bbbb'>]><a>&b;</a>", "DOCTYPE" },
		{ "<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>", "DOCTYPE" },
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		check_refused(bad[i].text, strlen(bad[i].text), 0, bad[i].why);
	check_refused("<a>\0</a>", 8, 0, "not well-formed");
}

static struct buf repeated(const char *before, const char *s, size_t n,
			   const char *after)
{
	struct buf b = BUF_INIT;

	buf_adds(&b, before);
	for (size_t i = 0; i < n; i++)
		buf_adds(&b, s);
	buf_adds(&b, after);
	return b;
}

static void every_limit_holds(void)
{
	static const struct {
		const char *before, *s;
		size_t fits;
		const char *after, *why;
	} cases[] = {
		{ "<a>", "t", XML_TEXT_MAX, "</a>", "too much text" },
		{ "<", "n", XML_NAME_MAX, "/>", "too long" },
		{ "<a b='", "v", XML_NAME_MAX, "'/>", "too long" },
		{ "<a ", "b", XML_NAME_MAX, "='v'/>", "too long" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct fixture f;
		struct buf b = repeated(cases[i].before, cases[i].s,
					cases[i].fits, cases[i].after);

		begin(&f);
		CHECK(feed(&f, b.data, b.len, 1000, 0) == 0);
		end(&f);
		buf_free(&b);
		b = repeated(cases[i].before, cases[i].s, cases[i].fits + 1,
			     cases[i].after);
		check_refused(b.data, b.len, 0, cases[i].why);
		buf_free(&b);
	}
}

static void elements_may_nest_so_deep_and_no_deeper(void)
{
	struct buf b = repeated("", "<a>", XML_DEPTH_MAX + 1, "");
	struct fixture f;

	check_refused(b.data, b.len, 0, "within each other");
	buf_free(&b);
	b = repeated("", "<a>", XML_DEPTH_MAX, "");
	for (int i = 0; i < XML_DEPTH_MAX; i++)
		buf_adds(&b, "</a>");
	begin(&f);
	CHECK(feed(&f, b.data, b.len, 7, 0) == 0);
	end(&f);
	buf_free(&b);
}

static void a_tag_that_never_ends_is_refused(void)
{
	static const struct {
		const char *before, *s, *why;
	} cases[] = {
		{ "<a b='", "vvvvvvvv", "tag or comment" },
		{ "<a>", " b='vvvvvvvvv' <", "" },
		{ "<!--", "vvvvvvvv", "tag or comment" },
		{ "<a><?pi ", "vvvvvvvv", "tag or comment" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf b =
			repeated(cases[i].before, cases[i].s, 400000, "");

		check_refused(b.data, b.len, 0, cases[i].why);
		buf_free(&b);
	}
}

static void a_long_stream_of_short_things_passes(void)
{
	struct buf b =
		repeated("<a>", "\n        <b>text</b>\n   ", 200000, "</a>");
	struct fixture f;

	begin(&f);
	CHECK(feed(&f, b.data, b.len, 10000, 0) == 0);
	CHECK(feed(&f, b.data, b.len, b.len, (int64_t)b.len) == 0);
	CHECK(feed(&f, b.data, b.len, 10000, (int64_t)b.len - 1) < 0);
	CHECK(f.op.err.kind == ERR_CORRUPT);
	CHECK(strstr(f.op.err.msg, "too long"));
	end(&f);
	buf_free(&b);
}

static void a_failing_handler_ends_the_parsing(void)
{
	static const char text[] = "<a><b/><c>t</c><d/></a>";
	static const struct {
		const char *at, *seen;
	} cases[] = {
		{ "b", "<a><b>" },
		{ "/b", "<a><b></b>" },
		{ "/c", "<a><b></b><c>t</c>" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct fixture f;

		begin(&f);
		f.stop_at = cases[i].at;
		CHECK(feed(&f, text, strlen(text), 100, 0) < 0);
		CHECK(f.op.err.kind == ERR_NO_SPACE);
		CHECK_STR(f.op.err.msg, "enough");
		CHECK_STR(f.seen.data, cases[i].seen);
		end(&f);
	}
}

static void after_a_failure_nothing_more_is_taken(void)
{
	struct fixture f;
	struct xml x;

	begin(&f);
	xml_init(&x, &noting, &f, 0);
	CHECK(x.sink.write(&x.sink, &f.op, "<a></b>", 7) < 0);
	err_clear(&f.op.err);
	CHECK(x.sink.write(&x.sink, &f.op, "<a/>", 4) < 0);
	CHECK(f.op.err.kind == ERR_CORRUPT);
	xml_free(&x);
	xml_free(&x);
	end(&f);
}

static void escaped_text_is_read_back(void)
{
	static const char text[] = "a&b<c>d\"e'f \xc3\xa4";
	struct buf b = BUF_INIT, doc = BUF_INIT, want = BUF_INIT;

	xml_escape(&b, text);
	CHECK_STR(b.data, "a&amp;b&lt;c&gt;d&quot;e&apos;f \xc3\xa4");
	buf_addf(&doc, "<a b=\"%s\">%s</a>", b.data, b.data);
	buf_addf(&want, "<a b=%s>%s</a>", text, text);
	check_events(doc.data, want.data);
	buf_free(&b);
	buf_free(&doc);
	buf_free(&want);
}

int main(void)
{
	RUN(elements_come_with_their_namespace);
	RUN(text_is_trimmed_and_whole);
	RUN(other_encodings_become_utf8);
	RUN(attributes_are_found_by_their_plain_name);
	RUN(what_is_no_document_is_refused);
	RUN(every_limit_holds);
	RUN(elements_may_nest_so_deep_and_no_deeper);
	RUN(a_tag_that_never_ends_is_refused);
	RUN(a_long_stream_of_short_things_passes);
	RUN(a_failing_handler_ends_the_parsing);
	RUN(after_a_failure_nothing_more_is_taken);
	RUN(escaped_text_is_read_back);
	return 0;
}
