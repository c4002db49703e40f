#include "tests/fuzz/fuzz.h"

#include "backends/jotta/jotta.h"

struct seen {
	unsigned selves, nodes;
	bool after_file; /* a revision may come */
};

static int look(void *arg, struct op *op, const struct jfs_node *n)
{
	struct seen *s = arg;

	CHECK(n->name && op->err.kind == ERR_OK);
	CHECK(n->size >= 0 || n->size == SIZE_UNKNOWN);
	CHECK(n->kind != JFS_REVISION || s->after_file);
	CHECK(s->selves || n->self);
	s->after_file = n->kind != JFS_FOLDER;
	s->selves += n->self;
	s->nodes++;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct op op = op_begin(NULL);
	struct seen seen = { 0 };
	int rc = jfs_parse(&op, (const char *)data, size, look, &seen);

	if (rc == 0)
		CHECK(seen.selves >= 1);
	else
		CHECK(op.err.kind == ERR_CORRUPT);
	op_end(&op);
	return 0;
}
