/*
 * What fsync(2) and close(2) have acknowledged, kept in a log outside of the
 * mount, so that after the mount was killed it can be proved that all of it is
 * there.
 *
 *	fsacked write [--seed N] [--ops N] [--pause MS] DIR LOG
 *	fsacked check DIR LOG
 *
 * write works below DIR, an empty folder, until it has done its operations or
 * DIR has gone (exit status 3), and tells LOG before each what it is going to
 * do and afterwards that it is done.  check says whether DIR is what it may be
 * after that; it can also be what a server has, once it was told everything.
 *
 * Names are those of some instant since the last fsync() of the folder, and no
 * earlier one than what an acknowledged file was called.  Files are made of
 * blocks that say whose they are and how often they were written; each is as
 * of the last acknowledgement or as of some write since.
 *
 * LOG: lines of an event and its words.
 *
 *	D		folders and names are acknowledged
 *	M PATH		mkdir
 *	G PATH PATH	a folder gets another name
 *	C ID PATH	a file is made
 *	R ID PATH	a file gets another name, which may be somebody's
 *	U ID		a file is deleted
 *	W ID AT N SEQ	blocks are written
 *	T ID N		a file is cut to N blocks
 *	A ID		what was done to this file is acknowledged
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

enum {
	FILES = 12,
	FOLDERS = 3,
	BLOCK = 512,
	BLOCKS = 400,
	PATH = 48,
	WHY = 300
};

/* A file, and which write its blocks are of (0: none, a hole or the end). */
struct file {
	uint32_t id; /* 0: none */
	char path[PATH];
	int fd; /* -1: not open */
	uint32_t blocks;
	uint32_t acked[BLOCKS];
	uint32_t now[BLOCKS];
	/* Since the last acknowledgement. */
	uint32_t cut; /* the lowest one, or BLOCKS */
	bool dirty;
};

/* One write, for the checker: what a block may also be. */
struct written {
	uint32_t id, at, n, seq;
};

/* What has which name. */
struct names {
	char folders[FOLDERS][PATH]; /* "": none */
	struct {
		uint32_t id;
		char path[PATH];
	} files[FILES];
};

struct work {
	const char *dir;
	int top;
	FILE *log;
	uint64_t random;
	struct names names;
	struct file files[FILES];
	uint32_t last_id, seq;
	/* The checker's. */
	struct names *states; /* since the last D; the first is its own */
	size_t n_states, must;
	struct written *writes; /* not acknowledged */
	size_t n_writes;
};

__attribute__((format(printf, 1, 2), noreturn)) static void die(const char *fmt,
								...)
{
	va_list ap;

	fprintf(stderr, "fsacked: ");
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\n");
	exit(1);
}

static uint64_t below(struct work *w, uint64_t n)
{
	w->random ^= w->random << 13;
	w->random ^= w->random >> 7;
	w->random ^= w->random << 17;
	return (w->random * 0x2545f4914f6cdd1dULL >> 16) % n;
}

static void block_fill(uint8_t *out, uint32_t id, uint32_t at, uint32_t seq)
{
	uint64_t x = (uint64_t)id << 40 ^ (uint64_t)at << 20 ^ seq;

	memcpy(out, (uint32_t[]){ 0xfe44f11e, id, at, seq }, 16);
	for (size_t i = 16; i < BLOCK; i += 8) {
		x = x * 6364136223846793005ULL + 1442695040888963407ULL;
		memcpy(out + i, &x, 8);
	}
}

/* ---- the work ------------------------------------------------------------ */

__attribute__((format(printf, 2, 3))) static void tell(struct work *w,
						       const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(w->log, fmt, ap);
	va_end(ap);
	if (fflush(w->log) != 0)
		die("the log: %s", strerror(errno));
}

/* An error: has the mount gone? */
__attribute__((noreturn)) static void broken(struct work *w, const char *what,
					     const char *path)
{
	int err = errno;
	struct statfs st;

	if (err == ENOTCONN || err == ECONNABORTED ||
	    (statfs(w->dir, &st) < 0 && errno == ENOTCONN))
		exit(3);
	die("%s %s: %s", what, path, strerror(err));
}

static void acknowledge(struct work *w, struct file *f)
{
	if (fsync(f->fd) < 0)
		broken(w, "fsync", f->path);
	tell(w, "A %u\n", f->id);
}

static void shut(struct work *w, struct file *f)
{
	int fd = f->fd;

	f->fd = -1;
	if (close(fd) < 0)
		broken(w, "close", f->path);
	tell(w, "A %u\n", f->id);
}

