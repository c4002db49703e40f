#include "tests/unit/http_server.h"

/* Bytes 0, 1, 2, ... 250, 0, ..., `end` of them. */
struct numbers {
	struct source base;
	int64_t at, end;
	int seeks;
};

static ssize_t numbers_read(struct source *src, struct op *op, void *buf,
			    size_t n)
{
	struct numbers *s = container_of(src, struct numbers, base);
	uint8_t *to = buf;

	if (s->end < 0)
		return err_set(&op->err, ERR_IO, "broken disk");
	if (n > 70000)
		n = 70000;
	if ((int64_t)n > s->end - s->at)
		n = (size_t)(s->end - s->at);
	for (size_t i = 0; i < n; i++)
		to[i] = (uint8_t)(s->at++ % 251);
	return (ssize_t)n;
}

static int numbers_seek(struct source *src, struct op *op, int64_t off)
{
	struct numbers *s = container_of(src, struct numbers, base);

	(void)op;
	s->at = off;
	s->seeks++;
	return 0;
}

static struct numbers numbers(struct fixture *t, int64_t size, int64_t end)
{
	t->rq.method = "PUT";
	t->rq.size = size;
	return (struct numbers){ .base = { .size = size,
					   .read = numbers_read,
					   .seek = numbers_seek },
				 .end = end };
}

static void check_numbers(const struct buf *b, size_t n)
{
	CHECK(b->len == n);
	for (size_t i = 0; i < n; i++)
		CHECK((uint8_t)b->data[i] == i % 251);
}

static void a_source_is_sent_byte_by_byte(void)
{
	static const struct reply script[] = { { .text = OK("", "0") },
					       { .text = OK("", "0") },
					       { .text = OK("", "0") },
					       { 0 } };
	static const int64_t sizes[] = { 3000000, 5, 0 };
	struct fixture t;

	begin(&t, script);
	for (size_t i = 0; i < 3; i++) {
		struct numbers s = numbers(&t, sizes[i], sizes[i]);

		t.rq.source = &s.base;
		CHECK(ask(&t) == 0 && t.answer.status == 200);
		check_numbers(&t.server.bodies[i], (size_t)sizes[i]);
		CHECK(!!strstr(t.server.heads[i].data, "Expect: 100") ==
		      (i == 0));
	}
	CHECK(t.server.n_connections == 1);
	end(&t);
}

static void a_source_is_sent_again_from_where_it_began(void)
{
	static const struct reply script[] = {
		{ .text = OK("", "0") },
		{ .text = "HTTP/1.1 307 There\r\nLocation: /there\r\n"
			  "Content-Length: 0\r\n\r\n" },
		{ .text = "HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n" },
		{ .text = OK("", "0") },
		{ 0 }
	};
	struct keys keys = { .last = 100 };
	struct fixture t;
	struct numbers s;

	begin(&t, script);
	t.conf.authorize = authorize;
	t.conf.arg = &keys;
	CHECK(ask(&t) == 0);
	s = numbers(&t, 300000 - 251, 300000);
	s.base.size = 300000;
	s.at = t.rq.source_at = 251;
	t.rq.source = &s.base;
	CHECK(ask(&t) == 0 && t.answer.status == 200);
	check_numbers(&t.server.bodies[3], 300000 - 251);
	CHECK(strncmp(t.server.heads[3].data, "PUT /there HTTP/1.1\r\n", 21) ==
	      0);
	CHECK(t.server.n_requests == 4);
	end(&t);
}

static void a_refusal_may_come_before_all_is_sent(void)
{
	static const struct reply script[] = {
		{ .text = "HTTP/1.1 507 No\r\nContent-Length: 4\r\n\r\nfull",
		  .after = EARLY },
		{ .text = "HTTP/1.1 507 No\r\nContent-Length: 4\r\n\r\nfull",
		  .after = EARLY },
		{ 0 }
	};
	static const int64_t sizes[] = { 100 << 20, 1 << 20 };
	struct fixture t;

	begin(&t, script);
	for (size_t i = 0; i < 2; i++) {
		struct numbers s = numbers(&t, sizes[i], sizes[i]);
		int64_t began = clock_mono();

		t.rq.source = &s.base;
		CHECK(ask(&t) == 0 && t.answer.status == 507);
		CHECK_STR(t.answer.body, "full");
		/* the large one was asked about first */
		CHECK(i == 1 || s.at == 0 ||
		      clock_mono() - began > NS_PER_SEC / 2);
	}
	end(&t);
}

static void a_source_that_ends_early_is_a_conflict(void)
{
	static const struct reply script[] = { { .text = OK("", "0") },
					       { .text = OK("", "0") },
					       { .text = OK("", "0") },
					       { .text = OK("", "0") },
					       { 0 } };
	struct fixture t;
	struct numbers s;

	begin(&t, script);
	s = numbers(&t, 100000, 90000);
	t.rq.source = &s.base;
	CHECK(ask(&t) == -1);
	CHECK(t.op.err.kind == ERR_CONFLICT);
	CHECK_STR(t.op.err.msg, "ended after 90000 of 100000 bytes");
	/* and one that has grown */
	s = numbers(&t, 100, 101);
	t.rq.source = &s.base;
	CHECK(ask(&t) == -1);
	CHECK(t.op.err.kind == ERR_CONFLICT);
	/* also if it was empty */
	s = numbers(&t, 0, 1);
	t.rq.source = &s.base;
	CHECK(ask(&t) == -1);
	CHECK(t.op.err.kind == ERR_CONFLICT);
	/* and one that fails says so itself */
	s = numbers(&t, 100, -1);
	t.rq.source = &s.base;
	CHECK(ask(&t) == -1);
	CHECK_STR(t.op.err.msg, "broken disk");
	end(&t);
}

