/*
 * Temporary files: their names, and the removal of those that a killed run has
 * left.  A name says when it was made, since the file itself may have been
 * given the time of what it is to become.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "backends/webdav/journal.h"
#include "backends/webdav/write.h"
#include "lib/parse.h"

#define PREFIX ".ferry-tmp."

enum { DIGITS = 16, TIME_DIGITS = 8, STRAYS_MAX = 4 * 1024 * 1024 };

#define STRAY_SEC (24 * 60 * 60)

/* What the journal of an upload names is waited for. */
#define WAIT_SEC (7 * STRAY_SEC)

const char *webdav_aside(struct op *op, const char *path)
{
	const char *slash = strrchr(path, '/');
	int dir = slash ? (int)(slash + 1 - path) : 0;
	uint32_t draw;

	if (getrandom(&draw, sizeof(draw), 0) != (ssize_t)sizeof(draw))
		BUG("no random numbers");
	return arena_printf(&op->arena, "%.*s" PREFIX "%08" PRIx32 "%08" PRIx32,
			    dir, path, (uint32_t)webdav_seconds(clock_wall()),
			    draw);
}

bool webdav_is_aside(const char *name)
{
	size_t n = sizeof(PREFIX) - 1;

	return strncmp(name, PREFIX, n) == 0 &&
	       strspn(name + n, "0123456789abcdef") == DIGITS &&
	       name[n + DIGITS] == '\0';
}

/* By its name, which is an aside's: when it was made. */
static int64_t made_at(const char *name)
{
	int64_t at = 0;

	name += sizeof(PREFIX) - 1;
	for (size_t i = 0; i < TIME_DIGITS; i++)
		at = at * 16 + parse_hex_digit(name[i]);
	return at;
}

/*
 * Both by its name and by what the server says: other programs of ours draw
 * all digits, and for those the time of the file counts.
 */
static bool is_old(const char *name, const struct entry *e, int64_t now)
{
	int64_t sec = webdav_seconds(now), age;

	age = sec - made_at(name);
	if (age < STRAY_SEC)
		return false;
	if (e->mtime == MTIME_UNKNOWN)
		return false;
	age = sec - webdav_seconds(e->mtime);
	return age > STRAY_SEC || age < -STRAY_SEC;
}

void webdav_note_stray(struct webdav *w, const char *path,
		       const struct entry *e)
{
	const char *slash = strrchr(path, '/');
	size_t n = strlen(path) + 1;

	if (e->kind != ENTRY_FILE ||
	    !is_old(slash ? slash + 1 : path, e, clock_wall()))
		return;
	pthread_mutex_lock(&w->lock);
	if (w->strays.len + n <= STRAYS_MAX)
		buf_add(&w->strays, path, n);
	pthread_mutex_unlock(&w->lock);
}

static int remove_stray(struct webdav *w, struct op *op, const char *path,
			unsigned *removed)
{
	struct http_request rq = { .method = "DELETE" };

	if (webdav_ask(w, op, path, false, &rq, NULL) == 0) {
		(*removed)++;
		return 0;
	}
	if (op->err.kind != ERR_NOT_FOUND && op->err.kind != ERR_NO_DIR)
		return -1;
	err_clear(&op->err); /* removed by another, or with its folder */
	return 0;
}

/* Whether a later run can go on with it: `names` are those in journals. */
static bool is_awaited(const char *path, const struct buf *names, int64_t now)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;

	if (webdav_seconds(now) - made_at(name) > WAIT_SEC)
		return false;
	for (size_t at = 0; at < names->len; at += strlen(names->data + at) + 1)
		if (strcmp(names->data + at, name) == 0)
			return true;
	return false;
}

int webdav_strays(struct backend *be, struct op *op, unsigned *removed)
{
	struct webdav *w = webdav_of(be);
	struct buf strays, names = BUF_INIT;
	int rc = 0;

	pthread_mutex_lock(&w->lock);
	strays = w->strays;
	w->strays = (struct buf)BUF_INIT;
	pthread_mutex_unlock(&w->lock);
	if (strays.len)
		webdav_journal_names(w, op, &names);
	for (size_t at = 0; rc == 0 && at < strays.len;
	     at += strlen(strays.data + at) + 1)
		if (!is_awaited(strays.data + at, &names, clock_wall()))
			rc = remove_stray(w, op, strays.data + at, removed);
	buf_free(&strays);
	buf_free(&names);
	return rc;
}