static bool taken(const struct work *w, const char *path)
{
	for (int i = 0; i < FILES; i++)
		if (w->files[i].id && strcmp(w->files[i].path, path) == 0)
			return true;
	return false;
}

static void some_name(struct work *w, char out[PATH])
{
	uint64_t folder = below(w, FOLDERS + 1);

	if (folder < FOLDERS)
		snprintf(out, PATH, "%.30s/name-%d", w->names.folders[folder],
			 (int)below(w, 6));
	else
		snprintf(out, PATH, "name-%d", (int)below(w, 6));
}

static void create(struct work *w, struct file *f)
{
	char path[PATH];

	some_name(w, path);
	if (taken(w, path))
		return;
	memset(f, 0, sizeof(*f));
	f->id = ++w->last_id;
	snprintf(f->path, PATH, "%s", path);
	tell(w, "C %u %s\n", f->id, path);
	f->fd = openat(w->top, path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC,
		       0644);
	if (f->fd < 0)
		broken(w, "create", path);
}

/* The first part of a write may be done when what is behind is killed. */
static int put_all(int fd, const uint8_t *p, size_t n, off_t at)
{
	while (n > 0) {
		ssize_t done = pwrite(fd, p, n, at);

		if (done <= 0)
			return -1;
		p += done;
		n -= (size_t)done;
		at += done;
	}
	return 0;
}

static void write_some(struct work *w, struct file *f)
{
	uint32_t at = (uint32_t)below(w, f->blocks + 8);
	uint32_t n = (uint32_t)below(w, below(w, 5) ? 12 : 120) + 1;
	uint8_t data[120 * BLOCK];

	if (at >= BLOCKS)
		at = BLOCKS - 1;
	if (n > BLOCKS - at)
		n = BLOCKS - at;
	w->seq++;
	for (uint32_t i = 0; i < n; i++)
		block_fill(data + (size_t)i * BLOCK, f->id, at + i, w->seq);
	tell(w, "W %u %u %u %u\n", f->id, at, n, w->seq);
	if (put_all(f->fd, data, (size_t)n * BLOCK, (off_t)at * BLOCK) < 0)
		broken(w, "write", f->path);
	if (f->blocks < at + n)
		f->blocks = at + n;
}

static void cut(struct work *w, struct file *f)
{
	uint32_t n = (uint32_t)below(w, f->blocks + 1);

	tell(w, "T %u %u\n", f->id, n);
	if (ftruncate(f->fd, (off_t)n * BLOCK) < 0)
		broken(w, "truncate", f->path);
	f->blocks = n;
}

static void drop(struct file *f)
{
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
	f->id = 0;
}

static void rename_it(struct work *w, struct file *f)
{
	char path[PATH];

	some_name(w, path);
	if (strcmp(path, f->path) == 0)
		return;
	tell(w, "R %u %s\n", f->id, path);
	if (renameat(w->top, f->path, w->top, path) < 0)
		broken(w, "rename", f->path);
	for (int i = 0; i < FILES; i++)
		if (w->files[i].id && strcmp(w->files[i].path, path) == 0)
			drop(&w->files[i]);
	snprintf(f->path, PATH, "%s", path);
}

static void unlink_it(struct work *w, struct file *f)
{
	tell(w, "U %u\n", f->id);
	if (unlinkat(w->top, f->path, 0) < 0)
		broken(w, "unlink", f->path);
	drop(f);
}

static void names_done(struct work *w)
{
	if (fsync(w->top) < 0 && errno != EINVAL && errno != ENOSYS)
		broken(w, "fsync", ".");
	tell(w, "D\n");
}

/* `path` after `from` has become `to`. */
static void carried(char path[PATH], const char *from, const char *to)
{
	size_t n = strlen(from);
	char out[2 * PATH];

	if (strncmp(path, from, n) != 0 || (path[n] && path[n] != '/'))
		return;
	snprintf(out, sizeof(out), "%s%s", to, path + n);
	memcpy(path, out, PATH);
	path[PATH - 1] = '\0';
}

static void rename_folder(struct work *w)
{
	char *old = w->names.folders[below(w, FOLDERS)], path[PATH];

	snprintf(path, PATH, "folder-%d", (int)below(w, 9));
	for (int i = 0; i < FOLDERS; i++)
		if (strcmp(w->names.folders[i], path) == 0)
			return;
	tell(w, "G %s %s\n", old, path);
	if (renameat(w->top, old, w->top, path) < 0)
		broken(w, "rename", old);
	for (int i = 0; i < FILES; i++)
		if (w->files[i].id)
			carried(w->files[i].path, old, path);
	snprintf(old, PATH, "%s", path);
}

