#include "tests/unit/vfs_trick.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "vfs/parts.h"

/*
 * Bytes: fetched, written, cut, kept; what a model of one array says they are.
 */
enum { MIB = 1 << 20 };

static struct bed b;

/* ---- files --------------------------------------------------------------- */

static struct vfs_file *open_file(const char *path, int flags)
{
	struct vfs_file *f;

	if (vfs_open_file(b.v, &b.p.op, bed_ino(&b, path), flags, &f) < 0) {
		fprintf(stderr, "%s\n", b.p.op.err.msg);
		abort();
	}
	return f;
}

static void close_file(struct vfs_file *f)
{
	CHECK(vfs_flush_file(b.v, &b.p.op, f) == 0);
	vfs_release(b.v, f);
}

static struct vfs_file *create(const char *path)
{
	struct vfs_attr a;
	struct vfs_file *f;
	const char *name;
	uint64_t dir = bed_dir(&b, path, &name);

	CHECK(vfs_create(b.v, &b.p.op, dir, name, 0644, O_RDWR | O_EXCL, &a,
			 &f) == 0);
	vfs_forget(b.v, a.ino, 1);
	return f;
}

static void write_at(struct vfs_file *f, const void *p, size_t n, int64_t off)
{
	if (vfs_write(b.v, &b.p.op, f, p, n, off) < 0) {
		fprintf(stderr, "%s\n", b.p.op.err.msg);
		abort();
	}
}

/* How many bytes there are, or -errno. */
static ssize_t read_with(struct op *op, struct vfs_file *f, void *buf, size_t n,
			 int64_t off)
{
	size_t got, done = 0;
	int fd;

	if (vfs_read_begin(b.v, op, f, off, n, &fd, &got) < 0)
		return -vfs_errno(&op->err);
	CHECK(got <= n);
	while (done < got) {
		ssize_t r = pread(fd, (char *)buf + done, got - done,
				  off + (int64_t)done);

		CHECK(r > 0);
		done += (size_t)r;
	}
	vfs_read_end(b.v, f);
	return (ssize_t)got;
}

static ssize_t read_at(struct vfs_file *f, void *buf, size_t n, int64_t off)
{
	return read_with(&b.p.op, f, buf, n, off);
}

/* These bytes of the file are those of `seed`. */
static void check_bytes(struct vfs_file *f, uint64_t seed, int64_t off,
			size_t n)
{
	uint8_t *p = xcalloc(n ? n : 1, 1);
	ssize_t got = read_at(f, p, n, off);

	if (got < 0)
		fprintf(stderr, "%s\n", b.p.op.err.msg);
	CHECK(got == (ssize_t)n);
	for (size_t i = 0; i < n; i++)
		CHECK(p[i] == bytes_at(seed, off + (int64_t)i));
	free(p);
}

static void check_text(const char *path, const char *want)
{
	struct vfs_file *f = open_file(path, O_RDONLY);
	char got[200];
	ssize_t n = read_at(f, got, sizeof(got) - 1, 0);

	CHECK(n >= 0);
	got[n] = '\0';
	CHECK_STR(got, want);
	vfs_release(b.v, f);
}

static void put_text(const char *path, const char *text)
{
	struct vfs_file *f = create(path);

	write_at(f, text, strlen(text), 0);
	close_file(f);
}

static size_t data_files(void)
{
	size_t n = 0;
	char name[20];

	for (unsigned i = 0; i < 256; i++) {
		snprintf(name, sizeof(name), "vfs/data/%02x", i);
		if (access(scratch_path(&b.s, name), F_OK) == 0)
			n += scratch_count(&b.s, name);
	}
	return n;
}

/* ---- reading ------------------------------------------------------------- */

static void a_reader_gets_what_the_place_has(void)
{
	struct vfs_file *f;
	char c;

	bed_begin(&b, ":mem:");
	CHECK(put_bytes(&b.p, b.be, "small", 1, 1000) == 0);
	CHECK(put_bytes(&b.p, b.be, "empty", 1, 0) == 0);
	CHECK(put_bytes(&b.p, b.be, "large", 2, 40 * MIB + 7) == 0);
	f = open_file("small", O_RDONLY);
	check_bytes(f, 1, 0, 1000);
	check_bytes(f, 1, 500, 500);
	CHECK(read_at(f, &c, 1, 1000) == 0);
	close_file(f);
	f = open_file("empty", O_RDONLY);
	CHECK(read_at(f, &c, 1, 0) == 0);
	close_file(f);
	f = open_file("large", O_RDONLY);
	for (int64_t off = 0; off < 40 * MIB; off += 128 * 1024)
		check_bytes(f, 2, off, 128 * 1024);
	check_bytes(f, 2, 40 * MIB, 7);
	CHECK(read_at(f, &c, 1, 40 * MIB + 7) == 0);
	close_file(f);
	bed_end(&b);
}

