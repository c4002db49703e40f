#include "tests/unit/vfs_trick.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>

#include "vfs/parts.h"

/*
 * What is done here, and what the place is told of it.
 */
static struct bed b;
static struct trick *t;

static void begin(const char *place)
{
	t = bed_begin_trick(&b, place);
}

static void end(void)
{
	bed_end_trick(&b, t);
}

/* ---- here ---------------------------------------------------------------- */

static struct vfs_file *open_here(const char *path, int flags)
{
	const char *name;
	uint64_t dir = bed_dir(&b, path, &name);
	struct vfs_file *f;
	struct vfs_attr a;

	CHECK(vfs_create(b.v, &b.p.op, dir, name, 0644, flags, &a, &f) == 0);
	vfs_forget(b.v, a.ino, 1);
	return f;
}

static void fill(struct vfs_file *f, uint64_t seed, size_t size)
{
	uint8_t *p = xcalloc(size + 1, 1);

	for (size_t i = 0; i < size; i++)
		p[i] = bytes_at(seed, (int64_t)i);
	CHECK(vfs_write(b.v, &b.p.op, f, p, size, 0) == 0);
	free(p);
}

static void write_here(const char *path, uint64_t seed, size_t size)
{
	struct vfs_file *f = open_here(path, O_WRONLY | O_TRUNC);

	fill(f, seed, size);
	CHECK(vfs_flush_file(b.v, &b.p.op, f) == 0);
	vfs_release(b.v, f);
}

static bool reads_here(const char *path, uint64_t seed, size_t size)
{
	struct vfs_file *f;
	uint8_t *p = xcalloc(size + 1, 1);
	size_t got;
	bool same;
	int fd;

	CHECK(vfs_open_file(b.v, &b.p.op, bed_ino(&b, path), O_RDONLY, &f) ==
	      0);
	CHECK(vfs_read_begin(b.v, &b.p.op, f, 0, size + 1, &fd, &got) == 0);
	same = got == size && pread(fd, p, size, 0) == (ssize_t)size;
	for (size_t i = 0; same && i < size; i++)
		same = p[i] == bytes_at(seed, (int64_t)i);
	vfs_read_end(b.v, f);
	vfs_release(b.v, f);
	free(p);
	return same;
}

static struct vfs_status status(void)
{
	struct vfs_status s;

	vfs_status(b.v, &s);
	return s;
}

/* ---- there --------------------------------------------------------------- */

static bool has(const char *path)
{
	struct entry e;
	bool is = be_stat(b.be, &b.p.op, path, &e) == 0;

	err_clear(&b.p.op.err);
	return is;
}

static bool holds(const char *path, uint64_t seed, int64_t size)
{
	bool is = gets_bytes(&b.p, b.be, path, seed, size);

	err_clear(&b.p.op.err);
	return is;
}

static void put(const char *path, uint64_t seed, int64_t size)
{
	CHECK(put_bytes(&b.p, b.be, path, seed, size) == 0);
}

/* "a b/ b/c ", sorted: all that the place has */
static void tree_of(const char *dir, struct buf *out)
{
	struct listing l = LISTING_INIT;
	struct posix_meta m;
	struct entry e;

	CHECK(be_list(b.be, &b.p.op, dir, &l) == 0);
	while (listing_next(&l, &b.p.op, &e, &m) == 1) {
		char *path = arena_printf(&b.p.op.arena, "%s%s%s", dir,
					  *dir ? "/" : "", e.name);

		buf_addf(out, "%s%s ", path, e.kind == ENTRY_DIR ? "/" : "");
		if (e.kind == ENTRY_DIR)
			tree_of(path, out);
	}
	listing_free(&l);
}

#define CHECK_TREE(want)                     \
	do {                                 \
		struct buf got = BUF_INIT;   \
                                             \
		tree_of("", &got);           \
		CHECK_STR(got.data, (want)); \
		buf_free(&got);              \
	} while (0)

static void forget_calls(void)
{
	for (int c = 0; c < CALLS; c++)
		atomic_store(&t->n[c], 0);
}

/* ---- what costs what ----------------------------------------------------- */

static void a_new_file_is_one_request(void)
{
	begin(":mem:");
	CHECK_NAMES(&b, "", "");
	forget_calls();
	write_here("f", 1, 5000);
	bed_flush(&b);
	CHECK(holds("f", 1, 5000));
	CHECK(t->n[CALL_PUT] == 1 && t->n[CALL_STAT] == 0);
	CHECK(t->n[CALL_LIST] == 0);
	CHECK(status().queued == 0 && status().sent == 1);
	CHECK(status().sent_bytes == 5000);
	end();
}

