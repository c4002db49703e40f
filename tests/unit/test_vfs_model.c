#include "tests/unit/vfs_trick.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <spawn.h>
#include <sys/wait.h>

#include "vfs/parts.h"

/*
 * Work at random, here and at the place, with failures, restarts and kills;
 * what must come of it is known from a model.  MODEL_ROUNDS=100 makes it
 * longer.
 */
static struct bed b;
static struct trick *t;

/* ---- chance -------------------------------------------------------------- */

static uint64_t state;

static unsigned pick(unsigned n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned)((state >> 11) % n);
}

/* ---- contents: each names itself ----------------------------------------- */

enum { HEAD = 16, SIZE_MOST = 5000 };

static uint64_t next_seed;

static size_t size_of(uint64_t seed)
{
	return HEAD + seed * 7919 % SIZE_MOST;
}

static void make(uint64_t seed, uint8_t *p)
{
	size_t n = size_of(seed);

	memset(p, 0, HEAD);
	memcpy(p, &seed, sizeof(seed));
	for (size_t i = HEAD; i < n; i++)
		p[i] = bytes_at(seed, (int64_t)i);
}

/* Which one it is; a torn one is none. */
static uint64_t seed_of(const uint8_t *p, size_t n)
{
	uint8_t want[HEAD + SIZE_MOST];
	uint64_t seed;

	CHECK(n >= HEAD);
	memcpy(&seed, p, sizeof(seed));
	CHECK(n == size_of(seed));
	make(seed, want);
	CHECK(memcmp(p, want, n) == 0);
	return seed;
}

/* ---- a tree: of the model, of the place, of the vfs ---------------------- */

struct thing {
	char path[400];
	bool dir;
	uint64_t seed;
};

enum { THINGS = 400 };

struct tree {
	struct thing at[THINGS];
	size_t n;
};

static struct tree model;

static struct thing *find(struct tree *m, const char *path)
{
	for (size_t i = 0; i < m->n; i++)
		if (strcmp(m->at[i].path, path) == 0)
			return &m->at[i];
	return NULL;
}

static void add(struct tree *m, const char *path, bool dir, uint64_t seed)
{
	struct thing *x = &m->at[m->n++];

	CHECK(m->n < THINGS && strlen(path) < sizeof(x->path));
	strcpy(x->path, path);
	x->dir = dir;
	x->seed = seed;
}

static void take_out(struct tree *m, struct thing *x)
{
	*x = m->at[--m->n];
}

static bool is_below(const char *path, const char *top)
{
	size_t n = strlen(top);

	return strncmp(path, top, n) == 0 && path[n] == '/';
}

static bool is_empty(const struct tree *m, const char *dir)
{
	for (size_t i = 0; i < m->n; i++)
		if (is_below(m->at[i].path, dir))
			return false;
	return true;
}

/* With all below; onto itself and into itself are not asked for. */
static void rename_in(struct tree *m, const char *from, const char *to)
{
	char tail[400];

	for (size_t i = 0; i < m->n; i++) {
		char *p = m->at[i].path;

		if (strcmp(p, from) != 0 && !is_below(p, from))
			continue;
		strcpy(tail, p + strlen(from));
		snprintf(p, sizeof(m->at[i].path), "%.150s%.200s", to, tail);
	}
}

static int by_path(const void *x, const void *y)
{
	return strcmp(((const struct thing *)x)->path,
		      ((const struct thing *)y)->path);
}

static void sort(struct tree *m)
{
	if (m->n)
		qsort(m->at, m->n, sizeof(m->at[0]), by_path);
}

static void print(const char *what, const struct tree *m)
{
	fprintf(stderr, "%s:\n", what);
	for (size_t i = 0; i < m->n; i++)
		fprintf(stderr, "  %s%s %" PRIu64 "\n", m->at[i].path,
			m->at[i].dir ? "/" : "", m->at[i].seed);
}

