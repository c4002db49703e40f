/*
 * Files that are written to a name beside the one they get, looked at, and
 * moved into place.
 */
#include <inttypes.h>

#include "backends/webdav/job.h"
#include "backends/webdav/propfind.h"
#include "lib/log.h"

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
	struct webdav_job *job;
	const char *path;
	struct webdav_journal journal;
	bool in_pieces;
	bool useless; /* it is not what was sent */
	bool stays;   /* it may be all that is left */
	bool kept;    /* for the next run */
};

/* The MOVE's answer is lost: whether it was done all the same. */
static bool was_moved(struct aside *aside, const struct op *op)
{
	struct webdav_job *j = aside->job;
	struct multistatus_item now;
	struct tidy t;
	bool moved;

	tidy_begin(&t, op);
	moved = webdav_look(j->w, &t.op, aside->path, &now) < 0 &&
		(t.op.err.kind == ERR_NOT_FOUND ||
		 t.op.err.kind == ERR_NO_DIR) &&
		webdav_look(j->w, &t.op, j->path, &now) == 0 &&
		webdav_is_whole(j, &now);
	tidy_end(&t);
	return moved;
}

/*
 * A server that stumbles in a MOVE may have removed the old file already.  Then
 * what is aside must not be removed, too.  0 if it has got into its place now.
 */
static int rescue(struct aside *aside, const struct op *op)
{
	struct webdav_job *j = aside->job;
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
	struct webdav_job *j = aside->job;

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
static int verify(struct aside *aside, struct op *op,
		  struct multistatus_item *now)
{
	struct webdav_job *j = aside->job;

	if (webdav_look(j->w, op, aside->path, now) < 0)
		return -1;
	aside->useless = true;
	if (now->size == SIZE_UNKNOWN && j->src->size == 0)
		now->size = 0;
	if (now->dir || now->size != j->src->size)
		return err_set(&op->err, ERR_SERVER,
			       "the server has kept %" PRId64 " of %" PRId64
			       " bytes",
			       now->size, j->src->size);
	if (!webdav_is_whole(j, now))
		return err_set(&op->err, ERR_CORRUPT,
			       "what the server has kept has another hash");
	aside->useless = false;
	return 0;
}

/* What is aside has its content; its name and its time are still to come. */
static int finish(struct aside *aside, struct op *op, struct http_answer *a,
		  int64_t *mtime)
{
	struct webdav_job *j = aside->job;
	/* What is noted here is noted under the name that it gets. */
	bool early = j->facts.time_moves &&
		     j->facts.time != WEBDAV_TIME_MEMORY &&
		     webdav_seconds(j->opt->mtime) >=
			     webdav_earliest(j->w, &j->facts);
	struct multistatus_item now;

	if (verify(aside, op, &now) < 0) {
		if (aside->useless && aside->in_pieces)
			webdav_no_pieces(j->w, op);
		return -1;
	}
	if (early)
		*mtime = webdav_settle_time(j, op, aside->path, a,
					    *now.tag ? now.tag : NULL);
	if (webdav_place(j->w, op, j->path, j->opt, &j->facts, move_aside,
			 aside) < 0)
		return -1;
	if (!early) {
		a->status = 0; /* its Date is not that of the MOVE */
		*mtime = webdav_settle_time(j, op, j->path, a, NULL);
	}
	return 0;
}

static int send_aside(struct aside *aside, struct op *op, struct http_answer *a)
{
	struct webdav_job *j = aside->job;

	if (webdav_wants_pieces(j)) {
		if (webdav_send_pieces(j, op, &aside->journal, &aside->path,
				       a) == 0) {
			aside->in_pieces = true;
			return 0;
		}
		if (op->err.kind != ERR_UNSUPPORTED || webdav_wants_pieces(j))
			return -1;
		err_clear(&op->err); /* it takes none after all */
		if (j->src->seek(j->src, op, 0) < 0)
			return -1;
	}
	aside->path = webdav_aside(op, j->path);
	if (webdav_send_whole(j, op, aside->path, NULL, NULL, a) == 0)
		return 0;
	if (!webdav_was_refused(a))
		webdav_discard(j->w, op, aside->path);
	return -1;
}

int webdav_put_aside(struct webdav_job *j, struct op *op, struct entry *out)
{
	struct aside aside = { .job = j, .journal = WEBDAV_NO_JOURNAL };
	int64_t mtime = MTIME_UNKNOWN;
	struct http_answer a;
	int rc;

	if (send_aside(&aside, op, &a) < 0)
		return -1;
	rc = finish(&aside, op, &a, &mtime);
	if (rc == 0)
		webdav_fill(op, &j->facts, j->path, j->src->size, mtime, NULL,
			    out);
	else if (!aside.stays &&
		 (aside.useless ||
		  !webdav_journal_is_worth(&aside.journal, &op->err)))
		webdav_discard(j->w, op, aside.path);
	else
		aside.kept = true;
	if (!aside.kept)
		webdav_journal_forget(&aside.journal);
	webdav_journal_close(&aside.journal);
	return rc;
}
