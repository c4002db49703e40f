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

#include "backends/webdav/propfind.h"
#include "backends/webdav/write.h"
#include "lib/log.h"

enum { SMALL_MAX = 8 * 1024 * 1024, SETTLE_MS = 400 };

/* One put(). */
struct job {
	struct webdav *w;
	const char *path;
	struct source *src;
	const struct put_opt *opt;
	struct webdav_facts facts;
	int64_t took; /* ns, the last PUT */
};

static int check_kept(struct job *j, struct op *op, const char *to, int status)
{
	struct multistatus_item now;

	if (webdav_look(j->w, op, to, &now) == 0) {
		if (!now.dir && now.size == j->src->size)
			return 0;
	} else if (op->err.kind != ERR_NOT_FOUND &&
		   op->err.kind != ERR_NO_DIR) {
		return -1;
	}
	return err_set(
		&op->err, ERR_SERVER,
		"the server answers %d to PUT, but has not kept the file",
		status);
}

/* One PUT of the whole source to `to`, under a condition if there is one. */
static int send_once(struct job *j, struct op *op, const char *to,
		     const char *condition, const char *value,
		     struct http_answer *a)
{
	struct webdav_headers h = { 0 };
	struct http_request rq = {
		.method = "PUT",
		.headers = h.at,
		.source = j->src,
		.size = j->src->size,
	};
	int64_t began = clock_mono();
	int rc;

	*a = (struct http_answer){ 0 };
	webdav_content_headers(j->w, op, &j->facts, j->opt, &h);
	if (value)
		webdav_header(&h, condition, value);
	rc = webdav_ask(j->w, op, to, false, &rq, a);
	j->took = clock_mono() - began;
	/* 201 or 204; what says 200 may be a page to sign in on */
	if (rc == 0 && a->status != 201 && a->status != 204)
		rc = check_kept(j, op, to, a->status);
	return rc;
}

/* The same, with the parents made if the server says that they are missing. */
static int send(struct job *j, struct op *op, const char *to,
		const char *condition, const char *value, struct http_answer *a)
{
	const char *parent = webdav_parent(op, to);

	*a = (struct http_answer){ 0 };
	/* It cannot be read twice: so the folder has to be there before. */
	if (!j->src->seek && webdav_mkdir(&j->w->base, op, parent) < 0)
		return -1;
	if (send_once(j, op, to, condition, value, a) == 0)
		return 0;
	if (!j->src->seek || webdav_missing_parent(j->w, op, to) <= 0 ||
	    j->src->seek(j->src, op, 0) < 0)
		return -1;
	return send_once(j, op, to, condition, value, a);
}

/* The ETag of what a PUT has made, where ETags can be trusted; or NULL. */
static const char *etag_of(const struct job *j, const struct http_answer *a)
{
	if (!j->facts.stable_etag)
		return NULL;
	return http_header(a, "ETag");
}

/* The time is sent with the file. */
static bool comes_along(const struct job *j)
{
	return j->facts.time == WEBDAV_TIME_HEADER ||
	       j->facts.time == WEBDAV_TIME_DATE;
}

static bool came_along(const struct job *j, const struct http_answer *a)
{
	const char *said = http_header(a, "X-OC-Mtime");

	return j->facts.time == WEBDAV_TIME_DATE ||
	       (said && strcmp(said, "accepted") == 0);
}

/*
 * Give the file its time by whatever does that here; the time that it has
 * then.  A file whose time could not be set is there all the same: the next
 * run sets it, or sends the file again.
 */
