#include "tests/harness.h"

#include "repo/tree.h"

#define ID   "a1fce4363854ff888cff4b8e7875d600c2682390412a8cf79b37d0b11148b0fa"
#define NODE "\"name\":\"a\",\"type\":\"file\""

static int add(void *arg, const struct node *n, const char *raw, size_t raw_len)
{
	struct buf alone = BUF_INIT;

	/* each node's own text, too */
	node_write(&alone, n);
	CHECK(alone.len == raw_len && memcmp(alone.data, raw, raw_len) == 0);
	buf_free(&alone);
	tree_add(arg, n);
	return 0;
}

static void read_fixture(const char *path, struct buf *b)
{
	FILE *f = fopen(path, "rb");
	size_t n;

	CHECK(f);
	while ((n = fread(buf_room(b, 65536), 1, 65536, f)) > 0)
		b->len += n;
	fclose(f);
	CHECK(b->len);
}

/* Written by restic 0.18, which 0.14 differs from in \b, \f and
   linktarget_raw only. */
static void restics_trees_are_written_byte_for_byte(void)
{
	static const char *const paths[] = {
		"tests/fixtures/trees/utc.json",
		"tests/fixtures/trees/kolkata.json",
		"tests/fixtures/trees/st_johns.json",
	};

	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		struct buf text = BUF_INIT, again = BUF_INIT;
		struct arena a = { 0 };
		struct tree_writer w;
		struct err e;

		read_fixture(paths[i], &text);
		tree_begin(&w, &again);
		CHECK(tree_parse(&a, text.data, text.len, add, &w, &e) == 0);
		tree_end(&w);
		CHECK(w.n == 28 && again.len == text.len);
		CHECK_STR(again.data, text.data);
		arena_free(&a);
		buf_free(&text);
		buf_free(&again);
	}
}

static void check_written(const struct node *n, const char *want)
{
	struct buf b = BUF_INIT;

	node_write(&b, n);
	CHECK_STR(b.data, want);
	buf_free(&b);
}

#define TIMES                                                              \
	"\"mtime\":\"1970-01-01T00:00:00Z\",\"atime\":\"1970-01-01T00:00:" \
	"00Z\",\"ctime\":\"1970-01-01T00:00:00Z\",\"uid\":0,\"gid\":0"

static void zeros_are_left_out(void)
{
	struct node n = { .name = "a",
			  .name_len = 1,
			  .user = "",
			  .group = "",
			  .target = "",
			  .error = "" };

	check_written(&n, "{" NODE "," TIMES ",\"content\":null}");
	n.has_content = true;
	check_written(&n, "{" NODE "," TIMES ",\"content\":[]}");
}

static void all_members_have_their_order(void)
{
	static const struct id ids[2] = { { { 1 } }, { { 2 } } };
	const struct node_xattr xattrs[] = { { "user.e", "", 0 },
					     { "user.n", NULL, 0 },
					     { "<", "\0\xff", 2 } };
	struct node n = { .name = "\xff<",
			  .name_len = 2,
			  .type = NODE_SOCKET,
			  .mode = UINT32_MAX,
			  .uid = 0,
			  .user = "u",
			  .group = "g",
			  .inode = UINT64_MAX,
			  .device_id = 1,
			  .size = 2,
			  .links = 3,
			  .target = "\xff",
			  .target_len = 1,
			  .device = 4,
			  .xattrs = xattrs,
			  .nxattrs = 3,
			  .has_content = true,
			  .content = ids,
			  .ncontent = 2,
			  .has_subtree = true,
			  .error = "e",
			  .generic = "{\"x\":1}" };
	const char *want =
		"{\"name\":\"\\\\xff\\u003c\",\"type\":\"socket\","
		"\"mode\":4294967295," TIMES ",\"user\":\"u\",\"group\":\"g\","
		"\"inode\":18446744073709551615,\"device_id\":1,\"size\":2,"
		"\"links\":3,\"linktarget\":\"\\ufffd\","
		"\"linktarget_raw\":\"/w==\",\"extended_attributes\":["
		"{\"name\":\"user.e\",\"value\":\"\"},"
		"{\"name\":\"user.n\",\"value\":null},"
		"{\"name\":\"\\u003c\",\"value\":\"AP8=\"}],"
		"\"generic_attributes\":{\"x\":1},\"device\":4,\"content\":["
		"\"0100000000000000000000000000000000000000000000000000000000"
		"000000\",\"020000000000000000000000000000000000000000000000"
		"0000000000000000\"],\"subtree\":\"00000000000000000000000000"
		"00000000000000000000000000000000000000\",\"error\":\"e\"}";
	struct arena a = { 0 };
	struct node copy = node_copy(&a, &n);

	check_written(&n, want);
	n = (struct node){ 0 };
	check_written(&copy, want);
	arena_free(&a);
}

/* What the text is read to, of one node. */
static struct node parse_one(struct arena *a, const char *text)
{
	struct tree_reader r;
	struct node n, none;
	struct err e;

