#include "tests/unit/vfs_files.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "lib/file.h"
#include "vfs/content.h"
#include "vfs/journal.h"
#include "vfs/store.h"

/*
 * What the journal gives back, whatever a kill or a power cut has left of it;
 * and that a vfs has everything by it that close(2) has acknowledged.
 */

/* ---- frames in files ----------------------------------------------------- */

static struct scratch s;

/* "1:a 2:bb ": what is replayed. */
static int note(void *arg, struct op *op, const struct record *r)
{
	(void)op;
	buf_addf(arg, "%u:%.*s ", r->kind, (int)r->n, r->p);
	return 0;
}

static struct journal *journal(void)
{
	struct journal *j;

	CHECK(journal_open(&s.op, s.dir, &j) == 0);
	return j;
}

static int append(struct journal *j, uint64_t number, const char *text)
{
	struct buf first = BUF_INIT, rest = BUF_INIT;
	int rc;

	journal_record(&first, JOURNAL_ROW, text, strlen(text), NULL, 0);
	journal_record(&rest, JOURNAL_SIDE, "x", 1, text, strlen(text));
	rc = journal_append(j, &s.op, number, &first, &rest);
	buf_free(&first);
	buf_free(&rest);
	return rc;
}

/* A new process replays what is behind `after`. */
static uint64_t replayed(uint64_t after, const char *want)
{
	struct journal *j = journal();
	struct buf got = BUF_INIT;
	uint64_t last = 77;

	for (unsigned i = 0; i < 2; i++) { /* it may be killed meanwhile */
		buf_reset(&got);
		CHECK(journal_replay(j, &s.op, after, note, &got, &last) == 0);
		CHECK_STR(got.data, want);
	}
	buf_free(&got);
	journal_close(j, false);
	return last;
}

static void what_was_appended_comes_back_in_order(void)
{
	struct journal *j;

	scratch_begin(&s);
	CHECK(replayed(0, "") == 0);
	j = journal();
	CHECK(append(j, 1, "a") == 0 && append(j, 2, "bb") == 0);
	CHECK(journal_sync(j, &s.op) == 0);
	CHECK(append(j, 3, "") == 0);
	journal_close(j, false);
	CHECK(replayed(0, "1:a 2:xa 1:bb 2:xbb 1: 2:x ") == 3);
	CHECK(replayed(1, "1:bb 2:xbb 1: 2:x ") == 3);
	CHECK(replayed(3, "") == 3);
	CHECK(replayed(9, "") == 9);
	scratch_end(&s);
}

static void each_file_is_written_again_once_it_is_covered(void)
{
	struct journal *j;
	struct stat st;
	int64_t size;

	scratch_begin(&s);
	j = journal();
	CHECK(append(j, 1, "one") == 0 && append(j, 2, "two") == 0);
	journal_turn(j); /* a transaction that has both begins ... */
	CHECK(append(j, 3, "three") == 0);
	CHECK(replayed(0, "1:one 2:xone 1:two 2:xtwo 1:three 2:xthree ") == 3);
	journal_turn(j); /* ... fails; and another: no file is free */
	CHECK(append(j, 4, "four") == 0);
	CHECK(replayed(2, "1:three 2:xthree 1:four 2:xfour ") == 4);
	journal_covered(j, 3);
	CHECK(append(j, 5, "five") == 0);
	CHECK(replayed(3, "1:four 2:xfour 1:five 2:xfive ") == 5);
	journal_turn(j);
	CHECK(append(j, 6, "six") == 0); /* over "one" */
	CHECK(replayed(3, "1:four 2:xfour 1:five 2:xfive 1:six 2:xsix ") == 6);
	/* what lies behind it there is no longer believed */
	CHECK(replayed(0, "") == 0);
	CHECK(replayed(5, "1:six 2:xsix ") == 6);
	for (uint64_t i = 7; i < 2000; i++) {
		journal_turn(j);
		journal_covered(j, i - 2);
		CHECK(append(j, i, "and so on, for a long while yet") == 0);
	}
	CHECK(stat(scratch_path(&s, "journal.0"), &st) == 0);
	size = st.st_size;
	CHECK(stat(scratch_path(&s, "journal.1"), &st) == 0);
	CHECK(size == MIB && st.st_size == MIB);
	journal_close(j, true);
	CHECK(scratch_count(&s, "") == 0);
	scratch_end(&s);
}

