#include "net/redirect.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/utf8.h"
#include "net/url.h"

/* Browsers open more than one connection, and may say nothing on some. */
enum { GUESTS = 8, REQUEST_MAX = 16 * 1024, STATE_BYTES = 16 };
#define GUEST_PATIENCE (10 * NS_PER_SEC)

struct guest {
	int fd; /* -1: none */
	int64_t since;
	struct buf text;
};

struct redirect {
	int fd;
	char uri[48];
	char state[2 * STATE_BYTES + 1];
	struct guest guests[GUESTS];
};

static int make_state(struct redirect *r, struct op *op)
{
	unsigned char random[STATE_BYTES];

	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return err_sys(&op->err, "random numbers");
	for (size_t i = 0; i < sizeof(random); i++)
		snprintf(r->state + 2 * i, 3, "%02x", random[i]);
	return 0;
}

static int listen_at(struct redirect *r, struct op *op, unsigned port)
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	socklen_t len = sizeof(at);
	int one = 1;

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	at.sin_port = htons((uint16_t)port);
	r->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (r->fd < 0)
		return err_sys(&op->err, "socket");
	setsockopt(r->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(r->fd, (struct sockaddr *)&at, sizeof(at)) < 0 ||
	    listen(r->fd, GUESTS) < 0 ||
	    getsockname(r->fd, (struct sockaddr *)&at, &len) < 0) {
		err_sys(&op->err, "port %u of this machine", port);
		if (op->err.code == EADDRINUSE)
			op->err.kind = ERR_BUSY;
		return -1;
	}
	snprintf(r->uri, sizeof(r->uri), "http://localhost:%u/",
		 (unsigned)ntohs(at.sin_port));
	return 0;
}

int redirect_open(struct op *op, unsigned port, struct redirect **out)
{
	struct redirect *r;

	if (port > UINT16_MAX)
		return err_set(&op->err, ERR_INVALID, "there is no port %u",
			       port);
	r = xcalloc(1, sizeof(*r));
	r->fd = -1;
	for (size_t i = 0; i < GUESTS; i++)
		r->guests[i] = (struct guest){ .fd = -1, .text = BUF_INIT };
	if (make_state(r, op) < 0 || listen_at(r, op, port) < 0) {
		redirect_close(r);
		return -1;
	}
	*out = r;
	return 0;
}

static void goodbye(struct guest *g)
{
	if (g->fd >= 0)
		close(g->fd);
	g->fd = -1;
	explicit_bzero(g->text.data, g->text.len);
	buf_reset(&g->text);
}

void redirect_close(struct redirect *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < GUESTS; i++) {
		goodbye(&r->guests[i]);
		buf_free(&r->guests[i].text);
	}
	if (r->fd >= 0)
		close(r->fd);
	free(r);
}

const char *redirect_uri(const struct redirect *r)
{
	return r->uri;
}

const char *redirect_state(const struct redirect *r)
{
	return r->state;
}

/* It is a courtesy: who does not read it misses nothing. */
static void answer(const struct guest *g, const char *status, const char *text)
{
	struct buf page = BUF_INIT, all = BUF_INIT;

	buf_addf(&page,
		 "<!doctype html><meta charset=\"utf-8\"><title>ferry</title>"
		 "<p>%s</p>\n",
		 text);
	buf_addf(&all,
		 "HTTP/1.1 %s\r\nContent-Type: text/html; charset=utf-8\r\n"
		 "Content-Length: %zu\r\nCache-Control: no-store\r\n"
		 "Referrer-Policy: no-referrer\r\nConnection: close\r\n\r\n%s",
		 status, page.len, page.data);
	if (send(g->fd, all.data, all.len, MSG_NOSIGNAL) > 0)
		shutdown(g->fd, SHUT_WR);
	buf_free(&page);
	buf_free(&all);
}

/* The value of a query's field, decoded, or NULL. */
static const char *field(struct arena *a, const char *query, const char *name)
{
	size_t n = strlen(name);

	while (*query) {
		size_t len = strcspn(query, "&");
		struct buf b = BUF_INIT;
		const char *value = NULL;

		if (len > n && query[n] == '=' &&
		    strncmp(query, name, n) == 0) {
			if (url_decode(&b, query + n + 1, len - n - 1))
				value = arena_strdup(a, b.data);
			explicit_bzero(b.data, b.len);
			buf_free(&b);
			return value;
		}
		query += len;
		query += *query == '&';
	}
	return NULL;
}

/* In a time that does not tell how much of it was right. */
static bool is_state(const struct redirect *r, const char *text)
{
	unsigned char differs = 0;

	if (!text || strlen(text) != strlen(r->state))
		return false;
	for (size_t i = 0; r->state[i]; i++)
		differs |= (unsigned char)(r->state[i] ^ text[i]);
	return differs == 0;
}

