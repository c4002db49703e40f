/*
 * Writing, with the old file never in danger.
 *
 * What is new and small is one PUT to its name, which must not exist
 * (If-None-Match: *).  All else is written to a name beside it, looked at, and
 * moved into place; only where a server cannot MOVE onto a file is it written
 * over, and the user told.
 */
#include <inttypes.h>
#include <string.h>

#include "backends/webdav/job.h"
#include "backends/webdav/propfind.h"
#include "lib/log.h"

enum { SMALL_MAX = 8 * 1024 * 1024, SETTLE_MS = 400 };

/* The ETag of what a PUT has made, where ETags can be trusted; or NULL. */
static const char *etag_of(const struct webdav_job *j,
			   const struct http_answer *a)
{
	if (!j->facts.stable_etag)
		return NULL;
	return http_header(a, "ETag");
}

/* Whether what is at j->path is how the source begins. */
static bool begins_so(struct webdav_job *j, struct op *op)
{
	const struct webdav_part all = { 0, -1 };

	return j->src->seek && webdav_compare_part(j, op, j->path, all) == 0;
}

/* A piece of ours may stand at j->path: remove it. -1: no more can be done. */
static int remove_piece(struct webdav_job *j, struct op *op, bool lost,
			bool *whole)
{
	struct multistatus_item now;

	if (webdav_look(j->w, op, j->path, &now) < 0)
		return op->err.code == 404 ? 0 : -1;
	if (now.dir || now.size < 0 || now.size > j->src->size ||
	    !begins_so(j, op))
		return -1;
	*whole = lost && webdav_is_whole(j, &now);
	if (now.size == j->src->size)
		return -1;
	webdav_discard_only(j->w, op, j->path,
			    j->facts.stable_etag && *now.tag ? now.tag : NULL);
	return 0;
}

/*
 * A PUT to the final name, where nothing had been, has broken off: nothing, the
 * whole, or a piece of it may stand there.  True if it is the whole, which it
 * can be only if all was sent and the answer `lost`.  That it is ours, its
 * bytes must say: another's may have come just before, and the answer that was
 * lost have been a refusal.
 */
static bool survived(struct webdav_job *j, const struct op *op, bool lost)
{
	struct tidy t;
	bool whole = false;

	tidy_begin(&t, op);
	/* Twice: the server may learn of the end later than we look. */
	if (remove_piece(j, &t.op, lost, &whole) == 0 &&
	    op_sleep(&t.op, SETTLE_MS) == 0 &&
	    remove_piece(j, &t.op, lost, &whole) < 0)
		log_debug(j->path, "what has broken off stays");
	tidy_end(&t);
	return whole;
}

/* The PUT to the final name has failed; 0 if the file is there all the same. */
static int settle_failure(struct webdav_job *j, struct op *op,
			  const struct http_answer *a)
{
	if (a->status == 412)
		return err_set(&op->err, ERR_EXISTS, "something is there");
	if (webdav_was_refused(a) ||
	    !survived(j, op, err_info(op->err.kind)->retry))
		return -1;
	err_clear(&op->err);
	return 0;
}

/* Before it is sent in vain, or where no condition is heeded. */
static int look_for_nothing(struct webdav_job *j, struct op *op)
{
	struct multistatus_item now;

	if (webdav_look(j->w, op, j->path, &now) == 0)
		return err_set(&op->err, ERR_EXISTS, "something is there");
	if (op->err.kind != ERR_NOT_FOUND && op->err.kind != ERR_NO_DIR)
		return -1;
	err_clear(&op->err);
	return 0;
}

static int put_small(struct webdav_job *j, struct op *op, struct entry *out)
{
	int64_t mtime = MTIME_UNKNOWN;
	const char *etag = NULL;
	struct webdav_claim claim;
	struct http_answer a;
	int rc;

	if (webdav_claim(j->w, op, j->path, &claim) < 0)
		return -1;
	if (j->opt->mode == PUT_CREATE && !j->facts.if_none_match &&
	    look_for_nothing(j, op) < 0) {
		webdav_release(j->w, &claim);
		return -1;
	}
	rc = webdav_send_whole(j, op, j->path, "If-None-Match", "*", &a);
	webdav_release(j->w, &claim);
	if (rc == 0) {
		etag = etag_of(j, &a);
		mtime = webdav_settle_time(j, op, j->path, &a, etag);
	} else if (settle_failure(j, op, &a) < 0) {
		return -1;
	} else if (!webdav_time_comes_along(j)) {
		mtime = webdav_settle_time(j, op, j->path, &a, NULL);
	}
	webdav_fill(op, &j->facts, j->path, j->src->size, mtime, etag, out);
	return 0;
}

/* Over the file itself: as the user wants it, or since nothing else works. */
static int put_over(struct webdav_job *j, struct op *op,
		    const struct entry *old, struct entry *out)
{
	bool trusted = j->facts.if_match && j->facts.stable_etag && old->tag &&
		       webdav_etag_is_strong(old->tag);
	const char *tag = trusted ? old->tag : NULL;
	struct http_answer a;
	const char *etag;

	if (webdav_send_whole(j, op, j->path, "If-Match", tag, &a) < 0) {
		if (a.status == 412)
			return err_set(&op->err, ERR_CONFLICT,
				       "what it would replace has changed");
		return -1;
	}
	etag = etag_of(j, &a);
	webdav_fill(op, &j->facts, j->path, j->src->size,
		    webdav_settle_time(j, op, j->path, &a, etag), etag, out);
	return 0;
}