static void start_folders(struct work *w)
{
	for (int i = 0; i < FOLDERS; i++) {
		char *name = w->names.folders[i];

		snprintf(name, PATH, "folder-%d", i);
		tell(w, "M %s\n", name);
		if (mkdirat(w->top, name, 0755) < 0)
			broken(w, "mkdir", name);
	}
}

static void reopen(struct work *w, struct file *f)
{
	f->fd = openat(w->top, f->path, O_RDWR | O_CLOEXEC);
	if (f->fd < 0)
		broken(w, "open", f->path);
}

static void one(struct work *w)
{
	struct file *f = &w->files[below(w, FILES)];
	uint64_t what = below(w, 100);

	if (what < 3)
		rename_folder(w);
	else if (what < 6)
		names_done(w);
	else if (f->id == 0)
		create(w, f);
	else if (what < 12)
		rename_it(w, f);
	else if (what < 15)
		unlink_it(w, f);
	else if (f->fd < 0)
		reopen(w, f);
	else if (what < 70)
		write_some(w, f);
	else if (what < 75)
		cut(w, f);
	else if (what < 85)
		shut(w, f);
	else
		acknowledge(w, f);
}

static int work(struct work *w, long ops, long pause)
{
	struct timespec t = { pause / 1000, pause % 1000 * 1000000 };

	start_folders(w);
	while (ops-- > 0) {
		one(w);
		if (pause)
			nanosleep(&t, NULL);
	}
	for (int i = 0; i < FILES; i++)
		if (w->files[i].id && w->files[i].fd >= 0)
			shut(w, &w->files[i]);
	names_done(w);
	return 0;
}

/* ---- reading the log ----------------------------------------------------- */

static void *grown(void *p, size_t n, size_t size)
{
	if ((n & (n - 1)) == 0)
		p = realloc(p, (n ? n * 2 : 1) * size);
	if (!p)
		die("no memory");
	return p;
}

static struct file *file_of(struct work *w, uint32_t id)
{
	for (int i = 0; i < FILES; i++)
		if (w->files[i].id == id)
			return &w->files[i];
	die("the log: no file %u", id);
}

static void state_add(struct work *w)
{
	for (int i = 0; i < FILES; i++) {
		w->names.files[i].id = w->files[i].id;
		memcpy(w->names.files[i].path, w->files[i].path, PATH);
	}
	w->states = grown(w->states, w->n_states, sizeof(*w->states));
	w->states[w->n_states++] = w->names;
}

/* What was done to a file is safe now, the name that it has, too. */
static void log_acked(struct work *w, struct file *f)
{
	size_t k = 0;

	if (!f->dirty)
		return;
	f->dirty = false;
	for (size_t i = 0; i < w->n_writes; i++)
		if (w->writes[i].id != f->id)
			w->writes[k++] = w->writes[i];
	w->n_writes = k;
	memcpy(f->acked, f->now, sizeof(f->now));
	f->cut = BLOCKS;
	k = w->n_states;
	for (int i = 0; k > 1; k--) {
		for (i = 0; i < FILES; i++)
			if (w->states[k - 2].files[i].id == f->id &&
			    strcmp(w->states[k - 2].files[i].path, f->path) ==
				    0)
				break;
		if (i == FILES)
			break;
	}
	if (w->must < k - 1)
		w->must = k - 1;
}

static void log_write(struct work *w, uint32_t id, uint32_t at, uint32_t n,
		      uint32_t seq)
{
	struct file *f = file_of(w, id);

	if (at >= BLOCKS || n > BLOCKS - at)
		die("the log: blocks %u", at);
	f->dirty = true;
	for (uint32_t i = at; i < at + n; i++)
		f->now[i] = seq;
	w->writes = grown(w->writes, w->n_writes, sizeof(*w->writes));
	w->writes[w->n_writes++] = (struct written){ id, at, n, seq };
}

static void log_cut(struct work *w, uint32_t id, uint32_t n)
{
	struct file *f = file_of(w, id);

	f->dirty = true;
	if (n < f->cut)
		f->cut = n;
	for (uint32_t i = n; i < BLOCKS; i++)
		f->now[i] = 0;
}

