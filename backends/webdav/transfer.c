#include <string.h>

#include "backends/webdav/propfind.h"
#include "backends/webdav/write.h"
#include "lib/log.h"

enum { SMALL_MAX = 8 * 1024 * 1024 }; /* is copied in a moment */

/* Whether the destination is there, as large as the source, which is gone. */
static bool is_done(struct webdav *w, struct op *op, const char *method,
		    struct webdav *from, const char *src, const char *dst)
{
	struct multistatus_item old, now;
	bool gone = webdav_look(from, op, src, &old) < 0;

	if (gone && op->err.kind != ERR_NOT_FOUND && op->err.kind != ERR_NO_DIR)
		return false; /* nobody knows */
	if (webdav_look(w, op, dst, &now) < 0)
		return false;
	err_clear(&op->err);
	return strcmp(method, "MOVE") == 0 ? gone
					   : !gone && old.size == now.size;
}

static int send(struct webdav *w, struct op *op, const char *method,
		struct webdav *from, const char *src, const char *dst, bool dir,
		bool overwrite, const char *if_match)
{
	const char *to = webdav_url(w, op, dst, dir);
	const char *only =
		if_match ? arena_printf(&op->arena, "<%s> ([%s])", to, if_match)
			 : NULL;
	const struct http_header headers[] = {
		{ "Destination", to },
		{ "Overwrite", overwrite ? "T" : "F" },
		{ only ? "If" : NULL, only },
		{ NULL, NULL },
	};
	struct http_request rq = { .method = method, .headers = headers };
	struct http_answer a = { 0 };

	if (webdav_ask(from, op, src, dir, &rq, &a) == 0) {
		/* 201 or 204; what says 200 may be a page to sign in on */
		if (a.status == 201 || a.status == 204 ||
		    is_done(w, op, method, from, src, dst))
			return 0;
		return err_set(
			&op->err, ERR_SERVER,
			"the server answers %d to %s, but it is not done",
			a.status, method);
	}
	if (op->err.code == 412 && !overwrite)
		return err_set(&op->err, ERR_EXISTS, "something is there");
	return -1;
}

static bool try_claim(struct webdav_service *s, struct webdav_claim *c)
{
	struct webdav_claim *at;

	pthread_mutex_lock(&s->lock);
	for (at = s->claims; at && strcmp(at->path, c->path) != 0;)
		at = at->next;
	if (!at) {
		c->next = s->claims;
		s->claims = c;
	}
	pthread_mutex_unlock(&s->lock);
	return !at;
}

int webdav_claim(struct webdav *w, struct op *op, const char *path,
		 struct webdav_claim *c)
{
	enum { WAIT_MS = 5 };

	c->path = webdav_full_path(w, op, path);
	while (!try_claim(w->service, c))
		if (op_sleep(op, WAIT_MS) < 0)
			return -1;
	return 0;
}

void webdav_release(struct webdav *w, struct webdav_claim *c)
{
	struct webdav_claim **at;

	pthread_mutex_lock(&w->service->lock);
	for (at = &w->service->claims; *at != c;)
		at = &(*at)->next;
	*at = c->next;
	pthread_mutex_unlock(&w->service->lock);
}

static int transfer_once(struct webdav *w, struct op *op, const char *method,
			 struct webdav *from, const char *src, const char *dst,
			 bool dir, bool overwrite, const char *if_match)
{
	struct webdav_claim claim;
	int rc;

	if (overwrite)
		return send(w, op, method, from, src, dst, dir, true, if_match);
	if (webdav_claim(w, op, dst, &claim) < 0)
		return -1;
	rc = send(w, op, method, from, src, dst, dir, false, if_match);
	webdav_release(w, &claim);
	return rc;
}

/*
 * Whether a refusal is for want of a parent: RFC 4918 has 409 for that, others
 * say 403, 404 or 500.
 */
static bool lacks_parent(struct webdav *w, struct op *op, const char *dst)
{
	struct err why = op->err;
	struct entry e;
	bool lacks;

	if (why.kind == ERR_NO_DIR)
		return true;
	if (why.code != 403 && why.code != 404 && why.code != 500)
		return false;
	lacks = webdav_find(w, op, webdav_parent(op, dst), &e) < 0 &&
		(op->err.kind == ERR_NOT_FOUND || op->err.kind == ERR_NO_DIR);
	op->err = why;
	return lacks;
}

