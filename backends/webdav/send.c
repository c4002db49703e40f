/*
 * One PUT, of a whole file or a part of it, and what a file is given after it.
 */
#include <inttypes.h>
#include <string.h>

#include "backends/webdav/job.h"
#include "lib/log.h"

/* The server must have kept what it has been sent up to the part's end. */
static int check_kept(struct webdav_job *j, struct op *op, const char *to,
		      int64_t end, int status)
{
	struct multistatus_item now;

	if (webdav_look(j->w, op, to, &now) == 0) {
		if (!now.dir && now.size == end)
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

static int send_once(struct webdav_job *j, struct op *op, const char *to,
		     struct webdav_part part, const char *condition,
		     const char *value, struct http_answer *a)
{
	struct webdav_headers h = { 0 };
	struct http_request rq = {
		.method = "PUT",
		.headers = h.at,
		.source = j->src,
		.source_at = part.at,
		.size = part.len,
		.unasked = part.at > 0, /* it has taken the one before */
	};
	int64_t began = clock_mono(), end = part.at + part.len;
	int rc;

	*a = (struct http_answer){ 0 };
	webdav_content_headers(j->w, op, &j->facts, j->opt, &h);
	if (value)
		webdav_header(&h, condition, value);
	if (part.at > 0)
		webdav_header(&h, "Content-Range",
			      arena_printf(&op->arena,
					   "bytes %" PRId64 "-%" PRId64
					   "/%" PRId64,
					   part.at, end - 1, j->src->size));
	rc = webdav_ask(j->w, op, to, false, &rq, a);
	j->took = clock_mono() - began;
	/* 201 or 204; what says 200 may be a page to sign in on */
	if (rc == 0 && a->status != 201 && a->status != 204)
		rc = check_kept(j, op, to, end, a->status);
	return rc;
}

int webdav_send(struct webdav_job *j, struct op *op, const char *to,
		struct webdav_part part, const char *condition,
		const char *value, struct http_answer *a)
{
	const char *parent = webdav_parent(op, to);

	*a = (struct http_answer){ 0 };
	/* It cannot be read twice: so the folder has to be there before. */
	if (!j->src->seek && webdav_mkdir(&j->w->base, op, parent) < 0)
		return -1;
	if (send_once(j, op, to, part, condition, value, a) == 0)
		return 0;
	if (!j->src->seek || part.at > 0 ||
	    webdav_missing_parent(j->w, op, to) <= 0 ||
	    j->src->seek(j->src, op, part.at) < 0)
		return -1;
	return send_once(j, op, to, part, condition, value, a);
}

int webdav_send_whole(struct webdav_job *j, struct op *op, const char *to,
		      const char *condition, const char *value,
		      struct http_answer *a)
{
	const struct webdav_part whole = { 0, j->src->size };

	return webdav_send(j, op, to, whole, condition, value, a);
}

bool webdav_time_comes_along(const struct webdav_job *j)
{
	return j->facts.time == WEBDAV_TIME_HEADER ||
	       j->facts.time == WEBDAV_TIME_DATE;
}

static bool came_along(const struct webdav_job *j, const struct http_answer *a)
{
	const char *said = a->status ? http_header(a, "X-OC-Mtime") : NULL;

	return a->status && (j->facts.time == WEBDAV_TIME_DATE ||
			     (said && strcmp(said, "accepted") == 0));
}

int64_t webdav_settle_time(struct webdav_job *j, struct op *op,
			   const char *path, const struct http_answer *a,
			   const char *etag)
{
	struct webdav_facts f = j->facts;
	int64_t mtime = j->opt->mtime;
	struct err before = op->err;

	if (mtime == MTIME_UNKNOWN)
		return mtime;
	if (webdav_time_comes_along(j)) {
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

bool webdav_was_refused(const struct http_answer *a)
{
	return a->status >= 400 && a->status < 500 && a->status != 408;
}

bool webdav_is_whole(const struct webdav_job *j,
		     const struct multistatus_item *now)
{
	return !now->dir && now->size == j->src->size &&
	       digests_compare(&now->hash, &j->opt->hash) != 0;
}

/* A download that is compared with what the source has, on the way. */
struct comparison {
	struct sink base;
	struct source *src;
	bool differs;
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
		c->differs = got == 0 || memcmp(c->chunk, p, (size_t)got) != 0;
		if (c->differs)
			return err_set(&op->err, ERR_CONFLICT, "not ours");
		p = (const char *)p + got;
		n -= (size_t)got;
	}
	return 0;
}

int webdav_compare_part(struct webdav_job *j, struct op *op, const char *path,
			struct webdav_part part)
{
	const struct get_opt opt = { .off = part.at, .len = part.len };
	struct comparison c = { .base.write = compare, .src = j->src };

	if (j->src->seek(j->src, op, part.at) < 0)
		return -1;
	if (webdav_get(&j->w->base, op, path, &opt, &c.base) == 0)
		return 0;
	if (!c.differs)
		return -1;
	err_clear(&op->err);
	return 1;
}