static bool same_trees(struct tree *x, struct tree *y)
{
	sort(x);
	sort(y);
	if (x->n != y->n)
		return false;
	for (size_t i = 0; i < x->n; i++)
		if (strcmp(x->at[i].path, y->at[i].path) != 0 ||
		    x->at[i].dir != y->at[i].dir ||
		    x->at[i].seed != y->at[i].seed)
			return false;
	return true;
}

static void check_same(const char *what, struct tree *x, const char *other,
		       struct tree *y)
{
	if (same_trees(x, y))
		return;
	print(what, x);
	print(other, y);
	check_failed(__FILE__, __LINE__, "the trees are the same");
}

/* ---- the place ----------------------------------------------------------- */

struct memory {
	struct source source;
	struct sink sink;
	uint8_t at[HEAD + SIZE_MOST + 1];
	size_t n, off;
};

static ssize_t memory_read(struct source *src, struct op *op, void *p, size_t n)
{
	struct memory *m = container_of(src, struct memory, source);

	(void)op;
	if (n > m->n - m->off)
		n = m->n - m->off;
	memcpy(p, m->at + m->off, n);
	m->off += n;
	return (ssize_t)n;
}

static int memory_write(struct sink *dst, struct op *op, const void *p,
			size_t n)
{
	struct memory *m = container_of(dst, struct memory, sink);

	(void)op;
	CHECK(n <= sizeof(m->at) - m->n);
	memcpy(m->at + m->n, p, n);
	m->n += n;
	return 0;
}

static void put_there(const char *path, uint64_t seed)
{
	const struct put_opt opt = { .mtime = MTIME_UNKNOWN };
	struct memory m = { .source.read = memory_read };

	make(seed, m.at);
	m.n = size_of(seed);
	m.source.size = (int64_t)m.n;
	CHECK(be_put(b.be, &b.p.op, path, &m.source, &opt, NULL) == 0);
}

static uint64_t get_there(const char *path)
{
	const struct get_opt all = { .len = -1 };
	struct memory m = { .sink.write = memory_write };

	CHECK(be_get(b.be, &b.p.op, path, &all, &m.sink) == 0);
	return seed_of(m.at, m.n);
}

static void look_there(const char *dir, struct tree *out)
{
	struct listing l = LISTING_INIT;
	struct posix_meta meta;
	struct entry e;

	CHECK(be_list(b.be, &b.p.op, dir, &l) == 0);
	while (listing_next(&l, &b.p.op, &e, &meta) == 1) {
		char path[400];

		snprintf(path, sizeof(path), "%.150s%s%.200s", dir,
			 *dir ? "/" : "", e.name);
		if (e.kind == ENTRY_DIR) {
			add(out, path, true, 0);
			look_there(path, out);
		} else {
			add(out, path, false, get_there(path));
		}
	}
	listing_free(&l);
}

/* ---- here ---------------------------------------------------------------- */

static uint64_t read_here(const char *path)
{
	uint8_t p[HEAD + SIZE_MOST + 1];
	struct vfs_file *f;
	size_t got;
	int fd;

	CHECK(vfs_open_file(b.v, &b.p.op, bed_ino(&b, path), O_RDONLY, &f) ==
	      0);
	if (vfs_read_begin(b.v, &b.p.op, f, 0, sizeof(p), &fd, &got) < 0) {
		fprintf(stderr, "%s: %s\n", path, b.p.op.err.msg);
		abort();
	}
	CHECK(pread(fd, p, got, 0) == (ssize_t)got);
	vfs_read_end(b.v, f);
	vfs_release(b.v, f);
	return seed_of(p, got);
}

