/*
 * The bare system calls of a copy, a comparison of times and a comparison of
 * contents, on two threads, with no care taken of anything: what scripts/bench
 * holds the programs against.
 *
 *	floor copy|times|content SRC DST
 *
 * For trees of folders and plain files with short paths only.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { THREADS = 2, CHUNK = 256 * 1024, PATH = 4096 };
enum work { COPY, TIMES, CONTENT };

struct floor {
	pthread_mutex_t lock; /* guards all but what is const */
	pthread_cond_t wake;
	char **queue; /* folders to be done */
	size_t n, cap, busy;
	long differ;
	enum work work;
	int src, dst;
};

static void die(const char *what)
{
	fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void push(struct floor *f, const char *path)
{
	pthread_mutex_lock(&f->lock);
	if (f->n == f->cap) {
		f->cap = f->cap ? f->cap * 2 : 64;
		f->queue = realloc(f->queue, f->cap * sizeof(char *));
		if (!f->queue)
			die("memory");
	}
	f->queue[f->n++] = strdup(path);
	pthread_cond_signal(&f->wake);
	pthread_mutex_unlock(&f->lock);
}

/* The next folder, or NULL when all is done. */
static char *pop(struct floor *f)
{
	char *path = NULL;

	pthread_mutex_lock(&f->lock);
	f->busy--;
	while (f->n == 0 && f->busy > 0)
		pthread_cond_wait(&f->wake, &f->lock);
	if (f->n > 0) {
		path = f->queue[--f->n];
		f->busy++;
	} else {
		pthread_cond_broadcast(&f->wake);
	}
	pthread_mutex_unlock(&f->lock);
	return path;
}

static void copy_file(int src, int dst, const char *name, char *buf)
{
	int from = openat(src, name, O_RDONLY | O_NOFOLLOW);
	int to = openat(dst, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	struct stat st;
	ssize_t n;

	if (from < 0 || to < 0 || fstat(from, &st) < 0)
		die(name);
	while ((n = read(from, buf, CHUNK)) > 0)
		if (write(to, buf, (size_t)n) != n)
			die(name);
	fchmod(to, st.st_mode & 07777);
	futimens(to, (struct timespec[]){ st.st_atim, st.st_mtim });
	close(from);
	close(to);
}

static bool same_times(int src, int dst, const char *name)
{
	struct stat a, b;

	return fstatat(src, name, &a, AT_SYMLINK_NOFOLLOW) == 0 &&
	       fstatat(dst, name, &b, AT_SYMLINK_NOFOLLOW) == 0 &&
	       a.st_size == b.st_size && a.st_mtim.tv_sec == b.st_mtim.tv_sec &&
	       a.st_mtim.tv_nsec == b.st_mtim.tv_nsec;
}

static bool same_content(int src, int dst, const char *name, char *buf)
{
	int a = openat(src, name, O_RDONLY), b = openat(dst, name, O_RDONLY);
	char *other = buf + CHUNK;
	bool same = a >= 0 && b >= 0;
	ssize_t n;

	while (same && (n = read(a, buf, CHUNK)) > 0)
		same = read(b, other, CHUNK) == n &&
		       memcmp(buf, other, (size_t)n) == 0;
	close(a);
	close(b);
	return same;
}

static void folder(struct floor *f, const char *path, char *buf)
{
	int src = openat(f->src, path, O_RDONLY | O_DIRECTORY);
	int dst = openat(f->dst, path, O_RDONLY | O_DIRECTORY);
	DIR *d = fdopendir(src);
	long differ = 0;

	if (!d || dst < 0)
		die(path);
	for (const struct dirent *e; (e = readdir(d));) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (e->d_type == DT_DIR) {
			char sub[PATH];

			snprintf(sub, sizeof(sub), "%s/%s", path, e->d_name);
			if (f->work == COPY)
				mkdirat(dst, e->d_name, 0755);
			push(f, sub);
		} else if (f->work == COPY) {
			copy_file(src, dst, e->d_name, buf);
		} else if (f->work == TIMES) {
			differ += !same_times(src, dst, e->d_name);
		} else {
			differ += !same_content(src, dst, e->d_name, buf);
		}
	}
	closedir(d);
	close(dst);
	if (differ) {
		pthread_mutex_lock(&f->lock);
		f->differ += differ;
		pthread_mutex_unlock(&f->lock);
	}
}

static void *worker(void *arg)
{
	struct floor *f = arg;
	char *buf = malloc(2 * (size_t)CHUNK), *path;

	if (!buf)
		die("memory");
	while ((path = pop(f))) {
		folder(f, path, buf);
		free(path);
	}
	free(buf);
	return NULL;
}

int main(int argc, char **argv)
{
	struct floor f = { .lock = PTHREAD_MUTEX_INITIALIZER,
			   .wake = PTHREAD_COND_INITIALIZER,
			   .busy = THREADS };
	pthread_t t[THREADS];

	if (argc != 4)
		return 2;
	f.work = strcmp(argv[1], "copy") == 0    ? COPY
		 : strcmp(argv[1], "times") == 0 ? TIMES
						 : CONTENT;
	if (f.work == COPY)
		mkdir(argv[3], 0755);
	f.src = open(argv[2], O_RDONLY | O_DIRECTORY);
	f.dst = open(argv[3], O_RDONLY | O_DIRECTORY);
	if (f.src < 0 || f.dst < 0)
		die(argv[3]);
	push(&f, ".");
	for (int i = 0; i < THREADS; i++)
		pthread_create(&t[i], NULL, worker, &f);
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	return f.differ != 0;
}