static void one_who_jumps_about_fetches_what_he_reads(void)
{
	struct trick *t = bed_begin_trick(&b, ":mem:");
	struct vfs_file *f;

	CHECK(put_bytes(&b.p, b.be, "f", 3, 64 * MIB) == 0);
	f = open_file("f", O_RDONLY);
	for (int64_t i = 1; i <= 20; i++)
		check_bytes(f, 3, (i * 8 % 21) * 3 * MIB + 1000, 65536);
	CHECK(t->n[CALL_GET] == 20);
	CHECK(t->n[CALL_STAT] == 0);
	for (int64_t i = 1; i <= 20; i++)
		check_bytes(f, 3, (i * 8 % 21) * 3 * MIB + 1000, 65536);
	CHECK(t->n[CALL_GET] == 20);
	close_file(f);
	bed_end_trick(&b, t);
}

static void one_who_reads_on_asks_seldom(void)
{
	struct trick *t = bed_begin_trick(&b, ":mem:");
	struct vfs_file *f;

	b.opt.read_ahead = 64 * MIB;
	bed_reopen_trick(&b, t);
	CHECK(put_bytes(&b.p, b.be, "f", 3, 64 * MIB) == 0);
	f = open_file("f", O_RDONLY);
	for (int64_t off = 0; off < 64 * MIB; off += 65536)
		check_bytes(f, 3, off, 65536);
	CHECK(t->n[CALL_GET] <= 6);
	close_file(f);
	bed_end_trick(&b, t);
}

static void what_is_here_is_not_asked_for_again(void)
{
	struct trick *t = bed_begin_trick(&b, ":mem:");
	struct vfs_file *f;

	CHECK(put_bytes(&b.p, b.be, "small", 3, 5000) == 0);
	CHECK(put_bytes(&b.p, b.be, "large", 4, 3 * MIB) == 0);
	for (unsigned i = 0; i < 3; i++) {
		f = open_file("small", O_RDONLY);
		check_bytes(f, 3, 0, 5000);
		close_file(f);
		f = open_file("large", O_RDONLY);
		check_bytes(f, 4, 2 * MIB, 100000);
		close_file(f);
		CHECK(t->n[CALL_GET] == 2);
		bed_reopen_trick(&b, t);
	}
	bed_end_trick(&b, t);
}

static void a_place_that_fails_is_never_a_short_file(void)
{
	struct trick *t = bed_begin_trick(&b, ":mem:");
	struct vfs_file *f;
	char buf[100];

	CHECK(put_bytes(&b.p, b.be, "f", 3, 100) == 0);
	f = open_file("f", O_RDONLY);
	t->before[CALL_GET] = 1;
	CHECK(read_at(f, buf, 100, 0) == -EIO);
	t->after[CALL_GET] = 1;
	CHECK(read_at(f, buf, 100, 0) == -EIO);
	check_bytes(f, 3, 0, 100);
	close_file(f);
	bed_end_trick(&b, t);
}

static void what_is_not_here_fails_at_once_without_a_network(void)
{
	struct trick *t = bed_begin_trick(&b, ":mem:");
	struct vfs_file *f, *g;
	char buf[100];

	CHECK(put_bytes(&b.p, b.be, "f", 3, 100) == 0);
	CHECK(put_bytes(&b.p, b.be, "g", 4, 100) == 0);
	f = open_file("f", O_RDONLY);
	g = open_file("g", O_RDONLY);
	check_bytes(g, 4, 0, 100);
	t->before[CALL_GET] = 1;
	t->kind = ERR_NETWORK;
	CHECK(read_at(f, buf, 100, 0) == -ENETDOWN);
	CHECK(t->n[CALL_GET] == 2);
	CHECK(read_at(f, buf, 100, 0) == -ENETDOWN);
	CHECK(t->n[CALL_GET] == 2);
	check_bytes(g, 4, 0, 100);
	vfs_release(b.v, f);
	vfs_release(b.v, g);
	bed_end_trick(&b, t);
}

/* ---- a place that tells no sizes ------------------------------------------
 */

struct unsized {
	entry_fn *fn;
	void *arg;
};

static int without_size(void *arg, struct op *op, const struct entry *e)
{
	struct unsized *u = arg;
	struct entry copy = *e;

	if (copy.kind == ENTRY_FILE)
		copy.size = SIZE_UNKNOWN;
	return u->fn(u->arg, op, &copy);
}