struct pit {
	struct sink base;
	struct buf got;
	int heads;
	bool refuse, full;
};

static int pit_write(struct sink *dst, struct op *op, const void *p, size_t n)
{
	struct pit *pit = container_of(dst, struct pit, base);

	CHECK(pit->heads == 1);
	if (pit->full)
		return err_set(&op->err, ERR_NO_SPACE, "disk full");
	buf_add(&pit->got, p, n);
	return 0;
}

static int pit_head(void *arg, struct op *op, const struct http_answer *a)
{
	struct pit *pit = arg;

	CHECK(a->status / 100 == 2);
	pit->heads++;
	if (pit->refuse)
		return err_set(&op->err, ERR_CORRUPT, "wrong etag");
	return 0;
}

static struct pit dig(struct fixture *t, struct pit *at)
{
	t->rq.sink = &at->base;
	t->rq.head = pit_head;
	t->rq.head_arg = at;
	return (struct pit){ .base = { .write = pit_write }, .got = BUF_INIT };
}

static void what_a_sink_and_a_head_say_wins(void)
{
	static const struct reply script[] = {
		{ .text = OK("hello", "5") },
		{ .text = OK("hello", "5") },
		{ .text = OK("hello", "5") },
		{ .text = OK("", "0") },
		{ .text = "HTTP/1.1 404 No\r\nContent-Length: 3\r\n\r\nabc" },
		{ 0 }
	};
	struct fixture t;
	struct pit pit;

	begin(&t, script);
	pit = dig(&t, &pit);
	CHECK(ask(&t) == 0);
	CHECK_STR(pit.got.data, "hello");
	CHECK_STR(t.answer.body, "");
	buf_free(&pit.got);
	pit = dig(&t, &pit);
	pit.full = true;
	CHECK(ask(&t) == -1 && t.op.err.kind == ERR_NO_SPACE);
	pit = dig(&t, &pit);
	pit.refuse = true;
	CHECK(ask(&t) == -1 && t.op.err.kind == ERR_CORRUPT);
	CHECK(pit.got.len == 0);
	/* also where there is nothing to write */
	pit = dig(&t, &pit);
	CHECK(ask(&t) == 0 && pit.heads == 1);
	/* an error's text is not for the sink */
	pit = dig(&t, &pit);
	CHECK(ask(&t) == 0 && pit.heads == 0 && t.answer.status == 404);
	CHECK_STR(t.answer.body, "abc");
	end(&t);
}

static void an_answer_that_ends_early_is_an_error(void)
{
	static const struct reply script[] = {
		{ .text = OK("hello", "9"), .after = CLOSE },
		{ .text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
			  "\r\n9\r\nhello",
		  .after = CLOSE },
		{ .text = "HTTP/1.1 200 OK\r\nContent-Le", .after = CLOSE },
		{ 0 }
	};
	struct fixture t;

	begin(&t, script);
	for (int i = 0; i < 3; i++) {
		CHECK(ask(&t) == -1);
		CHECK(t.op.err.kind == ERR_NETWORK);
	}
	end(&t);
}

static void endless_headers_and_bodies_are_bounded(void)
{
	static const struct reply script[] = {
		{ .text = "HTTP/1.1 200 OK\r\nX: ",
		  .endless = 1 << 20,
		  .after = CLOSE },
		{ .text = OK("", "9999999999"),
		  .endless = 4 << 20,
		  .after = CLOSE },
		{ .text = "HTTP/1.1 500 No\r\nContent-Length: 9999999999\r\n"
			  "\r\n",
		  .endless = 4 << 20,
		  .after = CLOSE },
		{ 0 }
	};
	struct reply many[2] = { { .after = CLOSE } };
	struct buf text = BUF_INIT;
	struct fixture t;

	begin(&t, script);
	CHECK(ask(&t) == -1);
	CHECK(t.op.err.kind == ERR_CORRUPT);
	CHECK(ask(&t) == -1 && t.op.err.kind == ERR_CORRUPT);
	t.rq.max_body = 1000;
	CHECK(ask(&t) == 0 && t.answer.status == 500);
	CHECK(t.answer.body_len == 1000 && strlen(t.answer.body) == 1000);
	end(&t);

	buf_adds(&text, "HTTP/1.1 200 OK\r\n");
	for (int i = 0; i < 129; i++)
		buf_addf(&text, "X-%d: y\r\n", i);
	buf_adds(&text, "Content-Length: 0\r\n\r\n");
	many[0].text = text.data;
	begin(&t, many);
	CHECK(ask(&t) == -1 && t.op.err.kind == ERR_CORRUPT);
	end(&t);
	buf_free(&text);
}

int main(void)
{
	http_test_environment();
	RUN(a_source_is_sent_byte_by_byte);
	RUN(a_source_is_sent_again_from_where_it_began);
	RUN(a_refusal_may_come_before_all_is_sent);
	RUN(a_source_that_ends_early_is_a_conflict);
	RUN(what_a_sink_and_a_head_say_wins);
	RUN(an_answer_that_ends_early_is_an_error);
	RUN(endless_headers_and_bodies_are_bounded);
	return 0;
}
