/*
 * Files to a web server and back with nothing but sockets, as fast as it goes
 * and with no care taken of anything: what scripts/bench holds the programs
 * against.
 *
 *	bare_puts put|get PORT CONNECTIONS LIST
 *
 * on 127.0.0.1. LIST has a line for each file: its path in the URL, a tab,
 * the local file. A thread a connection, which is kept; whoever is free takes
 * the next line. What is not a success ends the program.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { BUFFER = 256 * 1024, HEAD = 8192, CONNECTIONS_MAX = 1024 };

struct file {
	char *path, *local;
};

struct job {
	bool put;
	uint16_t port;
	struct file *files;
	size_t n;
	atomic_size_t next;
};

struct connection {
	struct job *job;
	pthread_t thread;
	int fd;
	char buffer[BUFFER];
};

static void die(const char *what, const char *why)
{
	fprintf(stderr, "bare_puts: %s: %s\n", what, why);
	exit(1);
}

static void die_errno(const char *what)
{
	die(what, strerror(errno));
}

static void send_all(int fd, struct iovec *v, int n)
{
	while (n > 0) {
		ssize_t sent = writev(fd, v, n);

		if (sent < 0)
			die_errno("send");
		for (; n > 0 && (size_t)sent >= v->iov_len; v++, n--)
			sent -= (ssize_t)v->iov_len;
		if (n > 0) {
			v->iov_base = (char *)v->iov_base + sent;
			v->iov_len -= (size_t)sent;
		}
	}
}

static void write_all(int fd, const char *p, size_t n, const char *name)
{
	while (n > 0) {
		ssize_t done = write(fd, p, n);

		if (done < 0)
			die_errno(name);
		p += done;
		n -= (size_t)done;
	}
}

static size_t receive(struct connection *c, char *to, size_t room)
{
	ssize_t n = recv(c->fd, to, room, 0);

	if (n < 0)
		die_errno("receive");
	if (n == 0)
		die("receive", "the server has closed the connection");
	return (size_t)n;
}

/* Of an answer that ends in a blank line; 0 where none is told (204). */
static size_t length_of(const char *head)
{
	for (const char *p = strchr(head, '\n'); p; p = strchr(p, '\n')) {
		p++;
		if (strncasecmp(p, "content-length:", 15) == 0)
			return strtoul(p + 15, NULL, 10);
		if (strncasecmp(p, "transfer-encoding:", 18) == 0)
			die("answer", "chunked");
	}
	return 0;
}

/* The body goes to `out`, or nowhere if that is -1. */
static void answer(struct connection *c, const struct file *f, int out)
{
	size_t have = 0, left;
	char *end = NULL;

	while (!end) {
		if (have == HEAD)
			die(f->path, "a long head");
		have += receive(c, c->buffer + have, HEAD - have);
		c->buffer[have] = '\0';
		end = strstr(c->buffer, "\r\n\r\n");
	}
	if (strncmp(c->buffer, "HTTP/1.1 2", 10) != 0) {
		*strchr(c->buffer, '\r') = '\0';
		die(f->path, c->buffer);
	}
	end[2] = '\0';
	left = length_of(c->buffer);
	end += 4;
	have -= (size_t)(end - c->buffer);
	if (have > left)
		die(f->path, "more than was asked for");
	while (true) {
		if (out >= 0)
			write_all(out, end, have, f->local);
		left -= have;
		if (left == 0)
			break;
		end = c->buffer;
		have = receive(c, end, left < BUFFER ? left : BUFFER);
	}
}

static void put_file(struct connection *c, const struct file *f)
{
	int fd = open(f->local, O_RDONLY | O_CLOEXEC), n;
	char head[HEAD];
	struct stat st;
	struct iovec v[2] = { { .iov_base = head }, { .iov_base = c->buffer } };
	int64_t left;

	if (fd < 0 || fstat(fd, &st) < 0)
		die_errno(f->local);
	left = st.st_size;
	n = snprintf(head, sizeof(head),
		     "PUT %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n"
		     "Content-Length: %jd\r\n\r\n",
		     f->path, c->job->port, (intmax_t)left);
	if (n < 0 || n >= HEAD)
		die(f->path, "a long name");
	v[0].iov_len = (size_t)n;
	do {
		ssize_t got = read(fd, c->buffer, BUFFER);

		if (got < 0 || (got == 0 && left > 0))
			die_errno(f->local);
		v[1].iov_base = c->buffer;
		v[1].iov_len = (size_t)got;
		send_all(c->fd, v, got > 0 ? 2 : 1);
		v[0].iov_len = 0;
		left -= got;
	} while (left > 0);
	close(fd);
	answer(c, f, -1);
}

static void get_file(struct connection *c, const struct file *f)
{
	char head[HEAD];
	struct iovec v = { .iov_base = head };
	int n = snprintf(head, sizeof(head),
			 "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n\r\n",
			 f->path, c->job->port);
	int fd;

	if (n < 0 || n >= HEAD)
		die(f->path, "a long name");
	v.iov_len = (size_t)n;
	send_all(c->fd, &v, 1);
	fd = open(f->local, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		die_errno(f->local);
	answer(c, f, fd);
	if (close(fd) < 0)
		die_errno(f->local);
}

static void *work(void *arg)
{
	struct connection *c = arg;
	struct job *job = c->job;
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(job->port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int on = 1;
	size_t i;

	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0 ||
	    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0 ||
	    connect(c->fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		die_errno("connect");
	while ((i = atomic_fetch_add(&job->next, 1)) < job->n) {
		if (job->put)
			put_file(c, &job->files[i]);
		else
			get_file(c, &job->files[i]);
	}
	close(c->fd);
	return NULL;
}

static void read_list(struct job *job, const char *path)
{
	FILE *f = fopen(path, "r");
	char *line = NULL;
	size_t room = 0, cap = 0;

	if (!f)
		die_errno(path);
	while (getline(&line, &room, f) > 0) {
		char *tab = strchr(line, '\t');

		if (!tab)
			die(path, "a line without a tab");
		*tab = '\0';
		tab[1 + strcspn(tab + 1, "\n")] = '\0';
		if (job->n == cap) {
			cap = cap ? cap * 2 : 1024;
			job->files =
				realloc(job->files, cap * sizeof(struct file));
			if (!job->files)
				die_errno("memory");
		}
		job->files[job->n++] =
			(struct file){ strdup(line), strdup(tab + 1) };
	}
	free(line);
	fclose(f);
}

int main(int argc, char **argv)
{
	struct job job = { 0 };
	struct connection *c;
	size_t n = argc == 5 ? strtoul(argv[3], NULL, 10) : 0;

	if (n < 1 || n > CONNECTIONS_MAX) {
		fprintf(stderr,
			"usage: bare_puts put|get PORT CONNECTIONS LIST\n");
		return 2;
	}
	job.put = strcmp(argv[1], "put") == 0;
	job.port = (uint16_t)strtoul(argv[2], NULL, 10);
	read_list(&job, argv[4]);
	c = calloc(n, sizeof(*c));
	if (!c)
		die_errno("memory");
	for (size_t i = 0; i < n; i++) {
		c[i].job = &job;
		if (pthread_create(&c[i].thread, NULL, work, &c[i]) != 0)
			die("thread", "cannot be made");
	}
	for (size_t i = 0; i < n; i++)
		pthread_join(c[i].thread, NULL);
	for (size_t i = 0; i < job.n; i++) {
		free(job.files[i].path);
		free(job.files[i].local);
	}
	free(job.files);
	free(c);
	return 0;
}