static int unsized_list(struct backend *be, struct op *op, const char *dir,
			entry_fn *fn, void *arg)
{
	struct unsized u = { fn, arg };

	return trick_list(be, op, dir, without_size, &u);
}

static int unsized_stat(struct backend *be, struct op *op, const char *path,
			struct entry *out)
{
	if (trick_stat(be, op, path, out) < 0)
		return -1;
	if (out->kind == ENTRY_FILE)
		out->size = SIZE_UNKNOWN;
	return 0;
}

static void a_file_of_unknown_size_comes_whole_when_it_is_opened(void)
{
	struct trick *t = bed_begin_trick(&b, ":mem:");
	struct backend_ops ops = trick_ops;
	struct vfs_file *f;
	char c;

	bed_close(&b);
	ops.list = unsized_list;
	ops.stat = unsized_stat;
	t->base.ops = &ops;
	bed_reopen_trick(&b, t);
	CHECK(put_bytes(&b.p, b.be, "f", 1, 3 * MIB) == 0);
	CHECK(put_bytes(&b.p, b.be, "g", 1, 3 * MIB) == 0);
	f = open_file("f", O_RDWR);
	CHECK(bed_attr(&b, "f").size == 3 * MIB);
	check_bytes(f, 1, 2 * MIB, MIB);
	CHECK(read_at(f, &c, 1, 3 * MIB) == 0);
	write_at(f, "!", 1, 3 * MIB);
	CHECK(read_at(f, &c, 1, 3 * MIB) == 1 && c == '!');
	close_file(f);
	f = open_file("g", O_WRONLY | O_TRUNC);
	write_at(f, "new", 3, 0);
	close_file(f);
	bed_reopen_trick(&b, t);
	CHECK(bed_attr(&b, "f").size == 3 * MIB + 1);
	CHECK(bed_attr(&b, "g").size == 3);
	f = open_file("f", O_RDONLY);
	check_bytes(f, 1, 0, 3 * MIB);
	vfs_release(b.v, f);
	check_text("g", "new");
	CHECK(t->n[CALL_GET] == 1);
	bed_end_trick(&b, t);
}

/* ---- another version at the place ---------------------------------------- */

static void who_has_it_open_reads_on_when_the_place_has_another(void)
{
	struct vfs_file *f;

	bed_begin(&b, ":mem:");
	b.opt.read_ahead = 0;
	bed_reopen(&b);
	CHECK(put_bytes(&b.p, b.be, "f", 1, 4 * MIB) == 0);
	f = open_file("f", O_RDONLY);
	check_bytes(f, 1, 2 * MIB, 1000);
	CHECK(put_bytes(&b.p, b.be, "f", 2, 4 * MIB + 1) == 0);
	/* not of both versions: of the new one, since that is all there is */
	check_bytes(f, 2, 3 * MIB, 1000);
	check_bytes(f, 2, 2 * MIB, 1000);
	vfs_release(b.v, f);
	f = open_file("f", O_RDONLY);
	CHECK(bed_attr(&b, "f").size == 4 * MIB + 1);
	check_bytes(f, 2, 0, 1000);
	vfs_release(b.v, f);
	bed_end(&b);
}

static void the_kernel_may_keep_what_has_not_changed(void)
{
	struct vfs_file *f;

	bed_begin(&b, ":mem:");
	b.opt.dir_time = 0;
	bed_reopen(&b);
	CHECK(put_bytes(&b.p, b.be, "f", 1, 1000) == 0);
	f = open_file("f", O_RDONLY);
	check_bytes(f, 1, 0, 1000);
	vfs_release(b.v, f);
	f = open_file("f", O_RDONLY);
	CHECK(vfs_file_unchanged(f));
	vfs_release(b.v, f);
	CHECK(put_bytes(&b.p, b.be, "f", 2, 1000) == 0);
	f = open_file("f", O_RDONLY);
	CHECK(!vfs_file_unchanged(f));
	check_bytes(f, 2, 0, 1000);
	vfs_release(b.v, f);
	f = open_file("f", O_RDONLY);
	CHECK(vfs_file_unchanged(f));
	vfs_release(b.v, f);
	bed_end(&b);
}

