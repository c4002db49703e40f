/*
 * A long line between two programs of one machine: carries TCP connections to
 * another port and adds some time each way.
 *
 *	delay_proxy [--reset-after BYTES[:N]] [--cut-down BYTES[:N]]
 *		LISTEN_PORT TARGET_ADDRESS:PORT MILLISECONDS
 *
 * The kernel accepts a connection at once, so what the client sends first is
 * held for twice that time more: the handshake.  Bytes are read as they come
 * and queued, so that the line is long, not narrow.  With port 0 one is
 * chosen; `port=N` on standard output says which.
 *
 * --reset-after: a connection is torn down once the client has sent so many
 * bytes; --cut-down: the server's side of it ends after so many.  N: only so
 * many connections in all.
 *
 * Each thread has a listening socket and connections of its own; what they
 * share are the numbers in `struct line`.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum {
	THREADS = 2,
	PIECE = 256 * 1024,
	SMALL = 32 * 1024,
	QUEUE_MAX = 64 * 1024 * 1024,
	QUEUE_LOW = 32 * 1024 * 1024,
	EVENTS = 256,
	VECTORS = 64
};

struct line {
	struct sockaddr_in target;
	int64_t delay; /* ns, one way */
	int64_t reset_after, cut_down;
	atomic_long resets, cuts; /* how many are left */
};

enum what { DATA, END, RESET };

/* What was read at once, on its way. */
struct piece {
	struct piece *next;    /* of the thread's, in order of `due` */
	struct piece *sibling; /* of the direction's that have arrived */
	struct way *way;
	int64_t due;
	enum what what;
	size_t len, done;
	char bytes[];
};

struct list {
	struct piece *first, **end;
};

/* One direction of a connection: from this socket to the other way's. */
struct way {
	struct connection *c;
	struct way *other;
	int fd;           /* where it reads; the other way writes here */
	uint32_t events;  /* that are asked for */
	struct list here; /* arrived, but not yet written */
	size_t queued;    /* bytes under way or arrived */
	int64_t total;    /* bytes read so far */
	bool up, open;
	bool ended; /* nothing more is read */
	bool shut;  /* and the other side was told */
};

struct connection {
	struct way up, down;     /* from the client, from the server */
	struct connection *next; /* waiting for its handshake, or dead */
	int64_t opens;
	unsigned pieces; /* under way */
	bool dead;
};

struct worker {
	struct line *line;
	int epoll, listener;
	struct list air; /* pieces under way; all take the same time */
	struct connection *shaking, **shaking_end;
	struct connection *graves;
	struct piece *spare;
	struct piece *shelf; /* pieces of full size, to be used again */
};

