#include "tests/unit/vfs_files.h"

#include <sys/stat.h>
#include <sys/wait.h>

#include "vfs/parts.h"

/*
 * Bytes that are written here: what a model of one array says they are, also
 * after a kill, and with several threads at once.
 */

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
	CHECK(no_data_files());
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

/* What is on the disk at this instant is what is begun with: "copy". */
static void kill_it(void)
{
	struct vfs *dead = b.v;

	CHECK(copy_one(scratch_path(&b.s, "vfs"), scratch_path(&b.s, "copy")) ==
	      0);
	vfs_close(dead);
	b.opt.dir = scratch_path(&b.s, "copy");
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
	bed_open(&b);
	check_text("new", "new text");
	check_text("open", "kept");
	f = open_file("old", O_RDONLY);
	check_bytes(f, 1, MIB + 7, 1000);
	check_bytes(f, 1, 0, MIB);
	vfs_release(b.v, f);
	bed_end(&b);
}

static void a_file_of_no_row_goes_after_a_kill(void)
{
	char *stray;
	int fd;

	bed_begin(&b, ":mem:");
	put_text("f", "text");
	kill_it();
	stray = scratch_path(&b.s, "copy/data/ff");
	CHECK(mkdir(stray, 0700) == 0 || errno == EEXIST);
	stray = scratch_path(&b.s, "copy/data/ff/65535");
	fd = open(stray, O_WRONLY | O_CREAT, 0600);
	CHECK(fd >= 0);
	close(fd);
	bed_open(&b);
	CHECK(access(stray, F_OK) < 0);
	check_text("f", "text");
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

int main(void)
{
	RUN(what_is_written_is_read_and_sent);
	RUN(a_file_that_is_deleted_lasts_while_it_is_open);
	RUN(opening_to_truncate_asks_for_nothing);
	RUN(writing_in_the_midst_fetches_what_is_around_it_to_send_it);
	RUN(a_file_is_what_a_model_says);
	RUN(what_was_closed_survives_a_kill);
	RUN(a_file_of_no_row_goes_after_a_kill);
	RUN(several_read_and_write_a_file_that_is_being_fetched);
	RUN(no_reading_is_of_two_versions);
	return 0;
}