static void the_rest_of_a_changed_file_is_never_of_another(void)
{
	struct vfs_file *f;
	char buf[10];

	bed_begin(&b, ":mem:");
	b.opt.read_ahead = 0;
	bed_reopen(&b);
	CHECK(put_bytes(&b.p, b.be, "f", 1, 4 * MIB) == 0);
	f = open_file("f", O_RDWR);
	write_at(f, "changed", 7, 1 * MIB);
	CHECK(put_bytes(&b.p, b.be, "f", 2, 4 * MIB) == 0);
	CHECK(read_at(f, buf, 10, 3 * MIB) == -EIO);
	CHECK(read_at(f, buf, 7, 1 * MIB) == 7 && !memcmp(buf, "changed", 7));
	vfs_release(b.v, f);
	bed_end(&b);
}

/* ---- writing ------------------------------------------------------------- */

static void what_is_written_is_read_and_sent(void)
{
	struct vfs_file *f;

	bed_begin(&b, ":mem:");
	f = create("f");
	write_at(f, "hello world", 11, 0);
	write_at(f, "W", 1, 6);
	CHECK(bed_attr(&b, "f").size == 11);
	close_file(f);
	check_text("f", "hello World");
	bed_reopen(&b);
	check_text("f", "hello World");
	bed_flush(&b);
	check_text("f", "hello World");
	bed_end(&b);
}

static void a_file_that_is_deleted_lasts_while_it_is_open(void)
{
	struct vfs_file *f, *g;
	char buf[20];

	bed_begin(&b, ":mem:");
	CHECK(put_bytes(&b.p, b.be, "g", 1, 1000) == 0);
	f = create("f");
	write_at(f, "still", 5, 0);
	g = open_file("g", O_RDWR);
	CHECK(bed_unlink(&b, "f") == 0 && bed_unlink(&b, "g") == 0);
	write_at(f, " here", 5, 5);
	CHECK(read_at(f, buf, 20, 0) == 10 && !memcmp(buf, "still here", 10));
	check_bytes(g, 1, 0, 1000);
	write_at(g, "x", 1, 2000);
	CHECK(read_at(g, buf, 20, 1990) == 11);
	close_file(f);
	close_file(g);
	bed_flush(&b);
	CHECK(vfs_fsyncdir(b.v, &b.p.op) == 0);
	CHECK(data_files() == 0);
	bed_end(&b);
}

static void opening_to_truncate_asks_for_nothing(void)
{
	struct trick *t = bed_begin_trick(&b, ":mem:");
	struct vfs_file *f;

	CHECK(put_bytes(&b.p, b.be, "f", 1, 3 * MIB) == 0);
	f = open_file("f", O_WRONLY | O_TRUNC);
	CHECK(bed_attr(&b, "f").size == 0);
	write_at(f, "new", 3, 0);
	close_file(f);
	check_text("f", "new");
	CHECK(t->n[CALL_GET] == 0);
	bed_flush(&b);
	CHECK(t->n[CALL_GET] == 0);
	check_text("f", "new");
	bed_end_trick(&b, t);
}

static void writing_in_the_midst_fetches_what_is_around_it_to_send_it(void)
{
	struct vfs_file *f;
	uint8_t *p = xcalloc(3 * MIB, 1);

	bed_begin(&b, ":mem:");
	CHECK(put_bytes(&b.p, b.be, "f", 1, 3 * MIB) == 0);
	f = open_file("f", O_WRONLY);
	write_at(f, "middle", 6, MIB + 11);
	close_file(f);
	bed_reopen(&b);
	bed_flush(&b);
	bed_reopen(&b);
	f = open_file("f", O_RDONLY);
	CHECK(read_at(f, p, 3 * MIB, 0) == 3 * MIB);
	CHECK(memcmp(p + MIB + 11, "middle", 6) == 0);
	for (int64_t i = 0; i < 3 * MIB; i++)
		CHECK(p[i] == bytes_at(1, i) ||
		      (i >= MIB + 11 && i < MIB + 17));
	vfs_release(b.v, f);
	free(p);
	bed_end(&b);
}

/* ---- a model ------------------------------------------------------------- */

enum { MODEL_MAX = 3 * MIB };

struct model {
	uint8_t *bytes;
	int64_t size;
	uint64_t seed;
};

static int64_t draw(struct model *m, int64_t below)
{
	m->seed = m->seed * UINT64_C(6364136223846793005) + 1;
	return (int64_t)((m->seed >> 33) % (uint64_t)below);
}

static void model_check(const struct model *m, struct vfs_file *f, int64_t off,
			int64_t n)
{
	int64_t want = off >= m->size      ? 0
		       : m->size - off < n ? m->size - off
					   : n;
	uint8_t *p = xcalloc((size_t)n + 1, 1);
	ssize_t got = read_at(f, p, (size_t)n, off);

	if (got < 0)
		fprintf(stderr, "%s\n", b.p.op.err.msg);
	CHECK(got == want);
	CHECK(memcmp(p, m->bytes + off, (size_t)want) == 0);
	free(p);
}

