#include "tests/fuzz/fuzz.h"

#include "backends/webdav/multistatus.h"
#include "lib/stream.h"

static int look(void *arg, struct op *op, const struct multistatus_item *item)
{
	const bool *children = arg;

	(void)op;
	CHECK(!strchr(item->name, '/'));
	CHECK(strcmp(item->name, ".") != 0 && strcmp(item->name, "..") != 0);
	CHECK(*children || *item->name == '\0');
	CHECK(item->size >= 0 || item->size == SIZE_UNKNOWN);
	CHECK(!item->dir || item->size == SIZE_UNKNOWN);
	CHECK(item->used >= -1 && item->available >= -1);
	CHECK(item->tag && item->modified && item->own);
	return 0;
}

static void parse(struct op *op, const char *text, size_t size, size_t cut,
		  bool children)
{
	struct multistatus *m =
		multistatus_new("/fuzz/", children, look, &children);
	struct sink *s = multistatus_sink(m);

	err_clear(&op->err);
	if (s->write(s, op, text, cut) < 0 ||
	    s->write(s, op, text + cut, size - cut) < 0 ||
	    multistatus_end(m, op) < 0)
		CHECK(op->err.kind != ERR_OK);
	multistatus_free(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cancel cancel;
	struct op op;
	char *text;
	int failure;

	if (size == 0)
		return 0;
	cancel_init(&cancel);
	op = op_begin(&cancel);
	text = xcalloc(size + 1, 1);
	memcpy(text, data, size);
	parse(&op, text, size, data[0] % (size + 1), true);
	parse(&op, text, size, 0, false);
	failure = multistatus_failure(&op, text, size);
	CHECK(failure == 0 || failure == -1 || failure < 200 || failure > 299);
	free(text);
	op_end(&op);
	cancel_free(&cancel);
	return 0;
}
