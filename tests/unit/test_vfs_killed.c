#include "tests/unit/vfs_files.h"

#include <linux/fs.h>
#include <sys/wait.h>

/*
 * kill -9 just after the place has done what it was asked, and before anybody
 * here has heard of it; then more is done here before the queue goes on.  What
 * the place has is known for our own, and nothing is left behind; and what
 * somebody else has made of it meanwhile is not.
 */
static struct trick *t;
static char place[160];

enum kind { KEEPS_TIME, LIKE_A_SERVER, KINDS };

static bool no_moves; /* all is copied */

static void open_bed(enum kind kind)
{
	t = trick_new(opened(&b.p, place));
	t->no_moves = no_moves;
	if (kind == LIKE_A_SERVER) {
		t->forgets_time = true;
		t->base.caps |= BE_REMOTE;
		t->base.caps &= ~(unsigned)(BE_POSIX | BE_SET_META);
	}
	b.be = &t->base;
	bed_open(&b);
}

static void write_here(const char *path, uint64_t seed, size_t size)
{
	uint8_t *p = xcalloc(size, 1);
	const char *name;
	uint64_t dir = bed_dir(&b, path, &name);
	struct vfs_file *f;
	struct vfs_attr a;

	for (size_t i = 0; i < size; i++)
		p[i] = bytes_at(seed, (int64_t)i);
	CHECK(vfs_create(b.v, &b.p.op, dir, name, 0644, O_WRONLY | O_TRUNC, &a,
			 &f) == 0);
	vfs_forget(b.v, a.ino, 1);
	write_at(f, p, size, 0);
	close_file(f);
	free(p);
}

/* What is done before the kill, and after it, and what is there in the end. */
struct scene {
	const char *name;
	void (*before)(void); /* sent in peace; or NULL */
	void (*change)(void); /* of which a call kills */
	enum call call;
	void (*elsewhere)(void); /* by somebody else, at the place; or NULL */
	void (*after)(void);
	const char *tree; /* "a=SEED b/ ", sorted */
	int64_t conflicts;
	unsigned nth; /* of those calls */
};

/* ---- steps --------------------------------------------------------------- */

static void make_a(void)
{
	write_here("a", 1, 5000);
}

static void change_a(void)
{
	write_here("a", 2, 5000);
}

static void change_a_again(void)
{
	write_here("a", 3, 5000);
}

static void a_to_b(void)
{
	CHECK(bed_rename(&b, "a", "b", 0) == 0);
}

static void b_to_c(void)
{
	CHECK(bed_rename(&b, "b", "c", 0) == 0);
}

static void b_to_a(void)
{
	CHECK(bed_rename(&b, "b", "a", 0) == 0);
}

static void a_to_b_changed(void)
{
	a_to_b();
	write_here("b", 3, 5000);
}

static void b_changed(void)
{
	write_here("b", 3, 5000);
}

static void no_a(void)
{
	CHECK(bed_unlink(&b, "a") == 0);
}

static void no_b(void)
{
	CHECK(bed_unlink(&b, "b") == 0);
}

static void a_made_anew(void)
{
	no_a();
	write_here("a", 3, 5000);
}

static void make_a_and_b(void)
{
	make_a();
	write_here("b", 4, 700);
}

static void make_d(void)
{
	CHECK(bed_mkdir(&b, "d") == 0);
}

static void make_d_with_a(void)
{
	make_d();
	write_here("d/a", 1, 5000);
}

static void d_to_e(void)
{
	CHECK(bed_rename(&b, "d", "e", 0) == 0);
}

static void e_to_f(void)
{
	CHECK(bed_rename(&b, "e", "f", 0) == 0);
}

static void d_to_e_and_a_in_it(void)
{
	d_to_e();
	write_here("e/a", 3, 5000);
}

static void no_d(void)
{
	CHECK(bed_rmdir(&b, "d") == 0);
}

static void all_of_d_goes(void)
{
	CHECK(bed_unlink(&b, "d/a") == 0);
	no_d();
}