/* The query of "GET /?query HTTP/1.1", cut out of `text`; or NULL. */
static char *query_of(char *text)
{
	char *query = text + strlen("GET /?"), *end;

	if (strncmp(text, "GET /?", strlen("GET /?")) != 0)
		return NULL;
	end = query + strcspn(query, " \r\n");
	if (strncmp(end, " HTTP/1.", strlen(" HTTP/1.")) != 0)
		return NULL;
	*end = '\0';
	return query;
}

static int refused(struct op *op, const char *error, const char *why)
{
	struct buf text = BUF_INIT;

	if (!why)
		why = error ? error : "no code came back";
	utf8_add_printable(&text, why, strnlen(why, 200));
	err_set(&op->err, ERR_AUTH, "the sign-in was refused: %s", text.data);
	buf_free(&text);
	return -1;
}

/* What the service has to say, by way of the browser: as serve(). */
static int take(struct arena *a, struct op *op, const struct guest *g,
		const char *query, const char **code)
{
	const char *found = field(a, query, "code");
	const char *error = field(a, query, "error");

	if (error || !found || *found == '\0') {
		answer(g, "200 OK",
		       "You are not signed in. ferry says why in its "
		       "terminal.");
		return refused(op, error, field(a, query, "error_description"));
	}
	answer(g, "200 OK",
	       "You are signed in. This page can be closed; ferry goes on in "
	       "its terminal.");
	*code = arena_strdup(&op->arena, found);
	return 1;
}

/* A whole request: 1 and the code, 0 if it is none of ours, or -1. */
static int serve(struct redirect *r, struct op *op, struct guest *g,
		 const char **code)
{
	char *query = query_of(g->text.data);
	struct arena a = { 0 };
	int rc = 0;

	if (!query)
		answer(g, "404 Not Found", "There is nothing here.");
	else if (!is_state(r, field(&a, query, "state")))
		answer(g, "400 Bad Request",
		       "This is not the sign-in that ferry waits for.");
	else
		rc = take(&a, op, g, query, code);
	arena_free(&a);
	return rc;
}

/* What a guest has to say: as serve(). */
static int hear(struct redirect *r, struct op *op, struct guest *g,
		const char **code)
{
	char *p = buf_room(&g->text, 4096);
	ssize_t n = recv(g->fd, p, 4096, 0);
	int rc;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0) {
		goodbye(g);
		return 0;
	}
	g->text.len += (size_t)n;
	g->text.data[g->text.len] = '\0';
	if (memchr(p, '\0', (size_t)n) || g->text.len > REQUEST_MAX) {
		answer(g, "400 Bad Request", "This is no request.");
		goodbye(g);
		return 0;
	}
	if (!strstr(g->text.data, "\r\n\r\n"))
		return 0;
	rc = serve(r, op, g, code);
	goodbye(g);
	return rc;
}

/* With no place left, the one who has been silent longest leaves. */
static void welcome(struct redirect *r)
{
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	int fd = accept4(r->fd, (struct sockaddr *)&from, &len,
			 SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct guest *g = &r->guests[0];

	if (fd < 0)
		return;
	for (size_t i = 0; i < GUESTS && g->fd >= 0; i++)
		if (r->guests[i].fd < 0 || r->guests[i].since < g->since)
			g = &r->guests[i];
	goodbye(g);
	g->fd = fd;
	g->since = clock_mono();
}

static int poll_once(struct redirect *r, struct op *op, const char **code)
{
	struct pollfd fds[GUESTS + 1];
	int rc = 0;

	for (size_t i = 0; i < GUESTS; i++) {
		struct guest *g = &r->guests[i];

		if (g->fd >= 0 && clock_mono() - g->since > GUEST_PATIENCE)
			goodbye(g);
		fds[i] = (struct pollfd){ .fd = g->fd, .events = POLLIN };
	}
	fds[GUESTS] = (struct pollfd){ .fd = r->fd, .events = POLLIN };
	if (poll(fds, GUESTS + 1, 200) < 0 && errno != EINTR)
		return err_sys(&op->err, "poll");
	for (size_t i = 0; i < GUESTS && rc == 0; i++)
		if (fds[i].fd >= 0 && fds[i].revents)
			rc = hear(r, op, &r->guests[i], code);
	if (rc == 0 && fds[GUESTS].revents)
		welcome(r);
	return rc;
}

int redirect_wait(struct redirect *r, struct op *op, int64_t timeout,
		  const char **code)
{
	int64_t begun = clock_mono();
	int rc = 0;

	while (rc == 0) {
		if (op_check(op) < 0)
			return -1;
		if (clock_mono() - begun > timeout)
			return err_set(&op->err, ERR_TIMEOUT,
				       "no browser came back from the sign-in");
		rc = poll_once(r, op, code);
	}
	return rc < 0 ? -1 : 0;
}
