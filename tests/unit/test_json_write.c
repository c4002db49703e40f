#include "tests/harness.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/json.h"
#include "lib/json_write.h"

static void values_are_written_in_order(void)
{
	struct buf b = BUF_INIT;
	struct json j = JSON_INIT(&b);

	json_object(&j, NULL);
	json_str(&j, "s", "text");
	json_int(&j, "low", INT64_MIN);
	json_int(&j, "high", INT64_MAX);
	json_array(&j, "list");
	json_bool(&j, NULL, true);
	json_object(&j, NULL);
	json_end(&j);
	json_array(&j, NULL);
	json_end(&j);
	json_bool(&j, NULL, false);
	json_end(&j);
	json_str(&j, "", "");
	json_end(&j);
	CHECK_STR(b.data, "{\"s\":\"text\",\"low\":-9223372036854775808,"
			  "\"high\":9223372036854775807,"
			  "\"list\":[true,{},[],false],\"\":\"\"}");
	buf_free(&b);
}

static void text_is_escaped(void)
{
	struct buf b = BUF_INIT;
	struct json j = JSON_INIT(&b);

	json_object(&j, NULL);
	json_str(&j, "a\"b", "\\ \n\x01\x1f\x7f \xc3\xa9");
	json_end(&j);
	CHECK_STR(b.data, "{\"a\\\"b\":\"\\\\ \\u000a\\u0001\\u001f\x7f "
			  "\xc3\xa9\"}");
	buf_free(&b);
}

static void names_that_are_not_utf8_give_valid_json(void)
{
	struct buf b = BUF_INIT;
	struct json j = JSON_INIT(&b);

	json_object(&j, NULL);
	json_str(&j, "\xff", "a\xc3\"\xed\xa0\x80");
	json_end(&j);
	CHECK_STR(b.data, "{\"\xef\xbf\xbd\":\"a\xef\xbf\xbd\\\""
			  "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"}");
	buf_free(&b);
}

static void every_byte_can_be_read_back(void)
{
	for (int c = 1; c < 256; c++) {
		char text[] = { 'x', (char)c, 'y', '\0' };
		struct buf b = BUF_INIT;
		struct json j = JSON_INIT(&b);
		const struct json_node *root;
		struct arena a = { 0 };
		struct err e;

		json_array(&j, NULL);
		json_str(&j, NULL, text);
		json_end(&j);
		CHECK(json_parse(&a, b.data, b.len, &root, &e) == 0);
		CHECK_STR(json_text(root->child, ""),
			  c < 0x80 ? text : "x\xef\xbf\xbdy");
		arena_free(&a);
		buf_free(&b);
	}
}

static void key_in_array(struct json *j)
{
	json_array(j, NULL);
	json_int(j, "key", 1);
}

static void no_key_in_object(struct json *j)
{
	json_object(j, NULL);
	json_int(j, NULL, 1);
}

static void end_too_many(struct json *j)
{
	json_object(j, NULL);
	json_end(j);
	json_end(j);
}

static void too_deep(struct json *j)
{
	for (int i = 0; i < 33; i++)
		json_array(j, NULL);
}

static void check_aborts(void (*fn)(struct json *))
{
	pid_t pid = fork();
	int status;

	CHECK(pid >= 0);
	if (pid == 0) {
		struct buf b = BUF_INIT;
		struct json j = JSON_INIT(&b);

		if (!freopen("/dev/null", "w", stderr))
			_exit(1);
		signal(SIGABRT, SIG_DFL);
		fn(&j);
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

static void a_call_out_of_place_is_a_bug(void)
{
	check_aborts(key_in_array);
	check_aborts(no_key_in_object);
	check_aborts(end_too_many);
	check_aborts(too_deep);
}

int main(void)
{
	RUN(values_are_written_in_order);
	RUN(text_is_escaped);
	RUN(names_that_are_not_utf8_give_valid_json);
	RUN(every_byte_can_be_read_back);
	RUN(a_call_out_of_place_is_a_bug);
	return 0;
}
