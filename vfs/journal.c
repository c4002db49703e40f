#include "vfs/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/log.h"

enum {
	ALIGN = 8,
	GROW = 1 << 20, /* zeros written ahead: to write over them is quicker */
	FRAME_MAX = 256 << 20,
	FILES = 2
};

/* The last byte is the version; the bytes are in the machine's order. */
static const char magic[4] = { 'F', 'e', 'J', 1 };

struct head {
	char magic[4];
	uint32_t len; /* of the records behind it */
	uint64_t number, salt;
	uint64_t sum; /* of the records and of this, with 0 here */
};

struct record_head {
	uint32_t kind, len;
};

/* ---- records ------------------------------------------------------------- */

size_t journal_begin(struct buf *to, enum journal_kind kind)
{
	struct record_head h = { .kind = kind };
	size_t at = to->len;

	buf_add(to, &h, sizeof(h));
	return at;
}

void journal_end(struct buf *to, size_t begun)
{
	struct record_head h;

	memcpy(&h, to->data + begun, sizeof(h));
	h.len = (uint32_t)(to->len - begun - sizeof(h));
	memcpy(to->data + begun, &h, sizeof(h));
}

void journal_record(struct buf *to, enum journal_kind kind, const void *head,
		    size_t head_len, const void *rest, size_t rest_len)
{
	size_t at = journal_begin(to, kind);

	buf_add(to, head, head_len);
	if (rest_len)
		buf_add(to, rest, rest_len);
	journal_end(to, at);
}

int journal_next(const char **p, size_t *n, struct record *out)
{
	struct record_head h;

	if (*n == 0)
		return 0;
	if (*n < sizeof(h))
		return -1;
	memcpy(&h, *p, sizeof(h));
	if (h.len > *n - sizeof(h))
		return -1;
	*out = (struct record){ h.kind, *p + sizeof(h), h.len };
	*p += sizeof(h) + h.len;
	*n -= sizeof(h) + h.len;
	return 1;
}

/* ---- frames -------------------------------------------------------------- */

static uint64_t mix(uint64_t h, uint64_t word)
{
	h = (h ^ word) * UINT64_C(0x9e3779b97f4a7c15);
	return h ^ h >> 29;
}

/* Finds what is torn, not what somebody has forged. */
static uint64_t sum_add(uint64_t h, const char *p, size_t n)
{
	uint64_t word;

	for (; n >= sizeof(word); p += sizeof(word), n -= sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		h = mix(h, word);
	}
	word = 0;
	memcpy(&word, p, n);
	return mix(h, word ^ (uint64_t)n << 56);
}

static uint64_t sum_begin(const struct head *h)
{
	struct head none = *h;

	none.sum = 0;
	return sum_add(UINT64_C(0x6665727279206a6c), (const char *)&none,
		       sizeof(none));
}

static size_t padded(size_t len)
{
	return (sizeof(struct head) + len + ALIGN - 1) / ALIGN * ALIGN;
}

int frames_next(struct frames *f, const char **records, size_t *len)
{
	struct head h;

	if (f->n - f->at < sizeof(h))
		return 0;
	memcpy(&h, f->p + f->at, sizeof(h));
	if (memcmp(h.magic, magic, sizeof(magic)) != 0 || h.salt == 0 ||
	    h.number == 0 || h.len > FRAME_MAX || padded(h.len) > f->n - f->at)
		return 0;
	if (f->salt && (h.salt != f->salt || h.number != f->number + 1))
		return 0;
	*records = f->p + f->at + sizeof(h);
	*len = h.len;
	if (h.sum != sum_add(sum_begin(&h), *records, *len))
		return 0;
	f->salt = h.salt;
	f->number = h.number;
	f->at += padded(h.len);
	return 1;
}

void frame_pack(struct buf *out, uint64_t number, uint64_t salt,
		const struct buf *a, const struct buf *b)
{
	static const char zeros[ALIGN];
	struct head h = { .len = (uint32_t)(a->len + b->len),
			  .number = number,
			  .salt = salt };
	size_t start = out->len, fill = padded(h.len) - sizeof(h) - h.len;

	memcpy(h.magic, magic, sizeof(magic));
	buf_add(out, &h, sizeof(h));
	buf_add(out, a->data, a->len);
	buf_add(out, b->data, b->len);
	h.sum = sum_add(sum_begin(&h), out->data + start + sizeof(h), h.len);
	memcpy(out->data + start, &h, sizeof(h));
	buf_add(out, zeros, fill);
}

