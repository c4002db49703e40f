/*
 * Nextcloud's chunked upload, version 2: parts are put into a folder of their
 * own below .../dav/uploads/USER/, and a MOVE of its ".file" makes them one and
 * puts it into place.  What is there is replaced as a whole, and stays the file
 * that it was: with its older versions and shares.
 *
 * A journal, one small file an upload, says which folder an upload uses; it is
 * on the disk before the first part is sent, so that a killed run's parts are
 * found by the next one.
 */
#include "backends/webdav/chunks.h"

#include <inttypes.h>
#include <string.h>
#include <sys/random.h>

#include "backends/webdav/propfind.h"
#include "lib/log.h"

#define PART_MIN (INT64_C(10) << 20)
#define PREFIX   "ferry-"
#define OLD_NS   (INT64_C(24) * 60 * 60 * NS_PER_SEC)

enum { PARTS_MAX = 10000 };

/* ".../dav/uploads/USER/", or NULL if the remote's URL has another form. */
static const char *uploads_url(const struct webdav *w, struct arena *a)
{
	static const char files[] = "/dav/files/";
	struct url url = w->service->url;
	const char *at = strstr(url.path, files), *user, *end;
	struct buf b = BUF_INIT;
	const char *text;

	if (!w->service->nextcloud || !at)
		return NULL;
	user = at + sizeof(files) - 1;
	end = strchr(user, '/');
	if (!end || end == user)
		return NULL;
	url.path =
		arena_printf(a, "%.*s/dav/uploads/%.*s/", (int)(at - url.path),
			     url.path, (int)(end - user), user);
	url_text(&b, &url);
	text = arena_strdup(a, b.data);
	buf_free(&b);
	return text;
}

static bool are_refused(struct webdav *w)
{
	bool no;

	pthread_mutex_lock(&w->service->lock);
	no = w->service->no_chunks;
	pthread_mutex_unlock(&w->service->lock);
	return no;
}

bool webdav_wants_chunks(struct webdav *w, const struct source *src)
{
	struct arena a = { 0 };
	bool wants = src->size > 0 && uploads_url(w, &a) && !are_refused(w);

	arena_free(&a);
	return wants;
}

static int64_t part_size(int64_t size)
{
	const int64_t mib = INT64_C(1) << 20;
	int64_t part = size / PARTS_MAX + 1;

	if (part <= PART_MIN)
		return PART_MIN;
	return (part + mib - 1) / mib * mib;
}

int64_t upload_length(const struct upload *u, unsigned i)
{
	int64_t off = (int64_t)i * u->part, rest = u->src->size - off;

	return rest < u->part ? rest : u->part;
}

static const char *draw_id(struct op *op)
{
	uint64_t draw[2];

	if (getrandom(draw, sizeof(draw), 0) != (ssize_t)sizeof(draw))
		BUG("no random numbers");
	return arena_printf(&op->arena, PREFIX "%016" PRIx64 "%016" PRIx64,
			    draw[0], draw[1]);
}

bool upload_is_id(const char *text)
{
	size_t n = sizeof(PREFIX) - 1;

	return strncmp(text, PREFIX, n) == 0 && strlen(text) == n + 32 &&
	       strspn(text + n, "0123456789abcdef") == 32;
}

static void discard_url(struct webdav *w, const struct op *op, const char *url)
{
	struct http_request rq = { .method = "DELETE", .url = url };
	struct tidy t;

	tidy_begin(&t, op);
	if (webdav_ask_url(w, &t.op, &rq, NULL) < 0)
		log_debug(NULL, "delete an upload: %s", t.op.err.msg);
	tidy_end(&t);
}

/* What is in a folder of uploads. */
static int list_folder(struct webdav *w, struct op *op, const char *url,
		       multistatus_fn *fn, void *arg)
{
	static const char what[] = "<d:resourcetype/><d:getcontentlength/>"
				   "<d:getlastmodified/>";

	return webdav_propfind_url(w, op, url, true, what, NULL, fn, arg);
}

/* A part counts if it has just the size that it should. */
static int see_part(void *arg, struct op *op,
		    const struct multistatus_item *item)
{
	struct upload *u = arg;
	unsigned i = 0;

	(void)op;
	if (item->dir || strlen(item->name) != 5 ||
	    strspn(item->name, "0123456789") != 5)
		return 0;
	for (const char *p = item->name; *p; p++)
		i = i * 10 + (unsigned)(*p - '0');
	if (i >= 1 && i <= u->parts && item->size == upload_length(u, i - 1))
		u->have[i - 1] = true;
	return 0;
}

