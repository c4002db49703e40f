#include "tests/fuzz/fuzz.h"

#include "backends/jotta/jfs.h"

/* Nothing that is handed out leads out of the folder. */
static int look(void *arg, struct op *op, const struct jfs_node *n)
{
	unsigned *count = arg;

	(void)op;
	++*count;
	CHECK(n->kind != JFS_REVISION);
	CHECK(n->self == (*n->name == '\0'));
	if (n->self)
		return 0;
	for (const char *p = n->name, *end;; p = end + 1) {
		end = strchrnul(p, '/');
		CHECK(end != p);
		CHECK(strncmp(p, ".", (size_t)(end - p)) != 0 || end - p > 1);
		CHECK(strncmp(p, "..", (size_t)(end - p)) != 0 || end - p > 2);
		if (*end == '\0')
			return 0;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct op op = op_begin(NULL);
	unsigned count = 0;
	struct liststream *s = liststream_new("Archive/a", "x:", look, &count);
	struct sink *sink = liststream_sink(s);

	if (sink->write(sink, &op, data, size) < 0 ||
	    liststream_end(s, &op) < 0)
		CHECK(op.err.kind == ERR_CORRUPT || op.err.kind == ERR_NETWORK);
	liststream_free(s);
	op_end(&op);
	return 0;
}
