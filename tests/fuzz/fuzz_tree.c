#include "tests/fuzz/fuzz.h"

#include "repo/tree.h"

/* A tree as node_write() gives it; that names rise is no matter here. */
static int add(void *arg, const struct node *n, const char *raw, size_t raw_len)
{
	struct buf *b = arg;
	struct buf first = BUF_INIT, second = BUF_INIT;
	struct arena a = { 0 };
	struct node copy = node_copy(&a, n);

	CHECK(raw_len >= 2 && raw[0] == '{' && raw[raw_len - 1] == '}');
	CHECK(n->name[n->name_len] == '\0' && strlen(n->name) == n->name_len);
	CHECK(n->ncontent == 0 || n->has_content);
	node_write(&first, n);
	node_write(&second, &copy);
	CHECK_STR(second.data, first.data);
	if (b->len)
		buf_adds(b, ",");
	buf_add(b, first.data, first.len);
	buf_free(&first);
	buf_free(&second);
	arena_free(&a);
	return 0;
}

static bool rewrite(const char *text, size_t n, struct buf *out)
{
	struct arena a = { 0 };
	struct buf nodes = BUF_INIT;
	struct err e = { 0 };
	int rc = tree_parse(&a, text, n, add, &nodes, &e);

	CHECK(rc == 0 || e.kind == ERR_CORRUPT);
	buf_adds(out, "{\"nodes\":[");
	buf_add(out, nodes.data, nodes.len);
	buf_adds(out, "]}\n");
	buf_free(&nodes);
	arena_free(&a);
	return rc == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf once = BUF_INIT, twice = BUF_INIT;

	if (rewrite((const char *)data, size, &once)) {
		CHECK(rewrite(once.data, once.len, &twice));
		CHECK_STR(twice.data, once.data);
	}
	buf_free(&once);
	buf_free(&twice);
	return 0;
}