/* Go on with the parts of an earlier run: 1, or 0 if there are none. */
static int resume(struct upload *u, struct op *op, const char *base)
{
	bool same = false;
	const char *id =
		webdav_journal_read(&u->journal, op, upload_is_id, &same);
	const struct err_info *info;

	if (!id)
		return 0;
	u->url = arena_printf(&op->arena, "%s%s/", base, id);
	if (!same) {
		discard_url(u->w, op, u->url);
		return 0;
	}
	if (list_folder(u->w, op, u->url, see_part, u) == 0) {
		log_debug(u->path, "the upload is gone on with");
		return 1;
	}
	info = err_info(op->err.kind);
	if (info->retry || info->fatal)
		return -1;
	/* put together, or expired; whatever else it is will not pass */
	if (op->err.kind != ERR_NOT_FOUND)
		discard_url(u->w, op, u->url);
	err_clear(&op->err);
	memset(u->have, 0, u->parts * sizeof(*u->have));
	return 0;
}

/* A server that has no such place is asked once. */
static int make_folder(struct upload *u, struct op *op, const char *base)
{
	const char *id = draw_id(op);
	const struct http_header headers[] = {
		{ "Destination", u->to },
		{ NULL, NULL },
	};
	struct http_request rq = { .method = "MKCOL", .headers = headers };

	u->url = arena_printf(&op->arena, "%s%s/", base, id);
	rq.url = u->url;
	webdav_journal_note(&u->journal, op, id);
	if (webdav_ask_url(u->w, op, &rq, NULL) == 0)
		return 0;
	webdav_journal_forget(&u->journal);
	if (op->err.code != 404 && op->err.code != 405 && op->err.code != 409 &&
	    op->err.code != 501)
		return -1;
	pthread_mutex_lock(&u->w->service->lock);
	u->w->service->no_chunks = true;
	pthread_mutex_unlock(&u->w->service->lock);
	return err_set(&op->err, ERR_UNSUPPORTED,
		       "the server has no place for uploads");
}

/* No answer to the MOVE: large files take the server longer than a proxy. */
static bool was_put_together(struct upload *u, const struct op *op)
{
	struct multistatus_item now;
	struct tidy t;
	int64_t ns;
	bool done;

	tidy_begin(&t, op);
	done = list_folder(u->w, &t.op, u->url, see_part, u) < 0 &&
	       t.op.err.kind == ERR_NOT_FOUND &&
	       webdav_look(u->w, &t.op, u->path, &now) == 0 && !now.dir &&
	       now.size == u->src->size &&
	       digests_compare(&now.hash, &u->opt->hash) != 0 &&
	       (digests_compare(&now.hash, &u->opt->hash) > 0 ||
		(u->opt->mtime != MTIME_UNKNOWN &&
		 webdav_modified(now.modified, &ns) &&
		 webdav_seconds(ns) == webdav_seconds(u->opt->mtime)));
	tidy_end(&t);
	return done;
}

/* As place_fn. Not If-Match: Sabre asks that of what is moved. */
static int put_together(void *arg, struct op *op, bool over, const char *etag)
{
	struct upload *u = arg;
	struct webdav_headers h = { 0 };
	struct http_request rq = {
		.method = "MOVE",
		.url = arena_printf(&op->arena, "%s.file", u->url),
		.headers = h.at,
	};

	(void)etag;
	webdav_content_headers(u->w, op, &u->facts, u->opt, &h);
	webdav_header(&h, "Destination", u->to);
	webdav_header(&h, "Overwrite", over ? "T" : "F");
	webdav_header(&h, "OC-Total-Length",
		      arena_printf(&op->arena, "%" PRId64, u->src->size));
	for (int n = 0; n < 2; n++) {
		if (webdav_ask_url(u->w, op, &rq, &u->answer) == 0)
			return 0;
		if (n > 0 || op->err.kind != ERR_NO_DIR ||
		    webdav_mkdir(&u->w->base, op, webdav_parent(op, u->path)) <
			    0)
			break;
	}
	/* libcurl repeats it on a connection that died: then it is a 404. */
	if (op->err.kind == ERR_CANCELED || !was_put_together(u, op)) {
		if (op->err.code == 412 && !over)
			err_set(&op->err, ERR_EXISTS, "something is there");
		return -1;
	}
	err_clear(&op->err);
	u->answer = (struct http_answer){ 0 };
	return 0;
}