static void swap_a_and_b(void)
{
	CHECK(bed_rename(&b, "a", "b", RENAME_EXCHANGE) == 0);
}

static void d_a_to_b(void)
{
	CHECK(bed_rename(&b, "d/a", "b", 0) == 0);
}

/* Of the same size, and within the same second. */
static void somebody_writes_a(void)
{
	CHECK(put_bytes(&b.p, t->in, "a", 9, 5000) == 0);
}

static void somebody_writes_b(void)
{
	CHECK(put_bytes(&b.p, t->in, "b", 9, 5000) == 0);
}

/* A service that copies and then deletes was cut between the two. */
static void still_at_a(void)
{
	struct bytes_source src = bytes_source(1, 5000);
	struct put_opt opt = { .mode = PUT_CREATE };
	struct entry e;

	CHECK(be_stat(t->in, &b.p.op, "b", &e) == 0);
	opt.mtime = e.mtime;
	CHECK(be_put(t->in, &b.p.op, "a", &src.base, &opt, NULL) == 0);
}

#define LONG_AGO (INT64_C(1600000000) * NS_PER_SEC)

static void put_old(const char *path, unsigned seed)
{
	struct bytes_source src = bytes_source(seed, 5000);
	struct put_opt opt = { .mode = PUT_ANY, .mtime = LONG_AGO };

	CHECK(be_put(t->in, &b.p.op, path, &src.base, &opt, NULL) == 0);
}

/* Only their bytes tell them apart. */
static void two_alike(void)
{
	put_old("a", 1);
	put_old("b", 4);
}

#define LARGE (3 * MIB)

static void large_there(void)
{
	CHECK(put_bytes(&b.p, t->in, "a", 1, LARGE) == 0);
}

static void change_some_of_large(void)
{
	struct vfs_file *f = open_file("a", O_RDWR);
	uint8_t p[100];

	for (int i = 0; i < 100; i++)
		p[i] = bytes_at(1, 2 * MIB + i);
	write_at(f, p, sizeof(p), 2 * MIB);
	close_file(f);
}

/* Its rest came for the sending, and the place has another now. */
static void read_large(void)
{
	struct vfs_file *f = open_file("a", O_RDONLY);

	check_bytes(f, 1, 0, LARGE);
	close_file(f);
}

static void make_d_with_both(void)
{
	make_d();
	write_here("d/a", 1, 5000);
	write_here("d/b", 4, 700);
	CHECK(bed_mkdir(&b, "d/c") == 0);
	write_here("d/c/a", 5, 5000);
	write_here("d/c/b", 6, 700);
}

static void back(const char *src, const char *dst)
{
	const struct put_opt opt = { .mtime = MTIME_UNKNOWN,
				     .mode = PUT_CREATE };

	CHECK(be_move(t->in, &b.p.op, t->in, src, NULL, dst, &opt, NULL) == 0);
}

/* Some services move the files of a folder one by one. */
static void half_of_d_stays(void)
{
	CHECK(be_mkdir(t->in, &b.p.op, "d/c") == 0);
	back("e/a", "d/a");
	back("e/c/b", "d/c/b");
}

static void all_of_d_stays(void)
{
	CHECK(be_move_dir(t->in, &b.p.op, t->in, "e", "d") == 0);
	CHECK(be_mkdir(t->in, &b.p.op, "e") == 0);
}

/* One was copied, and not yet deleted. */
static void a_is_in_both(void)
{
	half_of_d_stays();
	CHECK(put_bytes(&b.p, t->in, "e/a", 1, 5000) == 0);
}

static void somebody_is_in_both(void)
{
	half_of_d_stays();
	CHECK(put_bytes(&b.p, t->in, "e/a", 9, 5000) == 0);
	CHECK(put_bytes(&b.p, t->in, "e/x", 7, 10) == 0);
	CHECK(put_bytes(&b.p, t->in, "d/y", 8, 10) == 0);
}