static void die(const char *what)
{
	fprintf(stderr, "delay_proxy: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static struct piece *piece_new(struct worker *w, size_t size)
{
	struct piece *p = w->shelf;

	if (size == PIECE && p) {
		w->shelf = p->next;
	} else {
		p = malloc(sizeof(*p) + size);
		if (!p)
			die("memory");
	}
	memset(p, 0, sizeof(*p));
	return p;
}

static void piece_free(struct worker *w, struct piece *p)
{
	if (p->len > SMALL) {
		p->next = w->shelf;
		w->shelf = p;
	} else {
		free(p);
	}
}

/* Ask for just what can be used at this moment. */
static void watch(struct worker *w, struct way *y)
{
	uint32_t events = 0;
	struct epoll_event e = { .data.ptr = y };

	if (y->open && !y->ended && y->queued < QUEUE_MAX &&
	    !(y->queued > QUEUE_LOW && !(y->events & EPOLLIN)))
		events |= EPOLLIN;
	if (y->other->here.first)
		events |= EPOLLOUT;
	if (events == y->events || y->c->dead)
		return;
	e.events = events;
	if (epoll_ctl(w->epoll, EPOLL_CTL_MOD, y->fd, &e) < 0 &&
	    errno != ENOENT) /* taken out by serve() */
		die("epoll_ctl");
	y->events = events;
}

/* With `reset`, what is not yet sent is lost and both sides are told so. */
static void finish(struct worker *w, struct connection *c, bool reset)
{
	struct linger hard = { .l_onoff = 1 };

	if (c->dead)
		return;
	c->dead = true;
	for (int i = 0; i < 2; i++) {
		int fd = i ? c->down.fd : c->up.fd;

		if (reset)
			setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard,
				   sizeof(hard));
		close(fd);
	}
	c->next = w->graves;
	w->graves = c;
}

static void send_off(struct worker *w, struct way *y, struct piece *p)
{
	p->way = y;
	p->due = now() + w->line->delay;
	y->queued += p->len;
	y->c->pieces++;
	*w->air.end = p;
	w->air.end = &p->next;
	if (p->what != DATA)
		y->ended = true;
}

static void send_sign(struct worker *w, struct way *y, enum what what)
{
	struct piece *p = piece_new(w, 0);

	p->what = what;
	send_off(w, y, p);
}

/* Of `n` bytes just read, how many may pass; *what is said after them. */
static size_t faults(struct line *l, struct way *y, size_t n, enum what *what)
{
	int64_t limit = y->up ? l->reset_after : l->cut_down;
	atomic_long *left = y->up ? &l->resets : &l->cuts;
	size_t pass;

	*what = DATA;
	if (limit < 0 || y->total + (int64_t)n <= limit)
		return n;
	if (atomic_fetch_sub(left, 1) <= 0) {
		atomic_store(left, 0);
		return n;
	}
	*what = y->up ? RESET : END;
	pass = y->total < limit ? (size_t)(limit - y->total) : 0;
	return pass < n ? pass : n;
}

static void take(struct worker *w, struct way *y)
{
	struct piece *p = w->spare ? w->spare : piece_new(w, PIECE);
	ssize_t n = read(y->fd, p->bytes, PIECE);
	enum what what;
	size_t pass;

	w->spare = NULL;
	if (n <= 0) {
		w->spare = p;
		if (n == 0)
			send_sign(w, y, END);
		else if (errno != EAGAIN && errno != EINTR)
			send_sign(w, y, RESET);
		return;
	}
	pass = faults(w->line, y, (size_t)n, &what);
	y->total += n;
	if (pass <= SMALL) {
		w->spare = p;
		p = piece_new(w, pass);
		memcpy(p->bytes, w->spare->bytes, pass);
	}
	p->len = pass;
	send_off(w, y, p);
	if (what != DATA)
		send_sign(w, y, what);
}

static void drop_first(struct worker *w, struct way *y)
{
	struct piece *p = y->here.first;

	y->here.first = p->sibling;
	if (!y->here.first)
		y->here.end = &y->here.first;
	y->queued -= p->len;
	y->c->pieces--;
	piece_free(w, p);
}

/* -1 if the socket takes no more. */
static int write_some(struct worker *w, struct way *y)
{
	struct iovec v[VECTORS];
	int n = 0;
	ssize_t sent;

	for (struct piece *p = y->here.first;
	     p && p->what == DATA && n < VECTORS; p = p->sibling, n++) {
		v[n].iov_base = p->bytes + p->done;
		v[n].iov_len = p->len - p->done;
	}
	sent = writev(y->other->fd, v, n);
	if (sent < 0) {
		if (errno != EAGAIN && errno != EINTR && errno != ENOTCONN)
			finish(w, y->c, true);
		return -1;
	}
	while (y->here.first && y->here.first->what == DATA) {
		struct piece *p = y->here.first;

		if ((size_t)sent < p->len - p->done) {
			p->done += (size_t)sent;
			return -1;
		}
		sent -= (ssize_t)(p->len - p->done);
		drop_first(w, y);
		if (sent == 0)
			break;
	}
	return 0;
}

/* Write what has arrived to the other side. */
static void deliver(struct worker *w, struct way *y)
{
	struct connection *c = y->c;

	while (!c->dead && y->here.first) {
		enum what what = y->here.first->what;

		if (what == DATA) {
			if (write_some(w, y) < 0)
				break;
			continue;
		}
		drop_first(w, y);
		if (what == RESET) {
			finish(w, c, true);
			return;
		}
		shutdown(y->other->fd, SHUT_WR);
		y->shut = true;
		if (y->other->shut) {
			finish(w, c, false);
			return;
		}
	}
	if (!c->dead) {
		watch(w, y);
		watch(w, y->other);
	}
}

/* What was long enough in the air arrives; then when the next one will. */
static void arrivals(struct worker *w)
{
	int64_t t = now();
	struct piece *p;

	while ((p = w->air.first) && p->due <= t) {
		struct way *y = p->way;
		bool first = !y->here.first;

		w->air.first = p->next;
		if (!w->air.first)
			w->air.end = &w->air.first;
		p->next = p->sibling = NULL;
		*y->here.end = p;
		y->here.end = &p->sibling;
		if (first || y->c->dead)
			deliver(w, y);
	}
}

static void handshakes(struct worker *w)
{
	struct connection *c;
	int64_t t = now();

	while ((c = w->shaking) && c->opens <= t) {
		w->shaking = c->next;
		if (!w->shaking)
			w->shaking_end = &w->shaking;
		c->next = NULL;
		c->up.open = c->down.open = true;
		watch(w, &c->up);
		watch(w, &c->down);
	}
}

/* The dead of whom nothing is in the air any more. */
static void bury(struct worker *w)
{
	struct connection **at = &w->graves;

	while (*at) {
		struct connection *c = *at;

		while (c->up.here.first)
			drop_first(w, &c->up);
		while (c->down.here.first)
			drop_first(w, &c->down);
		if (c->pieces > 0) {
			at = &c->next;
			continue;
		}
		*at = c->next;
		free(c);
	}
}

static void way_init(struct worker *w, struct way *y, struct way *other,
		     struct connection *c, int fd, bool up)
{
	struct epoll_event e = { .data.ptr = y };
	int on = 1;

	*y = (struct way){ .c = c, .other = other, .fd = fd, .up = up };
	y->here.end = &y->here.first;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (epoll_ctl(w->epoll, EPOLL_CTL_ADD, fd, &e) < 0)
		die("epoll_ctl");
}

static void meet(struct worker *w)
{
	int client = accept4(w->listener, NULL, NULL, SOCK_NONBLOCK);
	struct connection *c;
	int server;

	if (client < 0)
		return;
	server = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	c = calloc(1, sizeof(*c));
	if (server < 0 || !c)
		die("socket");
	if (connect(server, (struct sockaddr *)&w->line->target,
		    sizeof(w->line->target)) < 0 &&
	    errno != EINPROGRESS) {
		close(client); /* nobody there at this moment */
		close(server);
		free(c);
		return;
	}
	way_init(w, &c->up, &c->down, c, client, true);
	way_init(w, &c->down, &c->up, c, server, false);
	c->opens = now() + 2 * w->line->delay;
	*w->shaking_end = c;
	w->shaking_end = &c->next;
}

static void serve(struct worker *w, struct way *y, uint32_t events)
{
	if (y->c->dead)
		return;
	if (events & EPOLLOUT)
		deliver(w, y->other);
	if (!y->c->dead && (events & EPOLLIN) && y->open && !y->ended)
		take(w, y);
	else if (!y->c->dead && (events & (EPOLLERR | EPOLLHUP)) &&
		 !(events & EPOLLIN) && y->open) {
		/* Told again and again unless it is done with. */
		if (!y->ended)
			send_sign(w, y, RESET);
		epoll_ctl(w->epoll, EPOLL_CTL_DEL, y->fd, NULL);
		y->events = 0;
		return;
	}
	if (!y->c->dead)
		watch(w, y);
}

static const struct timespec *patience(const struct worker *w,
				       struct timespec *t)
{
	int64_t next = INT64_MAX, left;

	if (w->air.first)
		next = w->air.first->due;
	if (w->shaking && w->shaking->opens < next)
		next = w->shaking->opens;
	if (next == INT64_MAX)
		return NULL;
	left = next - now();
	if (left < 0)
		left = 0;
	t->tv_sec = left / 1000000000;
	t->tv_nsec = left % 1000000000;
	return t;
}

static void *work(void *arg)
{
	struct worker *w = arg;

	for (;;) {
		struct epoll_event events[EVENTS];
		struct timespec t;
		int n = epoll_pwait2(w->epoll, events, EVENTS, patience(w, &t),
				     NULL);

		for (int i = 0; i < n; i++) {
			if (events[i].data.ptr)
				serve(w, events[i].data.ptr, events[i].events);
			else
				meet(w);
		}
		handshakes(w);
		arrivals(w);
		bury(w);
	}
	return NULL;
}

/* Listen where the others do, too; the kernel deals the connections out. */
static unsigned listen_on(struct worker *w, unsigned port)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons((uint16_t)port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct epoll_event e = { .events = EPOLLIN };
	socklen_t len = sizeof(a);
	int on = 1;

	w->air.end = &w->air.first;
	w->shaking_end = &w->shaking;
	w->epoll = epoll_create1(0);
	w->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (w->epoll < 0 || w->listener < 0)
		die("socket");
	setsockopt(w->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	setsockopt(w->listener, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
	if (bind(w->listener, (struct sockaddr *)&a, sizeof(a)) < 0 ||
	    listen(w->listener, 4096) < 0 ||
	    getsockname(w->listener, (struct sockaddr *)&a, &len) < 0 ||
	    epoll_ctl(w->epoll, EPOLL_CTL_ADD, w->listener, &e) < 0)
		die("listen");
	return ntohs(a.sin_port);
}

static void usage(void)
{
	fprintf(stderr,
		"usage: delay_proxy [--reset-after BYTES[:N]]\n"
		"\t[--cut-down BYTES[:N]] PORT ADDRESS:PORT MILLISECONDS\n");
	exit(2);
}

/* BYTES[:N] */
static void fault_arg(const char *text, int64_t *bytes, atomic_long *times)
{
	char *end;

	*bytes = strtoll(text, &end, 10);
	atomic_store(times, *end == ':' ? strtol(end + 1, &end, 10) : 1L << 40);
	if (*end || *bytes < 0)
		usage();
}

static void target_arg(char *text, struct sockaddr_in *out)
{
	char *colon = strrchr(text, ':');

	if (!colon)
		usage();
	*colon = '\0';
	out->sin_family = AF_INET;
	out->sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
	if (inet_pton(AF_INET, text, &out->sin_addr) != 1)
		usage();
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "reset-after", required_argument, NULL, 'r' },
		{ "cut-down", required_argument, NULL, 'c' },
		{ NULL, 0, NULL, 0 }
	};
	struct line line = { .reset_after = -1, .cut_down = -1 };
	struct worker workers[THREADS] = { 0 };
	struct rlimit files;
	unsigned port;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'r')
			fault_arg(optarg, &line.reset_after, &line.resets);
		else if (c == 'c')
			fault_arg(optarg, &line.cut_down, &line.cuts);
		else
			usage();
	}
	if (argc - optind != 3)
		usage();
	port = (unsigned)strtoul(argv[optind], NULL, 10);
	target_arg(argv[optind + 1], &line.target);
	line.delay = (int64_t)(strtod(argv[optind + 2], NULL) * 1e6);
	signal(SIGPIPE, SIG_IGN);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	for (int i = 0; i < THREADS; i++) {
		workers[i].line = &line;
		port = listen_on(&workers[i], port);
	}
	printf("port=%u\n", port);
	fflush(stdout);
	for (int i = 1; i < THREADS; i++) {
		pthread_t thread;

		if (pthread_create(&thread, NULL, work, &workers[i]) != 0)
			die("pthread_create");
	}
	work(&workers[0]);
	return 0;
}
