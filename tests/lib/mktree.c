/*
 * Make trees for scripts/bench, quickly and the same each time:
 *
 *	mktree small DIR FILES FOLDERS	files of 0-16 KiB
 *	mktree empty DIR FILES FOLDERS	empty files
 *	mktree large FILE BYTES		one file
 *	mktree touch DIR FILES FOLDERS SEED	change 1% of a `small` tree
 *	mktree noise FILE BYTES		one file of which no part comes twice
 *	mktree edit FILE COUNT SEED	4 KiB of noise at each of COUNT places
 *	mktree source DIR BYTES	text that compresses as programs do
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SMALL_MAX = 16 * 1024, NOISE = 1024 * 1024, EDIT = 4096, WORDS = 4096 };

static uint64_t state = 0x9e3779b97f4a7c15;
static char noise[NOISE];

static uint64_t next_random(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static void die(const char *what)
{
	fprintf(stderr, "mktree: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void write_file(int dir, const char *name, size_t n)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	if (fd < 0)
		die(name);
	if (n &&
	    write(fd, noise + next_random() % (NOISE - n), n) != (ssize_t)n)
		die(name);
	close(fd);
}

/* Folder `i` of them; two levels, as people's trees have. */
static int open_folder(int top, long i)
{
	char name[64];

	snprintf(name, sizeof(name), "d%03ld", i / 50);
	if (mkdirat(top, name, 0755) < 0 && errno != EEXIST)
		die(name);
	snprintf(name, sizeof(name), "d%03ld/e%ld", i / 50, i);
	if (mkdirat(top, name, 0755) < 0 && errno != EEXIST)
		die(name);

	int fd = openat(top, name, O_RDONLY | O_DIRECTORY);

	if (fd < 0)
		die(name);
	return fd;
}

static void make_tree(const char *top, long files, long folders, size_t max,
		      long seed)
{
	long each = files / folders;
	int dir;

	if (mkdir(top, 0755) < 0 && errno != EEXIST)
		die(top);
	dir = open(top, O_RDONLY | O_DIRECTORY);
	if (dir < 0)
		die(top);
	for (long d = 0; d < folders; d++) {
		int fd = open_folder(dir, d);

		for (long f = 0; f < each; f++) {
			char name[64];

			if (seed && (d * each + f + seed) % 100)
				continue;
			snprintf(name, sizeof(name), "file-%05ld.dat", f);
			write_file(fd, name,
				   max ? (size_t)(next_random() % max) : 0);
		}
		close(fd);
	}
	close(dir);
}

static void make_large(const char *path, long long size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	if (fd < 0)
		die(path);
	while (size > 0) {
		size_t n = size < NOISE ? (size_t)size : NOISE;

		memcpy(noise, &size, sizeof(size)); /* no block twice */
		if (write(fd, noise, n) != (ssize_t)n)
			die(path);
		size -= (long long)n;
	}
	close(fd);
}

static void refresh(void)
{
	for (size_t i = 0; i < NOISE; i += 8) {
		uint64_t r = next_random();

		memcpy(noise + i, &r, 8);
	}
}

static void make_noise(const char *path, long long size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	if (fd < 0)
		die(path);
	while (size > 0) {
		size_t n = size < NOISE ? (size_t)size : NOISE;

		refresh();
		if (write(fd, noise, n) != (ssize_t)n)
			die(path);
		size -= (long long)n;
	}
	close(fd);
}

static void edit(const char *path, long count, long seed)
{
	int fd = open(path, O_WRONLY);
	off_t size = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);

	if (size < EDIT)
		die(path);
	state += (uint64_t)seed * 0x2545f4914f6cdd1d;
	refresh();
	for (long i = 0; i < count; i++) {
		off_t at = (off_t)(next_random() % (uint64_t)(size / EDIT));
		size_t from = next_random() % (NOISE - EDIT);

		if (pwrite(fd, noise + from, EDIT, at * EDIT) != EDIT)
			die(path);
	}
	close(fd);
}

