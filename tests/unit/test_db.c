#include "tests/harness.h"

#include <pthread.h>
#include <sys/stat.h>

#include "lib/db.h"
#include "lib/file.h"
#include "tests/unit/scratch.h"

static const char *const schema[] = {
	"CREATE TABLE t (i INTEGER PRIMARY KEY, s TEXT, b BLOB)",
	"CREATE TABLE u (x INTEGER)",
	NULL,
};

static struct db *open_db(struct scratch *s)
{
	struct db *db;

	if (db_open(&s->op, scratch_path(s, "state/f.db"), schema, &db) < 0)
		check_str(__FILE__, __LINE__, s->op.err.msg, "");
	return db;
}

static void run(struct db *db, const char *sql)
{
	struct err e;

	if (db_run(db, &e, sql, "") < 0)
		check_str(__FILE__, __LINE__, e.msg, "");
}

static void values_of_all_types_come_back(void)
{
	struct scratch s;
	struct db *db;
	struct err e;
	const void *p;
	size_t n;

	scratch_begin(&s);
	db = open_db(&s);
	CHECK(db_run(db, &e, "INSERT INTO t VALUES (?, ?, ?)", "isb", INT64_MIN,
		     "t\xc3\xa9xt", (const void *)"a\0b", (size_t)3) == 0);
	CHECK(db_run(db, &e, "INSERT INTO t VALUES (?, ?, ?)", "isb", INT64_MAX,
		     (const char *)NULL, (const void *)NULL, (size_t)0) == 0);
	db_close(db);
	db = open_db(&s);
	CHECK(db_run(db, &e, "SELECT i, s, b FROM t ORDER BY i", "") == 1);
	CHECK(db_int(db, 0) == INT64_MIN);
	CHECK_STR(db_text(db, 1), "t\xc3\xa9xt");
	p = db_blob(db, 2, &n);
	CHECK(n == 3 && memcmp(p, "a\0b", 3) == 0);
	CHECK(db_next(db, &e) == 1);
	CHECK(db_int(db, 0) == INT64_MAX && !db_text(db, 1));
	CHECK(!db_blob(db, 2, &n) && n == 0);
	CHECK(db_next(db, &e) == 0);
	CHECK(db_next(db, &e) == 0);
	db_close(db);
	db_close(NULL);
	scratch_end(&s);
}

static void the_file_and_its_folder_are_private(void)
{
	struct scratch s;
	struct stat st;

	scratch_begin(&s);
	db_close(open_db(&s));
	CHECK(stat(scratch_path(&s, "state"), &st) == 0);
	CHECK((st.st_mode & 0777) == 0700);
	CHECK(stat(scratch_path(&s, "state/f.db"), &st) == 0);
	CHECK((st.st_mode & 0777) == 0600);
	scratch_end(&s);
}

static void a_kept_statement_forgets_its_values(void)
{
	struct scratch s;
	struct db *db;
	struct err e;

	scratch_begin(&s);
	db = open_db(&s);
	for (int64_t i = 0; i < 1000; i++)
		CHECK(db_run(db, &e, "INSERT INTO t VALUES (?, ?, NULL)", "is",
			     i, i % 2 ? "odd" : NULL) == 0);
	CHECK(db_run(db, &e, "SELECT count(*), count(s) FROM t", "") == 1);
	CHECK(db_int(db, 0) == 1000 && db_int(db, 1) == 500);
	/* the row is left where it is: the next statement ends the reading */
	run(db, "DELETE FROM t");
	db_close(db);
	scratch_end(&s);
}

static void more_texts_than_are_kept_still_run(void)
{
	struct scratch s;
	struct db *db;

	scratch_begin(&s);
	db = open_db(&s);
	for (int round = 0; round < 2; round++)
		for (int i = 0; i < 200; i++) {
			struct err e;
			char *sql = arena_printf(&s.op.arena, "SELECT %d", i);

			CHECK(db_run(db, &e, sql, "") == 1);
			CHECK(db_int(db, 0) == i);
		}
	db_close(db);
	scratch_end(&s);
}

static void failures_have_their_kind(void)
{
	struct scratch s;
	struct db *db;
	struct err e;

	scratch_begin(&s);
	db = open_db(&s);
	run(db, "INSERT INTO t VALUES (1, NULL, NULL)");
	CHECK(db_run(db, &e, "INSERT INTO t VALUES (1, NULL, NULL)", "") == -1);
	CHECK(e.kind == ERR_EXISTS && strstr(e.msg, "f.db"));
	CHECK(db_run(db, &e, "SELECT * FROM nowhere", "") == -1);
	CHECK(e.kind == ERR_IO && strstr(e.msg, "nowhere"));
	CHECK(db_run(db, &e, "SELECT count(*) FROM t", "") == 1);
	db_close(db);
	scratch_end(&s);
}

