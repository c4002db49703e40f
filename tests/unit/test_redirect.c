#include "tests/harness.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/clock.h"
#include "net/redirect.h"
#include "tests/unit/scratch.h"

static struct scratch s;

/* One after the other; what came back for each. */
struct browser {
	unsigned port;
	const char *const *requests;
	char answers[8][1024];
	pthread_t thread;
};

static int reach(unsigned port)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_port = htons((uint16_t)port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK(fd >= 0);
	CHECK(connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0);
	return fd;
}

static void *browse(void *arg)
{
	struct browser *b = arg;

	for (size_t i = 0; b->requests[i]; i++) {
		const char *rq = b->requests[i];
		size_t at = 0;
		int fd = reach(b->port);
		ssize_t n;

		(void)!send(fd, rq, strlen(rq), MSG_NOSIGNAL);
		while (at < sizeof(b->answers[i]) - 1 &&
		       (n = recv(fd, b->answers[i] + at,
				 sizeof(b->answers[i]) - 1 - at, 0)) > 0)
			at += (size_t)n;
		close(fd);
	}
	return NULL;
}

static struct redirect *opened(unsigned *port)
{
	struct redirect *r = NULL;

	scratch_begin(&s);
	CHECK(redirect_open(&s.op, 0, &r) == 0);
	CHECK(sscanf(redirect_uri(r), "http://localhost:%u/", port) == 1);
	CHECK(strlen(redirect_state(r)) == 32);
	return r;
}

static void closed(struct redirect *r)
{
	redirect_close(r);
	scratch_end(&s);
}

static const char *request(const struct redirect *r, const char *before,
			   const char *after)
{
	return arena_printf(&s.op.arena,
			    "GET /?%sstate=%s%s HTTP/1.1\r\nHost: x\r\n\r\n",
			    before, redirect_state(r), after);
}

static void begin(struct browser *b, const char *const *requests)
{
	b->requests = requests;
	CHECK(pthread_create(&b->thread, NULL, browse, b) == 0);
}

static void the_code_comes_with_the_right_state(void)
{
	struct browser b = { 0 };
	struct redirect *r = opened(&b.port);
	const char *code = NULL;
	const char *const requests[] = { request(r, "", "&code=a%2Fb-c"),
					 NULL };

	begin(&b, requests);
	CHECK(redirect_wait(r, &s.op, 20 * NS_PER_SEC, &code) == 0);
	pthread_join(b.thread, NULL);
	CHECK_STR(code, "a/b-c");
	CHECK(strncmp(b.answers[0], "HTTP/1.1 200 ", 13) == 0);
	closed(r);
}

static void what_is_not_ours_is_refused_and_waited_past(void)
{
	struct browser b = { 0 };
	struct redirect *r = opened(&b.port);
	const char *code = NULL;
	const char *const requests[] = {
		"GET /favicon.ico HTTP/1.1\r\n\r\n",
		"GET /?code=evil HTTP/1.1\r\n\r\n",
		"GET /?code=evil&state=00000000000000000000000000000000 "
		"HTTP/1.1\r\n\r\n",
		"POST /?code=evil HTTP/1.1\r\n\r\n",
		"\r\n\r\n",
		request(r, "code=good&", ""),
		NULL
	};

	begin(&b, requests);
	CHECK(redirect_wait(r, &s.op, 20 * NS_PER_SEC, &code) == 0);
	pthread_join(b.thread, NULL);
	CHECK_STR(code, "good");
	CHECK(strncmp(b.answers[0], "HTTP/1.1 404 ", 13) == 0);
	CHECK(strncmp(b.answers[1], "HTTP/1.1 400 ", 13) == 0);
	CHECK(strncmp(b.answers[2], "HTTP/1.1 400 ", 13) == 0);
	CHECK(strncmp(b.answers[3], "HTTP/1.1 404 ", 13) == 0);
	closed(r);
}

static void those_who_only_hold_the_line_are_in_nobodys_way(void)
{
	struct browser b = { 0 };
	struct redirect *r = opened(&b.port);
	const char *code = NULL;
	const char *const requests[] = { request(r, "code=x&", ""), NULL };
	int fds[8];

	for (size_t i = 0; i < 8; i++)
		fds[i] = reach(b.port);
	begin(&b, requests);
	CHECK(redirect_wait(r, &s.op, 20 * NS_PER_SEC, &code) == 0);
	pthread_join(b.thread, NULL);
	CHECK_STR(code, "x");
	for (size_t i = 0; i < 8; i++)
		close(fds[i]);
	closed(r);
}

static void a_request_without_end_is_cut_off(void)
{
	struct browser b = { 0 };
	struct redirect *r = opened(&b.port);
	const char *code = NULL;
	char *endless = arena_alloc(&s.op.arena, 100001);
	const char *requests[] = { endless, NULL, NULL };

	memset(endless, 'a', 100000);
	requests[1] = request(r, "code=x&", "");
	begin(&b, requests);
	CHECK(redirect_wait(r, &s.op, 20 * NS_PER_SEC, &code) == 0);
	pthread_join(b.thread, NULL);
	CHECK_STR(code, "x");
	closed(r);
}

static void a_no_is_told_in_the_services_words(void)
{
	struct browser b = { 0 };
	struct redirect *r = opened(&b.port);
	const char *code = NULL;
	const char *const requests[] = {
		request(r, "error=access_denied&error_description=not%20%1bme&",
			""),
		NULL
	};

	begin(&b, requests);
	CHECK(redirect_wait(r, &s.op, 20 * NS_PER_SEC, &code) == -1);
	pthread_join(b.thread, NULL);
	CHECK(s.op.err.kind == ERR_AUTH);
	CHECK_STR(s.op.err.msg, "the sign-in was refused: not \\x1bme");
	closed(r);
}

static void it_waits_no_longer_than_told_and_ends_when_called_off(void)
{
	unsigned port;
	struct redirect *r = opened(&port), *second = NULL;
	const char *code = NULL;

	CHECK(redirect_wait(r, &s.op, 1, &code) == -1);
	CHECK(s.op.err.kind == ERR_TIMEOUT);
	CHECK(redirect_open(&s.op, port, &second) == -1);
	CHECK(s.op.err.kind == ERR_BUSY && !second);
	cancel_set(&s.cancel);
	CHECK(redirect_wait(r, &s.op, 20 * NS_PER_SEC, &code) == -1);
	CHECK(s.op.err.kind == ERR_CANCELED);
	closed(r);
}

int main(void)
{
	RUN(the_code_comes_with_the_right_state);
	RUN(what_is_not_ours_is_refused_and_waited_past);
	RUN(those_who_only_hold_the_line_are_in_nobodys_way);
	RUN(a_request_without_end_is_cut_off);
	RUN(a_no_is_told_in_the_services_words);
	RUN(it_waits_no_longer_than_told_and_ends_when_called_off);
	return 0;
}