static void model_write(struct model *m, struct vfs_file *f, int64_t off,
			int64_t n)
{
	for (int64_t i = 0; i < n; i++)
		m->bytes[off + i] = (uint8_t)draw(m, 255);
	write_at(f, m->bytes + off, (size_t)n, off);
	if (off + n > m->size)
		m->size = off + n;
}

static void model_resize(struct model *m, int64_t size)
{
	struct vfs_attr in = { .size = size }, out;

	CHECK(vfs_setattr(b.v, &b.p.op, bed_ino(&b, "f"), VFS_SET_SIZE, &in,
			  &out) == 0);
	CHECK(out.size == size);
	if (size < m->size)
		memset(m->bytes + size, 0, (size_t)(m->size - size));
	m->size = size;
}

static void model_punch(struct model *m, struct vfs_file *f, int64_t off,
			int64_t n)
{
	int64_t end = off + n < m->size ? off + n : m->size;
	const int mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;

	if (vfs_fallocate(b.v, &b.p.op, f, mode, off, n) < 0) {
		CHECK(vfs_errno(&b.p.op.err) == EOPNOTSUPP);
		return;
	}
	if (off < end)
		memset(m->bytes + off, 0, (size_t)(end - off));
}

static void model_step(struct model *m, struct vfs_file **f)
{
	int64_t off = draw(m, MODEL_MAX - 70000), n = 1 + draw(m, 65536);

	switch (draw(m, 12)) {
	case 0: model_resize(m, draw(m, 4) ? off : 0); break;
	case 1: model_punch(m, *f, off, n); break;
	case 2:
		CHECK(vfs_fallocate(b.v, &b.p.op, *f, 0, off, n) == 0);
		if (off + n > m->size)
			m->size = off + n;
		break;
	case 3:
		close_file(*f);
		if (draw(m, 3) == 0)
			bed_reopen(&b);
		else if (draw(m, 3) == 0)
			bed_flush(&b);
		*f = open_file("f", O_RDWR);
		break;
	case 4:
	case 5:
	case 6:
	case 7: model_write(m, *f, off, n); break;
	case 8: CHECK(vfs_fsync(b.v, &b.p.op, *f) == 0); break;
	default: model_check(m, *f, off, n); break;
	}
	CHECK(bed_attr(&b, "f").size == m->size);
}

static void a_file_is_what_a_model_says(void)
{
	for (uint64_t seed = 1; seed <= 12; seed++) {
		struct model m = { .seed = seed, .size = 2 * MIB + 77 };
		struct vfs_file *f;

		m.bytes = xcalloc(MODEL_MAX, 1);
		for (int64_t i = 0; i < m.size; i++)
			m.bytes[i] = bytes_at(seed, i);
		bed_begin(&b, ":mem:");
		b.opt.read_ahead = seed % 2 ? 0 : 4 * MIB;
		bed_reopen(&b);
		CHECK(put_bytes(&b.p, b.be, "f", seed, m.size) == 0);
		f = open_file("f", O_RDWR);
		for (unsigned i = 0; i < 60; i++)
			model_step(&m, &f);
		close_file(f);
		bed_flush(&b);
		b.opt.cache_mode = VFS_CACHE_OFF;
		bed_reopen(&b);
		f = open_file("f", O_RDONLY);
		model_check(&m, f, 0, MODEL_MAX);
		vfs_release(b.v, f);
		bed_end(&b);
		free(m.bytes);
	}
}

/* ---- killed -------------------------------------------------------------- */

static int copy_one(const char *from, const char *to)
{
	char *cmd[] = { (char *)(uintptr_t) "cp", (char *)(uintptr_t) "-a",
			(char *)(uintptr_t)from, (char *)(uintptr_t)to, NULL };
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		execvp("cp", cmd);
		_exit(127);
	}
	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
	return status;
}

/* What is on the disk at this instant is what is begun with. */
static void kill_it(void)
{
	struct vfs *dead = b.v;

	CHECK(copy_one(scratch_path(&b.s, "vfs"), scratch_path(&b.s, "copy")) ==
	      0);
	vfs_close(dead);
	b.opt.dir = scratch_path(&b.s, "copy");
	bed_open(&b);
}