static void what_is_made_and_deleted_again_costs_nothing(void)
{
	begin(":mem:");
	CHECK_NAMES(&b, "", "");
	forget_calls();
	CHECK(bed_mkdir(&b, "d") == 0);
	write_here("d/f", 1, 10);
	CHECK(bed_unlink(&b, "d/f") == 0 && bed_rmdir(&b, "d") == 0);
	CHECK(status().queued == 0);
	bed_flush(&b);
	for (int c = 0; c < CALLS; c++)
		CHECK(t->n[c] == 0);
	end();
}

static void what_is_written_ten_times_is_sent_once(void)
{
	begin(":mem:");
	for (unsigned i = 0; i < 10; i++)
		write_here("f", i, 1000 + i);
	bed_flush(&b);
	CHECK(holds("f", 9, 1009) && t->n[CALL_PUT] == 1);
	for (unsigned i = 0; i < 10; i++)
		write_here("f", 20 + i, 1000);
	bed_flush(&b);
	CHECK(holds("f", 29, 1000) && t->n[CALL_PUT] == 2);
	end();
}

static void written_aside_and_renamed_is_one_put_over(void)
{
	begin(":mem:");
	put("f", 1, 100);
	CHECK_NAMES(&b, "", "f ");
	forget_calls();
	write_here("f.tmp", 2, 200);
	CHECK(bed_rename(&b, "f.tmp", "f", 0) == 0);
	bed_flush(&b);
	CHECK_TREE("f ");
	CHECK(holds("f", 2, 200));
	CHECK(t->n[CALL_PUT] == 1 && t->n[CALL_UNLINK] == 0);
	CHECK(t->n[CALL_MOVE] == 0);
	end();
}

static void a_folder_moves_in_one_request(void)
{
	begin(":mem:");
	put("d/e/f", 1, 100);
	put("d/g", 2, 100);
	CHECK_NAMES(&b, "d", "e g ");
	CHECK(bed_rename(&b, "d", "x", 0) == 0);
	write_here("x/h", 3, 10);
	bed_flush(&b);
	CHECK_TREE("x/ x/e/ x/e/f x/g x/h ");
	CHECK(t->n[CALL_MOVE_DIR] == 1 && t->n[CALL_MOVE] == 0);
	end();
}

static void times_are_kept(void)
{
	struct vfs_attr a = { .mtime = INT64_C(1234567890) * NS_PER_SEC };
	struct vfs_attr out;
	struct entry e;

	begin(":mem:");
	write_here("f", 1, 10);
	CHECK(vfs_setattr(b.v, &b.p.op, bed_ino(&b, "f"), VFS_SET_MTIME, &a,
			  &out) == 0);
	bed_flush(&b);
	CHECK(be_stat(b.be, &b.p.op, "f", &e) == 0 && e.mtime == a.mtime);
	CHECK(t->n[CALL_TOUCH] == 0);
	a.mtime += NS_PER_SEC;
	CHECK(vfs_setattr(b.v, &b.p.op, bed_ino(&b, "f"), VFS_SET_MTIME, &a,
			  &out) == 0);
	bed_flush(&b);
	CHECK(be_stat(b.be, &b.p.op, "f", &e) == 0 && e.mtime == a.mtime);
	CHECK(t->n[CALL_PUT] == 1 && t->n[CALL_TOUCH] == 1);
	end();
}

/* ---- order --------------------------------------------------------------- */

static void a_folder_that_was_made_here_is_not_listed(void)
{
	int64_t began, took;

	do { /* since it is believed to be our own for five seconds */
		begin(":mem:");
		CHECK_NAMES(&b, "", "");
		began = clock_mono();
		CHECK(bed_mkdir(&b, "a") == 0 && bed_mkdir(&b, "a/b") == 0);
		bed_flush(&b);
		forget_calls();
		write_here("a/f", 1, 10);
		write_here("a/b/g", 2, 10);
		bed_flush(&b);
		took = clock_mono() - began;
		CHECK_TREE("a/ a/b/ a/b/g a/f ");
		CHECK(took > 4 * NS_PER_SEC ||
		      (t->n[CALL_LIST] == 0 && t->n[CALL_STAT] == 0));
		end();
	} while (took > 4 * NS_PER_SEC);
}