static int begin(struct upload *u, struct op *op)
{
	const char *base = uploads_url(u->w, &op->arena);
	int rc;

	u->part = part_size(u->src->size);
	u->parts = (unsigned)((u->src->size + u->part - 1) / u->part);
	u->have = arena_alloc(&op->arena, u->parts * sizeof(*u->have));
	u->to = webdav_url(u->w, op, u->path, false);
	if (u->parts > 1)
		webdav_journal_open(&u->journal, u->w, op, u->path, u->src,
				    u->opt, u->part);
	rc = resume(u, op, base);
	if (rc == 0)
		rc = make_folder(u, op, base);
	return rc < 0 ? -1 : 0;
}

bool upload_is_kept(const struct upload *u, const struct err *why)
{
	return webdav_journal_is_worth(&u->journal, why);
}

static void give_up(struct upload *u, const struct op *op)
{
	if (upload_is_kept(u, &op->err))
		return;
	discard_url(u->w, op, u->url);
	webdav_journal_forget(&u->journal);
}

/* The time that the file has now. */
static int64_t settle_time(struct upload *u, struct op *op, const char *etag)
{
	const char *said = http_header(&u->answer, "X-OC-Mtime");
	int64_t mtime = u->opt->mtime;

	if (mtime == MTIME_UNKNOWN || !said || strcmp(said, "accepted") != 0)
		return MTIME_UNKNOWN;
	if (webdav_seconds(mtime) >= webdav_earliest(u->w, &u->facts))
		return mtime;
	if (webdav_note_mtime(u->w, op, u->path, mtime, etag) == 0)
		return mtime;
	err_clear(&op->err); /* the file is there, with another time */
	return MTIME_UNKNOWN;
}

static int run(struct upload *u, struct op *op)
{
	if (begin(u, op) < 0)
		return -1;
	if (upload_send(u, op) == 0 &&
	    webdav_place(u->w, op, u->path, u->opt, &u->facts, put_together,
			 u) == 0) {
		webdav_journal_forget(&u->journal);
		return 0;
	}
	give_up(u, op);
	return -1;
}

int webdav_put_chunks(struct webdav *w, struct op *op, const char *path,
		      struct source *src, const struct put_opt *opt,
		      struct entry *out)
{
	struct upload u = { .w = w,
			    .path = path,
			    .src = src,
			    .opt = opt,
			    .journal = WEBDAV_NO_JOURNAL };
	int64_t mtime = MTIME_UNKNOWN;
	const char *etag = NULL;
	int rc;

	if (webdav_facts(w, op, &u.facts) < 0)
		return -1;
	rc = run(&u, op);
	webdav_journal_close(&u.journal);
	if (rc < 0)
		return -1;
	if (u.answer.status) {
		etag = http_header(&u.answer, "ETag");
		mtime = settle_time(&u, op, etag);
	}
	webdav_fill(op, &u.facts, path, src->size, mtime, etag, out);
	return 0;
}

struct tidying {
	struct buf names; /* each with NUL */
	int64_t now;
};

static int see_upload(void *arg, struct op *op,
		      const struct multistatus_item *item)
{
	struct tidying *t = arg;
	int64_t ns, age;

	(void)op;
	if (item->dir && upload_is_id(item->name) &&
	    webdav_modified(item->modified, &ns) &&
	    !__builtin_sub_overflow(t->now, ns, &age) && age > OLD_NS)
		buf_add(&t->names, item->name, strlen(item->name) + 1);
	return 0;
}

int webdav_cleanup(struct backend *be, struct op *op, struct tidied *out)
{
	struct webdav *w = webdav_of(be);
	const char *base = uploads_url(w, &op->arena);
	struct tidying t = { BUF_INIT, clock_wall() };
	int rc;

	*out = (struct tidied){ .files = -1, .bytes = -1 };
	if (!base)
		return err_set(&op->err, ERR_UNSUPPORTED,
			       "this server has no place for uploads");
	rc = list_folder(w, op, base, see_upload, &t);
	for (size_t at = 0; rc == 0 && at < t.names.len;
	     at += strlen(t.names.data + at) + 1) {
		struct http_request rq = {
			.method = "DELETE",
			.url = arena_printf(&op->arena, "%s%s/", base,
					    t.names.data + at),
		};

		rc = webdav_ask_url(w, op, &rq, NULL);
		if (rc == 0) {
			out->dirs++;
		} else if (op->err.kind == ERR_NOT_FOUND) {
			err_clear(&op->err); /* expired meanwhile */
			rc = 0;
		}
	}
	buf_free(&t.names);
	return rc;
}