static void e_a_changed(void)
{
	write_here("e/a", 3, 5000);
	write_here("e/c/a", 2, 5000);
}

static void all_of_e_goes(void)
{
	CHECK(bed_unlink(&b, "e/a") == 0 && bed_unlink(&b, "e/b") == 0);
	CHECK(bed_unlink(&b, "e/c/a") == 0 && bed_unlink(&b, "e/c/b") == 0);
	CHECK(bed_rmdir(&b, "e/c") == 0 && bed_rmdir(&b, "e") == 0);
}

static void a_goes_back(void)
{
	make_d();
	CHECK(bed_rename(&b, "e/a", "d/a", 0) == 0);
}

#define HALVES(dir)                                                        \
	dir "/ " dir "/a=1 " dir "/b=4 " dir "/c/ " dir "/c/a=5 " dir "/c" \
	    "/b=6 "

static const struct scene scenes[] = {
	{ "new, then changed", NULL, make_a, CALL_PUT, NULL, change_a, "a=2 ",
	  0, 1 },
	{ "new, then nothing", NULL, make_a, CALL_PUT, NULL, NULL, "a=1 ", 0,
	  1 },
	{ "new, then renamed", NULL, make_a, CALL_PUT, NULL, a_to_b, "b=1 ", 0,
	  1 },
	{ "new, then renamed and changed", NULL, make_a, CALL_PUT, NULL,
	  a_to_b_changed, "b=3 ", 0, 1 },
	{ "new, then deleted", NULL, make_a, CALL_PUT, NULL, no_a, "", 0, 1 },
	{ "new, then made anew", NULL, make_a, CALL_PUT, NULL, a_made_anew,
	  "a=3 ", 0, 1 },
	{ "some of it changed, then read", large_there, change_some_of_large,
	  CALL_PUT, NULL, read_large, "a=1 ", 0, 1 },
	{ "changed, then again", make_a, change_a, CALL_PUT, NULL,
	  change_a_again, "a=3 ", 0, 1 },
	{ "changed, then renamed", make_a, change_a, CALL_PUT, NULL, a_to_b,
	  "b=2 ", 0, 1 },
	{ "changed, then both", make_a, change_a, CALL_PUT, NULL,
	  a_to_b_changed, "b=3 ", 0, 1 },
	{ "changed, then deleted", make_a, change_a, CALL_PUT, NULL, no_a, "",
	  0, 1 },
	{ "changed, then made anew", make_a, change_a, CALL_PUT, NULL,
	  a_made_anew, "a=3 ", 0, 1 },
	{ "moved, then again", make_a, a_to_b, CALL_MOVE, NULL, b_to_c, "c=1 ",
	  0, 1 },
	{ "moved, then back", make_a, a_to_b, CALL_MOVE, NULL, b_to_a, "a=1 ",
	  0, 1 },
	{ "moved, then changed", make_a, a_to_b, CALL_MOVE, NULL, b_changed,
	  "b=3 ", 0, 1 },
	{ "moved, then deleted", make_a, a_to_b, CALL_MOVE, NULL, no_b, "", 0,
	  1 },
	{ "moved over another, then away", make_a_and_b, a_to_b, CALL_MOVE,
	  NULL, b_to_c, "c=1 ", 0, 1 },
	{ "two that change places, then one goes", make_a_and_b, swap_a_and_b,
	  CALL_MOVE, NULL, no_b, "a=4 ", 0, 1 },
	{ "two that change places, then the first goes", make_a_and_b,
	  swap_a_and_b, CALL_MOVE, NULL, no_a, "b=1 ", 0, 2 },
	{ "two that change places, then the second goes", make_a_and_b,
	  swap_a_and_b, CALL_MOVE, NULL, no_b, "a=4 ", 0, 2 },
	{ "moved by half", make_a, a_to_b, CALL_MOVE, still_at_a, NULL, "b=1 ",
	  0, 1 },
	{ "moved by half, then again", make_a, a_to_b, CALL_MOVE, still_at_a,
	  b_to_c, "c=1 ", 0, 1 },
	{ "moved by half, then deleted", make_a, a_to_b, CALL_MOVE, still_at_a,
	  no_b, "", 0, 1 },
	{ "over one that looks alike, not begun", two_alike, a_to_b, CALL_MOVE,
	  two_alike, NULL, "b=1 ", 0, 1 },
	{ "a folder, then renamed", NULL, make_d, CALL_MKDIR, NULL, d_to_e,
	  "e/ ", 0, 1 },
	{ "a folder, then deleted", NULL, make_d, CALL_MKDIR, NULL, no_d, "", 0,
	  1 },
	{ "a folder moved, then again", make_d_with_a, d_to_e, CALL_MOVE_DIR,
	  NULL, e_to_f, "f/ f/a=1 ", 0, 1 },
	{ "a folder moved, then filled", make_d_with_a, d_to_e, CALL_MOVE_DIR,
	  NULL, NULL, "e/ e/a=1 ", 0, 1 },
	{ "half a folder moved", make_d_with_both, d_to_e, CALL_MOVE_DIR,
	  half_of_d_stays, NULL, HALVES("e"), 0, 1 },
	{ "half a folder moved, of which only it was made", make_d_with_both,
	  d_to_e, CALL_MOVE_DIR, all_of_d_stays, NULL, HALVES("e"), 0, 1 },
	{ "half a folder moved, one file of it copied", make_d_with_both,
	  d_to_e, CALL_MOVE_DIR, a_is_in_both, NULL, HALVES("e"), 0, 1 },
	{ "half a folder moved, then again", make_d_with_both, d_to_e,
	  CALL_MOVE_DIR, half_of_d_stays, e_to_f, HALVES("f"), 0, 1 },
	{ "half a folder moved, then changed", make_d_with_both, d_to_e,
	  CALL_MOVE_DIR, half_of_d_stays, e_a_changed,
	  "e/ e/a=3 e/b=4 e/c/ e/c/a=2 e/c/b=6 ", 0, 1 },
	{ "half a folder moved, then deleted", make_d_with_both, d_to_e,
	  CALL_MOVE_DIR, half_of_d_stays, all_of_e_goes, "", 0, 1 },
	{ "half a folder moved, then some of it back", make_d_with_both, d_to_e,
	  CALL_MOVE_DIR, half_of_d_stays, a_goes_back,
	  "d/ d/a=1 e/ e/b=4 e/c/ e/c/a=5 e/c/b=6 ", 0, 1 },
	{ "a file in a folder, which goes", NULL, make_d_with_a, CALL_PUT, NULL,
	  all_of_d_goes, "", 0, 1 },
	{ "a file in a folder, which moves", NULL, make_d_with_a, CALL_PUT,
	  NULL, d_to_e_and_a_in_it, "e/ e/a=3 ", 0, 1 },
	{ "a file in a folder, out of which it moves", NULL, make_d_with_a,
	  CALL_PUT, NULL, d_a_to_b, "b=1 d/ ", 0, 1 },

	{ "new, and changed by both", NULL, make_a, CALL_PUT, somebody_writes_a,
	  change_a, "a=9 a.conflict=2 ", 1, 1 },
	{ "changed, and then by both", make_a, change_a, CALL_PUT,
	  somebody_writes_a, change_a_again, "a=9 a.conflict=3 ", 1, 1 },
	{ "new and renamed, and there changed", NULL, make_a, CALL_PUT,
	  somebody_writes_a, a_to_b, "a=9 b=1 ", 0, 1 },
	{ "new and deleted, and there changed", NULL, make_a, CALL_PUT,
	  somebody_writes_a, no_a, "a=9 ", 0, 1 },
	{ "half a folder moved, and somebody in both", make_d_with_both, d_to_e,
	  CALL_MOVE_DIR, somebody_is_in_both, NULL,
	  "e/ e/a=9 e/a.conflict=1 e/b=4 e/c/ e/c/a=5 e/c/b=6 e/x=7 e/y=8 ", 1,
	  1 },
	{ "moved, and then changed by both", make_a, a_to_b, CALL_MOVE,
	  somebody_writes_b, b_changed, "b=9 b.conflict=3 ", 1, 1 },
};