static void folders_come_before_what_is_in_them(void)
{
	begin(":mem:");
	CHECK(bed_mkdir(&b, "a") == 0 && bed_mkdir(&b, "a/b") == 0 &&
	      bed_mkdir(&b, "a/b/c") == 0);
	write_here("a/b/c/f", 1, 10);
	write_here("a/b/g", 2, 10);
	bed_flush(&b);
	CHECK_TREE("a/ a/b/ a/b/c/ a/b/c/f a/b/g ");
	CHECK(t->n[CALL_MKDIR] == 3);
	CHECK(bed_unlink(&b, "a/b/c/f") == 0 && bed_unlink(&b, "a/b/g") == 0 &&
	      bed_rmdir(&b, "a/b/c") == 0 && bed_rmdir(&b, "a/b") == 0 &&
	      bed_rmdir(&b, "a") == 0);
	bed_flush(&b);
	CHECK_TREE("");
	end();
}

static void two_names_are_exchanged(void)
{
	begin(":mem:");
	put("f", 1, 100);
	put("g", 2, 200);
	put("d/in", 3, 10);
	CHECK_NAMES(&b, "d", "in ");
	CHECK(bed_rename(&b, "f", "g", RENAME_EXCHANGE) == 0);
	bed_flush(&b);
	CHECK(holds("f", 2, 200) && holds("g", 1, 100));
	CHECK(bed_rename(&b, "f", "d", RENAME_EXCHANGE) == 0);
	bed_flush(&b);
	CHECK(holds("d", 2, 200) && holds("f/in", 3, 10));
	CHECK_TREE("d f/ f/in g ");
	end();
}

static void three_names_go_round(void)
{
	begin(":mem:");
	put("a", 1, 100);
	put("b", 2, 200);
	put("c", 3, 300);
	CHECK(bed_rename(&b, "a", "x", 0) == 0);
	CHECK(bed_rename(&b, "b", "a", 0) == 0);
	CHECK(bed_rename(&b, "c", "b", 0) == 0);
	CHECK(bed_rename(&b, "x", "c", 0) == 0);
	bed_flush(&b);
	CHECK(holds("a", 2, 200) && holds("b", 3, 300) && holds("c", 1, 100));
	CHECK_TREE("a b c ");
	end();
}

static void what_was_in_a_folder_takes_its_place(void)
{
	begin(":mem:");
	put("d/f", 1, 100);
	CHECK(bed_rename(&b, "d/f", "t", 0) == 0);
	CHECK(bed_rmdir(&b, "d") == 0);
	CHECK(bed_rename(&b, "t", "d", 0) == 0);
	bed_flush(&b);
	CHECK_TREE("d ");
	CHECK(holds("d", 1, 100));
	end();
}

static void a_folder_goes_into_what_was_in_it(void)
{
	begin(":mem:");
	put("a/b/f", 1, 100);
	put("a/g", 2, 100);
	CHECK_NAMES(&b, "a/b", "f ");
	CHECK(bed_rename(&b, "a/b", "b", 0) == 0);
	CHECK(bed_rename(&b, "a", "b/a", 0) == 0);
	bed_flush(&b);
	CHECK_TREE("b/ b/a/ b/a/g b/f ");
	/* and so that each needs the other to go first */
	CHECK(bed_rename(&b, "b", "x", 0) == 0);
	CHECK(bed_rename(&b, "x/a", "b", 0) == 0);
	CHECK(bed_rename(&b, "x", "b/a", 0) == 0);
	bed_flush(&b);
	CHECK_TREE("b/ b/a/ b/a/f b/g ");
	end();
}

static void a_new_folder_takes_the_old_one_in(void)
{
	begin(":mem:");
	put("a/f", 1, 100);
	CHECK(bed_mkdir(&b, "n") == 0);
	CHECK(bed_rename(&b, "a", "n/a", 0) == 0);
	CHECK(bed_rename(&b, "n", "a", 0) == 0);
	bed_flush(&b);
	CHECK_TREE("a/ a/a/ a/a/f ");
	end();
}

static void a_file_takes_the_place_of_a_folder(void)
{
	begin(":mem:");
	put("d/f", 1, 100);
	put("g", 2, 100);
	CHECK(bed_unlink(&b, "d/f") == 0 && bed_rmdir(&b, "d") == 0);
	write_here("d", 3, 30);
	CHECK(bed_unlink(&b, "g") == 0 && bed_mkdir(&b, "g") == 0);
	write_here("g/h", 4, 40);
	bed_flush(&b);
	CHECK_TREE("d g/ g/h ");
	CHECK(holds("d", 3, 30) && holds("g/h", 4, 40));
	end();
}

