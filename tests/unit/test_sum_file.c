#include "tests/harness.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/sum_file.h"

#define MD5 "900150983cd24fb0d6963f7d28e17f72"

static int key_order(const char *a, const char *b)
{
	struct buf x = BUF_INIT, y = BUF_INIT;
	int order;

	sum_key_add(&x, a);
	sum_key_add(&y, b);
	order = strcmp(x.data, y.data);
	buf_free(&x);
	buf_free(&y);
	return order;
}

static void keys_sort_as_a_tree_is_walked(void)
{
	static const char *const walk[] = {
		"\1",  "\1/x",  "\1\1",  "\2",   "\2/\1", "\3", "a",     "a/\1",
		"a/b", "a/b/c", "a/b\1", "a/bc", "a\1",   "a ", "a.txt", "b",
	};

	for (size_t i = 0; i + 1 < ARRAY_LEN(walk); i++)
		CHECK(key_order(walk[i], walk[i + 1]) < 0);
}

static void a_key_gives_its_path_back(void)
{
	static const char *const paths[] = { "a/b", "\1/\2\1\2", "/", "\2" };

	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		struct buf key = BUF_INIT, path = BUF_INIT;

		sum_key_add(&key, paths[i]);
		sum_key_path(&path, key.data);
		CHECK_STR(path.data, paths[i]);
		buf_free(&key);
		buf_free(&path);
	}
}

static void names_are_escaped_as_coreutils_do(void)
{
	struct buf b = BUF_INIT;

	sum_line_add(&b, MD5, "a b");
	CHECK_STR(b.data, MD5 "  a b\n");
	buf_reset(&b);
	sum_line_add(&b, MD5, "a\nb\\c\rd");
	CHECK_STR(b.data, "\\" MD5 "  a\\nb\\\\c\\rd\n");
	buf_free(&b);
}

/* What reading `text` gives: the paths with a '|' after each, or NULL. */
static char *read_text(const char *text)
{
	char file[] = "/tmp/ferry-test.XXXXXX";
	struct op op = op_begin(NULL);
	struct listing l = LISTING_INIT;
	struct buf out = BUF_INIT;
	struct posix_meta meta;
	struct entry e;
	int fd = mkstemp(file), rc;

	CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
	rc = sum_file_read(&op, file, HASH_MD5, &l);
	if (rc < 0)
		CHECK(op.err.kind == ERR_INVALID);
	while (rc == 0 && listing_next(&l, &op, &e, &meta) == 1) {
		sum_key_path(&out, e.name);
		buf_adds(&out, "|");
	}
	listing_free(&l);
	op_end(&op);
	unlink(file);
	if (rc < 0) {
		buf_free(&out);
		return NULL;
	}
	return out.data;
}

static void check_read(const char *text, const char *want)
{
	char *got = read_text(text);

	if (!want) {
		CHECK(got == NULL);
		return;
	}
	CHECK(got && strcmp(got, want) == 0);
	free(got);
}

static void lists_are_read(void)
{
	check_read(MD5 "  b\n" MD5 " *a\n", "a|b|");
	check_read("# comment\n\n" MD5 "  ./x/y\n", "x/y|");
	check_read(MD5 "  no newline", "no newline|");
	check_read(MD5 "  a  b\\n\n", "a  b\\n|");
	check_read("\\" MD5 "  a\\nb\\\\\\r\n", "a\nb\\\r|");
	check_read("900150983CD24FB0D6963F7D28E17F72  upper\n", "upper|");
}

static void what_is_no_list_is_refused(void)
{
	check_read("hello\n", NULL);
	check_read(MD5 "\n", NULL);
	check_read(MD5 " a\n", NULL);
	check_read(MD5 "  \n", NULL);
	check_read(MD5 "0  a\n", NULL);
	check_read("90015098  a\n", NULL);
	check_read("\\" MD5 "  a\\tb\n", NULL);
	check_read("\\" MD5 "  a\\\n", NULL);
	check_read(MD5 "  good\n\x10" MD5 "  bad\n", NULL);
}

int main(void)
{
	RUN(keys_sort_as_a_tree_is_walked);
	RUN(a_key_gives_its_path_back);
	RUN(names_are_escaped_as_coreutils_do);
	RUN(lists_are_read);
	RUN(what_is_no_list_is_refused);
	return 0;
}