static const struct scene carried[] = {
	{ "copied", make_a, a_to_b, CALL_PUT, NULL, NULL, "b=1 ", 0, 1 },
	{ "copied, then again", make_a, a_to_b, CALL_PUT, NULL, b_to_c, "c=1 ",
	  0, 1 },
	{ "copied, then back", make_a, a_to_b, CALL_PUT, NULL, b_to_a, "a=1 ",
	  0, 1 },
	{ "copied, then changed", make_a, a_to_b, CALL_PUT, NULL, b_changed,
	  "b=3 ", 0, 1 },
	{ "copied, then deleted", make_a, a_to_b, CALL_PUT, NULL, no_b, "", 0,
	  1 },
	{ "copied over another", make_a_and_b, a_to_b, CALL_PUT, NULL, NULL,
	  "b=1 ", 0, 1 },
	{ "copied over one that looks alike", two_alike, a_to_b, CALL_PUT,
	  two_alike, NULL, "b=1 ", 0, 1 },
	{ "copied, and deleted where it was", make_a, a_to_b, CALL_UNLINK, NULL,
	  b_to_c, "c=1 ", 0, 1 },
	{ "two that change places", make_a_and_b, swap_a_and_b, CALL_PUT, NULL,
	  NULL, "a=4 b=1 ", 0, 1 },
	{ "two that change places, later", make_a_and_b, swap_a_and_b, CALL_PUT,
	  NULL, NULL, "a=4 b=1 ", 0, 2 },
	{ "two that change places, all but done", make_a_and_b, swap_a_and_b,
	  CALL_PUT, NULL, NULL, "a=4 b=1 ", 0, 3 },
	{ "a folder, of which nothing is copied", make_d_with_both, d_to_e,
	  CALL_MKDIR, NULL, NULL, HALVES("e"), 0, 1 },
	{ "a folder, one file copied", make_d_with_both, d_to_e, CALL_PUT, NULL,
	  NULL, HALVES("e"), 0, 1 },
	{ "a folder, one file deleted", make_d_with_both, d_to_e, CALL_UNLINK,
	  NULL, NULL, HALVES("e"), 0, 1 },
	{ "a folder, one file deleted, then again", make_d_with_both, d_to_e,
	  CALL_UNLINK, NULL, e_to_f, HALVES("f"), 0, 1 },
	{ "a folder, the one in it copied", make_d_with_both, d_to_e,
	  CALL_RMDIR, NULL, NULL, HALVES("e"), 0, 1 },
	{ "a folder, all copied", make_d_with_both, d_to_e, CALL_RMDIR, NULL,
	  e_to_f, HALVES("f"), 0, 2 },
	{ "a folder, then changed", make_d_with_both, d_to_e, CALL_PUT, NULL,
	  e_a_changed, "e/ e/a=3 e/b=4 e/c/ e/c/a=2 e/c/b=6 ", 0, 3 },
	{ "a folder, then deleted", make_d_with_both, d_to_e, CALL_PUT, NULL,
	  all_of_e_goes, "", 0, 2 },
	{ "copied, and then changed by both", make_a, a_to_b, CALL_PUT,
	  somebody_writes_b, b_changed, "b=9 b.conflict=3 ", 1, 1 },
};

