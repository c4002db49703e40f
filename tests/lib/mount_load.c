/*
 * Work on a mounted folder, timed inside so that no shell is measured.
 *
 *	mount_load reads FILE N SIZE	N reads of SIZE bytes, anywhere
 *	mount_load files DIR		read all files in it and its folders
 *	mount_load create DIR N SIZE	N new files
 *	mount_load byte FILE		its first byte
 *
 * Prints `N SECONDS`.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { CHUNK = 1 << 20 };

static void die(const char *what)
{
	fprintf(stderr, "mount_load: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static long reads(const char *path, long n, size_t size, char *buf)
{
	int fd = open(path, O_RDONLY);
	uint64_t x = (uint64_t)time(NULL) * 2 + 1, places;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		die(path);
	places = (uint64_t)st.st_size / size;
	for (long i = 0; i < n; i++) {
		x = x * 6364136223846793005ULL + 1442695040888963407ULL;
		if (pread(fd, buf, size, (off_t)((x >> 33) % places * size)) !=
		    (ssize_t)size)
			die("pread");
	}
	close(fd);
	return n;
}

static void read_file(int at, const char *name, char *buf)
{
	int fd = openat(at, name, O_RDONLY);
	ssize_t n;

	if (fd < 0)
		die(name);
	do
		n = read(fd, buf, CHUNK);
	while (n > 0);
	if (n < 0)
		die(name);
	close(fd);
}

static long files(int at, const char *name, char *buf)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;
	long n = 0;

	if (!d)
		die(name);
	while ((e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		if (e->d_type == DT_DIR) {
			n += files(fd, e->d_name, buf);
		} else {
			read_file(fd, e->d_name, buf);
			n++;
		}
	}
	closedir(d);
	return n;
}

static long create(const char *dir, long n, size_t size, char *buf)
{
	int at = open(dir, O_RDONLY | O_DIRECTORY), fd;
	char name[40];

	if (at < 0)
		die(dir);
	for (long i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "new-%05ld", i);
		fd = openat(at, name, O_WRONLY | O_CREAT | O_EXCL, 0644);
		if (fd < 0 || write(fd, buf, size) != (ssize_t)size ||
		    close(fd) < 0)
			die(name);
	}
	close(at);
	return n;
}

static long first_byte(const char *path)
{
	int fd = open(path, O_RDONLY);
	char byte;

	if (fd < 0 || read(fd, &byte, 1) != 1)
		die(path);
	close(fd);
	return 1;
}

int main(int argc, char **argv)
{
	const char *what = argc > 2 ? argv[1] : "";
	long n = argc > 4 ? strtol(argv[3], NULL, 10) : 1;
	size_t size = argc > 4 ? strtoul(argv[4], NULL, 10) : 1;
	char *buf = calloc(1, CHUNK);
	double start = now();

	if (!buf || size > CHUNK || size == 0)
		return 2;
	if (strcmp(what, "reads") == 0)
		n = reads(argv[2], n, size, buf);
	else if (strcmp(what, "files") == 0)
		n = files(AT_FDCWD, argv[2], buf);
	else if (strcmp(what, "create") == 0)
		n = create(argv[2], n, size, buf);
	else if (strcmp(what, "byte") == 0)
		n = first_byte(argv[2]);
	else
		return 2;
	printf("%ld %.6f\n", n, now() - start);
	free(buf);
	return 0;
}
