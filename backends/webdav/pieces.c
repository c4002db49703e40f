/*
 * Large files in pieces, for servers that write a PUT where its Content-Range
 * says.  What has arrived need not be sent again when the line breaks, nor by
 * the next run.
 *
 * The first piece is a PUT as any other, and makes the file; a server may drop
 * it if it breaks off, and so every new start has a name of its own, that no
 * request of an earlier one can still be writing to.  Of the others a server
 * may keep what it has got, or nothing.  After a break its word on the file's
 * size is where things go on; the bytes before that are looked at, and the size
 * is asked for after each piece from then on.  Pieces grow, since each costs a
 * round trip, and some servers copy the file for each.
 */
#include <inttypes.h>
#include <string.h>

#include "backends/webdav/job.h"
#include "lib/log.h"

enum { TRIES = 4, TAIL = 64 * 1024 };

struct pieces {
	struct webdav_job *job;
	const char *to;
	int64_t at;    /* bytes that are there */
	int64_t piece; /* of the next one */
	bool shaky;    /* something has broken off: look twice */
	bool lost;     /* what is there is of no use */
	bool read_end; /* the source has been read to its end */
};

bool webdav_wants_pieces(const struct webdav_job *j)
{
	const struct source *src = j->src;
	struct webdav_service *s = j->w->service;
	bool wants;

	pthread_mutex_lock(&s->lock);
	wants = j->facts.pieces && !s->no_pieces;
	pthread_mutex_unlock(&s->lock);
	/* with less than half a piece more, it is the only one */
	return wants && src->stable && src->seek && s->piece_size > 0 &&
	       src->size - s->piece_size >= s->piece_size / 2;
}

static int64_t next_len(const struct pieces *p)
{
	int64_t rest = p->job->src->size - p->at;

	return rest - p->piece < p->piece / 2 ? rest : p->piece;
}

/* The server has other bytes than it was sent. */
static int begin_again(struct pieces *p, struct op *op)
{
	p->lost = true;
	return err_set(&op->err, ERR_SERVER,
		       "the server has not kept what it was sent: it is sent "
		       "anew");
}

/* Whether what was there before the break is what the source has there. */
static int check_tail(struct pieces *p, struct op *op)
{
	struct webdav_part tail = { p->at > TAIL ? p->at - TAIL : 0, TAIL };
	int rc;

	tail.len = p->at - tail.at;
	rc = webdav_compare_part(p->job, op, p->to, tail);
	if (rc == 1 || (rc < 0 && op->err.kind == ERR_UNSUPPORTED))
		return begin_again(p, op);
	if (rc < 0 && op->err.kind == ERR_CONFLICT)
		op->err.kind = ERR_BUSY; /* it is still being written */
	return rc;
}

/* How much is there; at most `max`, or something is wrong. */
static int look(struct pieces *p, struct op *op, int64_t max)
{
	struct multistatus_item now;

	p->shaky = true;
	if (webdav_look(p->job->w, op, p->to, &now) < 0) {
		if (op->err.kind == ERR_NOT_FOUND || op->err.kind == ERR_NO_DIR)
			return begin_again(p, op);
		return -1;
	}
	if (now.dir || now.size <= 0 || now.size > max)
		return begin_again(p, op);
	p->at = now.size;
	return check_tail(p, op);
}

void webdav_no_pieces(struct webdav *w, struct op *op)
{
	struct webdav_service *s = w->service;

	pthread_mutex_lock(&s->lock);
	s->no_pieces = true;
	pthread_mutex_unlock(&s->lock);
	webdav_forget_facts(w, op);
}

/*
 * What belongs behind what was sent has made a new file: that is gone, or all
 * that the server has got is this.
 */
static int check_piece(struct pieces *p, struct op *op,
		       const struct http_answer *a, int64_t end)
{
	struct multistatus_item now;
	bool fresh = a->status == 201 && p->at > 0;

	if (!fresh && (!p->shaky || end == p->job->src->size))
		return 0;
	if (webdav_look(p->job->w, op, p->to, &now) < 0)
		return -1;
	if (now.size != end)
		webdav_no_pieces(p->job->w, op);
	return now.size == end && !fresh ? 0 : begin_again(p, op);
}

static bool is_unwanted(const struct http_answer *a)
{
	static const int statuses[] = { 400, 405, 415, 416, 501 };

	for (size_t i = 0; i < ARRAY_LEN(statuses); i++)
		if (a->status == statuses[i])
			return true;
	return false;
}

