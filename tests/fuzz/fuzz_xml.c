#include "tests/fuzz/fuzz.h"

#include "lib/utf8.h"
#include "net/xml.h"

struct seen {
	unsigned depth;
	uint64_t sum; /* of all events in their order */
};

static void add(struct seen *s, const char *text)
{
	CHECK(utf8_valid(text, strlen(text)));
	for (; *text; text++)
		s->sum = s->sum * 31 + (uint8_t)*text;
	s->sum = s->sum * 31 + 1;
}

static int on_start(void *arg, struct op *op, const char *name,
		    const char *const *attrs)
{
	struct seen *s = arg;

	(void)op;
	CHECK(++s->depth <= XML_DEPTH_MAX);
	CHECK(strlen(name) <= XML_NAME_MAX);
	add(s, name);
	for (; *attrs; attrs++)
		add(s, *attrs);
	return 0;
}

static int on_end(void *arg, struct op *op, const char *name, const char *text)
{
	struct seen *s = arg;

	CHECK(s->depth-- > 0);
	CHECK(strlen(text) <= XML_TEXT_MAX);
	add(s, name);
	add(s, text);
	if (strcmp(name, "stop") == 0)
		return err_set(&op->err, ERR_NO_SPACE, "stop");
	return 0;
}

static const struct xml_handler handler = { on_start, on_end };

static int feed(const uint8_t *data, size_t size, size_t step,
		struct seen *seen)
{
	struct cancel cancel;
	struct op op;
	struct xml x;
	int rc = 0;

	cancel_init(&cancel);
	op = op_begin(&cancel);
	xml_init(&x, &handler, seen, 0);
	for (size_t at = 0; at < size && rc == 0; at += step)
		rc = x.sink.write(&x.sink, &op, data + at,
				  size - at < step ? size - at : step);
	if (rc == 0)
		rc = xml_end(&x, &op);
	CHECK(rc == 0 || op.err.kind == ERR_CORRUPT ||
	      op.err.kind == ERR_NO_SPACE);
	CHECK(rc < 0 || seen->depth == 0);
	xml_free(&x);
	op_end(&op);
	cancel_free(&cancel);
	return rc;
}

/* However the bytes are cut into pieces, the same comes of them. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct seen whole = { 0 }, bytes = { 0 };
	int rc = feed(data, size, size + 1, &whole);

	CHECK(feed(data, size, 1, &bytes) == rc);
	CHECK(rc < 0 || whole.sum == bytes.sum);
	return 0;
}