/* The lower the number, the more often it comes. */
static size_t often(size_t n)
{
	uint64_t r = next_random();
	size_t top = (size_t)1 << (r % 13);

	return (size_t)(r >> 16) % (top < n ? top : n);
}

static size_t add_line(char *p, const char (*words)[16])
{
	size_t n = next_random() % 4, count = 2 + next_random() % 7;

	memset(p, '\t', n);
	while (count--) {
		const char *w = words[often(WORDS)];
		size_t len = strlen(w);

		memcpy(p + n, w, len);
		n += len;
		p[n++] = " ,(.=)->;"[next_random() % 9];
	}
	p[n++] = '\n';
	return n;
}

/* A piece of what stands above, as programs have. */
static size_t repeat(char *text, size_t n)
{
	size_t len = 20 + next_random() % 100;

	memmove(text + n, text + next_random() % (n - len), len);
	return len;
}

static void make_words(char (*words)[16])
{
	for (size_t i = 0; i < WORDS; i++) {
		size_t len = 2 + next_random() % 11;

		for (size_t k = 0; k < len; k++)
			words[i][k] = (char)('a' + next_random() % 26);
		words[i][len] = '\0';
	}
}

/* Files of 1 to 40 KiB, some hundred in a folder. */
static void make_source(const char *top, long long size)
{
	static char words[WORDS][16], text[64 * 1024];
	int dir, fd = -1;

	make_words(words);
	if (mkdir(top, 0755) < 0 && errno != EEXIST)
		die(top);
	dir = open(top, O_RDONLY | O_DIRECTORY);
	if (dir < 0)
		die(top);
	for (long i = 0; size > 0; i++) {
		size_t want = 1024 + next_random() % (39 * 1024), n = 0;
		char name[64];
		int out;

		if (i % 200 == 0) {
			if (fd >= 0)
				close(fd);
			fd = open_folder(dir, i / 200);
		}
		while (n < want) {
			if (n > 600 && next_random() % 3 > 0)
				n += repeat(text, n);
			n += add_line(text + n, (const char(*)[16])words);
		}
		snprintf(name, sizeof(name), "file-%05ld.c", i);
		out = openat(fd, name, O_WRONLY | O_CREAT | O_TRUNC, 0644);
		if (out < 0 || write(out, text, n) != (ssize_t)n)
			die(name);
		close(out);
		size -= (long long)n;
	}
	close(fd);
	close(dir);
}

int main(int argc, char **argv)
{
	refresh();
	if (argc == 5 && strcmp(argv[1], "small") == 0)
		make_tree(argv[2], strtol(argv[3], NULL, 10),
			  strtol(argv[4], NULL, 10), SMALL_MAX, 0);
	else if (argc == 5 && strcmp(argv[1], "empty") == 0)
		make_tree(argv[2], strtol(argv[3], NULL, 10),
			  strtol(argv[4], NULL, 10), 0, 0);
	else if (argc == 6 && strcmp(argv[1], "touch") == 0)
		make_tree(argv[2], strtol(argv[3], NULL, 10),
			  strtol(argv[4], NULL, 10), SMALL_MAX,
			  strtol(argv[5], NULL, 10));
	else if (argc == 4 && strcmp(argv[1], "large") == 0)
		make_large(argv[2], strtoll(argv[3], NULL, 10));
	else if (argc == 4 && strcmp(argv[1], "noise") == 0)
		make_noise(argv[2], strtoll(argv[3], NULL, 10));
	else if (argc == 5 && strcmp(argv[1], "edit") == 0)
		edit(argv[2], strtol(argv[3], NULL, 10),
		     strtol(argv[4], NULL, 10));
	else if (argc == 4 && strcmp(argv[1], "source") == 0)
		make_source(argv[2], strtoll(argv[3], NULL, 10));
	else
		return 2;
	return 0;
}