static int64_t settle_time(struct job *j, struct op *op, const char *path,
			   const struct http_answer *a, const char *etag)
{
	struct webdav_facts f = j->facts;
	int64_t mtime = j->opt->mtime;
	struct err before = op->err;

	if (mtime == MTIME_UNKNOWN)
		return mtime;
	if (comes_along(j)) {
		bool early = webdav_seconds(mtime) < webdav_earliest(j->w, &f);

		if (came_along(j, a) && !early)
			return mtime;
		if (came_along(j, a) &&
		    webdav_note_mtime(j->w, op, path, mtime, etag) == 0)
			return mtime;
		f.time = WEBDAV_TIME_PROP_LASTMODIFIED;
		etag = NULL;
	}
	if (!etag && f.clock)
		etag = webdav_date_token(op, a, j->took, j->src->size);
	if (webdav_set_mtime(j->w, op, path, &f, mtime, etag) == 0)
		return mtime;
	log_debug(path, "its time is not set: %s", op->err.msg);
	op->err = before;
	return MTIME_UNKNOWN;
}

/* Whether an answer has come that says what became of a request. */
static bool was_refused(const struct http_answer *a)
{
	return a->status >= 400 && a->status < 500 && a->status != 408;
}

static bool is_whole(const struct job *j, const struct multistatus_item *now)
{
	return !now->dir && now->size == j->src->size &&
	       digests_compare(&now->hash, &j->opt->hash) != 0;
}

/* A download that is compared with what the source has, on the way. */
struct comparison {
	struct sink base;
	struct source *src;
	char chunk[16 * 1024];
};

static int compare(struct sink *sink, struct op *op, const void *p, size_t n)
{
	struct comparison *c = container_of(sink, struct comparison, base);

	while (n > 0) {
		size_t want = n < sizeof(c->chunk) ? n : sizeof(c->chunk);
		ssize_t got = c->src->read(c->src, op, c->chunk, want);

		if (got < 0)
			return -1;
		if (got == 0 || memcmp(c->chunk, p, (size_t)got) != 0)
			return err_set(&op->err, ERR_CONFLICT, "not ours");
		p = (const char *)p + got;
		n -= (size_t)got;
	}
	return 0;
}

/* Whether what is at j->path is how the source begins. */
static bool begins_so(struct job *j, struct op *op)
{
	const struct get_opt whole = { .len = -1 };
	struct comparison c = { .base.write = compare, .src = j->src };

	return j->src->seek && j->src->seek(j->src, op, 0) == 0 &&
	       webdav_get(&j->w->base, op, j->path, &whole, &c.base) == 0;
}

/* A piece of ours may stand at j->path: remove it. -1: no more can be done. */
static int remove_piece(struct job *j, struct op *op, bool lost, bool *whole)
{
	struct multistatus_item now;

	if (webdav_look(j->w, op, j->path, &now) < 0)
		return op->err.code == 404 ? 0 : -1;
	if (now.dir || now.size < 0 || now.size > j->src->size ||
	    !begins_so(j, op))
		return -1;
	*whole = lost && is_whole(j, &now);
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
static bool survived(struct job *j, const struct op *op, bool lost)
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
static int settle_failure(struct job *j, struct op *op,
			  const struct http_answer *a)
{
	if (a->status == 412)
		return err_set(&op->err, ERR_EXISTS, "something is there");
	if (was_refused(a) || !survived(j, op, err_info(op->err.kind)->retry))
		return -1;
	err_clear(&op->err);
	return 0;
}

/* Before it is sent in vain, or where no condition is heeded. */
static int look_for_nothing(struct job *j, struct op *op)
{
	struct multistatus_item now;

	if (webdav_look(j->w, op, j->path, &now) == 0)
		return err_set(&op->err, ERR_EXISTS, "something is there");
	if (op->err.kind != ERR_NOT_FOUND && op->err.kind != ERR_NO_DIR)
		return -1;
	err_clear(&op->err);
	return 0;
}

static int put_small(struct job *j, struct op *op, struct entry *out)
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
	rc = send(j, op, j->path, "If-None-Match", "*", &a);
	webdav_release(j->w, &claim);
	if (rc == 0) {
		etag = etag_of(j, &a);
		mtime = settle_time(j, op, j->path, &a, etag);
	} else if (settle_failure(j, op, &a) < 0) {
		return -1;
	} else if (!comes_along(j)) {
		mtime = settle_time(j, op, j->path, &a, NULL);
	}
	webdav_fill(op, &j->facts, j->path, j->src->size, mtime, etag, out);
	return 0;
}