/* ---- both sides ---------------------------------------------------------- */

static void changed_on_both_sides_is_kept_twice(void)
{
	struct buf names = BUF_INIT;

	begin(":mem:");
	put("d/f.txt", 1, 100);
	CHECK(reads_here("d/f.txt", 1, 100));
	write_here("d/f.txt", 2, 200);
	put("d/f.txt", 3, 300);
	bed_flush(&b);
	CHECK(holds("d/f.txt", 3, 300));
	CHECK(reads_here("d/f.txt", 3, 300));
	CHECK(status().conflicts == 1 && status().queued == 0);
	bed_list(&b, "d", &names);
	CHECK(strncmp(names.data, "f.conflict-", 11) == 0);
	CHECK(strstr(names.data, ".txt f.txt "));
	*strchr(names.data, ' ') = '\0';
	CHECK(holds(arena_printf(&b.p.op.arena, "d/%s", names.data), 2, 200));
	buf_free(&names);
	end();
}

static void made_on_both_sides_is_kept_twice(void)
{
	struct buf names = BUF_INIT;

	begin(":mem:");
	put("x", 1, 10);
	CHECK_NAMES(&b, "", "x ");
	write_here("f", 2, 200);
	CHECK(bed_rename(&b, "x", "y", 0) == 0);
	put("f", 3, 300);
	put("y", 4, 400);
	bed_flush(&b);
	CHECK(holds("f", 3, 300) && holds("y", 4, 400) && !has("x"));
	bed_list(&b, "", &names);
	CHECK(strncmp(names.data, "f f.conflict-", 13) == 0);
	CHECK(strstr(names.data, " y y.conflict-"));
	CHECK(status().conflicts == 2);
	CHECK(reads_here("f", 3, 300) && reads_here("y", 4, 400));
	buf_free(&names);
	end();
}

static void deleted_here_but_changed_there_stays(void)
{
	begin(":mem:");
	put("f", 1, 100);
	put("d/g", 1, 100);
	CHECK_NAMES(&b, "", "d f ");
	CHECK(bed_unlink(&b, "f") == 0);
	CHECK(bed_unlink(&b, "d/g") == 0 && bed_rmdir(&b, "d") == 0);
	put("f", 2, 200);
	put("d/new", 3, 10);
	bed_flush(&b);
	CHECK(holds("f", 2, 200) && !has("d/g") && holds("d/new", 3, 10));
	CHECK_NAMES(&b, "", "d f ");
	CHECK_NAMES(&b, "d", "new ");
	CHECK(status().queued == 0);
	end();
}

static void changed_here_but_deleted_there_is_made_again(void)
{
	begin(":mem:");
	put("d/f", 1, 100);
	CHECK(reads_here("d/f", 1, 100));
	write_here("d/f", 2, 200);
	CHECK(be_purge(b.be, &b.p.op, "d") == 0);
	bed_flush(&b);
	CHECK(holds("d/f", 2, 200) && status().conflicts == 0);
	end();
}

static void the_same_content_on_both_sides_is_no_conflict(void)
{
	begin(":mem:");
	CHECK_NAMES(&b, "", "");
	write_here("f", 1, 100);
	put("f", 1, 100);
	bed_flush(&b);
	CHECK(status().conflicts == 0);
	CHECK_TREE("f ");
	end();
	begin(":mem,hashes=none:");
	CHECK_NAMES(&b, "", "");
	write_here("f", 1, 100);
	put("f", 1, 100);
	bed_flush(&b);
	CHECK(status().conflicts == 0);
	CHECK_TREE("f ");
	end();
}

static void a_folder_made_on_both_sides_is_one(void)
{
	begin(":mem:");
	CHECK_NAMES(&b, "", "");
	CHECK(bed_mkdir(&b, "d") == 0);
	write_here("d/mine", 1, 10);
	put("d/theirs", 2, 20);
	bed_flush(&b);
	CHECK_TREE("d/ d/mine d/theirs ");
	end();
}

/* ---- failures ------------------------------------------------------------ */