static void what_was_closed_survives_a_kill(void)
{
	struct vfs_file *f, *g;

	bed_begin(&b, ":mem:");
	CHECK(put_bytes(&b.p, b.be, "old", 1, 2 * MIB) == 0);
	put_text("new", "new text");
	f = open_file("old", O_RDWR);
	write_at(f, "changed", 7, MIB);
	CHECK(vfs_flush_file(b.v, &b.p.op, f) == 0);
	g = create("open");
	write_at(g, "kept", 4, 0);
	CHECK(vfs_fsync(b.v, &b.p.op, g) == 0);
	vfs_release(b.v, f);
	vfs_release(b.v, g);
	kill_it();
	check_text("new", "new text");
	check_text("open", "kept");
	f = open_file("old", O_RDONLY);
	check_bytes(f, 1, MIB + 7, 1000);
	check_bytes(f, 1, 0, MIB);
	vfs_release(b.v, f);
	bed_end(&b);
}

/* ---- the budget ---------------------------------------------------------- */

static int64_t on_disk(void)
{
	struct vfs_status s;

	vfs_status(b.v, &s);
	return s.cached;
}

static void read_files(unsigned from, unsigned till)
{
	struct vfs_file *f;
	char name[20];

	for (unsigned i = from; i < till; i++) {
		snprintf(name, sizeof(name), "f%u", i);
		f = open_file(name, O_RDONLY);
		check_bytes(f, i, 0, 100000);
		vfs_release(b.v, f);
	}
}

static void more_than_the_budget_goes_but_not_what_is_only_here(void)
{
	struct trick *t = bed_begin_trick(&b, ":mem:");
	struct vfs_file *f;
	char name[20];

	for (unsigned i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "f%u", i);
		CHECK(put_bytes(&b.p, b.be, name, i, 100000) == 0);
	}
	put_text("mine", "only here");
	t->before[CALL_PUT] = 1000; /* and it stays so */
	read_files(0, 10);
	bed_reopen_trick(&b, t);
	read_files(10, 20);
	b.opt.cache_size = 1000000;
	bed_reopen_trick(&b, t);
	f = open_file("f19", O_RDONLY);
	check_bytes(f, 19, 0, 10);
	CHECK(evict(b.v, &b.p.op) == 0);
	CHECK(on_disk() == 900009);
	CHECK(t->n[CALL_GET] == 20);
	check_bytes(f, 19, 0, 100000);
	check_text("mine", "only here");
	vfs_release(b.v, f);
	read_files(10, 20);
	CHECK(t->n[CALL_GET] == 21);
	read_files(0, 10);
	CHECK(t->n[CALL_GET] == 31);
	bed_end_trick(&b, t);
}

static void a_file_that_is_larger_than_the_budget_is_read(void)
{
	struct vfs_file *f;

	bed_begin(&b, ":mem:");
	b.opt.cache_size = 4 * MIB;
	bed_reopen(&b);
	CHECK(put_bytes(&b.p, b.be, "f", 1, 40 * MIB) == 0);
	f = open_file("f", O_RDONLY);
	for (int64_t off = 0; off < 40 * MIB; off += 256 * 1024) {
		check_bytes(f, 1, off, 256 * 1024);
		CHECK(evict(b.v, &b.p.op) == 0);
	}
	for (unsigned i = 0; i < 3; i++) {
		vfs_release(b.v, f);
		/* what was on its way is counted when it has stopped */
		for (unsigned k = 0; k < 1000; k++) {
			CHECK(evict(b.v, &b.p.op) == 0);
			if (on_disk() <= 4 * MIB)
				break;
			usleep(10000);
		}
		CHECK(on_disk() <= 4 * MIB);
		f = open_file("f", O_RDONLY);
		check_bytes(f, 1, i * 8 * MIB, 6 * MIB);
	}
	vfs_release(b.v, f);
	bed_end(&b);
}

static void without_a_cache_what_was_read_goes(void)
{
	struct vfs_file *f;

	bed_begin(&b, ":mem:");
	b.opt.cache_mode = VFS_CACHE_OFF;
	bed_reopen(&b);
	CHECK(put_bytes(&b.p, b.be, "f", 1, 100000) == 0);
	f = open_file("f", O_RDONLY);
	check_bytes(f, 1, 0, 100000);
	vfs_release(b.v, f);
	CHECK(vfs_fsyncdir(b.v, &b.p.op) == 0);
	CHECK(data_files() == 0);
	put_text("mine", "only here");
	CHECK(data_files() == 1);
	bed_flush(&b);
	CHECK(vfs_fsyncdir(b.v, &b.p.op) == 0);
	CHECK(data_files() == 0);
	check_text("mine", "only here");
	bed_end(&b);
}

/* ---- at once ------------------------------------------------------------- */

enum { THREADS = 4, ROUNDS = 150 };

struct worker {
	pthread_t thread;
	struct vfs_file *file;
	uint64_t seed;
	unsigned me;
	unsigned done;
};