/* ---- files --------------------------------------------------------------- */

struct file {
	int fd; /* -1: not made yet */
	char name[16];
	int64_t end, size;
	uint64_t salt, last; /* of its frames; `last` is 0 if there are none */
	bool unsynced, made; /* made: its name is not on stable storage yet */
};

struct journal {
	int folder;
	struct file file[FILES];
	unsigned at; /* the file that is appended to */
	struct buf frame;
	_Atomic uint64_t covered;
	_Atomic int64_t bytes;
	atomic_bool turn;
};

static int open_file(struct journal *j, struct op *op, struct file *f,
		     int flags)
{
	struct stat st;

	f->fd = openat(j->folder, f->name,
		       O_RDWR | O_CLOEXEC | O_NOFOLLOW | flags, 0600);
	if (f->fd < 0)
		return errno == ENOENT
			       ? 0
			       : err_sys(&op->err, "open \"%s\"", f->name);
	if (fstat(f->fd, &st) < 0)
		return err_sys(&op->err, "look at \"%s\"", f->name);
	f->size = st.st_size;
	f->made = flags & O_CREAT;
	return 0;
}

int journal_open(struct op *op, const char *folder, struct journal **out)
{
	struct journal *j = xcalloc(1, sizeof(*j));

	*out = j;
	j->frame = (struct buf)BUF_INIT;
	for (unsigned i = 0; i < FILES; i++) {
		j->file[i].fd = -1;
		snprintf(j->file[i].name, sizeof(j->file[i].name), "journal.%u",
			 i);
	}
	j->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (j->folder < 0)
		return err_sys(&op->err, "open \"%s\"", folder);
	for (unsigned i = 0; i < FILES; i++)
		if (open_file(j, op, &j->file[i], 0) < 0)
			return -1;
	return 0;
}

void journal_close(struct journal *j, bool over)
{
	if (!j)
		return;
	for (unsigned i = 0; i < FILES; i++) {
		if (j->file[i].fd < 0)
			continue;
		close(j->file[i].fd);
		if (over)
			unlinkat(j->folder, j->file[i].name, 0);
	}
	if (j->folder >= 0)
		close(j->folder);
	buf_free(&j->frame);
	free(j);
}

/* ---- replaying ----------------------------------------------------------- */

static int map_file(struct op *op, const struct file *f, struct frames *out)
{
	void *p;

	*out = (struct frames){ 0 };
	if (f->fd < 0 || f->size < (int64_t)sizeof(struct head))
		return 0;
	p = mmap(NULL, (size_t)f->size, PROT_READ, MAP_PRIVATE, f->fd, 0);
	if (p == MAP_FAILED)
		return err_sys(&op->err, "read \"%s\"", f->name);
	out->p = p;
	out->n = (size_t)f->size;
	if (memcmp(p, magic, sizeof(magic) - 1) == 0 &&
	    memcmp(p, magic, sizeof(magic)) != 0)
		return err_set(&op->err, ERR_UNSUPPORTED,
			       "\"%s\" is of another version of ferry, which "
			       "has not ended in order",
			       f->name);
	return 0;
}

static int replay_frame(struct op *op, const char *p, size_t n, journal_fn *fn,
			void *arg)
{
	struct record r;
	int rc;

	while ((rc = journal_next(&p, &n, &r)) == 1)
		if (fn(arg, op, &r) < 0)
			return -1;
	return rc < 0 ? err_set(&op->err, ERR_CORRUPT, "the journal") : 0;
}

/* From the frame behind `*last` on. */
static int replay_file(struct op *op, struct frames *f, journal_fn *fn,
		       void *arg, uint64_t *last)
{
	const char *p;
	size_t n;

	f->at = 0;
	f->salt = 0;
	while (frames_next(f, &p, &n) == 1) {
		if (f->number <= *last)
			continue;
		if (f->number != *last + 1) {
			log_notice(NULL,
				   "the journal has lost what came "
				   "before its change %llu",
				   (unsigned long long)f->number);
			return 0;
		}
		if (replay_frame(op, p, n, fn, arg) < 0)
			return -1;
		*last = f->number;
	}
	return 0;
}

static uint64_t first_number(struct frames *f)
{
	const char *p;
	size_t n;

	return frames_next(f, &p, &n) == 1 ? f->number : 0;
}