static void look_here(const char *dir, struct tree *out)
{
	struct buf names = BUF_INIT;
	char *save = NULL;

	bed_list(&b, dir, &names);
	for (char *name = strtok_r(names.data, " ", &save); name;
	     name = strtok_r(NULL, " ", &save)) {
		struct vfs_attr a;
		char path[400];

		snprintf(path, sizeof(path), "%.150s%s%.200s", dir,
			 *dir ? "/" : "", name);
		a = bed_attr(&b, path);
		if (S_ISDIR(a.mode)) {
			add(out, path, true, 0);
			look_here(path, out);
		} else {
			add(out, path, false, read_here(path));
		}
	}
	buf_free(&names);
}

static void write_here(const char *path, uint64_t seed)
{
	uint8_t p[HEAD + SIZE_MOST];
	struct vfs_file *f;
	struct vfs_attr a;
	const char *name;
	uint64_t dir = bed_dir(&b, path, &name);
	size_t n = size_of(seed), half = n / 2;

	make(seed, p);
	CHECK(vfs_create(b.v, &b.p.op, dir, name, 0644, O_WRONLY | O_TRUNC, &a,
			 &f) == 0);
	vfs_forget(b.v, a.ino, 1);
	CHECK(vfs_write(b.v, &b.p.op, f, p, half, 0) == 0);
	CHECK(vfs_write(b.v, &b.p.op, f, p + half, n - half, (int64_t)half) ==
	      0);
	CHECK(vfs_flush_file(b.v, &b.p.op, f) == 0);
	vfs_release(b.v, f);
}

/* ---- work ---------------------------------------------------------------- */

/* TRICK_TRACE=1 shows what is done here, and what the place is asked. */
static void trace(const char *what, const char *x, const char *y)
{
	if (getenv("TRICK_TRACE"))
		fprintf(stderr, "> %s %s %s\n", what, x, y);
}

/* Few names, so that they meet. */
static void pick_path(struct tree *m, char *out)
{
	struct thing *x;

	*out = '\0';
	if (m->n && pick(3)) {
		x = &m->at[pick((unsigned)m->n)];
		if (x->dir && strlen(x->path) < 12)
			sprintf(out, "%.16s/", x->path);
	}
	sprintf(out + strlen(out), "%c", 'a' + (int)pick(5));
}

static struct thing *pick_thing(struct tree *m)
{
	return m->n ? &m->at[pick((unsigned)m->n)] : NULL;
}

static void work_write(struct tree *m)
{
	uint64_t seed = ++next_seed;
	struct thing *x;
	char path[32];

	pick_path(m, path);
	x = find(m, path);
	if (x && x->dir)
		return;
	trace("write", path, "");
	write_here(path, seed);
	if (x)
		x->seed = seed;
	else
		add(m, path, false, seed);
}

static void work_mkdir(struct tree *m)
{
	char path[32];
	bool there;
	int rc;

	pick_path(m, path);
	there = find(m, path);
	trace("mkdir", path, "");
	rc = bed_mkdir(&b, path);
	if (rc != (there ? EEXIST : 0)) {
		print("model", m);
		fprintf(stderr, "mkdir %s: %d\n", path, rc);
		abort();
	}
	if (!there)
		add(m, path, true, 0);
}

static void work_delete(struct tree *m)
{
	struct thing *x = pick_thing(m);

	if (!x)
		return;
	trace("delete", x->path, "");
	if (x->dir) {
		bool empty = is_empty(m, x->path);

		CHECK(bed_rmdir(&b, x->path) == (empty ? 0 : ENOTEMPTY));
		if (!empty)
			return;
	} else {
		CHECK(bed_unlink(&b, x->path) == 0);
	}
	take_out(m, x);
}

static void work_rename(struct tree *m)
{
	struct thing *x = pick_thing(m), *old;
	char from[400], to[32];
	int want = 0;

	pick_path(m, to);
	if (!x || strcmp(x->path, to) == 0 || is_below(to, x->path))
		return;
	strcpy(from, x->path);
	old = find(m, to);
	if (old && x->dir && !old->dir)
		want = ENOTDIR;
	else if (old && is_below(from, to))
		want = ENOTEMPTY;
	else if (old && !x->dir && old->dir)
		want = EISDIR;
	else if (old && old->dir && !is_empty(m, to))
		want = ENOTEMPTY;
	if (want) {
		CHECK(bed_rename(&b, from, to, 0) != 0);
		return;
	}
	trace("rename", from, to);
	CHECK(bed_rename(&b, from, to, 0) == 0);
	if (old)
		take_out(m, old);
	rename_in(m, from, to);
}

