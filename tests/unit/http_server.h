#ifndef TESTS_UNIT_HTTP_SERVER_H
#define TESTS_UNIT_HTTP_SERVER_H

#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/clock.h"
#include "net/http.h"
#include "tests/harness.h"

/*
 * A server on loopback that gives the answers of a script, one after another
 * on whatever connection the request comes.
 */
enum after {
	KEEP,
	CLOSE,
	HANG,
	EARLY /* before the body is read, then as HANG */
};

struct reply {
	const char *text; /* sent as it is */
	enum after after;
	size_t endless; /* so many bytes 'x' follow */
};

struct server {
	const struct reply *script;
	int fd;
	unsigned port;
	pthread_t thread, threads[64];
	pthread_mutex_t lock; /* guards requests and what follows them */
	unsigned n_requests, n_connections;
	struct buf heads[32], bodies[32];
	int fds[64];
};

struct connection {
	struct server *server;
	int fd;
};

/* One more byte into `b`; false at the end. */
static inline bool take(int fd, struct buf *b, size_t n)
{
	ssize_t got = recv(fd, buf_room(b, n), n, 0);

	if (got <= 0)
		return false;
	b->len += (size_t)got;
	b->data[b->len] = '\0';
	return true;
}

static inline bool take_request(int fd, struct buf *head, struct buf *body,
				bool early)
{
	const char *at;
	size_t n;

	while (!strstr(head->data, "\r\n\r\n"))
		if (!take(fd, head, 1))
			return false;
	if (early)
		return true;
	at = strstr(head->data, "Content-Length: ");
	n = at ? strtoul(at + 16, NULL, 10) : 0;
	if (strstr(head->data, "Expect: 100-continue"))
		CHECK(send(fd, "HTTP/1.1 100 Continue\r\n\r\n", 25, 0) == 25);
	while (body->len < n)
		if (!take(fd, body, n - body->len))
			break;
	return true;
}

static inline bool send_all(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);

		if (sent <= 0)
			return false;
		p += sent;
		n -= (size_t)sent;
	}
	return true;
}

static inline void *serve_connection(void *arg)
{
	struct connection *c = arg;
	struct server *s = c->server;
	enum after after = KEEP;

	while (after == KEEP) {
		struct buf head = BUF_INIT, body = BUF_INIT;
		const struct reply *r;
		bool early;

		pthread_mutex_lock(&s->lock);
		early = s->script[s->n_requests].after == EARLY;
		pthread_mutex_unlock(&s->lock);
		if (!take_request(c->fd, &head, &body, early)) {
			buf_free(&head);
			buf_free(&body);
			break;
		}
		pthread_mutex_lock(&s->lock);
		CHECK(s->n_requests < 32);
		r = &s->script[s->n_requests];
		s->heads[s->n_requests] = head;
		s->bodies[s->n_requests++] = body;
		pthread_mutex_unlock(&s->lock);
		CHECK(r->text);
		after = r->after;
		if (!send_all(c->fd, r->text, strlen(r->text)))
			break;
		for (size_t i = 0; i < r->endless; i += 1024) {
			char text[1024];

			memset(text, 'x', sizeof(text));
			if (!send_all(c->fd, text, sizeof(text)))
				break;
		}
		while (after >= HANG && recv(c->fd, &(char){ 0 }, 1, 0) > 0)
			;
	}
	shutdown(c->fd, SHUT_RDWR);
	free(c);
	return NULL;
}

static inline void *serve(void *arg)
{
	struct server *s = arg;
	int fd;

	while ((fd = accept(s->fd, NULL, NULL)) >= 0) {
		struct connection *c = xcalloc(1, sizeof(*c));

		*c = (struct connection){ s, fd };
		pthread_mutex_lock(&s->lock);
		CHECK(s->n_connections < 64);
		s->fds[s->n_connections] = fd;
		CHECK(!pthread_create(&s->threads[s->n_connections++], NULL,
				      serve_connection, c));
		pthread_mutex_unlock(&s->lock);
	}
	return NULL;
}

static inline void server_start(struct server *s, const struct reply *script)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(at);

	*s = (struct server){ .script = script };
	for (size_t i = 0; i < ARRAY_LEN(s->heads); i++)
		s->heads[i] = s->bodies[i] = (struct buf)BUF_INIT;
	pthread_mutex_init(&s->lock, NULL);
	s->fd = socket(AF_INET, SOCK_STREAM, 0);
	CHECK(s->fd >= 0);
	CHECK(bind(s->fd, (struct sockaddr *)&at, n) == 0);
	CHECK(listen(s->fd, 64) == 0);
	CHECK(getsockname(s->fd, (struct sockaddr *)&at, &n) == 0);
	s->port = ntohs(at.sin_port);
	CHECK(!pthread_create(&s->thread, NULL, serve, s));
}

static inline void server_stop(struct server *s)
{
	shutdown(s->fd, SHUT_RDWR);
	pthread_join(s->thread, NULL);
	close(s->fd);
	for (unsigned i = 0; i < s->n_connections; i++) {
		shutdown(s->fds[i], SHUT_RDWR);
		pthread_join(s->threads[i], NULL);
		close(s->fds[i]);
	}
	for (size_t i = 0; i < ARRAY_LEN(s->heads); i++) {
		buf_free(&s->heads[i]);
		buf_free(&s->bodies[i]);
	}
	pthread_mutex_destroy(&s->lock);
}

struct fixture {
	struct server server;
	struct cancel cancel;
	struct op op;
	struct http_settings settings;
	struct http_conf conf;
	struct http *http;
	struct http_request rq;
	struct http_answer answer;
	char url[64];
};

static inline void begin(struct fixture *t, const struct reply *script)
{
	*t = (struct fixture){ .conf.name = "test" };
	server_start(&t->server, script);
	cancel_init(&t->cancel);
	t->op = op_begin(&t->cancel);
	snprintf(t->url, sizeof(t->url), "http://127.0.0.1:%u/a%%20b?q",
		 t->server.port);
	t->rq = (struct http_request){ .method = "GET", .url = t->url };
}

static inline int ask(struct fixture *t)
{
	int rc;

	if (!t->http)
		t->http = http_new(&t->settings, &t->conf);
	rc = http_do(t->http, &t->op, &t->rq, &t->answer);
	/* what the server has counted is to be seen */
	pthread_mutex_lock(&t->server.lock);
	pthread_mutex_unlock(&t->server.lock);
	return rc;
}

static inline void end(struct fixture *t)
{
	http_free(t->http);
	server_stop(&t->server);
	op_end(&t->op);
	cancel_free(&t->cancel);
}

#define OK(body, length) \
	"HTTP/1.1 200 OK\r\nContent-Length: " length "\r\n\r\n" body

/* Authorization values 1, 2, ...; the same again after `last`. */
struct keys {
	int last, given;
	const char *stale;
};

static inline int authorize(void *arg, struct op *op, const char *stale,
			    const char **value)
{
	struct keys *k = arg;

	k->stale = stale;
	if (k->given < k->last)
		k->given++;
	*value = arena_printf(&op->arena, "Bearer secret%d", k->given);
	return 0;
}

/* Nothing from outside. */
static inline void http_test_environment(void)
{
	static const char *const proxies[] = { "http_proxy", "https_proxy",
					       "all_proxy", "HTTPS_PROXY",
					       "ALL_PROXY" };

	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < ARRAY_LEN(proxies); i++)
		unsetenv(proxies[i]);
}

#endif