	CHECK(tree_read_begin(&r, a, text, strlen(text), &e) == 0);
	CHECK(tree_read_next(&r, &n, &e) == 1);
	CHECK(tree_read_next(&r, &none, &e) == 0);
	CHECK(tree_read_next(&r, &none, &e) == 0);
	return n;
}

static void escapes_and_blanks_are_understood(void)
{
	struct arena a = { 0 };
	struct node n = parse_one(
		&a, " {\"x\":[{}, -1.5e+3],\"nodes\" : [ {\"n\\u0061me\":"
		    "\"\\u00e9\\\\xff\\ud83d\\uDE00\\b\\\\\\\"\" ,\r\n\t"
		    "\"type\": \"file\",\"user\":\"\\/\\f\\n\\u2028\"} ] ,"
		    "\"y\":null}\n ");

	CHECK_STR(n.name, "\xc3\xa9\xff\xf0\x9f\x98\x80\b\"");
	CHECK_STR(n.user, "/\f\n\xe2\x80\xa8");
	arena_free(&a);
}

static void the_raw_target_counts(void)
{
	static const char *const texts[] = {
		"{\"nodes\":[{" NODE ",\"linktarget\":\"\xef\xbf\xbd\","
		"\"linktarget_raw\":\"/w==\"}]}",
		"{\"nodes\":[{" NODE ",\"linktarget_raw\":\"/w==\","
		"\"linktarget\":\"\\ufffd\"}]}",
	};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct arena a = { 0 };
		struct node n = parse_one(&a, texts[i]);

		CHECK_STR(n.target, "\xff");
		CHECK(n.target_len == 1);
		arena_free(&a);
	}
}

static void what_is_missing_is_empty(void)
{
	struct arena a = { 0 };
	struct node n = parse_one(&a, "{\"nodes\":[{" NODE ",\"user\":null,"
				      "\"subtree\":null,\"error\":\"\"}]}");

	CHECK_STR(n.user, "");
	CHECK_STR(n.group, "");
	CHECK(!n.target && !n.error && !n.generic && !n.has_content &&
	      !n.has_subtree && !n.xattrs && n.mtime.sec == -62135596800);
	arena_free(&a);
}

static void the_last_of_two_members_counts(void)
{
	struct arena a = { 0 };
	struct node n = parse_one(
		&a, "{\"nodes\":[{" NODE ",\"uid\":1,\"name\":\"b\",\"uid\":2,"
		    "\"content\":[\"" ID "\"],\"content\":[]}]}");

	CHECK_STR(n.name, "b");
	CHECK(n.uid == 2 && n.has_content && n.ncontent == 0);
	arena_free(&a);
}

static void an_unknown_type_keeps_its_name(void)
{
	struct arena a = { 0 };
	struct node n = parse_one(
		&a, "{\"nodes\":[{\"name\":\"a\",\"type\":\"door\"}]}");

	CHECK(n.type == NODE_IRREGULAR);
	CHECK_STR(node_type_name(&n), "door");
	arena_free(&a);
}

static int count(void *arg, const struct node *n, const char *raw,
		 size_t raw_len)
{
	int *left = arg;

	(void)n;
	(void)raw;
	(void)raw_len;
	return --*left > 0 ? 0 : -1;
}

static int parse(const char *text, size_t n)
{
	struct arena a = { 0 };
	int left = 1000, rc;
	struct err e = { 0 };

	rc = tree_parse(&a, text, n, count, &left, &e);
	CHECK(rc == 0 || e.kind == ERR_CORRUPT);
	arena_free(&a);
	return rc == 0 ? 1000 - left : -1;
}

static void a_callback_ends_it(void)
{
	static const char text[] = "{\"nodes\":[{" NODE "},{" NODE "}]}";
	struct arena a = { 0 };
	struct err e = { 0 };
	int left = 1;

	CHECK(tree_parse(&a, text, sizeof(text) - 1, count, &left, &e) < 0);
	CHECK(left == 0 && e.kind == ERR_OK);
	CHECK(parse(text, sizeof(text) - 1) == 2);
	arena_free(&a);
}

static void empty_trees_are_trees(void)
{
	CHECK(parse("{\"nodes\":[]}\n", 13) == 0);
	CHECK(parse("{\"nodes\":null}", 14) == 0);
	CHECK(parse("{}", 2) == -1);
}

static void every_cut_is_noticed(void)
{
	struct buf text = BUF_INIT;

	read_fixture("tests/fixtures/trees/utc.json", &text);
	CHECK(parse(text.data, text.len - 1) == 28); /* without the newline */
	for (size_t n = 0; n < text.len - 1; n++) {
		/* behind it is what an overrun would touch */
		char *cut = malloc(n ? n : 1);

		CHECK(cut);
		memcpy(cut, text.data, n);
		CHECK(parse(cut, n) == -1);
		free(cut);
	}
	buf_free(&text);
}