static void start_all(struct worker *w, void *(*fn)(void *))
{
	for (unsigned i = 0; i < THREADS; i++) {
		w[i].me = i;
		w[i].seed = i + 1;
		CHECK(pthread_create(&w[i].thread, NULL, fn, &w[i]) == 0);
	}
}

static void join_all(struct worker *w)
{
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(w[i].thread, NULL);
}

static int64_t worker_draw(struct worker *w, int64_t below)
{
	struct model m = { .seed = w->seed };
	int64_t n = draw(&m, below);

	w->seed = m.seed;
	return n;
}

/* Each has every fourth block to itself, and changes or reads it. */
static void *change_blocks(void *arg)
{
	enum { BLOCK = 4096 };
	struct worker *w = arg;
	struct op op = op_begin(&b.p.cancel);
	bool mine[256] = { false };

	for (unsigned i = 0; i < ROUNDS; i++) {
		int64_t k = worker_draw(w, 128) * THREADS + w->me;
		int64_t off = k * BLOCK;
		uint64_t seed = mine[k / THREADS] ? 99 : 7;
		uint8_t p[BLOCK];

		if (worker_draw(w, 2)) {
			for (int64_t j = 0; j < BLOCK; j++)
				p[j] = bytes_at(99, off + j);
			CHECK(vfs_write(b.v, &op, w->file, p, BLOCK, off) == 0);
			mine[k / THREADS] = true;
			continue;
		}
		CHECK(read_with(&op, w->file, p, BLOCK, off) == BLOCK);
		for (int64_t j = 0; j < BLOCK; j++)
			CHECK(p[j] == bytes_at(seed, off + j));
		if (i % 50 == 49)
			CHECK(vfs_fsync(b.v, &op, w->file) == 0);
	}
	op_end(&op);
	return NULL;
}

static void several_read_and_write_a_file_that_is_being_fetched(void)
{
	struct worker w[THREADS] = { 0 };
	struct vfs_file *f;

	bed_begin(&b, ":mem:");
	CHECK(put_bytes(&b.p, b.be, "f", 7, 4 * MIB) == 0);
	f = open_file("f", O_RDWR);
	for (unsigned i = 0; i < THREADS; i++)
		w[i].file = f;
	start_all(w, change_blocks);
	join_all(w);
	check_bytes(f, 7, 3 * MIB, MIB);
	close_file(f);
	bed_flush(&b);
	bed_end(&b);
}

static bool is_of(const uint8_t *p, size_t n, uint64_t seed, int64_t off)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] != bytes_at(seed, off + (int64_t)i))
			return false;
	return true;
}

/* Each reading is of one version or the other, never of both. */
static void *read_blocks(void *arg)
{
	struct worker *w = arg;
	struct op op = op_begin(&b.p.cancel);
	uint8_t p[20000];
	int64_t off;
	ssize_t n;

	for (unsigned i = 0; i < ROUNDS; i++) {
		off = worker_draw(w, 2 * MIB - 20000);
		n = read_with(&op, w->file, p, sizeof(p), off);
		if (n < 0) /* changed too often meanwhile */
			continue;
		CHECK(n == sizeof(p));
		CHECK(is_of(p, sizeof(p), 1, off) ||
		      is_of(p, sizeof(p), 2, off));
		w->done++;
	}
	op_end(&op);
	return NULL;
}

static void no_reading_is_of_two_versions(void)
{
	struct worker w[THREADS] = { 0 };
	unsigned done = 0;

	bed_begin(&b, ":mem:");
	b.opt.dir_time = 0;
	bed_reopen(&b);
	CHECK(put_bytes(&b.p, b.be, "f", 1, 2 * MIB) == 0);
	for (unsigned i = 0; i < THREADS; i++)
		w[i].file = open_file("f", O_RDONLY);
	start_all(w, read_blocks);
	for (unsigned i = 0; i < 20; i++) {
		CHECK(put_bytes(&b.p, b.be, "f", 1 + i % 2, 2 * MIB) == 0);
		(void)bed_ino(&b, "f");
	}
	join_all(w);
	for (unsigned i = 0; i < THREADS; i++) {
		done += w[i].done;
		vfs_release(b.v, w[i].file);
	}
	CHECK(done > ROUNDS);
	bed_end(&b);
}