/* ---- what is there ------------------------------------------------------- */

static int seed_of(const char *path, int64_t size)
{
	for (int seed = 1; seed < 10; seed++)
		if (gets_bytes(&b.p, t->in, path, (uint64_t)seed, size))
			return seed;
	return -1;
}

static void tree_of(const char *dir, struct buf *out)
{
	struct listing l = LISTING_INIT;
	struct posix_meta m;
	struct entry e;

	CHECK(be_list(t->in, &b.p.op, dir, &l) == 0);
	while (listing_next(&l, &b.p.op, &e, &m) == 1) {
		char *path = arena_printf(&b.p.op.arena, "%s%s%s", dir,
					  *dir ? "/" : "", e.name);
		const char *mark = strstr(path, ".conflict-");

		if (e.kind == ENTRY_DIR) {
			buf_addf(out, "%s/ ", path);
			tree_of(path, out);
		} else {
			buf_addf(out, "%.*s=%d ",
				 mark ? (int)(mark - path) + 9
				      : (int)strlen(path),
				 path, seed_of(path, e.size));
		}
	}
	listing_free(&l);
}

/* ---- the play ------------------------------------------------------------ */

static void die_in(const struct scene *s, enum kind kind)
{
	open_bed(kind);
	if (s->before)
		s->before();
	bed_flush(&b);
	atomic_store(&t->kills[s->call], s->nth);
	s->change();
	bed_flush(&b);
	_exit(1); /* it was to be killed */
}