static void work_exchange(struct tree *m)
{
	struct thing *x = pick_thing(m), *y = pick_thing(m);
	char from[400], to[400];

	if (!x || x == y || is_below(x->path, y->path) ||
	    is_below(y->path, x->path))
		return;
	strcpy(from, x->path);
	strcpy(to, y->path);
	trace("exchange", from, to);
	CHECK(bed_rename(&b, from, to, RENAME_EXCHANGE) == 0);
	rename_in(m, from, "#");
	rename_in(m, to, from);
	rename_in(m, "#", to);
}

static void work_touch(struct tree *m)
{
	struct thing *x = pick_thing(m);
	struct vfs_attr a = { .mtime = (int64_t)pick(1000000) * NS_PER_SEC };
	struct vfs_attr out;

	if (!x)
		return;
	trace("touch", x->path, "");
	CHECK(vfs_setattr(b.v, &b.p.op, bed_ino(&b, x->path), VFS_SET_MTIME, &a,
			  &out) == 0);
}

static void work_here(struct tree *m)
{
	switch (pick(8)) {
	case 0:
	case 1: work_write(m); break;
	case 2: work_mkdir(m); break;
	case 3: work_delete(m); break;
	case 4:
	case 5: work_rename(m); break;
	case 6: work_exchange(m); break;
	case 7: work_touch(m); break;
	}
}

/* ---- rounds -------------------------------------------------------------- */

/* Whatever waits for a while is due. */
static void hurry(void)
{
	vfs_lock(b.v);
	for (size_t i = 0; i < b.v->queue.n; i++)
		if (b.v->queue.at[i]->tries)
			b.v->queue.at[i]->tries = 1;
	queue_wake(b.v);
	vfs_unlock(b.v);
}

static void *hurry_on(void *arg)
{
	atomic_bool *stop = arg;

	while (!atomic_load(stop)) {
		hurry();
		usleep(1000);
	}
	return NULL;
}

/* Failures are many, so nobody waits until they are forgiven. */
static void flush_all(void)
{
	atomic_bool stop = false;
	pthread_t helper;

	CHECK(pthread_create(&helper, NULL, hurry_on, &stop) == 0);
	if (vfs_flush(b.v, &b.p.op, "") < 0) {
		fprintf(stderr, "flush: %s\n", b.p.op.err.msg);
		abort();
	}
	atomic_store(&stop, true);
	CHECK(pthread_join(helper, NULL) == 0);
}

static void check_all(struct tree *want)
{
	struct tree *here = xcalloc(1, sizeof(*here));
	struct tree *there = xcalloc(1, sizeof(*there));

	look_there("", there);
	look_here("", here);
	check_same("there", there, "here", here);
	if (want)
		check_same("want", want, "there", there);
	free(here);
	free(there);
}

extern char **environ;

static void run(const char *a, const char *c, const char *d, const char *e)
{
	char *argv[] = { (char *)(uintptr_t)a, (char *)(uintptr_t)c,
			 (char *)(uintptr_t)d, (char *)(uintptr_t)e, NULL };
	pid_t pid;
	int st;

	CHECK(posix_spawnp(&pid, a, NULL, NULL, argv, environ) == 0);
	CHECK(waitpid(pid, &st, 0) == pid && st == 0);
}

static void *cancel_soon(void *arg)
{
	usleep(20000);
	cancel_set(arg);
	return NULL;
}