int webdav_transfer(struct webdav *w, struct op *op, const char *method,
		    struct webdav *from, const char *src, const char *dst,
		    bool dir, bool overwrite, const char *if_match)
{
	if (transfer_once(w, op, method, from, src, dst, dir, overwrite,
			  if_match) == 0)
		return 0;
	if (!lacks_parent(w, op, dst) ||
	    webdav_mkdir(&w->base, op, webdav_parent(op, dst)) < 0)
		return -1;
	return transfer_once(w, op, method, from, src, dst, dir, overwrite,
			     if_match);
}

struct webdav *webdav_same_service(struct webdav *w, struct op *op,
				   struct backend *from)
{
	struct webdav *other = webdav_of(from);

	if (other && other->service == w->service)
		return other;
	err_set(&op->err, ERR_UNSUPPORTED, "not within one service");
	return NULL;
}

static struct webdav *keep_root(struct webdav *w, const struct put_opt *opt)
{
	struct webdav *in = opt->keep_in ? webdav_of(opt->keep_in) : w;

	return in && in->service == w->service ? in : NULL;
}

/*
 * Give the file at `path` that time, unless it shows it already.  Nothing to do
 * for a time that is not known.
 */
static int settle_time(struct webdav *w, struct op *op, const char *path,
		       const struct webdav_facts *f, int64_t mtime)
{
	const char *etag = NULL;
	struct entry now;

	if (mtime == MTIME_UNKNOWN)
		return 0;
	if (webdav_find_etag(w, op, path, &now, &etag) < 0)
		return -1;
	if (now.mtime != MTIME_UNKNOWN &&
	    webdav_seconds(now.mtime) == webdav_seconds(mtime))
		return 0;
	if (f->time == WEBDAV_TIME_HEADER || f->time == WEBDAV_TIME_DATE)
		return webdav_touch(&w->base, op, path, mtime);
	return webdav_set_mtime(w, op, path, f, mtime, etag);
}

/* The same where the file counts more than its time. */
static void try_settle(struct webdav *w, struct op *op, const char *path,
		       const struct webdav_facts *f, int64_t mtime)
{
	struct err before = op->err;

	if (settle_time(w, op, path, f, mtime) < 0)
		log_debug(path, "its time is not set: %s", op->err.msg);
	op->err = before;
}

/* Whether a file must be given its time again once it has been moved. */
static bool forgets_moving(const struct webdav_facts *f)
{
	return !f->time_moves || f->time == WEBDAV_TIME_MEMORY;
}

static int no_file_there(struct op *op)
{
	if (op->err.kind == ERR_NO_DIR)
		op->err.kind = ERR_NOT_FOUND;
	return -1;
}

/* `src`, of `from`, to where the old file shall lie; what is there is older. */
static int put_away(struct webdav *in, struct op *op, struct webdav *from,
		    const char *src, const char *to)
{
	struct entry there;

	if (webdav_transfer(in, op, "MOVE", from, src, to, false, false,
			    NULL) == 0)
		return 0;
	if (op->err.kind != ERR_EXISTS)
		return -1;
	if (webdav_find(in, op, to, &there) < 0)
		return -1;
	if (there.kind == ENTRY_DIR)
		return err_set(&op->err, ERR_IS_DIR, "a folder is at \"%s\"",
			       to);
	return webdav_transfer(in, op, "MOVE", from, src, to, false, true,
			       NULL);
}

/*
 * A copy, which is whole before it is called the old file.  The server may be
 * at it for longer than anyone waits: then it writes to a name that nobody
 * knows.
 */
static int keep_copy(struct webdav *w, struct op *op, const char *path,
		     struct webdav *in, const char *to, const struct entry *old,
		     const struct webdav_facts *f)
{
	const char *aside = webdav_aside(op, to);
	struct entry now;

	if (webdav_transfer(in, op, "COPY", w, path, aside, false, false,
			    NULL) < 0)
		goto failed;
	if (webdav_find(in, op, aside, &now) < 0)
		goto failed;
	if (now.kind == ENTRY_DIR || now.size != old->size) {
		err_set(&op->err, ERR_SERVER, "the server's copy is not whole");
		goto failed;
	}
	if (!forgets_moving(f))
		try_settle(in, op, aside, f, old->mtime);
	if (put_away(in, op, in, aside, to) < 0)
		goto failed;
	if (forgets_moving(f))
		try_settle(in, op, to, f, old->mtime);
	return 0;
failed:
	webdav_discard(in, op, aside);
	return -1;
}