static void log_name(struct work *w, char what, uint32_t id, const char *path)
{
	struct file *f = what == 'C' ? file_of(w, 0) : file_of(w, id);

	for (int i = 0; i < FILES; i++)
		if (w->files[i].id && strcmp(w->files[i].path, path) == 0)
			w->files[i].id = 0;
	if (what == 'C') {
		memset(f, 0, sizeof(*f));
		f->id = id;
		f->cut = BLOCKS;
		f->dirty = true;
	}
	snprintf(f->path, PATH, "%s", path);
	state_add(w);
}

static void log_folder(struct work *w, const char *from, const char *to)
{
	int i = 0;

	while (i < FOLDERS - 1 && strcmp(w->names.folders[i], from) != 0)
		i++;
	snprintf(w->names.folders[i], PATH, "%s", to);
	for (i = 0; i < FILES; i++)
		if (*from)
			carried(w->files[i].path, from, to);
	state_add(w);
}

static void log_line(struct work *w, const char *line)
{
	char a[PATH] = "", b[PATH] = "", what = *line;
	unsigned n[4] = { 0 };

	if (what == 'M' && sscanf(line, "M %40s", a) == 1)
		log_folder(w, "", a);
	else if (what == 'G' && sscanf(line, "G %40s %40s", a, b) == 2)
		log_folder(w, a, b);
	else if ((what == 'C' || what == 'R') &&
		 sscanf(line + 1, "%u %40s", &n[0], a) == 2)
		log_name(w, what, n[0], a);
	else if (what == 'U' && sscanf(line, "U %u", &n[0]) == 1) {
		file_of(w, n[0])->id = 0;
		state_add(w);
	} else if (what == 'W' && sscanf(line, "W %u %u %u %u", &n[0], &n[1],
					 &n[2], &n[3]) == 4)
		log_write(w, n[0], n[1], n[2], n[3]);
	else if (what == 'T' && sscanf(line, "T %u %u", &n[0], &n[1]) == 2)
		log_cut(w, n[0], n[1]);
	else if (what == 'A' && sscanf(line, "A %u", &n[0]) == 1)
		log_acked(w, file_of(w, n[0]));
	else if (what == 'D') {
		w->n_states = w->must = 0;
		state_add(w);
	} else
		die("the log: %s", line);
}

/* ---- checking ------------------------------------------------------------ */

static bool may_be(const struct work *w, const struct file *f, uint32_t at,
		   uint32_t seq)
{
	if (seq == f->acked[at] || (seq == 0 && at >= f->cut))
		return true;
	for (size_t i = 0; i < w->n_writes; i++) {
		const struct written *x = &w->writes[i];

		if (x->id == f->id && at >= x->at && at < x->at + x->n &&
		    seq == x->seq)
			return true;
	}
	return false;
}

/* Of which write a block is, into *seq. */
static const char *block_seq(const char *path, uint32_t at, const uint8_t *p,
			     uint32_t id, uint32_t *seq, char out[WHY])
{
	static const uint8_t zeros[BLOCK];
	uint8_t want[BLOCK];
	uint32_t head[4];

	*seq = 0;
	if (memcmp(p, zeros, BLOCK) == 0)
		return NULL;
	memcpy(head, p, sizeof(head));
	block_fill(want, head[1], head[2], head[3]);
	if (memcmp(p, want, BLOCK) != 0)
		die("%s: block %u is torn", path, at);
	*seq = head[3];
	if (head[1] == id && head[2] == at)
		return NULL;
	snprintf(out, WHY, "%s: block %u of file %u is block %u of file %u",
		 path, at, id, head[2], head[1]);
	return out;
}

/* NULL: what is in the file may be; or what is wrong, in `out`. */
static const char *check_file(struct work *w, const char *path, uint32_t id,
			      char out[WHY])
{
	struct file *f = file_of(w, id);
	int fd = openat(w->top, path, O_RDONLY | O_CLOEXEC);
	const char *why = NULL;
	uint8_t p[BLOCK];
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		die("%s: %s", path, strerror(errno));
	if (st.st_size % BLOCK || st.st_size > (off_t)BLOCKS * BLOCK)
		die("%s: %lld bytes", path, (long long)st.st_size);
	for (uint32_t at = 0; at < BLOCKS && !why; at++) {
		ssize_t n = pread(fd, p, BLOCK, (off_t)at * BLOCK);
		uint32_t seq = 0;

		if (n < 0)
			die("%s: read: %s", path, strerror(errno));
		if (n != ((off_t)at * BLOCK < st.st_size ? BLOCK : 0))
			die("%s: %zd bytes at block %u", path, n, at);
		if (n)
			why = block_seq(path, at, p, id, &seq, out);
		if (why || may_be(w, f, at, seq))
			continue;
		snprintf(out, WHY,
			 "%s: block %u is of write %u, and that of %u was "
			 "acknowledged",
			 path, at, seq, f->acked[at]);
		why = out;
	}
	close(fd);
	return why;
}