/* As far as it comes in a short time. */
static void flush_some(const char *path)
{
	struct cancel c;
	struct op op;
	pthread_t helper;

	cancel_init(&c);
	op = op_begin(&c);
	CHECK(pthread_create(&helper, NULL, cancel_soon, &c) == 0);
	if (vfs_flush(b.v, &op, path) < 0)
		CHECK(op.err.kind == ERR_CANCELED || op.err.kind == ERR_SERVER);
	CHECK(pthread_join(helper, NULL) == 0);
	op_end(&op);
	cancel_free(&c);
}

/*
 * The place is told something, and then what was noted of that is lost: as if
 * killed between the two.
 */
static void lose_memory(void)
{
	char *kept = scratch_path(&b.s, "kept");

	CHECK(vfs_fsyncdir(b.v, &b.p.op) == 0);
	run("cp", "-a", b.opt.dir, kept);
	t->rate = pick(2) ? 0 : 100;
	for (unsigned i = 0; i < 3; i++) {
		struct thing *x = pick_thing(&model);

		const char *path = x && pick(2) ? x->path : "";

		flush_some(path);
	}
	t->rate = 0;
	bed_close(&b);
	run("rm", "-rf", b.opt.dir, NULL);
	run("mv", kept, b.opt.dir, NULL);
	bed_reopen_trick(&b, t);
}

static void begin(uint64_t seed, const char *place)
{
	state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
	model.n = 0;
	next_seed = 0;
	t = bed_begin_trick(&b, place);
	t->seed = seed;
	t->kind = ERR_SERVER;
}

static void end(void)
{
	t->rate = 0;
	bed_end_trick(&b, t);
}

static unsigned rounds(unsigned few)
{
	const char *s = getenv("MODEL_ROUNDS");

	return s ? (unsigned)atoi(s) : few;
}

static void one_side(uint64_t seed, const char *place)
{
	begin(seed, place);
	for (unsigned round = 0; round < 4; round++) {
		for (unsigned i = pick(40); i; i--)
			work_here(&model);
		if (pick(3) == 0)
			bed_reopen_trick(&b, t);
		t->rate = pick(3) * 100;
		if (pick(2))
			flush_all();
		for (unsigned i = pick(10); i; i--)
			work_here(&model);
		flush_all();
		t->rate = 0;
		check_all(&model);
	}
	end();
}

static void what_is_done_here_is_there_in_the_end(void)
{
	unsigned n = rounds(4);

	for (unsigned i = 0; i < n; i++) {
		one_side(i, ":mem:");
		one_side(1000 + i, ":mem,hashes=none,mtime_step=1s:");
	}
}

/* While the queue is at work. */
static void work_goes_on_while_it_is_sent(void)
{
	unsigned n = rounds(4);

	for (unsigned i = 0; i < n; i++) {
		begin(3000 + i, ":mem:");
		b.opt.write_back = 0;
		t->kind = ERR_SERVER;
		bed_reopen_trick(&b, t);
		for (unsigned k = 0; k < 300; k++) {
			t->rate = k / 50 % 2 * 50;
			work_here(&model);
			if (pick(20) == 0)
				usleep(2000);
			if (pick(10) == 0)
				hurry();
		}
		t->rate = 0;
		for (unsigned k = 0; k < 20; k++)
			hurry();
		flush_all();
		check_all(&model);
		end();
	}
}

/* ---- both sides ---------------------------------------------------------- */

static struct tree theirs; /* what somebody else has written in this round */

