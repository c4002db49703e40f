#include "tests/harness.h"

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backends/hash_memory.h"
#include "lib/clock.h"
#include "lib/file.h"
#include "tests/unit/scratch.h"

#define NOW (INT64_C(1700000000) * NS_PER_SEC)

struct sample {
	struct posix_meta posix;
	struct entry e;
};

/* A file that was last touched an hour before NOW. */
static void sample_file(struct sample *f, uint64_t ino)
{
	*f = (struct sample){
		.posix = { .dev = UINT64_MAX - 3,
			   .ino = ino,
			   .ctime = NOW - 3600 * NS_PER_SEC },
		.e = { .kind = ENTRY_FILE,
		       .name = "file",
		       .size = 10,
		       .mtime = NOW - 3600 * NS_PER_SEC },
	};
	f->e.posix = &f->posix;
}

static struct digests md5_of(uint64_t ino)
{
	struct digests d = { .have = 1u << HASH_MD5 };

	memcpy(d.md5, &ino, sizeof(ino));
	return d;
}

static struct digests sha1_of(uint64_t ino)
{
	struct digests d = { .have = 1u << HASH_SHA1 };

	memcpy(d.sha1, &ino, sizeof(ino));
	return d;
}

static void put(struct hash_memory *m, uint64_t ino, struct digests d)
{
	struct sample f;

	sample_file(&f, ino);
	hash_memory_put(m, &f.e, &d, NOW);
}

static struct digests get(struct hash_memory *m, uint64_t ino)
{
	struct digests d = { 0 };
	struct sample f;

	sample_file(&f, ino);
	hash_memory_get(m, &f.e, &d);
	return d;
}

static bool knows_md5(struct hash_memory *m, uint64_t ino)
{
	struct digests d = get(m, ino), want = md5_of(ino);

	return d.have & 1u << HASH_MD5 && digests_compare(&d, &want) == 1;
}

static struct hash_memory *open_memory(struct scratch *s)
{
	struct hash_memory *m;

	CHECK(hash_memory_open(&s->op, scratch_path(s, "hashes.db"), &m) == 0);
	return m;
}

static void what_was_put_is_known_at_once_and_in_the_next_run(void)
{
	struct scratch s;
	struct hash_memory *m;

	scratch_begin(&s);
	m = open_memory(&s);
	CHECK(get(m, 1).have == 0);
	put(m, 1, md5_of(1));
	put(m, UINT64_MAX, md5_of(UINT64_MAX));
	CHECK(knows_md5(m, 1) && knows_md5(m, UINT64_MAX));
	hash_memory_close(m);
	m = open_memory(&s);
	CHECK(knows_md5(m, 1) && knows_md5(m, UINT64_MAX));
	CHECK(get(m, 2).have == 0);
	hash_memory_close(m);
	hash_memory_close(NULL);
	scratch_end(&s);
}

static void any_change_of_the_state_is_another_file(void)
{
	struct scratch s;
	struct hash_memory *m;

	scratch_begin(&s);
	m = open_memory(&s);
	put(m, 1, md5_of(1));
	for (int stored = 0; stored < 2; stored++) {
		for (int what = 0; what < 5; what++) {
			struct digests d = { 0 };
			struct sample f;

			sample_file(&f, 1);
			f.e.size += what == 0;
			f.e.mtime += what == 1;
			f.posix.ctime += what == 2;
			f.posix.dev += what == 3;
			f.posix.ino += what == 4;
			hash_memory_get(m, &f.e, &d);
			CHECK(d.have == 0);
		}
		CHECK(knows_md5(m, 1));
		hash_memory_close(m);
		m = open_memory(&s);
	}
	hash_memory_close(m);
	scratch_end(&s);
}

static void digests_of_one_state_add_up(void)
{
	struct scratch s;
	struct hash_memory *m;
	struct digests d;

	scratch_begin(&s);
	m = open_memory(&s);
	put(m, 1, md5_of(1));
	put(m, 1, sha1_of(1));
	put(m, 2, md5_of(2));
	CHECK(get(m, 1).have == (1u << HASH_MD5 | 1u << HASH_SHA1));
	hash_memory_close(m);
	m = open_memory(&s);
	put(m, 2, sha1_of(2));
	CHECK(get(m, 2).have == (1u << HASH_MD5 | 1u << HASH_SHA1));
	hash_memory_close(m);
	m = open_memory(&s);
	d = get(m, 2);
	CHECK(d.have == (1u << HASH_MD5 | 1u << HASH_SHA1));
	CHECK(memcmp(d.md5, md5_of(2).md5, 16) == 0);
	CHECK(memcmp(d.sha1, sha1_of(2).sha1, 20) == 0);
	CHECK(get(m, 1).have == d.have);
	hash_memory_close(m);
	scratch_end(&s);
}

