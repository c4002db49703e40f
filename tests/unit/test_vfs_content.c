#include "tests/unit/vfs_files.h"

#include <sys/file.h>

/*
 * Bytes on their way from the place: what is fetched, what is kept, what goes.
 */

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
	int64_t last, now;
	unsigned most = 6;
	struct vfs_file *f;

	b.opt.read_ahead = 64 * MIB;
	bed_reopen_trick(&b, t);
	CHECK(put_bytes(&b.p, b.be, "f", 3, 64 * MIB) == 0);
	f = open_file("f", O_RDONLY);
	last = clock_mono();
	for (int64_t off = 0; off < 64 * MIB; off += 65536) {
		check_bytes(f, 3, off, 65536);
		now = clock_mono();
		most += now - last > NS_PER_SEC / 2; /* it gives up, then */
		last = now;
	}
	CHECK(t->n[CALL_GET] <= most);
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

static void a_transfer_that_is_cut_goes_on(void)
{
	struct vfs_file *f;

	bed_begin(&b, ":fault,remote=':mem:',op=get,cut=70001,calls=1,"
		      "error=network:");
	CHECK(put_bytes(&b.p, b.be, "small", 1, 500000) == 0);
	CHECK(put_bytes(&b.p, b.be, "large", 2, 3 * MIB) == 0);
	f = open_file("large", O_RDONLY);
	check_bytes(f, 2, 0, 3 * MIB);
	vfs_release(b.v, f);
	f = open_file("small", O_RDONLY);
	check_bytes(f, 1, 0, 500000);
	vfs_release(b.v, f);
	bed_end(&b);
}

