#include "tests/fuzz/fuzz.h"

#include "lib/json.h"
#include "lib/utf8.h"

static size_t check_node(const struct json_node *n, unsigned depth)
{
	size_t count = 1;

	CHECK(depth <= JSON_DEPTH_MAX);
	if (n->text) {
		CHECK(n->text[n->len] == '\0');
		CHECK(utf8_valid(n->text, n->len));
	}
	CHECK(n->type >= JSON_ARRAY || n->text);
	(void)json_number(n, 0);
	for (const struct json_node *c = n->child; c; c = c->next) {
		CHECK((n->type == JSON_OBJECT) == (c->key != NULL));
		if (c->key)
			CHECK_STR(json_get(n, c->key)->key, c->key);
		count += check_node(c, depth + 1);
	}
	return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct json_node *root;
	struct arena a = { 0 };
	struct err e;

	if (json_parse(&a, (const char *)data, size, &root, &e) == 0)
		CHECK(check_node(root, 0) <= size);
	else
		CHECK(!root && e.kind == ERR_CORRUPT);
	arena_free(&a);
	return 0;
}