int journal_replay(struct journal *j, struct op *op, uint64_t after,
		   journal_fn *fn, void *arg, uint64_t *last)
{
	struct frames f[FILES] = { 0 };
	unsigned first;
	int rc = -1;

	*last = after;
	for (unsigned i = 0; i < FILES; i++)
		if (map_file(op, &j->file[i], &f[i]) < 0)
			goto out;
	first = first_number(&f[0]) > first_number(&f[1]);
	rc = replay_file(op, &f[first], fn, arg, last);
	if (rc == 0)
		rc = replay_file(op, &f[!first], fn, arg, last);
out:
	for (unsigned i = 0; i < FILES; i++)
		if (f[i].p)
			munmap((void *)(uintptr_t)f[i].p, f[i].n);
	return rc;
}

/* ---- appending ----------------------------------------------------------- */

static int write_at(struct op *op, const struct file *f, const char *p,
		    size_t n, int64_t at)
{
	while (n) {
		ssize_t w = pwrite(f->fd, p, n, at);

		if (w < 0 && errno == EINTR)
			continue;
		if (w <= 0)
			return err_sys(&op->err, "write to \"%s\"", f->name);
		p += w;
		n -= (size_t)w;
		at += w;
	}
	return 0;
}

static int make_room(struct op *op, struct file *f, int64_t end)
{
	int64_t size = (end + GROW - 1) / GROW * GROW;
	char *zeros;
	int rc;

	if (end <= f->size)
		return 0;
	zeros = xcalloc(1, (size_t)(size - f->size));
	rc = write_at(op, f, zeros, (size_t)(size - f->size), f->size);
	free(zeros);
	if (rc == 0)
		f->size = size;
	return rc;
}

static int start_over(struct journal *j, struct op *op, struct file *f)
{
	f->end = 0;
	f->last = 0;
	do
		if (getrandom(&f->salt, sizeof(f->salt), 0) < 0)
			return err_sys(&op->err, "random bytes");
	while (f->salt == 0);
	if (f->fd < 0 && open_file(j, op, f, O_CREAT) < 0)
		return -1;
	return 0;
}

/* The file that the next frame goes to. */
static int choose(struct journal *j, struct op *op, struct file **out)
{
	uint64_t covered = atomic_load(&j->covered);
	struct file *f = &j->file[j->at], *other = &j->file[!j->at];

	bool turn = atomic_exchange(&j->turn, false), over;

	over = f->last <= covered;
	if (!over && turn && other->last <= covered) {
		j->at = !j->at;
		f = other;
		over = true;
	}
	*out = f;
	return over ? start_over(j, op, f) : 0;
}

int journal_append(struct journal *j, struct op *op, uint64_t number,
		   const struct buf *a, const struct buf *b)
{
	enum { KEEP = 1 << 20 };
	struct file *f;
	int rc;

	if (a->len > FRAME_MAX / 2 || b->len > FRAME_MAX / 2)
		return err_set(&op->err, ERR_LIMIT, "too much for the journal");
	if (choose(j, op, &f) < 0)
		return -1;
	f->last = number;
	buf_reset(&j->frame);
	frame_pack(&j->frame, number, f->salt, a, b);
	rc = make_room(op, f, f->end + (int64_t)j->frame.len);
	if (rc == 0)
		rc = write_at(op, f, j->frame.data, j->frame.len, f->end);
	if (rc == 0) {
		f->end += (int64_t)j->frame.len;
		f->unsynced = true;
		atomic_store(&j->bytes, f->end);
	}
	if (j->frame.cap > KEEP)
		buf_free(&j->frame);
	return rc;
}

int journal_sync(struct journal *j, struct op *op)
{
	for (unsigned i = 0; i < FILES; i++) {
		struct file *f = &j->file[i];

		if (!f->unsynced)
			continue;
		if (fdatasync(f->fd) < 0 || (f->made && fsync(j->folder) < 0))
			return err_sys(&op->err, "sync \"%s\"", f->name);
		f->unsynced = f->made = false;
	}
	return 0;
}

void journal_turn(struct journal *j)
{
	atomic_store(&j->turn, true);
}

void journal_covered(struct journal *j, uint64_t number)
{
	atomic_store(&j->covered, number);
}

int64_t journal_bytes(const struct journal *j)
{
	return atomic_load(&j->bytes);
}