int webdav_keep_old(struct webdav *w, struct op *op, const char *path,
		    const struct put_opt *opt, const struct webdav_facts *f,
		    const struct entry *old, bool *moved)
{
	struct webdav *in = keep_root(w, opt);
	const char *to = opt->keep_old;

	*moved = false;
	if (!in)
		return err_set(&op->err, ERR_UNSUPPORTED,
			       "the old file cannot be kept on another "
			       "service");
	if (f->move_over) {
		if (keep_copy(w, op, path, in, to, old, f) == 0)
			return 0;
		if (op->err.kind != ERR_NO_SPACE &&
		    (op->err.kind == ERR_CANCELED ||
		     op->err.kind == ERR_IS_DIR ||
		     err_info(op->err.kind)->fatal))
			goto failed;
		/* no COPY, or no room for two, or it takes too long */
		log_debug(path, "not copied but moved away: %s", op->err.msg);
		err_clear(&op->err);
	}
	if (put_away(in, op, w, path, to) < 0)
		goto failed;
	*moved = true;
	if (forgets_moving(f))
		try_settle(in, op, to, f, old->mtime);
	return 0;
failed:
	return err_wrap(&op->err, "keep the old file as \"%s\"", to);
}

void webdav_give_back(struct webdav *w, struct op *op, const char *path,
		      const struct put_opt *opt)
{
	struct webdav *in = keep_root(w, opt);
	struct tidy t;

	tidy_begin(&t, op);
	if (in && webdav_transfer(w, &t.op, "MOVE", in, opt->keep_old, path,
				  false, false, NULL) < 0)
		log_notice(path, "the old file is left at \"%s\": %s",
			   opt->keep_old, t.op.err.msg);
	tidy_end(&t);
}

/* One copy or move, on its way. */
struct job {
	struct webdav *w, *from;
	const char *src, *dst;
	struct webdav_facts facts;
	int64_t size;
	int64_t mtime; /* that it is to have */
	bool forced;   /* it is not the source's */
};

/* A server that was killed on the way leaves what it had written. */
static bool is_whole(struct job *j, struct op *op, const char *to)
{
	struct entry now;

	if (j->size <= SMALL_MAX)
		return true;
	if (webdav_find(j->w, op, to, &now) < 0)
		return false;
	if (now.kind == ENTRY_FILE && now.size == j->size)
		return true;
	err_set(&op->err, ERR_SERVER, "the server's copy is not whole");
	return false;
}

/*
 * COPY to a name where nothing is, with the source's time.  If that cannot be
 * had, no copy: whoever reads and writes the file can set it.  One that the
 * caller has made up is set where the server lets us.
 */
static int copy_new(struct job *j, struct op *op, const char *to)
{
	struct webdav_service *s = j->w->service;

	if (webdav_transfer(j->w, op, "COPY", j->from, j->src, to, false, false,
			    NULL) < 0)
		return -1;
	if (!is_whole(j, op, to))
		goto discard;
	if (j->forced) {
		try_settle(j->w, op, to, &j->facts, j->mtime);
		return 0;
	}
	if (settle_time(j->w, op, to, &j->facts, j->mtime) == 0)
		return 0;
discard:
	webdav_discard(j->w, op, to);
	if (op->err.kind == ERR_UNSUPPORTED) {
		pthread_mutex_lock(&s->lock);
		s->copy_forgets = true;
		pthread_mutex_unlock(&s->lock);
	}
	return -1;
}

/* MOVE over a file, also where that takes its removal first. */
static int move_over(struct job *j, struct op *op, struct webdav *from,
		     const char *src, bool over, const char *etag)
{
	struct http_request rq = { .method = "DELETE" };

	if (over && !j->facts.move_over) {
		if (webdav_ask(j->w, op, j->dst, false, &rq, NULL) < 0 &&
		    op->err.kind != ERR_NOT_FOUND)
			return -1;
		over = false;
		etag = NULL;
	}
	return webdav_transfer(j->w, op, "MOVE", from, src, j->dst, false, over,
			       etag);
}