/* Members of a node that are no good. */
static const char *const bad_members[] = {
	"\"name\":\"\"",
	"\"name\":\".\"",
	"\"name\":\"..\"",
	"\"name\":\"a/b\"",
	"\"name\":\"\\\\x2f\"",
	"\"name\":\"\\\\x00\"",
	"\"name\":\"\\u0000\"",
	"\"name\":\"\\\\q\"",
	"\"name\":\"a\\\"\"",
	"\"name\":\"\xff\"",
	"\"name\":\"\\ud800\"",
	"\"name\":\"\\udc00\\ud800\"",
	"\"name\":\"\\ud800\\u0041\"",
	"\"name\":\"\\u12g4\"",
	"\"name\":\"\\x41\"",
	"\"name\":\"a\nb\"",
	"\"name\":7",
	"\"type\":7",
	"\"uid\":-1",
	"\"uid\":4294967296",
	"\"uid\":1.0",
	"\"uid\":1e3",
	"\"uid\":01",
	"\"uid\":00",
	"\"uid\":\"1\"",
	"\"size\":18446744073709551616",
	"\"size\":99999999999999999999999",
	"\"mtime\":\"yesterday\"",
	"\"mtime\":5",
	"\"user\":\"a\\u0000b\"",
	"\"linktarget\":\"a\\u0000b\"",
	"\"linktarget_raw\":\"AA==\"",
	"\"linktarget_raw\":\"A\"",
	"\"extended_attributes\":{}",
	"\"extended_attributes\":[7]",
	"\"extended_attributes\":[{\"value\":\"!\"}]",
	"\"extended_attributes\":[{\"name\":\"\\u0000\"}]",
	"\"generic_attributes\":[]",
	"\"content\":{}",
	"\"content\":[null]",
	"\"content\":[\"\"]",
	"\"content\":[\"" ID "]",
	"\"content\":[\"" ID "0\"]",
	"\"content\":[\"A1fce4363854ff888cff4b8e7875d600c2682390412a8cf79b37d0"
	"b11148b0fa\"]",
	"\"content\":[\"" ID "\",]",
	"\"content\":[\"" ID "\" \"" ID "\"]",
	"\"content\":[,\"" ID "\"]",
	"\"content\":[",
	"\"subtree\":\"\"",
	"\"subtree\":[]",
	"\"x\":tru",
	"\"x\":-",
	"\"x\":1.",
	"\"x\":1e",
	"\"x\":01",
	"\"x\":",
	"\"x\"",
	"\"x\":\"\\q\"",
	"x:1",
	"",
};

static void bad_members_are_corrupt(void)
{
	for (size_t i = 0; i < ARRAY_LEN(bad_members); i++) {
		struct buf b = BUF_INIT;

		buf_addf(&b, "{\"nodes\":[{" NODE ",%s}]}", bad_members[i]);
		if (parse(b.data, b.len) != -1)
			fprintf(stderr, "taken: %s\n", bad_members[i]);
		CHECK(parse(b.data, b.len) == -1);
		buf_free(&b);
	}
}

static void bad_trees_are_corrupt(void)
{
	static const char *const bad[] = {
		"",
		"null",
		"[]",
		"{\"nodes\":{}}",
		"{\"nodes\":[{\"name\":\"a\"}]}",
		"{\"nodes\":[{\"type\":\"file\"}]}",
		"{\"nodes\":[null]}",
		"{\"nodes\":[{" NODE "},]}",
		"{\"nodes\":[{" NODE "}{" NODE "}]}",
		"{\"nodes\":[,{" NODE "}]}",
		"{\"nodes\":[],}",
		"{\"nodes\":[]}{",
		"{\"nodes\":[]}]",
		"{\"nodes\":[],\"nodes\":[]}",
		"{\"nodes\":[] \"x\":1}",
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		CHECK(parse(bad[i], strlen(bad[i])) == -1);
	CHECK(parse("{\"nodes\":[]}\0", 13) == -1);
}

static void a_key_with_a_nul_is_another_key(void)
{
	static const char text[] =
		"{\"nodes\":[{" NODE ",\"uid\\u0000123456789\":\"x\"}]}";

	CHECK(parse(text, sizeof(text) - 1) == 1);
}

static void only_so_deep(void)
{
	for (int depth = 0; depth < 40; depth++) {
		struct buf b = BUF_INIT;

		buf_adds(&b, "{\"nodes\":[{" NODE ",\"x\":");
		for (int i = 0; i < depth; i++)
			buf_adds(&b, "[");
		buf_adds(&b, "1");
		for (int i = 0; i < depth; i++)
			buf_adds(&b, "]");
		buf_adds(&b, "}]}");
		CHECK(parse(b.data, b.len) == (depth <= 13 ? 1 : -1));
		buf_free(&b);
	}
}

int main(void)
{
	RUN(restics_trees_are_written_byte_for_byte);
	RUN(zeros_are_left_out);
	RUN(all_members_have_their_order);
	RUN(escapes_and_blanks_are_understood);
	RUN(the_raw_target_counts);
	RUN(what_is_missing_is_empty);
	RUN(the_last_of_two_members_counts);
	RUN(an_unknown_type_keeps_its_name);
	RUN(a_callback_ends_it);
	RUN(empty_trees_are_trees);
	RUN(every_cut_is_noticed);
	RUN(bad_members_are_corrupt);
	RUN(bad_trees_are_corrupt);
	RUN(a_key_with_a_nul_is_another_key);
	RUN(only_so_deep);
	return 0;
}