static void a_new_state_drops_the_digests_of_the_old(void)
{
	struct scratch s;

	scratch_begin(&s);
	for (unsigned round = 0; round < 2 * HASH_TYPES; round++) {
		struct hash_memory *m = open_memory(&s);
		unsigned bit = 1u << round / 2;
		struct digests d = { .have = 7 & ~bit }, got = { 0 };
		struct sample f;

		put(m, round, d);
		if (round % 2) {
			hash_memory_close(m);
			m = open_memory(&s);
		}
		sample_file(&f, round);
		f.e.size = 11;
		d.have = bit;
		hash_memory_put(m, &f.e, &d, NOW);
		hash_memory_close(m);
		m = open_memory(&s);
		hash_memory_get(m, &f.e, &got);
		CHECK(got.have == bit);
		CHECK(get(m, round).have == 0);
		hash_memory_close(m);
	}
	scratch_end(&s);
}

static void what_the_caller_knows_is_kept(void)
{
	struct scratch s;
	struct hash_memory *m;
	struct digests d = md5_of(77);
	struct sample f;

	scratch_begin(&s);
	m = open_memory(&s);
	put(m, 1, md5_of(1));
	put(m, 1, sha1_of(1));
	sample_file(&f, 1);
	hash_memory_get(m, &f.e, &d);
	CHECK(d.have == (1u << HASH_MD5 | 1u << HASH_SHA1));
	CHECK(memcmp(d.md5, md5_of(77).md5, 16) == 0);
	hash_memory_close(m);
	scratch_end(&s);
}

static void a_file_just_touched_is_not_remembered(void)
{
	static const struct {
		int64_t mtime, ctime; /* before the reading */
		bool known;
	} cases[] = {
		{ 2 * NS_PER_SEC, 2 * NS_PER_SEC, true },
		{ 2 * NS_PER_SEC - 1, 2 * NS_PER_SEC, false },
		{ 2 * NS_PER_SEC, 2 * NS_PER_SEC - 1, false },
		{ 3600 * NS_PER_SEC, 0, false },
		{ 0, 3600 * NS_PER_SEC, false },
		{ 3600 * NS_PER_SEC, -NS_PER_SEC, false },
		/* a mtime set to the far future says nothing about now */
		{ -3600 * NS_PER_SEC, 3600 * NS_PER_SEC, true },
	};
	struct scratch s;
	struct hash_memory *m;

	scratch_begin(&s);
	m = open_memory(&s);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct digests d = md5_of(i), got = { 0 };
		struct sample f;

		sample_file(&f, i);
		f.e.mtime = NOW - cases[i].mtime;
		f.posix.ctime = NOW - cases[i].ctime;
		hash_memory_put(m, &f.e, &d, NOW);
		hash_memory_get(m, &f.e, &got);
		CHECK((got.have != 0) == cases[i].known);
	}
	hash_memory_close(m);
	scratch_end(&s);
}

static void only_local_files_are_remembered(void)
{
	struct scratch s;
	struct hash_memory *m;

	scratch_begin(&s);
	m = open_memory(&s);
	for (int what = 0; what < 4; what++) {
		struct digests d = md5_of(1), got = { 0 };
		struct sample f;

		sample_file(&f, 1);
		if (what == 0)
			f.e.posix = NULL;
		else if (what == 1)
			f.e.kind = ENTRY_DIR;
		else if (what == 2)
			f.e.size = SIZE_UNKNOWN;
		else
			f.e.mtime = MTIME_UNKNOWN;
		hash_memory_put(m, &f.e, &d, NOW);
		hash_memory_get(m, &f.e, &got);
		CHECK(got.have == 0);
	}
	hash_memory_close(m);
	scratch_end(&s);
}

static void many_are_stored_along_the_way(void)
{
	struct scratch s;
	struct hash_memory *m, *other;
	size_t known = 0;

	scratch_begin(&s);
	m = open_memory(&s);
	for (uint64_t i = 0; i < 2500; i++)
		put(m, i, md5_of(i));
	other = open_memory(&s);
	for (uint64_t i = 0; i < 2500; i++) {
		CHECK(knows_md5(m, i));
		known += knows_md5(other, i);
	}
	CHECK(known >= 2000); /* a crash now loses the rest only */
	hash_memory_close(m);
	for (uint64_t i = 0; i < 2500; i++)
		CHECK(knows_md5(other, i));
	hash_memory_close(other);
	scratch_end(&s);
}

static void notes_are_kept_and_forgotten(void)
{
	struct scratch s;
	struct hash_memory *m;
	const char *value;

	scratch_begin(&s);
	m = open_memory(&s);
	CHECK(hash_memory_note_get(m, &s.op, "k", &value) == 0);
	for (int i = 0; i < 2500; i++)
		hash_memory_note_put(m, arena_printf(&s.op.arena, "n%d", i),
				     arena_printf(&s.op.arena, "v%d", i));
	hash_memory_note_put(m, "k", "one");
	hash_memory_note_put(m, "k", "two");
	hash_memory_note_put(m, "n7", NULL);
	for (int stored = 0; stored < 2; stored++) {
		CHECK(hash_memory_note_get(m, &s.op, "k", &value) == 1);
		CHECK_STR(value, "two");
		CHECK(hash_memory_note_get(m, &s.op, "n7", &value) == 0);
		CHECK(hash_memory_note_get(m, &s.op, "n2499", &value) == 1);
		CHECK_STR(value, "v2499");
		hash_memory_close(m);
		m = open_memory(&s);
	}
	hash_memory_close(m);
	scratch_end(&s);
}

