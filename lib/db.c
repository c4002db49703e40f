#include "lib/db.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/file.h"

enum { STATEMENTS_MAX = 64, BUSY_WAIT_MS = 10 * 1000 };

struct statement {
	char *sql;
	sqlite3_stmt *stmt;
};

struct db {
	sqlite3 *handle;
	char *path;
	sqlite3_stmt *cursor; /* of the last db_run(), or NULL */
	struct statement kept[STATEMENTS_MAX];
	size_t n, oldest;
	bool durable;
};

static enum err_kind kind_of(int code)
{
	switch (code & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED: return ERR_BUSY;
	case SQLITE_FULL: return ERR_NO_SPACE;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB: return ERR_CORRUPT;
	case SQLITE_PERM:
	case SQLITE_READONLY:
	case SQLITE_CANTOPEN: return ERR_DENIED;
	case SQLITE_CONSTRAINT: return ERR_EXISTS;
	default: return ERR_IO;
	}
}

static int fail(struct db *db, struct err *e)
{
	return err_set(e, kind_of(sqlite3_errcode(db->handle)),
		       "database \"%s\": %s", db->path,
		       sqlite3_errmsg(db->handle));
}

static void end_cursor(struct db *db)
{
	if (db->cursor) {
		sqlite3_reset(db->cursor);
		sqlite3_clear_bindings(db->cursor);
	}
	db->cursor = NULL;
}

static void forget(struct statement *s)
{
	sqlite3_finalize(s->stmt);
	free(s->sql);
	*s = (struct statement){ 0 };
}

/* The statement for `sql`, prepared once; the oldest makes room. */
static sqlite3_stmt *prepare(struct db *db, struct err *e, const char *sql)
{
	struct statement *s;
	sqlite3_stmt *stmt;

	for (size_t i = 0; i < db->n; i++)
		if (strcmp(db->kept[i].sql, sql) == 0)
			return db->kept[i].stmt;
	if (sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT,
			       &stmt, NULL) != SQLITE_OK) {
		fail(db, e);
		return NULL;
	}
	if (!stmt)
		BUG("SQL \"%s\"", sql);
	if (db->n < STATEMENTS_MAX) {
		s = &db->kept[db->n++];
	} else {
		s = &db->kept[db->oldest];
		db->oldest = (db->oldest + 1) % STATEMENTS_MAX;
		forget(s);
	}
	*s = (struct statement){ .sql = xstrdup(sql), .stmt = stmt };
	return stmt;
}

/* Values are copied: db_next() comes when the caller's are gone. */
static int bind(sqlite3_stmt *stmt, int i, char letter, va_list *ap)
{
	const void *p;

	switch (letter) {
	case 'i': return sqlite3_bind_int64(stmt, i, va_arg(*ap, int64_t));
	case 's':
		return sqlite3_bind_text(stmt, i, va_arg(*ap, const char *), -1,
					 SQLITE_TRANSIENT);
	case 'b':
		p = va_arg(*ap, const void *);
		return sqlite3_bind_blob64(stmt, i, p, va_arg(*ap, size_t),
					   SQLITE_TRANSIENT);
	default: BUG("value of type '%c'", letter);
	}
}

int db_run(struct db *db, struct err *e, const char *sql, const char *fmt, ...)
{
	int want, rc = SQLITE_OK;
	sqlite3_stmt *stmt;
	va_list ap;

	end_cursor(db);
	stmt = prepare(db, e, sql);
	if (!stmt)
		return -1;
	want = sqlite3_bind_parameter_count(stmt);
	if ((int)strlen(fmt) != want)
		BUG("SQL \"%s\" takes %d values", sql, want);
	db->cursor = stmt;
	va_start(ap, fmt);
	for (int i = 1; i <= want && rc == SQLITE_OK; i++)
		rc = bind(stmt, i, fmt[i - 1], &ap);
	va_end(ap);
	if (rc != SQLITE_OK) {
		fail(db, e);
		end_cursor(db);
		return -1;
	}
	return db_next(db, e);
}

int db_next(struct db *db, struct err *e)
{
	int rc;

	if (!db->cursor)
		return 0;
	rc = sqlite3_step(db->cursor);
	if (rc == SQLITE_ROW)
		return 1;
	if (rc != SQLITE_DONE)
		fail(db, e); /* before the reset, which loses the reason */
	end_cursor(db);
	return rc == SQLITE_DONE ? 0 : -1;
}

static sqlite3_stmt *row(struct db *db)
{
	if (!db->cursor)
		BUG("no row in \"%s\"", db->path);
	return db->cursor;
}