static void say_no_move(struct webdav *w)
{
	bool said;

	pthread_mutex_lock(&w->service->lock);
	said = w->service->said_no_move;
	w->service->said_no_move = true;
	pthread_mutex_unlock(&w->service->lock);
	if (!said)
		log_notice(w->base.name,
			   "this server cannot move a file onto another one: "
			   "files are written over in place, and one is torn "
			   "if that breaks off");
}

/*
 * A server that has a place for uploads puts them together aside and then
 * replaces the content only, so that the file keeps its older versions, shares
 * and comments.
 */
static int put_whole(struct webdav_job *j, struct op *op, struct entry *out)
{
	if (webdav_wants_chunks(j->w, j->src)) {
		if (webdav_put_chunks(j->w, op, j->path, j->src, j->opt, out) ==
		    0)
			return 0;
		if (op->err.kind != ERR_UNSUPPORTED ||
		    webdav_wants_chunks(j->w, j->src))
			return -1;
		err_clear(&op->err); /* there is no place for them */
	}
	return webdav_put_aside(j, op, out);
}

static bool goes_small(const struct webdav_job *j)
{
	return j->src->size <= SMALL_MAX || !j->facts.move_over;
}

/* Nothing was there a moment ago. */
static int put_new(struct webdav_job *j, struct op *op, struct entry *out)
{
	return goes_small(j) ? put_small(j, op, out) : put_whole(j, op, out);
}

static int put_old(struct webdav_job *j, struct op *op, const struct entry *old,
		   struct entry *out)
{
	if (j->opt->inplace && !j->opt->keep_old)
		return put_over(j, op, old, out);
	if (j->facts.move_over || j->opt->keep_old)
		return put_whole(j, op, out);
	say_no_move(j->w);
	return put_over(j, op, old, out);
}

/* As it was found; whether there is anything in its place is asked first. */
static int put_found(struct webdav_job *j, struct op *op, struct entry *out)
{
	struct entry old = { 0 };
	bool there;

	/*
	 * put_small() looks by itself, where it must; a MOVE sees by itself
	 * that something has come since a listing.
	 */
	if (j->opt->mode == PUT_CREATE &&
	    !(j->opt->listed && j->facts.move_over && !goes_small(j)) &&
	    (j->facts.if_none_match || !goes_small(j)) &&
	    look_for_nothing(j, op) < 0)
		return -1;
	if (webdav_check_place(j->w, op, j->path, j->opt, &there, &old) < 0)
		return -1;
	return there ? put_old(j, op, &old, out) : put_new(j, op, out);
}

static bool goes_by_itself(const struct webdav_job *j)
{
	return j->opt->mode == PUT_CREATE && j->src->size <= SMALL_MAX &&
	       j->facts.if_none_match;
}

static int put_as_told(struct webdav_job *j, struct op *op, struct entry *out)
{
	const struct put_opt *opt = j->opt;

	/* The one PUT of a small file says by itself if something is there. */
	if (goes_by_itself(j))
		return put_new(j, op, out);
	/* What is there is looked at just before it is replaced. */
	if (opt->mode == PUT_OVER && !opt->inplace && j->facts.move_over)
		return put_whole(j, op, out);
	if (put_found(j, op, out) == 0)
		return 0;
	/* Came since it was looked for. */
	if (op->err.kind != ERR_EXISTS || opt->mode != PUT_ANY ||
	    !j->src->seek || j->src->seek(j->src, op, 0) < 0)
		return -1;
	err_clear(&op->err);
	return put_found(j, op, out);
}

/*
 * A folder at the file's place, or a file at its folder's, are refused with
 * whatever a server thinks of: 400, 403, 405, 409, 500.
 */
static int name_obstacle(struct webdav_job *j, struct op *op)
{
	struct err why = op->err;
	const char *path = j->path;
	struct multistatus_item now;
	int rc;

	if (why.code != 400 && why.code != 403 && why.code != 405 &&
	    why.code != 409 && why.code != 500)
		return -1;
	while ((rc = webdav_look(j->w, op, path, &now)) < 0 && *path &&
	       op->err.code >= 400)
		path = webdav_parent(op, path);
	op->err = why;
	if (rc < 0)
		return -1;
	if (path != j->path && !now.dir)
		return err_set(&op->err, ERR_NOT_DIR, "\"%s\" is not a folder",
			       path);
	if (path == j->path && now.dir)
		return err_set(&op->err,
			       j->opt->mode == PUT_CREATE ? ERR_EXISTS
							  : ERR_IS_DIR,
			       "a folder is there");
	return -1;
}

/*
 * A new small file needs little, all else more; and so does a time that would
 * cost each file a look, where the ETag that PUT tells cannot be trusted yet.
 */
static int find_facts(struct webdav_job *j, struct op *op)
{
	if (j->opt->mode == PUT_CREATE && j->src->size <= SMALL_MAX) {
		if (webdav_facts_new(j->w, op, &j->facts) < 0)
			return -1;
		if (j->facts.clock || webdav_time_comes_along(j))
			return 0;
	}
	return webdav_facts(j->w, op, &j->facts);
}

int webdav_put(struct backend *be, struct op *op, const char *path,
	       struct source *src, const struct put_opt *opt, struct entry *out)
{
	struct webdav_job j = {
		.w = webdav_of(be),
		.path = path,
		.src = src,
		.opt = opt,
	};

	if (*path == '\0')
		return err_set(&op->err, ERR_IS_DIR, "a folder is there");
	if (src->size < 0)
		BUG("%s: a source without a size", be->name);
	if (find_facts(&j, op) < 0)
		return -1;
	if (put_as_told(&j, op, out) == 0)
		return 0;
	return name_obstacle(&j, op);
}
