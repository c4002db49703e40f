#include "mount/control.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/log.h"
#include "mount/answer.h"
#include "mount/line.h"
#include "mount/socket.h"

enum { CONNECTIONS_MAX = 32, LOOK_MS = 250 };

struct connection {
	struct control *control;
	struct connection *next;
	pthread_t thread;
	struct cancel cancel; /* set when the other side hangs up */
	struct line_reader reader;
	bool unmounts; /* asked to; only its own thread sets it */
	bool over;     /* its thread is at its end; guarded by control.lock */
};

struct control {
	struct control_opt opt;
	pthread_t thread;
	int fd;   /* listens */
	int wake; /* eventfd */

	/* Guards all that follows; nothing is waited for while it is held. */
	pthread_mutex_t lock;
	pthread_cond_t ended; /* some connection is over, or unmounts no more */
	struct connection *connections;
	unsigned n;
	bool stopping; /* no new ones, and only those who unmount go on */
};

static void *connection_run(void *arg)
{
	struct connection *k = arg;
	struct control *c = k->control;
	struct op op = op_begin(&k->cancel);
	const struct json_node *request;

	while (line_read(&k->reader, &op, &request) > 0) {
		const char *ask = json_text(json_get(request, "ask"), "");

		pthread_mutex_lock(&c->lock);
		k->unmounts = strcmp(ask, "unmount") == 0;
		pthread_mutex_unlock(&c->lock);
		if (answer(k->reader.fd, &op, &c->opt, request) < 0)
			break;
		arena_reset(&op.arena);
		err_clear(&op.err);
		pthread_mutex_lock(&c->lock);
		k->unmounts = false;
		pthread_cond_broadcast(&c->ended); /* control_stop() */
		pthread_mutex_unlock(&c->lock);
	}
	op_end(&op);
	pthread_mutex_lock(&c->lock);
	k->over = true;
	pthread_cond_broadcast(&c->ended);
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

/* `keep`: its descriptor stays open until the process ends. */
static void connection_free(struct connection *k, bool keep)
{
	pthread_join(k->thread, NULL);
	if (!keep)
		close(k->reader.fd);
	buf_free(&k->reader.bytes);
	cancel_free(&k->cancel);
	free(k);
}

/* Those whose thread has ended. */
static void reap(struct control *c)
{
	struct connection *dead = NULL, *next;

	pthread_mutex_lock(&c->lock);
	for (struct connection **p = &c->connections; *p;) {
		struct connection *k = *p;

		if (!k->over) {
			p = &k->next;
			continue;
		}
		*p = k->next;
		k->next = dead;
		dead = k;
		c->n--;
	}
	pthread_mutex_unlock(&c->lock);
	for (; dead; dead = next) {
		next = dead->next;
		connection_free(dead, false);
	}
}

/* Only he may who has mounted it, and root. */
static bool is_welcome(int fd)
{
	struct ucred who;
	socklen_t n = sizeof(who);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &n) == 0 &&
	       (who.uid == geteuid() || who.uid == 0);
}

static void greet(struct control *c)
{
	int fd = accept4(c->fd, NULL, NULL, SOCK_CLOEXEC);
	struct connection *k;
	bool room;

	if (fd < 0)
		return;
	pthread_mutex_lock(&c->lock);
	room = c->n < CONNECTIONS_MAX && !c->stopping;
	pthread_mutex_unlock(&c->lock);
	if (!room || !is_welcome(fd)) {
		close(fd);
		return;
	}
	k = xcalloc(1, sizeof(*k));
	k->control = c;
	k->reader = (struct line_reader){ .fd = fd, .bytes = BUF_INIT };
	cancel_init(&k->cancel);
	pthread_mutex_lock(&c->lock);
	if (pthread_create(&k->thread, NULL, connection_run, k) == 0) {
		k->next = c->connections;
		c->connections = k;
		c->n++;
		k = NULL;
	}
	pthread_mutex_unlock(&c->lock);
	if (!k)
		return;
	close(fd);
	cancel_free(&k->cancel);
	free(k);
}

/* Who has hung up while he is being answered? */
static void look_for_hangups(struct control *c)
{
	pthread_mutex_lock(&c->lock);
	for (struct connection *k = c->connections; k; k = k->next) {
		struct pollfd p = { .fd = k->reader.fd, .events = POLLRDHUP };

		if (!k->over && poll(&p, 1, 0) > 0)
			cancel_set(&k->cancel);
	}
	pthread_mutex_unlock(&c->lock);
}

static void *control_run(void *arg)
{
	struct control *c = arg;
	bool over = false;

	while (!over) {
		struct pollfd p[] = { { .fd = c->fd, .events = POLLIN },
				      { .fd = c->wake, .events = POLLIN } };
		unsigned n;

		pthread_mutex_lock(&c->lock);
		n = c->n;
		pthread_mutex_unlock(&c->lock);
		if (poll(p, ARRAY_LEN(p), n ? LOOK_MS : -1) < 0 &&
		    errno != EINTR)
			break;
		if (p[0].revents & POLLIN)
			greet(c);
		over = p[1].revents & POLLIN;
		look_for_hangups(c);
		reap(c);
	}
	return NULL;
}

int control_start(struct op *op, const struct control_opt *opt,
		  struct control **out)
{
	struct control *c = xcalloc(1, sizeof(*c));
	int rc;

	c->opt = *opt;
	c->wake = -1;
	c->fd = socket_listen(op, opt->folder);
	if (c->fd < 0)
		goto fail;
	c->wake = eventfd(0, EFD_CLOEXEC);
	if (c->wake < 0) {
		err_sys(&op->err, "eventfd");
		goto fail;
	}
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->ended, NULL);
	rc = pthread_create(&c->thread, NULL, control_run, c);
	if (rc == 0) {
		*out = c;
		return 0;
	}
	err_set(&op->err, ERR_IO, "start a thread: %s", strerror(rc));
fail:
	if (c->fd >= 0)
		close(c->fd);
	if (c->wake >= 0)
		close(c->wake);
	free(c);
	return -1;
}

void control_cancel(struct control *c)
{
	pthread_mutex_lock(&c->lock);
	for (struct connection *k = c->connections; k; k = k->next)
		cancel_set(&k->cancel);
	pthread_mutex_unlock(&c->lock);
}

/* Waits until nobody who is to go on is left. With the lock. */
static void wait_for_some(struct control *c, bool all)
{
	for (;;) {
		const struct connection *k = c->connections;

		while (k && (k->over || (!all && !k->unmounts)))
			k = k->next;
		if (!k)
			return;
		pthread_cond_wait(&c->ended, &c->lock);
	}
}

void control_stop(struct control *c)
{
	uint64_t one = 1;

	if (!c)
		return;
	pthread_mutex_lock(&c->lock);
	c->stopping = true;
	wait_for_some(c, false);
	pthread_mutex_unlock(&c->lock);
	/* the threads that listen and look are over before the rest is freed */
	if (write(c->wake, &one, sizeof(one)) < 0)
		BUG("eventfd: %s", strerror(errno));
	pthread_join(c->thread, NULL);
	control_cancel(c);
	pthread_mutex_lock(&c->lock);
	wait_for_some(c, true);
	pthread_mutex_unlock(&c->lock);
	while (c->connections) {
		struct connection *k = c->connections;

		c->connections = k->next;
		connection_free(k, true);
	}
	close(c->fd);
	close(c->wake);
	pthread_cond_destroy(&c->ended);
	pthread_mutex_destroy(&c->lock);
	free(c);
}