static void a_frame_that_is_cut_anywhere_is_none(void)
{
	struct buf file = BUF_INIT, a = BUF_INIT, none = BUF_INIT;
	struct frames f;
	const char *p;
	size_t n, second, len;

	journal_record(&a, JOURNAL_CONTENT, "12345678", 8, "the bytes", 9);
	frame_pack(&file, 5, 99, &a, &none);
	second = file.len;
	frame_pack(&file, 6, 99, &a, &a);
	len = file.len;
	for (size_t i = second; i < len; i++) {
		char was = file.data[i];

		/* a byte that is missing, or another */
		f = (struct frames){ .p = file.data, .n = i };
		CHECK(frames_next(&f, &p, &n) == 1 && f.number == 5);
		CHECK(frames_next(&f, &p, &n) == 0);
		/* but for what only fills up */
		if (i >= second + 32 + 2 * a.len)
			continue;
		file.data[i] = (char)(was ^ 0x10);
		f = (struct frames){ .p = file.data, .n = len };
		CHECK(frames_next(&f, &p, &n) == 1 && n == a.len);
		CHECK(frames_next(&f, &p, &n) == 0);
		file.data[i] = was;
	}
	f = (struct frames){ .p = file.data, .n = len };
	CHECK(frames_next(&f, &p, &n) == 1 && frames_next(&f, &p, &n) == 1);
	CHECK(f.number == 6 && frames_next(&f, &p, &n) == 0);
	/* of an older use of the file, or after one that is missing */
	frame_pack(&file, 7, 98, &a, &none);
	f = (struct frames){ .p = file.data, .n = file.len };
	CHECK(frames_next(&f, &p, &n) == 1 && frames_next(&f, &p, &n) == 1);
	CHECK(frames_next(&f, &p, &n) == 0);
	buf_cut(&file, len);
	frame_pack(&file, 8, 99, &a, &none);
	f = (struct frames){ .p = file.data, .n = file.len };
	CHECK(frames_next(&f, &p, &n) == 1 && frames_next(&f, &p, &n) == 1);
	CHECK(frames_next(&f, &p, &n) == 0);
	buf_free(&file);
	buf_free(&a);
}

static void what_follows_a_lost_frame_is_left_out(void)
{
	struct journal *j;
	int fd;

	scratch_begin(&s);
	j = journal();
	CHECK(append(j, 1, "one") == 0 && append(j, 2, "two") == 0);
	journal_turn(j);
	CHECK(append(j, 3, "three") == 0);
	journal_close(j, false);
	fd = open(scratch_path(&s, "journal.0"), O_RDWR);
	CHECK(fd >= 0 && pwrite(fd, "\0\0\0\0", 4, 100) == 4);
	close(fd);
	CHECK(replayed(0, "1:one 2:xone ") == 1);
	CHECK(replayed(2, "1:three 2:xthree ") == 3);
	scratch_end(&s);
}

static void a_journal_of_another_version_is_refused(void)
{
	struct journal *j;
	struct buf got = BUF_INIT;
	uint64_t last;

	scratch_begin(&s);
	CHECK(file_write(&s.op, scratch_path(&s, "journal.1"),
			 "FeJ\2, and 60 bytes that nobody understands, as "
			 "it is of the future",
			 64) == 0);
	j = journal();
	CHECK(journal_replay(j, &s.op, 0, note, &got, &last) < 0);
	CHECK(s.op.err.kind == ERR_UNSUPPORTED);
	journal_close(j, false);
	scratch_end(&s);
}

/* ---- in a vfs ------------------------------------------------------------ */

static char before[100], after[100];

static void run(const char *fmt, ...) PRINTF(1, 2);

static void run(const char *fmt, ...)
{
	struct buf command = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(&command, fmt, ap);
	va_end(ap);
	CHECK(system(command.data) == 0);
	buf_free(&command);
}

/* false: nothing is synced where the scratch folder is. */
static bool vfs_begin(void)
{
	bed_begin(&b, ":mem:");
	snprintf(before, sizeof(before), "%s/before", b.s.dir);
	snprintf(after, sizeof(after), "%s/after", b.s.dir);
	if (!b.v->contents->in_memory)
		return true;
	printf("skipped: the scratch folder is in memory\n");
	bed_end(&b);
	return false;
}

