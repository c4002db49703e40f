#ifndef TESTS_UNIT_TOKEN_SERVER_H
#define TESTS_UNIT_TOKEN_SERVER_H

#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/file.h"

/*
 * A token endpoint that follows a script: one answer a connection.  Each
 * request's body is noted, so that a test can tell which token was shown.
 */
struct step {
	int status; /* 0: close without an answer */
	const char *body;
	unsigned delay_ms;
	void (*before)(void *arg); /* before the answer; may be NULL */
};

enum { STEPS_MAX = 8 };

struct server {
	int fd;
	pthread_t thread;
	const struct step *steps;
	size_t n_steps;
	void *arg;
	atomic_uint asked;
	char bodies[STEPS_MAX][600];
};

static inline size_t body_begin(const struct buf *b, size_t *len)
{
	const char *end = strstr(b->data, "\r\n\r\n");
	const char *field = strcasestr(b->data, "content-length:");

	if (!end)
		return 0;
	*len = field ? (size_t)strtoul(field + 15, NULL, 10) : 0;
	return (size_t)(end + 4 - b->data);
}

static inline void read_request(int fd, char *body, size_t size)
{
	struct buf b = BUF_INIT;
	size_t begin = 0, len = 0;

	while (!(begin = body_begin(&b, &len)) || b.len < begin + len) {
		ssize_t n = read(fd, buf_room(&b, 4096), 4096);

		CHECK(n > 0);
		b.len += (size_t)n;
		b.data[b.len] = '\0';
	}
	snprintf(body, size, "%s", b.data + begin);
	buf_free(&b);
}

static inline void answer(int fd, const struct step *s)
{
	struct buf b = BUF_INIT;

	if (!s->status)
		return;
	buf_addf(&b,
		 "HTTP/1.1 %d X\r\nContent-Type: application/json\r\n"
		 "Content-Length: %zu\r\nConnection: close\r\n\r\n%s",
		 s->status, strlen(s->body), s->body);
	CHECK(write_all(fd, b.data, b.len) == 0);
	buf_free(&b);
}

static inline void *serve(void *arg)
{
	struct server *s = arg;
	int fd;

	while ((fd = accept(s->fd, NULL, NULL)) >= 0) {
		unsigned i = atomic_load(&s->asked);

		CHECK(i < s->n_steps);
		read_request(fd, s->bodies[i], sizeof(s->bodies[i]));
		atomic_store(&s->asked, i + 1);
		usleep(s->steps[i].delay_ms * 1000);
		if (s->steps[i].before)
			s->steps[i].before(s->arg);
		answer(fd, &s->steps[i]);
		close(fd);
	}
	return NULL;
}

static inline unsigned server_begin(struct server *s, const struct step *steps,
				    size_t n)
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	socklen_t len = sizeof(at);

	CHECK(n <= STEPS_MAX);
	s->steps = steps;
	s->n_steps = n;
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK(s->fd >= 0);
	CHECK(bind(s->fd, (const struct sockaddr *)&at, sizeof(at)) == 0);
	CHECK(listen(s->fd, 16) == 0);
	CHECK(getsockname(s->fd, (struct sockaddr *)&at, &len) == 0);
	CHECK(pthread_create(&s->thread, NULL, serve, s) == 0);
	return ntohs(at.sin_port);
}

static inline void server_end(struct server *s)
{
	shutdown(s->fd, SHUT_RDWR);
	CHECK(pthread_join(s->thread, NULL) == 0);
	close(s->fd);
}

#endif