/* Whatever happened to the file, the calls do no harm. */
static void use_without(struct scratch *s, const char *path)
{
	struct hash_memory *m;
	const char *value;

	CHECK(hash_memory_open(&s->op, path, &m) == 0);
	CHECK(s->op.err.kind == ERR_OK);
	for (uint64_t i = 0; i < 2500; i++) {
		struct digests d = get(m, i), want = md5_of(i);

		CHECK(!d.have || digests_compare(&d, &want) == 1);
		put(m, i, md5_of(i));
		hash_memory_note_put(m, "k", "v");
	}
	put(m, 5000, md5_of(5000));
	CHECK(knows_md5(m, 5000)); /* not stored yet, but known */
	(void)hash_memory_note_get(m, &s->op, "k", &value);
	hash_memory_close(m);
}

static void a_broken_database_fails_nothing(void)
{
	struct buf b = BUF_INIT;
	struct scratch s;
	const char *path;
	struct hash_memory *m;

	scratch_begin(&s);
	path = scratch_path(&s, "hashes.db");
	CHECK(file_write(&s.op, path, "this is no database", 19) == 0);
	use_without(&s, path);
	use_without(&s, s.dir);
	use_without(&s, scratch_path(&s, "hashes.db/below"));
	use_without(&s, "/proc/no/such/hashes.db");

	/* one that opens and is damaged further on */
	CHECK(unlink(path) == 0);
	m = open_memory(&s);
	for (uint64_t i = 0; i < 2500; i++)
		put(m, i, md5_of(i));
	hash_memory_close(m);
	CHECK(file_read(&s.op, path, 10000000, &b) == 0 && b.len > 20000);
	memset(b.data + 4096 * 3, 0xa5, b.len - 4096 * 3);
	CHECK(file_write(&s.op, path, b.data, b.len) == 0);
	use_without(&s, path);
	CHECK(file_write(&s.op, path, b.data, 5000) == 0); /* cut */
	use_without(&s, path);
	buf_free(&b);
	scratch_end(&s);
}

struct user {
	struct hash_memory *m;
	uint64_t first;
};

static void *use_much(void *arg)
{
	const struct user *u = arg;

	for (uint64_t i = u->first; i < u->first + 3000; i++) {
		put(u->m, i, md5_of(i));
		CHECK(knows_md5(u->m, i));
		hash_memory_note_put(u->m, "k", "v");
	}
	return NULL;
}

static void threads_may_share_it(void)
{
	struct scratch s;
	pthread_t threads[4];
	struct user users[4];
	struct hash_memory *m;

	scratch_begin(&s);
	m = open_memory(&s);
	for (unsigned i = 0; i < 4; i++) {
		users[i] = (struct user){ m, i * 3000 };
		CHECK(!pthread_create(&threads[i], NULL, use_much, &users[i]));
	}
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	hash_memory_close(m);
	m = open_memory(&s);
	for (uint64_t i = 0; i < 12000; i++)
		CHECK(knows_md5(m, i));
	hash_memory_close(m);
	scratch_end(&s);
}

static void processes_may_share_it(void)
{
	struct scratch s;
	struct hash_memory *m;
	pid_t pids[3];

	scratch_begin(&s);
	fflush(stdout);
	for (unsigned i = 0; i < 3; i++) {
		pids[i] = fork();
		CHECK(pids[i] >= 0);
		if (pids[i] == 0) {
			struct user u = { open_memory(&s), i * 3000 };

			use_much(&u);
			hash_memory_close(u.m);
			_exit(0);
		}
	}
	for (int i = 0; i < 3; i++) {
		int status;

		CHECK(waitpid(pids[i], &status, 0) == pids[i] && status == 0);
	}
	m = open_memory(&s);
	for (uint64_t i = 0; i < 9000; i++)
		CHECK(knows_md5(m, i));
	hash_memory_close(m);
	scratch_end(&s);
}

int main(void)
{
	RUN(what_was_put_is_known_at_once_and_in_the_next_run);
	RUN(any_change_of_the_state_is_another_file);
	RUN(digests_of_one_state_add_up);
	RUN(a_new_state_drops_the_digests_of_the_old);
	RUN(what_the_caller_knows_is_kept);
	RUN(a_file_just_touched_is_not_remembered);
	RUN(only_local_files_are_remembered);
	RUN(many_are_stored_along_the_way);
	RUN(notes_are_kept_and_forgotten);
	RUN(a_broken_database_fails_nothing);
	RUN(threads_may_share_it);
	RUN(processes_may_share_it);
	return 0;
}