int webdav_place(struct webdav *w, struct op *op, const char *path,
		 const struct put_opt *opt, const struct webdav_facts *f,
		 place_fn *move, void *arg)
{
	const char *etag = NULL;
	struct entry old;
	bool there, moved = false;

	if (webdav_check_place(w, op, path, opt, &there, &old) < 0)
		return -1;
	if (there && opt->keep_old &&
	    webdav_keep_old(w, op, path, opt, f, &old, &moved) < 0)
		return -1;
	if (there && !moved && f->stable_etag && f->if_header && old.tag &&
	    webdav_etag_is_strong(old.tag))
		etag = old.tag;
	if (move(arg, op, there && !moved, etag) == 0)
		return 0;
	if (moved)
		webdav_give_back(w, op, path, opt);
	if (op->err.kind == ERR_EXISTS && opt->mode != PUT_CREATE)
		op->err.kind = ERR_CONFLICT; /* came while this was written */
	return -1;
}

/* The last step of what was written to a name beside. */
struct aside {
	struct job *job;
	const char *path;
	bool stays; /* it may be all that is left */
};

/* The MOVE's answer is lost: whether it was done all the same. */
static bool was_moved(struct aside *aside, const struct op *op)
{
	struct job *j = aside->job;
	struct multistatus_item now;
	struct tidy t;
	bool moved;

	tidy_begin(&t, op);
	moved = webdav_look(j->w, &t.op, aside->path, &now) < 0 &&
		(t.op.err.kind == ERR_NOT_FOUND ||
		 t.op.err.kind == ERR_NO_DIR) &&
		webdav_look(j->w, &t.op, j->path, &now) == 0 &&
		is_whole(j, &now);
	tidy_end(&t);
	return moved;
}

/*
 * A server that stumbles in a MOVE may have removed the old file already.  Then
 * what is aside must not be removed, too.  0 if it has got into its place now.
 */
static int rescue(struct aside *aside, const struct op *op)
{
	struct job *j = aside->job;
	struct multistatus_item now;
	struct tidy t;
	int rc = -1;

	tidy_begin(&t, op);
	if (webdav_look(j->w, &t.op, j->path, &now) < 0) {
		if (t.op.err.kind == ERR_NOT_FOUND)
			rc = webdav_transfer(j->w, &t.op, "MOVE", j->w,
					     aside->path, j->path, false, false,
					     NULL);
		aside->stays = rc < 0;
	}
	if (aside->stays)
		log_notice(j->path, "what was sent stays at \"%s\"",
			   aside->path);
	tidy_end(&t);
	return rc;
}

static int move_aside(void *arg, struct op *op, bool over, const char *etag)
{
	struct aside *aside = arg;
	struct job *j = aside->job;

	if (webdav_transfer(j->w, op, "MOVE", j->w, aside->path, j->path, false,
			    over, etag) == 0)
		return 0;
	if (op->err.kind != ERR_CANCELED && was_moved(aside, op))
		goto done;
	if (!over || (op->err.code >= 400 && op->err.code < 500) ||
	    rescue(aside, op) < 0)
		return -1;
done:
	err_clear(&op->err);
	return 0;
}

/* What was written aside must be there whole before it replaces anything. */
static int verify(struct job *j, struct op *op, const char *path,
		  struct multistatus_item *now)
{
	if (webdav_look(j->w, op, path, now) < 0)
		return -1;
	if (now->size == SIZE_UNKNOWN && j->src->size == 0)
		now->size = 0;
	if (now->dir || now->size != j->src->size)
		return err_set(&op->err, ERR_SERVER,
			       "the server has kept %" PRId64 " of %" PRId64
			       " bytes",
			       now->size, j->src->size);
	if (!is_whole(j, now))
		return err_set(&op->err, ERR_CORRUPT,
			       "what the server has kept has another hash");
	return 0;
}