static void a_schema_grows_and_never_shrinks(void)
{
	const char *const first[] = { schema[0], NULL };
	struct scratch s;
	struct db *db;
	const char *path;
	struct err e;

	scratch_begin(&s);
	path = scratch_path(&s, "f.db");
	CHECK(db_open(&s.op, path, first, &db) == 0);
	CHECK(db_run(db, &e, "INSERT INTO t VALUES (7, 'kept', NULL)", "") ==
	      0);
	db_close(db);
	CHECK(db_open(&s.op, path, schema, &db) == 0);
	CHECK(db_run(db, &e, "SELECT s FROM t, (SELECT count(*) FROM u)", "") ==
	      1);
	CHECK_STR(db_text(db, 0), "kept");
	db_close(db);
	CHECK(db_open(&s.op, path, first, &db) == -1 && !db);
	CHECK(s.op.err.kind == ERR_UNSUPPORTED);
	CHECK(strstr(s.op.err.msg, "newer"));
	scratch_end(&s);
}

static void a_failing_schema_changes_nothing(void)
{
	const char *const bad[] = { schema[0], "CREATE NONSENSE", NULL };
	struct scratch s;
	struct db *db;

	scratch_begin(&s);
	CHECK(db_open(&s.op, scratch_path(&s, "f.db"), bad, &db) == -1);
	CHECK(db_open(&s.op, scratch_path(&s, "f.db"), schema, &db) == 0);
	db_close(db);
	scratch_end(&s);
}

static void a_file_that_is_no_database_is_corrupt(void)
{
	struct scratch s;
	struct db *db;
	char junk[5000];

	scratch_begin(&s);
	memset(junk, 'j', sizeof(junk));
	CHECK(file_write(&s.op, scratch_path(&s, "f.db"), junk, sizeof(junk)) ==
	      0);
	CHECK(db_open(&s.op, scratch_path(&s, "f.db"), schema, &db) == -1);
	CHECK(s.op.err.kind == ERR_CORRUPT && !db);
	CHECK(db_open(&s.op, scratch_path(&s, "f.db/g"), schema, &db) == -1);
	CHECK(s.op.err.kind == ERR_NOT_DIR);
	CHECK(db_open(&s.op, s.dir, schema, &db) == -1);
	scratch_end(&s);
}

struct worker {
	struct cancel *cancel;
	const char *path;
};

static void *count_up(void *arg)
{
	const struct worker *w = arg;
	struct op op = op_begin(w->cancel);
	struct db *db;
	struct err e;

	CHECK(db_open(&op, w->path, schema, &db) == 0);
	for (int i = 0; i < 50; i++) {
		CHECK(db_run(db, &e, "BEGIN IMMEDIATE", "") == 0);
		CHECK(db_run(db, &e, "INSERT INTO u VALUES (1)", "") == 0);
		CHECK(db_run(db, &e, "COMMIT", "") == 0);
	}
	db_close(db);
	op_end(&op);
	return NULL;
}

static void several_may_open_and_write_at_once(void)
{
	struct scratch s;
	struct worker w = { 0 };
	pthread_t threads[4];
	struct db *db;
	struct err e;

	scratch_begin(&s);
	w.cancel = &s.cancel;
	w.path = scratch_path(&s, "state/f.db");
	for (int i = 0; i < 4; i++)
		CHECK(!pthread_create(&threads[i], NULL, count_up, &w));
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	db = open_db(&s);
	CHECK(db_run(db, &e, "SELECT count(*) FROM u", "") == 1);
	CHECK(db_int(db, 0) == 200);
	db_close(db);
	scratch_end(&s);
}

static int64_t synchronous(struct db *db)
{
	struct err e;

	CHECK(db_run(db, &e, "PRAGMA synchronous", "") == 1);
	return db_int(db, 0);
}

static void a_commit_waits_for_the_disk_when_it_is_told_to(void)
{
	struct scratch s;
	struct db *db;
	struct err e;

	scratch_begin(&s);
	db = open_db(&s);
	CHECK(synchronous(db) == 1);
	for (int i = 0; i < 2; i++) {
		CHECK(db_set_durable(db, &e, true) == 0);
		CHECK(synchronous(db) == 2);
		run(db, "BEGIN");
		run(db, "INSERT INTO u VALUES (1)");
		run(db, "COMMIT");
		CHECK(db_set_durable(db, &e, false) == 0);
		CHECK(synchronous(db) == 1);
	}
	db_close(db);
	scratch_end(&s);
}

int main(void)
{
	RUN(values_of_all_types_come_back);
	RUN(the_file_and_its_folder_are_private);
	RUN(a_kept_statement_forgets_its_values);
	RUN(more_texts_than_are_kept_still_run);
	RUN(failures_have_their_kind);
	RUN(a_schema_grows_and_never_shrinks);
	RUN(a_failing_schema_changes_nothing);
	RUN(a_file_that_is_no_database_is_corrupt);
	RUN(several_may_open_and_write_at_once);
	RUN(a_commit_waits_for_the_disk_when_it_is_told_to);
	return 0;
}