/* NULL: the files of this state have what they may have. */
static const char *unlike(struct work *w, const struct names *s, char out[WHY])
{
	const char *why = NULL;

	for (int i = 0; i < FILES; i++) {
		/* Of one that was deleted since nothing is known. */
		for (int j = 0; s->files[i].id && !why && j < FILES; j++)
			if (w->files[j].id == s->files[i].id)
				why = check_file(w, s->files[i].path,
						 s->files[i].id, out);
	}
	return why;
}

static bool known(const struct names *s, const char *path, bool folder)
{
	for (int i = 0; folder && i < FOLDERS; i++)
		if (strcmp(s->folders[i], path) == 0)
			return true;
	for (int i = 0; !folder && i < FILES; i++)
		if (s->files[i].id && strcmp(s->files[i].path, path) == 0)
			return true;
	return false;
}

/* The entries of a folder that the state does not know; *n counts the rest. */
static const char *stranger(struct work *w, const struct names *s,
			    const char *folder, int *n, char out[WHY])
{
	int fd = openat(w->top, *folder ? folder : ".",
			O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const char *found = NULL;
	struct dirent *d;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	while (dir && !found && (d = readdir(dir))) {
		if (d->d_name[0] == '.')
			continue;
		snprintf(out, WHY, "%.30s%s%s", folder, *folder ? "/" : "",
			 d->d_name);
		if (!known(s, out, d->d_type == DT_DIR))
			found = out;
		++*n;
	}
	if (dir)
		closedir(dir);
	return found;
}

/* NULL: the names are those of this state; or in what they differ. */
static const char *differs(struct work *w, const struct names *s, char out[WHY])
{
	const char *found = stranger(w, s, "", &(int){ 0 }, out);
	struct stat st;

	for (int i = 0; !found && i < FOLDERS; i++) {
		if (!*s->folders[i])
			continue;
		found = stranger(w, s, s->folders[i], &(int){ 0 }, out);
		if (!found && fstatat(w->top, s->folders[i], &st, 0) < 0)
			found = s->folders[i];
	}
	for (int i = 0; !found && i < FILES; i++)
		if (s->files[i].id &&
		    fstatat(w->top, s->files[i].path, &st, 0) < 0)
			found = s->files[i].path;
	return found;
}

/*
 * What is there is one of the states since the one that was acknowledged: its
 * names, and what is in its files, since a name may have come to another file.
 */
static int check(struct work *w)
{
	char line[200], out[WHY];
	const char *why = NULL;
	size_t k;

	state_add(w);
	while (fgets(line, sizeof(line), w->log))
		if (strchr(line, '\n'))
			log_line(w, line);
	for (k = w->n_states; k-- > w->must;) {
		why = differs(w, &w->states[k], out);
		if (!why)
			why = unlike(w, &w->states[k], out);
		if (!why)
			break;
		printf("state %zu of %zu: %s\n", k, w->n_states, why);
	}
	if (why)
		die("what never was together, since state %zu was "
		    "acknowledged (%s)",
		    w->must, why);
	printf("state %zu of %zu\n", k + 1, w->n_states);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct option opts[] = {
		{ "seed", required_argument, NULL, 's' },
		{ "ops", required_argument, NULL, 'n' },
		{ "pause", required_argument, NULL, 'p' },
		{ NULL, 0, NULL, 0 }
	};
	static struct work w = { .random = 0x9e3779b97f4a7c15ULL };
	long ops = 1000, pause = 0;
	bool writes;
	int c;

	while ((c = getopt_long(argc, argv, "", opts, NULL)) >= 0) {
		long n = optarg ? strtol(optarg, NULL, 10) : 0;

		if (c == 's')
			w.random = (uint64_t)n * 0x9e3779b97f4a7c15ULL + 1;
		else if (c == 'n')
			ops = n;
		else
			pause = n;
	}
	if (argc - optind != 3)
		die("usage: fsacked write|check DIR LOG");
	writes = strcmp(argv[optind], "write") == 0;
	w.dir = argv[optind + 1];
	w.top = open(w.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	w.log = fopen(argv[optind + 2], writes ? "w" : "r");
	if (w.top < 0 || !w.log)
		die("%s: %s", w.dir, strerror(errno));
	for (int i = 0; i < FILES; i++)
		w.files[i].fd = -1;
	return writes ? work(&w, ops, pause) : check(&w);
}