/*
 * A server that stumbles in a MOVE may have removed the old file already: then
 * what is aside is all that is left, and stays.
 */
static bool is_there(struct job *j, const struct op *op)
{
	struct multistatus_item now;
	struct tidy t;
	bool there;

	tidy_begin(&t, op);
	there = webdav_look(j->w, &t.op, j->dst, &now) == 0;
	tidy_end(&t);
	return there;
}

/*
 * Over a file by a name beside it, so that there is always a whole one; and so
 * for what takes the server a while.
 */
static int place_copy(void *arg, struct op *op, bool over, const char *etag)
{
	struct job *j = arg;
	const char *aside;

	if (!over && j->size <= SMALL_MAX)
		return copy_new(j, op, j->dst);
	aside = webdav_aside(op, j->dst);
	if (copy_new(j, op, aside) < 0)
		return -1;
	if (move_over(j, op, j->w, aside, over, etag) < 0) {
		if (!over || is_there(j, op))
			webdav_discard(j->w, op, aside);
		return -1;
	}
	if (forgets_moving(&j->facts))
		try_settle(j->w, op, j->dst, &j->facts, j->mtime);
	return 0;
}

static int place_move(void *arg, struct op *op, bool over, const char *etag)
{
	struct job *j = arg;

	if (move_over(j, op, j->from, j->src, over, etag) < 0)
		return -1;
	if (j->forced || forgets_moving(&j->facts))
		try_settle(j->w, op, j->dst, &j->facts, j->mtime);
	return 0;
}

/* The source must still be the file that was seen. */
static int look_at_source(struct job *j, struct op *op,
			  const struct entry *seen, const struct put_opt *opt)
{
	struct entry now;

	if (webdav_find(j->from, op, j->src, &now) < 0)
		return no_file_there(op);
	if (now.kind == ENTRY_DIR)
		return err_set(&op->err, ERR_IS_DIR, "is a folder");
	if (seen && !webdav_same(seen, &now))
		return err_set(&op->err, ERR_CONFLICT,
			       "it has changed since it was listed");
	j->size = now.size;
	j->mtime = opt->mtime != MTIME_UNKNOWN ? opt->mtime : now.mtime;
	j->forced = j->mtime != MTIME_UNKNOWN &&
		    (now.mtime == MTIME_UNKNOWN ||
		     webdav_seconds(j->mtime) != webdav_seconds(now.mtime));
	return 0;
}

static int run(struct job *j, struct op *op, const struct entry *seen,
	       const struct put_opt *opt, place_fn *place, struct entry *out)
{
	const char *from = webdav_full_path(j->from, op, j->src);

	if (strcmp(from, webdav_full_path(j->w, op, j->dst)) == 0)
		return err_set(&op->err, ERR_INVALID,
			       "source and destination are one file");
	if (webdav_facts(j->w, op, &j->facts) < 0 ||
	    look_at_source(j, op, seen, opt) < 0 ||
	    webdav_place(j->w, op, j->dst, opt, &j->facts, place, j) < 0)
		return -1;
	return out ? webdav_find(j->w, op, j->dst, out) : 0;
}

int webdav_copy(struct backend *be, struct op *op, struct backend *from,
		const char *src, const struct entry *seen, const char *dst,
		const struct put_opt *opt, struct entry *out)
{
	struct webdav *w = webdav_of(be);
	struct job j = { .w = w, .src = src, .dst = dst };
	bool forgets;

	j.from = webdav_same_service(w, op, from);
	if (!j.from)
		return -1;
	pthread_mutex_lock(&w->service->lock);
	forgets = w->service->copy_forgets;
	pthread_mutex_unlock(&w->service->lock);
	if (forgets)
		return err_set(&op->err, ERR_UNSUPPORTED,
			       "this server's copies have no times");
	return run(&j, op, seen, opt, place_copy, out);
}

int webdav_move(struct backend *be, struct op *op, struct backend *from,
		const char *src, const struct entry *seen, const char *dst,
		const struct put_opt *opt, struct entry *out)
{
	struct webdav *w = webdav_of(be);
	struct job j = { .w = w, .src = src, .dst = dst };

	j.from = webdav_same_service(w, op, from);
	if (!j.from)
		return -1;
	return run(&j, op, seen, opt, place_move, out);
}