static void answers_that_are_lost_do_no_harm(void)
{
	begin(":mem:");
	put("m", 1, 100);
	put("n/in", 2, 100);
	put("u", 3, 100);
	put("r/x", 3, 100);
	put("o", 4, 100);
	CHECK(reads_here("o", 4, 100));
	CHECK_NAMES(&b, "r", "x ");
	for (int c = 0; c < CALLS; c++)
		atomic_store(&t->after[c], c == CALL_STAT ? 0 : 1);
	CHECK(bed_rename(&b, "m", "m2", 0) == 0);
	CHECK(bed_rename(&b, "n", "n2", 0) == 0);
	CHECK(bed_unlink(&b, "u") == 0);
	CHECK(bed_unlink(&b, "r/x") == 0 && bed_rmdir(&b, "r") == 0);
	CHECK(bed_mkdir(&b, "new") == 0);
	write_here("f", 5, 50);
	write_here("o", 6, 60);
	bed_flush(&b);
	CHECK_TREE("f m2 n2/ n2/in new/ o ");
	CHECK(holds("f", 5, 50) && holds("o", 6, 60) && holds("m2", 1, 100));
	CHECK(status().conflicts == 0 && status().queued == 0);
	CHECK(status().online);
	end();
}

/* As a service that moves a folder file by file, and fails half-way. */
static void half_of_n2_goes_back(struct trick *tr, enum call c,
				 const char *path)
{
	const struct put_opt opt = { .mtime = MTIME_UNKNOWN,
				     .mode = PUT_CREATE };
	struct op op = op_begin(&b.p.cancel);

	(void)path;
	if (c == CALL_MOVE_DIR && tr->n[c] == 2) {
		CHECK(be_mkdir(tr->in, &op, "n") == 0);
		CHECK(be_move(tr->in, &op, tr->in, "n2/a", NULL, "n/a", &opt,
			      NULL) == 0);
	}
	op_end(&op);
}

static void half_a_folder_moved_is_no_conflict(void)
{
	/* whoever it is that tries again */
	for (unsigned tries = 1; tries <= 2; tries++) {
		begin(":mem:");
		put("n/a", 1, 100);
		put("n/b", 2, 100);
		CHECK_NAMES(&b, "n", "a b ");
		t->base.tries = tries;
		t->meet = half_of_n2_goes_back;
		atomic_store(&t->after[CALL_MOVE_DIR], 1);
		CHECK(bed_rename(&b, "n", "n2", 0) == 0);
		bed_flush(&b);
		CHECK_TREE("n2/ n2/a n2/b ");
		CHECK_NAMES(&b, "", "n2 ");
		CHECK_NAMES(&b, "n2", "a b ");
		CHECK(status().conflicts == 0 && status().queued == 0);
		end();
	}
}

static void only_the_first_move(struct trick *tr, enum call c, const char *path)
{
	(void)path;
	if (c == CALL_MOVE_DIR && tr->n[c] == 2)
		atomic_store(&tr->before[c], 1000);
}

/* Two change places, and one of them is out of the way in their folder; then
   they go on to another of its name. */
static void out_of_one_circle_into_the_next(void)
{
	begin(":mem:");
	put("c/d/in", 1, 100);
	put("c/e/in", 2, 100);
	CHECK_NAMES(&b, "c", "d e ");
	CHECK(bed_rename(&b, "c/d", "c/e", RENAME_EXCHANGE) == 0);
	t->kind = ERR_DENIED;
	t->meet = only_the_first_move;
	CHECK(vfs_flush(b.v, &b.p.op, "") < 0);
	err_clear(&b.p.op.err);
	no_meeting(t);
	atomic_store(&t->before[CALL_MOVE_DIR], 0);
	CHECK(bed_rename(&b, "c/d", "d", 0) == 0);
	CHECK(bed_rename(&b, "c/e", "e", 0) == 0);
	CHECK(bed_rmdir(&b, "c") == 0 && bed_mkdir(&b, "c") == 0);
	CHECK(bed_rename(&b, "d", "c/x", 0) == 0);
	CHECK(bed_rename(&b, "e", "c/y", 0) == 0);
	alarm(600); /* they would wait for each other for ever */
	bed_flush(&b);
	alarm(0);
	CHECK_TREE("c/ c/x/ c/x/in c/y/ c/y/in ");
	CHECK(holds("c/x/in", 2, 100) && holds("c/y/in", 1, 100));
	end();
}