/* 0, 1 if it may go on after a look, or -1. */
static int send_piece(struct pieces *p, struct op *op, struct http_answer *a)
{
	struct webdav_part part = { p->at, next_len(p) };
	struct source *src = p->job->src;

	p->read_end = part.at + part.len == src->size;
	if (webdav_send(p->job, op, p->to, part, NULL, NULL, a) == 0) {
		if (check_piece(p, op, a, part.at + part.len) < 0)
			return -1;
		p->at += part.len;
		return 0;
	}
	if (p->at > 0 && is_unwanted(a)) {
		webdav_no_pieces(p->job->w, op);
		return err_set(&op->err, ERR_UNSUPPORTED,
			       "the server takes no pieces of files any more");
	}
	return err_info(op->err.kind)->retry ? 1 : -1;
}

/* After a failure, the *n-th in a row: wait, and find out where to go on. */
static int recover(struct pieces *p, struct op *op, unsigned *n)
{
	const int64_t most = p->at + next_len(p);

	for (;;) {
		struct err why = op->err;
		unsigned ms;

		if (++*n == TRIES)
			return -1;
		ms = why.retry_after ? why.retry_after : *n * 500;
		if (op_sleep(op, ms) < 0)
			return -1;
		log_debug(p->job->path, "broken off behind %" PRId64 ": %s",
			  p->at, why.msg);
		err_clear(&op->err);
		if (look(p, op, most) == 0)
			return p->job->src->seek(p->job->src, op, p->at);
		if (p->lost)
			op->err = why; /* it tells more */
		if (p->lost || !err_info(op->err.kind)->retry)
			return -1;
	}
}

/* Where all is there already, the source has not been read to its end. */
static int check_end(struct pieces *p, struct op *op)
{
	struct source *src = p->job->src;
	char more;
	ssize_t got;

	if (p->read_end)
		return 0;
	if (src->seek(src, op, src->size) < 0)
		return -1;
	got = src->read(src, op, &more, 1);
	if (got > 0)
		err_set(&op->err, ERR_CONFLICT, "it has grown meanwhile");
	return got == 0 ? 0 : -1;
}

static int send_all(struct pieces *p, struct op *op, struct http_answer *a)
{
	const int64_t first = p->piece;
	unsigned failures = 0;

	while (p->at < p->job->src->size) {
		int64_t before = p->at;
		int rc = send_piece(p, op, a);

		if (rc < 0)
			return -1;
		if (rc == 0) {
			failures = 0;
			if (p->piece <= INT64_MAX / 4)
				p->piece *= 2;
			continue;
		}
		if (recover(p, op, &failures) < 0)
			return -1;
		if (p->at > before)
			failures = 0;
		p->piece = first;
	}
	return check_end(p, op);
}

static const char *beside(struct op *op, const char *path, const char *name)
{
	const char *slash = strrchr(path, '/');
	int dir = slash ? (int)(slash + 1 - path) : 0;

	return arena_printf(&op->arena, "%.*s%s", dir, path, name);
}

static const char *name_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* Go on with what an earlier call has left: 1, or 0 if there is nothing. */
static int resume(struct pieces *p, struct op *op,
		  const struct webdav_journal *journal)
{
	struct webdav_job *j = p->job;
	const char *name;
	bool same;

	name = webdav_journal_read(journal, op, webdav_is_aside, &same);
	if (!name)
		return 0;
	p->to = beside(op, j->path, name);
	if (same && look(p, op, j->src->size) == 0) {
		if (j->src->seek(j->src, op, p->at) < 0)
			return -1;
		log_debug(j->path, "the upload is gone on with at %" PRId64,
			  p->at);
		return 1;
	}
	if (same && !p->lost)
		return -1;
	err_clear(&op->err);
	webdav_discard(j->w, op, p->to);
	return 0;
}

/* A name that nothing has been written to, noted before anything is. */
static int start(struct pieces *p, struct op *op,
		 struct webdav_journal *journal)
{
	struct webdav_job *j = p->job;

	*p = (struct pieces){
		.job = j,
		.to = webdav_aside(op, j->path),
		.piece = p->piece,
	};
	webdav_journal_note(journal, op, name_of(p->to));
	return j->src->seek(j->src, op, 0);
}

int webdav_send_pieces(struct webdav_job *j, struct op *op,
		       struct webdav_journal *journal, const char **to,
		       struct http_answer *a)
{
	struct pieces p = { .job = j, .piece = j->w->service->piece_size };
	int rc;

	*a = (struct http_answer){ 0 };
	webdav_journal_open(journal, j->w, op, j->path, j->src, j->opt, 0);
	rc = resume(&p, op, journal);
	if (rc < 0)
		goto out; /* what is there stays */
	if (rc == 0)
		rc = start(&p, op, journal);
	if (rc >= 0)
		rc = send_all(&p, op, a);
	*to = p.to;
	if (rc == 0)
		return 0;
	if (p.at == 0 || p.lost ||
	    !webdav_journal_is_worth(journal, &op->err)) {
		webdav_discard(j->w, op, p.to);
		webdav_journal_forget(journal);
	}
out:
	webdav_journal_close(journal);
	return -1;
}