static void work_there(struct tree *m)
{
	struct thing *x = pick_thing(m);
	const struct put_opt any = { .mtime = MTIME_UNKNOWN };
	char path[32];
	uint64_t seed;

	switch (pick(5)) {
	case 0:
	case 1:
		pick_path(m, path);
		x = find(m, path);
		if (x && x->dir)
			return;
		seed = ++next_seed;
		put_there(path, seed);
		if (x)
			x->seed = seed;
		else
			add(m, path, false, seed);
		break;
	case 2:
		pick_path(m, path);
		if (find(m, path))
			return;
		CHECK(be_mkdir(b.be, &b.p.op, path) == 0);
		add(m, path, true, 0);
		break;
	case 3:
		if (!x || (x->dir && !is_empty(m, x->path)))
			return;
		CHECK((x->dir ? be_rmdir(b.be, &b.p.op, x->path)
			      : be_unlink(b.be, &b.p.op, x->path)) == 0);
		take_out(m, x);
		break;
	case 4:
		pick_path(m, path);
		if (!x || find(m, path) || is_below(path, x->path))
			return;
		CHECK((x->dir ? be_move_dir(b.be, &b.p.op, b.be, x->path, path)
			      : be_move(b.be, &b.p.op, b.be, x->path, NULL,
					path, &any, NULL)) == 0);
		strcpy(theirs.at[THINGS - 1].path, x->path);
		rename_in(m, theirs.at[THINGS - 1].path, path);
		break;
	}
}

static bool has_seed(const struct tree *m, uint64_t seed)
{
	for (size_t i = 0; i < m->n; i++)
		if (!m->at[i].dir && m->at[i].seed == seed)
			return true;
	return false;
}

/* What was written since `since` and not written over is there. */
static void check_kept(const char *who, const struct tree *m,
		       const struct tree *there, uint64_t since)
{
	for (size_t i = 0; i < m->n; i++) {
		const struct thing *x = &m->at[i];

		if (x->dir || x->seed <= since || has_seed(there, x->seed))
			continue;
		print(who, m);
		print("there", there);
		fprintf(stderr, "%s %s: %" PRIu64 " is lost\n", who, x->path,
			x->seed);
		abort();
	}
}

/* Nothing is lost, and both sides are the same; that is the model now. */
static void settle_round(uint64_t since)
{
	struct tree *there = xcalloc(1, sizeof(*there));

	b.opt.dir_time = 0; /* so that all is listed */
	bed_reopen_trick(&b, t);
	look_here("", there);
	there->n = 0;
	/* what came of that may have to be sent */
	flush_all();
	look_there("", there);
	check_kept("mine", &model, there, since);
	check_kept("theirs", &theirs, there, since);
	check_all(NULL);
	b.opt.dir_time = BED_HOUR;
	bed_reopen_trick(&b, t);
	model = *there;
	check_all(&model);
	free(there);
}

static void both_sides_round(void)
{
	uint64_t since = next_seed;

	for (unsigned i = pick(15); i; i--)
		work_here(&model);
	theirs.n = 0;
	look_there("", &theirs);
	for (unsigned i = pick(15); i; i--)
		work_there(&theirs);
	t->rate = pick(3) * 50;
	flush_all();
	t->rate = 0;
	flush_all();
	settle_round(since);
}

static void what_is_not_noted_is_done_once_more(void)
{
	unsigned n = rounds(4);

	theirs.n = 0;
	for (unsigned i = 0; i < n; i++) {
		begin(2000 + i, i % 2 ? ":mem:" : ":mem,hashes=none:");
		for (unsigned round = 0; round < 4; round++) {
			for (unsigned k = pick(20); k; k--)
				work_here(&model);
			lose_memory();
			flush_all();
			settle_round(0);
		}
		end();
	}
}

static void nothing_of_either_side_is_lost(void)
{
	unsigned n = rounds(4);

	for (unsigned i = 0; i < n; i++) {
		begin(4000 + i, i % 2 ? ":mem:" : ":mem,hashes=none:");
		for (unsigned round = 0; round < 6; round++)
			both_sides_round();
		end();
	}
}

int main(void)
{
	RUN(what_is_done_here_is_there_in_the_end);
	RUN(work_goes_on_while_it_is_sent);
	RUN(what_is_not_noted_is_done_once_more);
	RUN(nothing_of_either_side_is_lost);
	return 0;
}
