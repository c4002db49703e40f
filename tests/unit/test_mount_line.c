/* What a mount and those who ask it say to each other. */

#include "mount/line.h"

#include <sys/socket.h>
#include <unistd.h>

#include "tests/harness.h"

struct pair {
	struct cancel cancel;
	struct op op;
	int other;
	struct line_reader reader;
};

static void pair_init(struct pair *p)
{
	int fds[2];

	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
	cancel_init(&p->cancel);
	p->op = op_begin(&p->cancel);
	p->other = fds[0];
	p->reader = (struct line_reader){ .fd = fds[1], .bytes = BUF_INIT };
}

static void pair_free(struct pair *p)
{
	if (p->other >= 0)
		close(p->other);
	close(p->reader.fd);
	buf_free(&p->reader.bytes);
	op_end(&p->op);
	cancel_free(&p->cancel);
}

static void say(struct pair *p, const char *text, size_t n)
{
	CHECK(send(p->other, text, n, MSG_NOSIGNAL) == (ssize_t)n);
}

static void hang_up(struct pair *p)
{
	close(p->other);
	p->other = -1;
}

static void a_path_of_any_bytes_arrives(void)
{
	static const char *const paths[] = { "", "a/b c", "\xff\xfe/\n\"", "ü",
					     "\x01" };
	struct buf text = BUF_INIT;
	struct pair p;

	pair_init(&p);
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		const struct json_node *got;
		struct json j = JSON_INIT(&text);

		buf_reset(&text);
		json_object(&j, NULL);
		line_put_path(&j, "path", paths[i]);
		json_end(&j);
		CHECK(line_write(p.other, &p.op, &text) == 0);
		CHECK(line_read(&p.reader, &p.op, &got) == 1);
		CHECK_STR(line_get_path(&p.op.arena, got, "path"), paths[i]);
	}
	buf_free(&text);
	pair_free(&p);
}

static void what_is_no_path_is_none(void)
{
	static const char text[] = "{\"a\":1,\"b_hex\":\"0\",\"c_hex\":\"zz\","
				   "\"d_hex\":\"6100\",\"e\":\"a\\u0000b\"}\n";
	static const char *const keys[] = { "a", "b", "c", "d", "e", "f" };
	const struct json_node *got;
	struct pair p;

	pair_init(&p);
	say(&p, text, sizeof(text) - 1);
	CHECK(line_read(&p.reader, &p.op, &got) == 1);
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		CHECK(!line_get_path(&p.op.arena, got, keys[i]));
	pair_free(&p);
}

static void lines_come_one_by_one_however_they_are_cut(void)
{
	static const char text[] = "{\"n\":1}\n{\"n\":2}\n{\"n\":3}\n{\"n\"";
	const struct json_node *got;
	struct pair p;

	pair_init(&p);
	say(&p, text, 3);
	say(&p, text + 3, sizeof(text) - 1 - 3);
	for (int i = 1; i <= 3; i++) {
		CHECK(line_read(&p.reader, &p.op, &got) == 1);
		CHECK(json_number(json_get(got, "n"), 0) == i);
	}
	hang_up(&p);
	CHECK(line_read(&p.reader, &p.op, &got) == 0);
	pair_free(&p);
}

static void what_is_no_json_or_never_ends_is_refused(void)
{
	static char much[LINE_MAX_BYTES + 8192];
	const struct json_node *got;
	struct pair p;

	pair_init(&p);
	say(&p, "nonsense\n", 9);
	CHECK(line_read(&p.reader, &p.op, &got) == -1);
	CHECK(p.op.err.kind == ERR_CORRUPT);
	memset(much, 'x', sizeof(much));
	say(&p, much, sizeof(much));
	CHECK(line_read(&p.reader, &p.op, &got) == -1);
	CHECK(p.op.err.kind == ERR_CORRUPT);
	pair_free(&p);
}

static void a_cancel_ends_the_waiting(void)
{
	const struct json_node *got;
	struct pair p;

	pair_init(&p);
	cancel_set(&p.cancel);
	CHECK(line_read(&p.reader, &p.op, &got) == -1);
	CHECK(p.op.err.kind == ERR_CANCELED);
	pair_free(&p);
}

int main(void)
{
	RUN(a_path_of_any_bytes_arrives);
	RUN(what_is_no_path_is_none);
	RUN(lines_come_one_by_one_however_they_are_cut);
	RUN(what_is_no_json_or_never_ends_is_refused);
	RUN(a_cancel_ends_the_waiting);
	return 0;
}
