#ifndef LIB_DB_H
#define LIB_DB_H

#include "lib/op.h"

/*
 * SQLite, with ferry's settings: WAL, a busy timeout, prepared statements kept
 * by their text.  One connection is one thread's at a time.
 */
struct db;

/*
 * Opens or makes the file (0600, its folder 0700) and brings its tables to
 * `schema`, a list of statements ended by NULL: the first `user_version` of
 * them have been run already.  So all who open one file give the same list,
 * which only ever grows.
 */
int db_open(struct op *op, const char *path, const char *const *schema,
	    struct db **out) MUST_CHECK;
void db_close(struct db *db);

/*
 * Whether a transaction is on stable storage once it is committed, with all
 * before it; else only a crash of this process cannot undo it.  Not within a
 * transaction.
 */
int db_set_durable(struct db *db, struct err *e, bool on) MUST_CHECK;

/*
 * Run one statement.  `fmt` has a letter for each value: i int64_t,
 * s const char *, b const void * and size_t.  A row, if it gives one, is then
 * under the cursor: 1 with a row, 0 without, -1 on failure.  A NULL for s or b
 * is SQL's NULL.  A row that was not the last keeps a reading open until the
 * next call.
 */
int db_run(struct db *db, struct err *e, const char *sql, const char *fmt,
	   ...) MUST_CHECK;

/* The next row of the last db_run(): 1, 0 or -1. */
int db_next(struct db *db, struct err *e) MUST_CHECK;

/*
 * Of the row under the cursor, until the next db_run() or db_next(); NULL for
 * SQL's NULL.
 */
int64_t db_int(struct db *db, int col);
const char *db_text(struct db *db, int col);
const void *db_blob(struct db *db, int col, size_t *n);

#endif