/* The database is synced now, as of an earlier start of the machine. */
static void remember(void)
{
	store_keep_fact(b.v, "boot", "an earlier one");
	CHECK(store_save_all(b.v, &b.p.op) == 0);
	run("cp -a %s %s", b.opt.dir, before);
}

/*
 * What a power cut leaves at least: the database as it was, what was synced of
 * the journal, and of data files, if they are `lost`, no bytes.  false: there
 * was a transaction meanwhile, since all was quiet for seconds, and what is
 * from before it does not go with the journal.
 */
static bool cut_the_power(bool lost)
{
	struct buf copy = BUF_INIT;
	bool same;

	buf_addf(&copy,
		 "cp -a %s %s && for f in store.db store.db-wal; do "
		 "cmp -s %s/$f %s/$f || exit 1; done",
		 b.opt.dir, after, before, after);
	same = system(copy.data) == 0;
	buf_free(&copy);
	if (!same) {
		bed_end(&b);
		return false;
	}
	vfs_close(b.v);
	run("rm -rf %s", b.opt.dir);
	run("cp -a %s %s && cp %s/store.db* %s/", after, b.opt.dir, before,
	    b.opt.dir);
	if (lost)
		run("find %s/data -type f -exec truncate -s 0 {} +", b.opt.dir);
	bed_open(&b);
	return true;
}

/* Until none of its seconds was lost to others. */
static void play(bool (*scene)(void))
{
	unsigned i = 0;

	while (!scene())
		CHECK(++i < 50);
}

static void put_small(const char *path, const char *text)
{
	struct vfs_file *f = create(path);

	write_at(f, text, strlen(text), 0);
	close_file(f);
}

static bool has_text(const char *path, const char *want)
{
	struct vfs_file *f = open_file(path, O_RDONLY);
	char got[100] = "";
	ssize_t n = read_at(f, got, sizeof(got) - 1, 0);

	close_file(f);
	if (n != (ssize_t)strlen(want) || strcmp(got, want) != 0)
		fprintf(stderr, "%s: \"%s\"\n", path, got);
	return n == (ssize_t)strlen(want) && strcmp(got, want) == 0;
}

static bool closed_and_cut(void)
{
	struct vfs_file *f;

	if (!vfs_begin())
		return true;
	CHECK(bed_mkdir(&b, "d") == 0);
	remember();
	put_small("new", "new bytes");
	put_small("d/twice", "once");
	f = open_file("d/twice", O_WRONLY);
	write_at(f, "twice, and longer", 17, 0);
	close_file(f);
	put_small("gone", "x");
	CHECK(bed_unlink(&b, "gone") == 0);
	put_small("moved", "it moves");
	CHECK(bed_rename(&b, "moved", "d/there", 0) == 0);
	close_file(create("empty"));
	f = create("open");
	write_at(f, "acknowledged", 12, 0);
	CHECK(vfs_flush_file(b.v, &b.p.op, f) == 0);
	write_at(f, "not yet", 7, 0);
	CHECK(vfs_fsyncdir(b.v, &b.p.op) == 0);
	vfs_release(b.v, f);
	if (!cut_the_power(true))
		return false;
	CHECK_NAMES(&b, "", "d empty new open ");
	CHECK_NAMES(&b, "d", "there twice ");
	CHECK(has_text("new", "new bytes"));
	CHECK(has_text("d/twice", "twice, and longer"));
	CHECK(has_text("d/there", "it moves"));
	CHECK(has_text("empty", ""));
	CHECK(has_text("open", "acknowledged"));
	bed_reopen(&b);
	CHECK(has_text("new", "new bytes"));
	bed_end(&b);
	return true;
}

static void what_was_closed_survives_a_power_cut(void)
{
	play(closed_and_cut);
}