static void what_is_not_here_fails_at_once_without_a_network(void)
{
	struct trick *t = bed_begin_trick(&b, ":mem:");
	struct vfs_file *f, *g;
	int64_t began;
	char buf[100];

	CHECK(put_bytes(&b.p, b.be, "f", 3, 100) == 0);
	CHECK(put_bytes(&b.p, b.be, "g", 4, 100) == 0);
	f = open_file("f", O_RDONLY);
	g = open_file("g", O_RDONLY);
	check_bytes(g, 4, 0, 100);
	t->before[CALL_GET] = 1000;
	t->kind = ERR_NETWORK;
	CHECK(read_at(f, buf, 100, 0) == -ENETDOWN);
	for (unsigned i = 0; i < 10; i++) { /* if it is asked for at once */
		unsigned n = t->n[CALL_GET];

		began = clock_mono();
		CHECK(read_at(f, buf, 100, 0) == -ENETDOWN);
		CHECK(read_at(f, buf, 100, 0) == -ENETDOWN);
		CHECK(t->n[CALL_GET] <= n + 2);
		if (clock_mono() - began < NS_PER_SEC / 2) {
			CHECK(t->n[CALL_GET] <= n + 1);
			break;
		}
	}
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
	/* once it is sent, its size is the place's to tell */
	t->before[CALL_PUT] = 1000;
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

/* A part of it was written here, and then all of it there. */
static void cannot_be_whole(void (*way_out)(void), int64_t conflicts)
{
	struct vfs_status st;
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
	close_file(f);
	CHECK(vfs_flush(b.v, &b.p.op, "") < 0);
	CHECK(strstr(b.p.op.err.msg, "write all of it anew, or delete it"));
	err_clear(&b.p.op.err);
	CHECK(gets_bytes(&b.p, b.be, "f", 2, 4 * MIB));
	way_out();
	bed_flush(&b);
	CHECK(gets_bytes(&b.p, b.be, "f", 2, 4 * MIB));
	f = open_file("f", O_RDONLY);
	check_bytes(f, 2, 0, 4 * MIB);
	close_file(f);
	vfs_status(b.v, &st);
	CHECK(st.queued == 0 && st.conflicts == conflicts);
	bed_end(&b);
}

static void write_it_anew(void)
{
	struct vfs_file *f = open_file("f", O_RDWR | O_TRUNC);

	write_at(f, "anew", 4, 0);
	close_file(f);
}

static void delete_it(void)
{
	CHECK(bed_unlink(&b, "f") == 0);
}

static void the_rest_of_a_changed_file_is_never_of_another(void)
{
	cannot_be_whole(write_it_anew, 1);
	cannot_be_whole(delete_it, 0);
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
	b.opt.cache_size = 0;
	bed_reopen_trick(&b, t);
	CHECK(evict(b.v, &b.p.op) == 0);
	CHECK(on_disk() == 9);
	check_text("mine", "only here");
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
		for (unsigned k = 0;; k++) {
			CHECK(evict(b.v, &b.p.op) == 0);
			if (on_disk() <= 4 * MIB)
				break;
			CHECK(k < 6000);
			usleep(10000);
		}
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
	CHECK(no_data_files());
	put_text("mine", "only here");
	CHECK(data_files() == 1);
	bed_flush(&b);
	CHECK(no_data_files());
	check_text("mine", "only here");
	bed_end(&b);
}

static void read_neighbour(unsigned i)
{
	struct vfs_file *f;
	char name[20];

	snprintf(name, sizeof(name), "f%02u", i);
	f = open_file(name, O_RDONLY);
	check_bytes(f, i, 0, 1000);
	vfs_release(b.v, f);
}

static void small_neighbours_are_fetched_ahead(void)
{
	struct trick *t = bed_begin_trick(&b, ":mem:");
	unsigned next = 3;
	char name[20];

	bed_close(&b);
	t->base.caps |= BE_REMOTE;
	for (unsigned i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "f%02u", i);
		CHECK(put_bytes(&b.p, b.be, name, i, 1000) == 0);
	}
	bed_reopen_trick(&b, t);
	/* three at once, and more if they came too far apart to be a row */
	for (unsigned i = 0; i < 3; i++)
		read_neighbour(i);
	for (unsigned i = 0; i < 1000 && t->n[CALL_GET] < 8; i++) {
		if (i % 200 == 199)
			for (unsigned k = 0; k < 3; k++)
				read_neighbour(next++);
		usleep(10000);
	}
	CHECK(t->n[CALL_GET] >= 8 && t->n[CALL_GET] >= next + 5);
	CHECK(t->n[CALL_GET] <= next + 47);
	for (; next < 100; next++)
		read_neighbour(next);
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

static void who_has_it_open_reads_on_when_it_is_deleted(void)
{
	struct vfs_file *f, *g, *h;

	bed_begin(&b, ":mem:");
	b.opt.cache_size = 1000;
	bed_reopen(&b);
	CHECK(put_bytes(&b.p, b.be, "f", 1, 40 * MIB) == 0);
	CHECK(put_bytes(&b.p, b.be, "g", 2, 2 * MIB) == 0);
	CHECK(put_bytes(&b.p, b.be, "over", 3, 100) == 0);
	f = open_file("f", O_RDONLY);
	g = open_file("g", O_RDONLY);
	check_bytes(f, 1, 0, 10);
	check_bytes(g, 2, 0, 10);
	CHECK(bed_unlink(&b, "f") == 0);
	CHECK(bed_rename(&b, "over", "g", 0) == 0);
	CHECK(evict(b.v, &b.p.op) == 0);
	bed_flush(&b);
	CHECK(evict(b.v, &b.p.op) == 0);
	check_bytes(f, 1, 39 * MIB, 1000);
	check_bytes(g, 2, MIB, 1000);
	h = open_file("g", O_RDONLY);
	check_bytes(h, 3, 0, 100);
	vfs_release(b.v, h);
	vfs_release(b.v, g);
	vfs_release(b.v, f);
	bed_end(&b);
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
	for (unsigned i = 0; i < 12000 && pins().missing; i++)
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

/* Who holds his file is at work; of one that nobody holds nothing is left. */
static void what_a_broken_upload_has_left_is_removed(void)
{
	struct scratch s;
	char *old, *held;
	int fd;

	scratch_begin(&s);
	CHECK(mkdir(scratch_path(&s, "place"), 0700) == 0);
	old = scratch_path(&s, "place/.ferry-tmp.0000000000000001");
	held = scratch_path(&s, "place/.ferry-tmp.0000000000000002");
	close(open(old, O_CREAT | O_EXCL | O_RDWR, 0600));
	fd = open(held, O_CREAT | O_EXCL | O_RDWR, 0600);
	CHECK(fd >= 0 && flock(fd, LOCK_EX) == 0);
	bed_begin(&b, scratch_path(&s, "place"));
	CHECK(put_bytes(&b.p, b.be, "f", 1, 1000) == 0);
	CHECK(bed_ino(&b, "f") && !bed_ino(&b, ".ferry-tmp.0000000000000001"));
	CHECK(vfs_pin(b.v, &b.p.op, "f") == 0); /* it looks at once */
	for (unsigned i = 0; i < 12000 && access(old, F_OK) == 0; i++)
		usleep(10000);
	CHECK(access(old, F_OK) < 0 && access(held, F_OK) == 0);
	close(fd);
	bed_end(&b);
	scratch_end(&s);
}

int main(void)
{
	RUN(a_reader_gets_what_the_place_has);
	RUN(one_who_jumps_about_fetches_what_he_reads);
	RUN(one_who_reads_on_asks_seldom);
	RUN(what_is_here_is_not_asked_for_again);
	RUN(a_place_that_fails_is_never_a_short_file);
	RUN(a_transfer_that_is_cut_goes_on);
	RUN(what_is_not_here_fails_at_once_without_a_network);
	RUN(a_file_of_unknown_size_comes_whole_when_it_is_opened);
	RUN(who_has_it_open_reads_on_when_the_place_has_another);
	RUN(the_kernel_may_keep_what_has_not_changed);
	RUN(the_rest_of_a_changed_file_is_never_of_another);
	RUN(more_than_the_budget_goes_but_not_what_is_only_here);
	RUN(a_file_that_is_larger_than_the_budget_is_read);
	RUN(who_has_it_open_reads_on_when_it_is_deleted);
	RUN(without_a_cache_what_was_read_goes);
	RUN(small_neighbours_are_fetched_ahead);
	RUN(what_is_pinned_comes_and_stays);
	RUN(what_a_broken_upload_has_left_is_removed);
	return 0;
}