int64_t db_int(struct db *db, int col)
{
	return sqlite3_column_int64(row(db), col);
}

const char *db_text(struct db *db, int col)
{
	return (const char *)sqlite3_column_text(row(db), col);
}

const void *db_blob(struct db *db, int col, size_t *n)
{
	const void *p = sqlite3_column_blob(row(db), col);

	*n = (size_t)sqlite3_column_bytes(row(db), col);
	return p;
}

static int run_all(struct db *db, struct err *e, const char *sql)
{
	if (sqlite3_exec(db->handle, sql, NULL, NULL, NULL) != SQLITE_OK)
		return fail(db, e);
	return 0;
}

int db_set_durable(struct db *db, struct err *e, bool on)
{
	end_cursor(db);
	if (on == db->durable)
		return 0;
	if (run_all(db, e,
		    on ? "PRAGMA synchronous = FULL"
		       : "PRAGMA synchronous = NORMAL") < 0)
		return -1;
	db->durable = on;
	return 0;
}

static int version(struct db *db, struct err *e, int64_t *out)
{
	if (db_run(db, e, "PRAGMA user_version", "") != 1)
		return -1;
	*out = db_int(db, 0);
	end_cursor(db);
	return 0;
}

static int count_schema(const char *const *schema)
{
	int n = 0;

	while (schema[n])
		n++;
	return n;
}

static int migrate(struct db *db, struct err *e, const char *const *schema,
		   int want)
{
	char set[64];
	int64_t have;

	/* read once more: another process may have been first */
	if (run_all(db, e, "BEGIN IMMEDIATE") < 0 || version(db, e, &have) < 0)
		return -1;
	for (; have < want; have++)
		if (run_all(db, e, schema[have]) < 0)
			return -1;
	sqlite3_snprintf(sizeof(set), set, "PRAGMA user_version = %d", want);
	if (run_all(db, e, set) < 0 || run_all(db, e, "COMMIT") < 0)
		return -1;
	return 0;
}

/*
 * SQLite would make the file as the umask says.  Only one that is not there:
 * to close a file that SQLite has open in this process drops its locks.
 */
static void make_private(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd >= 0)
		close(fd);
}

static int make_folder(struct op *op, const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash || slash == path)
		return 0;
	return file_make_dirs(op, arena_printf(&op->arena, "%.*s",
					       (int)(slash - path), path));
}

/* The mode is kept in the file; two that set it at once must take turns. */
static int use_wal(struct db *db, struct op *op)
{
	for (unsigned waited = 0;; waited += 20) {
		/* no WAL on some network file systems: then without */
		if (run_all(db, &op->err, "PRAGMA journal_mode = WAL") == 0)
			return 0;
		if (op->err.kind != ERR_BUSY || waited >= BUSY_WAIT_MS ||
		    op_sleep(op, 20) < 0)
			return -1;
	}
}

static int set_up(struct db *db, struct op *op, const char *const *schema)
{
	int want = count_schema(schema);
	int64_t have;

	sqlite3_busy_timeout(db->handle, BUSY_WAIT_MS);
	if (use_wal(db, op) < 0 ||
	    run_all(db, &op->err, "PRAGMA synchronous = NORMAL") < 0 ||
	    version(db, &op->err, &have) < 0)
		return -1;
	if (have > want)
		return err_set(&op->err, ERR_UNSUPPORTED,
			       "database \"%s\": made by a newer ferry",
			       db->path);
	if (have < 0)
		return err_set(&op->err, ERR_CORRUPT,
			       "database \"%s\": version %d", db->path,
			       (int)have);
	return have < want ? migrate(db, &op->err, schema, want) : 0;
}

int db_open(struct op *op, const char *path, const char *const *schema,
	    struct db **out)
{
	struct db *db;
	int rc;

	*out = NULL;
	if (make_folder(op, path) < 0)
		return err_wrap(&op->err, "database \"%s\"", path);
	db = xcalloc(1, sizeof(*db));
	db->path = xstrdup(path);
	make_private(path);
	rc = sqlite3_open_v2(path, &db->handle,
			     SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE |
				     SQLITE_OPEN_NOMUTEX,
			     NULL);
	if (!db->handle)
		BUG("out of memory");
	if (rc != SQLITE_OK)
		fail(db, &op->err);
	else
		rc = set_up(db, op, schema);
	if (rc) {
		db_close(db);
		return -1;
	}
	*out = db;
	return 0;
}

void db_close(struct db *db)
{
	if (!db)
		return;
	for (size_t i = 0; i < db->n; i++)
		forget(&db->kept[i]);
	sqlite3_close(db->handle); /* rolls back what is open */
	free(db->path);
	free(db);
}