static void failures_before_the_work_do_no_harm(void)
{
	begin(":mem:");
	put("m", 1, 100);
	put("n/in", 2, 100);
	put("u", 3, 100);
	CHECK_NAMES(&b, "", "m n u ");
	for (int c = 0; c < CALLS; c++)
		atomic_store(&t->before[c], 1);
	CHECK(bed_rename(&b, "m", "m2", 0) == 0);
	CHECK(bed_rename(&b, "n", "n2", 0) == 0);
	CHECK(bed_unlink(&b, "u") == 0);
	CHECK(bed_mkdir(&b, "new") == 0);
	write_here("new/f", 5, 50);
	bed_flush(&b);
	CHECK_TREE("m2 n2/ n2/in new/ new/f ");
	end();
}

static void what_is_refused_is_said_and_tried_again(void)
{
	begin(":mem:");
	CHECK_NAMES(&b, "", "");
	t->kind = ERR_DENIED;
	atomic_store(&t->before[CALL_PUT], 1);
	write_here("f", 1, 10);
	CHECK(vfs_flush(b.v, &b.p.op, "") < 0);
	CHECK(b.p.op.err.kind == ERR_DENIED);
	CHECK(status().failed == 1 && status().queued == 1);
	CHECK(strstr(status().last_error, "as it was told to"));
	CHECK(reads_here("f", 1, 10));
	bed_flush(&b);
	CHECK(holds("f", 1, 10) && status().failed == 0);
	end();
}

static void a_flush_sends_what_is_below_its_path_only(void)
{
	begin(":mem:");
	CHECK(bed_mkdir(&b, "d") == 0 && bed_mkdir(&b, "d2") == 0);
	write_here("d/f", 1, 10);
	write_here("d2/g", 1, 10);
	CHECK(vfs_flush(b.v, &b.p.op, "d") == 0);
	CHECK(has("d/f") && !has("d2"));
	CHECK(vfs_flush(b.v, &b.p.op, "d2/g") == 0);
	CHECK(has("d2/g") && status().queued == 0);
	end();
}

/* ---- meanwhile ----------------------------------------------------------- */

static void (*then)(void);

/* Once, in the midst of the first put or move. */
static void meet(struct trick *trick, enum call c, const char *path)
{
	void (*f)(void) = then;

	(void)path;
	if ((c != CALL_PUT && c != CALL_MKDIR && c != CALL_MOVE_DIR) || !f)
		return;
	then = NULL;
	no_meeting(trick);
	f();
}

/* On the sender's thread: with an op of its own. */
static void meanwhile(void (*f)(void))
{
	then = f;
	t->meet = meet;
}

static void with_own_op(void (*f)(void))
{
	struct op saved = b.p.op;

	b.p.op = op_begin(&b.p.cancel);
	f();
	op_end(&b.p.op);
	b.p.op = saved;
}

static void do_delete(void)
{
	CHECK(bed_unlink(&b, "d/f") == 0);
	CHECK(status().queued == 1); /* until it is gone there, too */
}

static void do_rename(void)
{
	CHECK(bed_rename(&b, "d/f", "d/g", 0) == 0);
	write_here("d/f", 7, 70);
}

static void do_write(void)
{
	write_here("d/f", 2, 200);
}

static void do_rename_folder(void)
{
	CHECK(bed_rename(&b, "d", "e", 0) == 0);
	write_here("e/f", 2, 20);
	CHECK(bed_mkdir(&b, "d") == 0);
	write_here("d/f", 3, 30);
}

static void delete_now(void)
{
	with_own_op(do_delete);
}

static void rename_now(void)
{
	with_own_op(do_rename);
}

static void write_now(void)
{
	with_own_op(do_write);
}

static void rename_folder_now(void)
{
	with_own_op(do_rename_folder);
}

/* With the flush waiting elsewhere, the test's op is not in use. */
static void flush_meanwhile(void (*f)(void))
{
	struct op op = op_begin(&b.p.cancel);

	meanwhile(f);
	CHECK(vfs_flush(b.v, &op, "") == 0);
	CHECK(!then);
	CHECK(vfs_flush(b.v, &op, "") == 0);
	op_end(&op);
}

static void changed_while_it_is_sent(void)
{
	begin(":mem:");
	CHECK(bed_mkdir(&b, "d") == 0);
	bed_flush(&b);
	write_here("d/f", 1, 100);
	flush_meanwhile(write_now);
	CHECK(holds("d/f", 2, 200));
	CHECK_TREE("d/ d/f ");
	CHECK(status().conflicts == 0);
	end();
}