static bool synced_and_cut(void)
{
	struct vfs_file *f;
	char large[80000], got[10];

	if (!vfs_begin())
		return true;
	memset(large, 'l', sizeof(large));
	remember();
	put_small("f", "small");
	f = open_file("f", O_WRONLY);
	write_at(f, large, sizeof(large), 0);
	close_file(f); /* too large for the journal */
	put_small("sent", "as it was");
	CHECK(vfs_flush(b.v, &b.p.op, "sent") == 0);
	if (!cut_the_power(false))
		return false;
	f = open_file("f", O_RDONLY);
	CHECK(read_at(f, got, 10, 0) == 10 && !memcmp(got, large, 10));
	CHECK(read_at(f, got, 10, 79990) == 10 && !memcmp(got, large, 10));
	close_file(f);
	CHECK(has_text("sent", "as it was"));
	bed_end(&b);
	return true;
}

static void what_was_synced_since_is_not_overwritten(void)
{
	play(synced_and_cut);
}

/* In the same run of the machine the data files count, not the journal. */
static bool written_and_killed(void)
{
	struct vfs_file *f;

	if (!vfs_begin())
		return true;
	CHECK(store_save_all(b.v, &b.p.op) == 0);
	run("cp -a %s %s", b.opt.dir, before);
	f = create("f");
	write_at(f, "closed", 6, 0);
	CHECK(vfs_flush_file(b.v, &b.p.op, f) == 0);
	write_at(f, "writes", 6, 0);
	vfs_release(b.v, f);
	if (!cut_the_power(false))
		return false;
	CHECK(has_text("f", "writes"));
	bed_end(&b);
	return true;
}

static void after_a_kill_what_was_written_last_is_there(void)
{
	play(written_and_killed);
}

/* A kill between the transaction and the first frame after it. */
static bool saved_and_cut(void)
{
	if (!vfs_begin())
		return true;
	put_small("f", "one");
	CHECK(bed_rename(&b, "f", "g", 0) == 0);
	CHECK(vfs_fsyncdir(b.v, &b.p.op) == 0);
	/* the journal still has both, and the database has more */
	CHECK(bed_rename(&b, "g", "h", 0) == 0);
	CHECK(store_save_all(b.v, &b.p.op) == 0);
	run("cp -a %s %s", b.opt.dir, before);
	if (!cut_the_power(false))
		return false;
	CHECK_NAMES(&b, "", "h ");
	CHECK(has_text("h", "one"));
	bed_end(&b);
	return true;
}

static void what_the_database_has_is_not_replayed(void)
{
	play(saved_and_cut);
}

/* ---- a full disk --------------------------------------------------------- */

static void a_frame_that_does_not_fit_harms_nothing(void)
{
	struct rlimit was, little;
	struct journal *j;
	struct buf large = BUF_INIT, none = BUF_INIT;

	scratch_begin(&s);
	signal(SIGXFSZ, SIG_IGN);
	j = journal();
	CHECK(append(j, 1, "one") == 0);
	CHECK(getrlimit(RLIMIT_FSIZE, &was) == 0);
	little = (struct rlimit){ 2 * MIB, was.rlim_max };
	CHECK(setrlimit(RLIMIT_FSIZE, &little) == 0);
	memset(buf_room(&large, 3 * MIB), 1, 3 * MIB);
	large.len = 3 * MIB;
	CHECK(journal_append(j, &s.op, 2, &large, &none) < 0);
	CHECK(setrlimit(RLIMIT_FSIZE, &was) == 0);
	CHECK(replayed(0, "1:one 2:xone ") == 1);
	journal_covered(j, 2); /* the database has it instead */
	CHECK(append(j, 3, "three") == 0);
	CHECK(replayed(2, "1:three 2:xthree ") == 3);
	journal_close(j, false);
	buf_free(&large);
	scratch_end(&s);
}

int main(void)
{
	RUN(what_was_appended_comes_back_in_order);
	RUN(each_file_is_written_again_once_it_is_covered);
	RUN(a_frame_that_is_cut_anywhere_is_none);
	RUN(what_follows_a_lost_frame_is_left_out);
	RUN(a_journal_of_another_version_is_refused);
	RUN(a_frame_that_does_not_fit_harms_nothing);
	RUN(what_was_closed_survives_a_power_cut);
	RUN(what_was_synced_since_is_not_overwritten);
	RUN(after_a_kill_what_was_written_last_is_there);
	RUN(what_the_database_has_is_not_replayed);
	return 0;
}
