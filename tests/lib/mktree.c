/*
 * Make trees for scripts/bench, quickly and the same each time:
 *
 *	mktree small DIR FILES FOLDERS	files of 0-16 KiB
 *	mktree empty DIR FILES FOLDERS	empty files
 *	mktree large FILE BYTES		one file
 *	mktree touch DIR FILES FOLDERS SEED	change 1% of a `small` tree
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SMALL_MAX = 16 * 1024, NOISE = 1024 * 1024 };

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

int main(int argc, char **argv)
{
	for (size_t i = 0; i < NOISE; i += 8) {
		uint64_t r = next_random();

		memcpy(noise + i, &r, 8);
	}
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
	else
		return 2;
	return 0;
}