static void deleted_while_it_is_sent(void)
{
	begin(":mem:");
	CHECK(bed_mkdir(&b, "d") == 0);
	bed_flush(&b);
	write_here("d/f", 1, 100);
	flush_meanwhile(delete_now);
	CHECK_TREE("d/ ");
	CHECK_NAMES(&b, "d", "");
	/* and in its place */
	write_here("d/f", 1, 100);
	bed_flush(&b);
	write_here("d/f", 2, 200);
	flush_meanwhile(delete_now);
	CHECK_TREE("d/ ");
	CHECK_NAMES(&b, "d", "");
	end();
}

static void renamed_while_it_is_sent(void)
{
	begin(":mem:");
	CHECK(bed_mkdir(&b, "d") == 0);
	bed_flush(&b);
	write_here("d/f", 1, 100);
	flush_meanwhile(rename_now);
	CHECK_TREE("d/ d/f d/g ");
	CHECK(holds("d/f", 7, 70) && holds("d/g", 1, 100));
	CHECK(status().conflicts == 0);
	end();
}

static void a_folder_is_renamed_while_it_is_made(void)
{
	begin(":mem:");
	CHECK(bed_mkdir(&b, "d") == 0);
	flush_meanwhile(rename_folder_now);
	CHECK_TREE("d/ d/f e/ e/f ");
	CHECK(holds("d/f", 3, 30) && holds("e/f", 2, 20));
	end();
}

/* ---- later --------------------------------------------------------------- */

static void the_queue_goes_on_the_next_time(void)
{
	begin(":mem:");
	put("old", 1, 10);
	put("gone", 1, 10);
	CHECK_NAMES(&b, "", "gone old ");
	CHECK(bed_mkdir(&b, "d") == 0);
	write_here("d/f", 1, 100);
	CHECK(bed_rename(&b, "old", "d/new", 0) == 0);
	CHECK(bed_unlink(&b, "gone") == 0);
	t->kind = ERR_BUSY;
	t->rate = 1000;
	bed_reopen_trick(&b, t);
	CHECK(status().queued == 4);
	t->rate = 0;
	bed_reopen_trick(&b, t);
	bed_flush(&b);
	CHECK_TREE("d/ d/f d/new ");
	CHECK(holds("d/f", 1, 100));
	end();
}

static void what_is_quiet_is_sent_by_itself(void)
{
	struct vfs_file *f;

	begin(":mem:");
	b.opt.write_back = NS_PER_SEC / 100;
	bed_reopen_trick(&b, t);
	f = open_here("open", O_WRONLY);
	fill(f, 1, 10);
	write_here("f", 1, 10);
	for (unsigned i = 0; i < 12000 && status().sent == 0; i++)
		usleep(10000);
	CHECK(has("f") && !has("open"));
	vfs_release(b.v, f);
	for (unsigned i = 0; i < 12000 && status().queued; i++)
		usleep(10000);
	CHECK(has("open"));
	end();
}

/* The longest time between two of so many new files, which are empty. */
static int64_t write_many(const char *letter, unsigned n)
{
	int64_t last = clock_mono(), longest = 0;
	char name[20];

	for (unsigned i = 0; i < n; i++) {
		int64_t now;

		snprintf(name, sizeof(name), "%s%u", letter, i);
		vfs_release(b.v, open_here(name, O_WRONLY));
		usleep(500); /* others have work to do, too */
		now = clock_mono();
		if (now - last > longest)
			longest = now - last;
		last = now;
	}
	return longest;
}

/* Then it was no stretch, or one of those that are sent before their end. */
static bool was_held_up(int64_t pause, int64_t took)
{
	return pause > NS_PER_SEC / 50 || took > 4 * NS_PER_SEC;
}

static void much_at_a_stretch_is_sent_when_it_is_over(void)
{
	enum { N = 500, BEFORE = 100 };
	char letter[] = "a";
	int64_t sent, pause, began, took;

	begin(":mem:");
	b.opt.write_back = NS_PER_SEC / 1000;
	bed_reopen_trick(&b, t);
	do { /* on a machine that has other things to do */
		sent = status().sent;
		began = clock_mono();
		pause = write_many(letter, N);
		sent = status().sent - sent;
		took = clock_mono() - began;
		bed_flush(&b);
		CHECK(status().queued == 0);
		letter[0]++;
	} while (was_held_up(pause, took) && letter[0] < 'd');
	CHECK(sent <= BEFORE || was_held_up(pause, took));
	CHECK(holds("a499", 0, 0));
	end();
}