static void play(const struct scene *s, enum kind kind)
{
	struct buf tree = BUF_INIT;
	struct vfs_status st;
	int status;
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (pid == 0)
		die_in(s, kind);
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	/* nothing is sent before all has been done */
	b.opt.read_only = true;
	open_bed(kind);
	b.v->opt.read_only = false;
	if (s->elsewhere) {
		usleep(20000); /* older kernels' clocks tick each 4 ms */
		s->elsewhere();
	}
	if (s->after)
		s->after();
	bed_close(&b);
	be_close(b.be);
	b.opt.read_only = false;
	open_bed(kind);
	bed_flush(&b);
	vfs_status(b.v, &st);
	tree_of("", &tree);
	if (strcmp(tree.data, s->tree) != 0 || st.conflicts != s->conflicts)
		fprintf(stderr, "%s, kind %d: %s (%d conflicts)\n", s->name,
			(int)kind, tree.data, (int)st.conflicts);
	CHECK_STR(tree.data, s->tree);
	CHECK(st.conflicts == s->conflicts);
	buf_free(&tree);
	bed_close(&b);
	be_close(b.be);
}

static void stage(const struct scene *s, enum kind kind)
{
	places_begin(&b.p);
	scratch_begin(&b.s);
	snprintf(place, sizeof(place), "%s/place", b.s.dir);
	b.opt = (struct vfs_opt){
		.dir = scratch_path(&b.s, "vfs"),
		.cache_mode = VFS_CACHE_FULL,
		.cache_size = -1,
		.dir_time = BED_HOUR,
		.write_back = BED_HOUR,
		.read_ahead = 1 << 20,
		.umask = 022,
		.local_modes = true,
	};
	b.be = opened(&b.p, place);
	CHECK(be_mkdir(b.be, &b.p.op, "") == 0);
	be_close(b.be);
	play(s, kind);
	scratch_end(&b.s);
	places_end(&b.p);
}

static void stage_all(const struct scene *s, size_t n)
{
	const char *only = getenv("SCENE");

	for (size_t i = 0; i < n; i++)
		for (unsigned kind = 0; kind < KINDS; kind++)
			if (!only || strcmp(only, s[i].name) == 0)
				stage(&s[i], (enum kind)kind);
}

static void what_was_done_and_not_heard_of_is_known_for_ours(void)
{
	stage_all(scenes, ARRAY_LEN(scenes));
}

static void so_is_what_was_copied_because_it_could_not_be_moved(void)
{
	no_moves = true;
	stage_all(carried, ARRAY_LEN(carried));
}

int main(void)
{
	/* a kill takes nothing from the kernel: no disk is needed */
	if (access("/dev/shm", W_OK) == 0)
		setenv("TMPDIR", "/dev/shm", 0);
	RUN(what_was_done_and_not_heard_of_is_known_for_ours);
	RUN(so_is_what_was_copied_because_it_could_not_be_moved);
	return 0;
}