static void small_neighbours_are_fetched_ahead(void)
{
	struct trick *t = bed_begin_trick(&b, ":mem:");
	struct vfs_file *f;
	char name[20];

	bed_close(&b);
	t->base.caps |= BE_REMOTE;
	for (unsigned i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "f%02u", i);
		CHECK(put_bytes(&b.p, b.be, name, i, 1000) == 0);
	}
	bed_reopen_trick(&b, t);
	for (unsigned i = 0; i < 3; i++) {
		snprintf(name, sizeof(name), "f%02u", i);
		f = open_file(name, O_RDONLY);
		check_bytes(f, i, 0, 1000);
		vfs_release(b.v, f);
	}
	for (unsigned i = 0; i < 1000 && t->n[CALL_GET] < 8; i++)
		usleep(10000);
	CHECK(t->n[CALL_GET] >= 8 && t->n[CALL_GET] <= 50);
	for (unsigned i = 3; i < 100; i++) {
		snprintf(name, sizeof(name), "f%02u", i);
		f = open_file(name, O_RDONLY);
		check_bytes(f, i, 0, 1000);
		vfs_release(b.v, f);
	}
	CHECK(t->n[CALL_GET] == 100);
	bed_end_trick(&b, t);
}

/* ---- pins ---------------------------------------------------------------- */

struct pin_sums {
	int64_t bytes, missing;
	unsigned n;
};

static int add_pin(void *arg, struct op *op, const char *path, int64_t bytes,
		   int64_t missing)
{
	struct pin_sums *s = arg;

	(void)op;
	CHECK_STR(path, "d");
	s->bytes += bytes;
	s->missing += missing;
	s->n++;
	return 0;
}

static struct pin_sums pins(void)
{
	struct pin_sums s = { 0 };

	CHECK(vfs_pins(b.v, &b.p.op, add_pin, &s) == 0);
	return s;
}

static void what_is_pinned_comes_and_stays(void)
{
	struct trick *t = bed_begin_trick(&b, ":mem:");
	char name[20];

	for (unsigned i = 0; i < 10; i++) {
		snprintf(name, sizeof(name), "d/e/f%u", i);
		CHECK(put_bytes(&b.p, b.be, name, i, 100000) == 0);
	}
	CHECK(put_bytes(&b.p, b.be, "d/large", 1, 3 * MIB) == 0);
	CHECK(bed_rc(&b, vfs_unpin(b.v, &b.p.op, "d")) == ENOENT);
	CHECK(bed_rc(&b, vfs_pin(b.v, &b.p.op, "nothing")) == ENOENT);
	CHECK(vfs_pin(b.v, &b.p.op, "d") == 0);
	for (unsigned i = 0; i < 1000 && pins().missing; i++)
		usleep(10000);
	CHECK(pins().n == 1 && pins().bytes == 1000000 + 3 * MIB);
	CHECK(pins().missing == 0);
	b.opt.cache_size = 1000;
	bed_reopen_trick(&b, t);
	CHECK(evict(b.v, &b.p.op) == 0);
	CHECK(pins().n == 1 && pins().missing == 0);
	CHECK(t->n[CALL_GET] == 11);
	CHECK(vfs_unpin(b.v, &b.p.op, "d") == 0);
	CHECK(pins().n == 0);
	CHECK(evict(b.v, &b.p.op) == 0);
	CHECK(on_disk() <= 1000);
	bed_end_trick(&b, t);
}

int main(void)
{
	RUN(a_reader_gets_what_the_place_has);
	RUN(one_who_jumps_about_fetches_what_he_reads);
	RUN(one_who_reads_on_asks_seldom);
	RUN(what_is_here_is_not_asked_for_again);
	RUN(a_place_that_fails_is_never_a_short_file);
	RUN(what_is_not_here_fails_at_once_without_a_network);
	RUN(a_file_of_unknown_size_comes_whole_when_it_is_opened);
	RUN(who_has_it_open_reads_on_when_the_place_has_another);
	RUN(the_kernel_may_keep_what_has_not_changed);
	RUN(the_rest_of_a_changed_file_is_never_of_another);
	RUN(what_is_written_is_read_and_sent);
	RUN(a_file_that_is_deleted_lasts_while_it_is_open);
	RUN(opening_to_truncate_asks_for_nothing);
	RUN(writing_in_the_midst_fetches_what_is_around_it_to_send_it);
	RUN(a_file_is_what_a_model_says);
	RUN(what_was_closed_survives_a_kill);
	RUN(more_than_the_budget_goes_but_not_what_is_only_here);
	RUN(a_file_that_is_larger_than_the_budget_is_read);
	RUN(without_a_cache_what_was_read_goes);
	RUN(several_read_and_write_a_file_that_is_being_fetched);
	RUN(no_reading_is_of_two_versions);
	RUN(small_neighbours_are_fetched_ahead);
	RUN(what_is_pinned_comes_and_stays);
	return 0;
}