static void out_of_reach_it_waits_and_comes_back(void)
{
	begin(":mem:");
	CHECK_NAMES(&b, "", "");
	b.opt.write_back = 0;
	bed_reopen_trick(&b, t);
	CHECK_NAMES(&b, "", "");
	t->kind = ERR_NETWORK;
	t->rate = 1000;
	for (unsigned i = 0; i < 50; i++)
		write_here(arena_printf(&b.p.op.arena, "f%u", i), i, 100);
	for (unsigned i = 0; i < 12000 && status().online; i++)
		usleep(10000);
	CHECK(!status().online);
	usleep(100000);
	/* not each of them has been tried */
	CHECK(t->n[CALL_PUT] <= 32 && status().queued == 50);
	t->rate = 0;
	/* it may be a while until it is tried again */
	for (unsigned i = 0; i < 10 && vfs_flush(b.v, &b.p.op, "") < 0; i++)
		err_clear(&b.p.op.err);
	CHECK(status().online && status().queued == 0);
	CHECK(holds("f49", 49, 100));
	end();
}

static int count_one(void *arg, struct op *op, const struct vfs_queued *q)
{
	struct buf *to = arg;

	(void)op;
	buf_addf(to, "%s %s %lld\n", q->action, q->path, (long long)q->bytes);
	return 0;
}

static int by_line(const void *a, const void *c)
{
	return strcmp(*(char *const *)a, *(char *const *)c);
}

static void the_queue_can_be_looked_at(void)
{
	char *lines[8], *save = NULL;
	struct buf text = BUF_INIT;
	size_t n = 0;

	begin(":mem:");
	put("d/gone", 1, 10);
	put("old", 1, 10);
	CHECK_NAMES(&b, "d", "gone ");
	CHECK(bed_unlink(&b, "d/gone") == 0);
	CHECK(bed_rename(&b, "old", "d/new", 0) == 0);
	CHECK(bed_mkdir(&b, "e") == 0);
	write_here("e/f", 1, 100);
	CHECK(vfs_queue(b.v, &b.p.op, count_one, &text) == 0);
	for (char *l = strtok_r(text.data, "\n", &save); l && n < 8;
	     l = strtok_r(NULL, "\n", &save))
		lines[n++] = l;
	CHECK(n == 4);
	qsort(lines, n, sizeof(lines[0]), by_line);
	CHECK_STR(lines[0], "delete d/gone -1");
	CHECK_STR(lines[1], "mkdir e -1");
	CHECK_STR(lines[2], "move d/new -1");
	CHECK_STR(lines[3], "upload e/f 100");
	CHECK(status().queued_bytes == 100);
	buf_free(&text);
	end();
}

int main(void)
{
	RUN(a_new_file_is_one_request);
	RUN(what_is_made_and_deleted_again_costs_nothing);
	RUN(what_is_written_ten_times_is_sent_once);
	RUN(written_aside_and_renamed_is_one_put_over);
	RUN(a_folder_moves_in_one_request);
	RUN(times_are_kept);
	RUN(a_folder_that_was_made_here_is_not_listed);
	RUN(folders_come_before_what_is_in_them);
	RUN(two_names_are_exchanged);
	RUN(three_names_go_round);
	RUN(what_was_in_a_folder_takes_its_place);
	RUN(a_folder_goes_into_what_was_in_it);
	RUN(a_new_folder_takes_the_old_one_in);
	RUN(a_file_takes_the_place_of_a_folder);
	RUN(changed_on_both_sides_is_kept_twice);
	RUN(made_on_both_sides_is_kept_twice);
	RUN(deleted_here_but_changed_there_stays);
	RUN(changed_here_but_deleted_there_is_made_again);
	RUN(the_same_content_on_both_sides_is_no_conflict);
	RUN(a_folder_made_on_both_sides_is_one);
	RUN(answers_that_are_lost_do_no_harm);
	RUN(half_a_folder_moved_is_no_conflict);
	RUN(out_of_one_circle_into_the_next);
	RUN(failures_before_the_work_do_no_harm);
	RUN(what_is_refused_is_said_and_tried_again);
	RUN(a_flush_sends_what_is_below_its_path_only);
	RUN(changed_while_it_is_sent);
	RUN(deleted_while_it_is_sent);
	RUN(renamed_while_it_is_sent);
	RUN(a_folder_is_renamed_while_it_is_made);
	RUN(the_queue_goes_on_the_next_time);
	RUN(what_is_quiet_is_sent_by_itself);
	RUN(much_at_a_stretch_is_sent_when_it_is_over);
	RUN(out_of_reach_it_waits_and_comes_back);
	RUN(the_queue_can_be_looked_at);
	return 0;
}