static int put_aside(struct job *j, struct op *op, struct entry *out)
{
	struct aside aside = { j, webdav_aside(op, j->path), false };
	/* What is noted here is noted under the name that it gets. */
	bool early = j->facts.time_moves &&
		     j->facts.time != WEBDAV_TIME_MEMORY &&
		     webdav_seconds(j->opt->mtime) >=
			     webdav_earliest(j->w, &j->facts);
	struct multistatus_item now;
	int64_t mtime = MTIME_UNKNOWN;
	struct http_answer a;

	if (send(j, op, aside.path, NULL, NULL, &a) < 0) {
		if (a.status == 0 || !was_refused(&a))
			webdav_discard(j->w, op, aside.path);
		return -1;
	}
	if (verify(j, op, aside.path, &now) < 0)
		goto fail;
	if (early)
		mtime = settle_time(j, op, aside.path, &a,
				    *now.tag ? now.tag : NULL);
	if (webdav_place(j->w, op, j->path, j->opt, &j->facts, move_aside,
			 &aside) < 0)
		goto fail;
	if (!early) {
		a.status = 0; /* its Date is not that of the MOVE */
		mtime = settle_time(j, op, j->path, &a, NULL);
	}
	webdav_fill(op, &j->facts, j->path, j->src->size, mtime, NULL, out);
	return 0;
fail:
	if (!aside.stays)
		webdav_discard(j->w, op, aside.path);
	return -1;
}

/* Over the file itself: as the user wants it, or since nothing else works. */
static int put_over(struct job *j, struct op *op, const struct entry *old,
		    struct entry *out)
{
	bool trusted = j->facts.if_match && j->facts.stable_etag && old->tag &&
		       webdav_etag_is_strong(old->tag);
	const char *tag = trusted ? old->tag : NULL;
	struct http_answer a;
	const char *etag;

	if (send(j, op, j->path, "If-Match", tag, &a) < 0) {
		if (a.status == 412)
			return err_set(&op->err, ERR_CONFLICT,
				       "what it would replace has changed");
		return -1;
	}
	etag = etag_of(j, &a);
	webdav_fill(op, &j->facts, j->path, j->src->size,
		    settle_time(j, op, j->path, &a, etag), etag, out);
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
static int put_whole(struct job *j, struct op *op, struct entry *out)
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
	return put_aside(j, op, out);
}

static bool goes_small(const struct job *j)
{
	return j->src->size <= SMALL_MAX || !j->facts.move_over;
}

/* Nothing was there a moment ago. */
static int put_new(struct job *j, struct op *op, struct entry *out)
{
	return goes_small(j) ? put_small(j, op, out) : put_whole(j, op, out);
}

static int put_old(struct job *j, struct op *op, const struct entry *old,
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
static int put_found(struct job *j, struct op *op, struct entry *out)
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

static int put_as_told(struct job *j, struct op *op, struct entry *out)
{
	const struct put_opt *opt = j->opt;

	/* The one PUT of a small file says by itself if something is there. */
	if (opt->mode == PUT_CREATE && j->src->size <= SMALL_MAX &&
	    j->facts.if_none_match)
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
static int name_obstacle(struct job *j, struct op *op)
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

int webdav_put(struct backend *be, struct op *op, const char *path,
	       struct source *src, const struct put_opt *opt, struct entry *out)
{
	struct job j = {
		.w = webdav_of(be),
		.path = path,
		.src = src,
		.opt = opt,
	};

	if (*path == '\0')
		return err_set(&op->err, ERR_IS_DIR, "a folder is there");
	if (src->size < 0)
		BUG("%s: a source without a size", be->name);
	if (webdav_facts(j.w, op, &j.facts) < 0)
		return -1;
	if (put_as_told(&j, op, out) == 0)
		return 0;
	return name_obstacle(&j, op);
}
