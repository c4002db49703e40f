#include <inttypes.h>
#include <string.h>

#include "backends/webdav/propfind.h"
#include "backends/webdav/write.h"
#include "lib/date.h"
#include "lib/parse.h"

static bool is_absent(enum err_kind kind)
{
	return kind == ERR_NOT_FOUND || kind == ERR_NO_DIR;
}

int webdav_stat(struct backend *be, struct op *op, const char *path,
		struct entry *out)
{
	if (webdav_find(webdav_of(be), op, path, out) == 0)
		return 0;
	/* 409: so much as its folder is missing. */
	if (op->err.kind == ERR_NO_DIR)
		op->err.kind = ERR_NOT_FOUND;
	return -1;
}

struct listing_of {
	struct webdav *w;
	const char *dir;
	entry_fn *fn;
	void *arg;
	bool is_file;
};

static int list_one(void *arg, struct op *op, const struct entry *e)
{
	struct listing_of *l = arg;

	if (*e->name == '\0') {
		l->is_file = e->kind != ENTRY_DIR;
		return 0;
	}
	if (webdav_is_aside(e->name)) {
		struct buf path = BUF_INIT;

		buf_addf(&path, "%s%s%s", l->dir, *l->dir ? "/" : "", e->name);
		webdav_note_stray(l->w, path.data, e);
		buf_free(&path);
		return 0;
	}
	return l->fn(l->arg, op, e);
}

static int not_dir(struct op *op)
{
	return err_set(&op->err, ERR_NOT_DIR, "not a folder");
}

int webdav_list(struct backend *be, struct op *op, const char *dir,
		entry_fn *fn, void *arg)
{
	struct webdav *w = webdav_of(be);
	struct listing_of l = { .w = w, .dir = dir, .fn = fn, .arg = arg };
	struct err why;
	struct entry e;

	if (webdav_propfind(w, op, dir, 1, list_one, &l) == 0)
		return l.is_file ? not_dir(op) : 0;
	/* To a file's name with a '/' behind it, each server says another. */
	why = op->err;
	if (!is_absent(why.kind) && why.kind != ERR_UNSUPPORTED &&
	    why.kind != ERR_DENIED)
		return -1;
	if (webdav_find(w, op, dir, &e) == 0 && e.kind != ENTRY_DIR)
		return not_dir(op);
	op->err = why;
	if (why.kind == ERR_NOT_FOUND)
		op->err.kind = ERR_NO_DIR;
	return -1;
}

/* One download: the answer is looked at before anything is passed on. */
struct download {
	struct sink base;
	struct sink *dst;
	const char *etag; /* what the file must have, or NULL */
	int64_t off, len; /* asked for; -1: to the end */
	bool ranged;      /* it was asked for a range */
	bool trusting;    /* an answer without that ETag may be taken */
	bool bare;        /* it had none, or another one */
	int64_t size;     /* as PROPFIND told, SIZE_UNKNOWN if not asked */
	int64_t modified; /* the same, MTIME_UNKNOWN */
	int64_t skip;     /* bytes to drop, of a server that knows no parts */
	int64_t left;     /* bytes to come; -1 unknown */
};

static int changed(struct op *op)
{
	return err_set(&op->err, ERR_CONFLICT,
		       "it has changed since it was listed");
}

/* "bytes 10-19/200"; `size` is -1 if that is an asterisk. */
static bool parse_range(const char *text, int64_t *first, int64_t *last,
			int64_t *size)
{
	static const char ends[] = { '-', '/', '\0' };
	int64_t *const out[] = { first, last, size };

	if (strncmp(text, "bytes ", 6) != 0)
		return false;
	text += 6;
	for (size_t i = 0; i < ARRAY_LEN(out); i++) {
		size_t n = strspn(text, "0123456789");

		*out[i] = -1;
		if (i == 2 && strcmp(text, "*") == 0)
			break;
		if (text[n] != ends[i] || !parse_int_n(text, n, out[i]))
			return false;
		text += n + 1;
	}
	return *first <= *last && (*size < 0 || *last < *size);
}

static int check_range(struct download *d, struct op *op,
		       const struct http_answer *a)
{
	const char *text = http_header(a, "Content-Range");
	int64_t first, last, size;

	if (a->status != 206)
		return err_set(&op->err, ERR_UNSUPPORTED,
			       "the server has answered a request for a part "
			       "with all of the file");
	/* All of it: less only where the file ends. */
	if (!text || !parse_range(text, &first, &last, &size) ||
	    first != d->off || (d->len >= 0 && last - first >= d->len) ||
	    (size >= 0 && last != size - 1 &&
	     (d->len < 0 || last - first != d->len - 1)))
		return err_set(&op->err, ERR_CORRUPT,
			       "the server has sent the part \"%.60s\", which "
			       "was not asked for",
			       text ? text : "");
	d->left = last - first + 1;
	return 0;
}

/*
 * By its ETag, an answer may be of any content.  One that has another than in
 * PROPFIND, as where something stands before the server, must have the time
 * that PROPFIND tells: it might come out of an old store.
 */
static int check_bare(const struct download *d, struct op *op,
		      const struct http_answer *a, bool other)
{
	const char *text = http_header(a, "Last-Modified");
	int64_t ns;

	if (!d->trusting)
		return other ? changed(op)
			     : err_set(&op->err, ERR_CONFLICT,
				       "it has no ETag");
	if (text && date_parse_http(text, &ns) &&
	    d->modified != MTIME_UNKNOWN) {
		if (webdav_seconds(ns) == webdav_seconds(d->modified))
			return 0;
	} else if (!other) {
		return 0;
	}
	return changed(op);
}

/* A page to sign in on, for one, is no file. */
static int check_size(const struct download *d, struct op *op, int64_t size)
{
	if (d->size == SIZE_UNKNOWN || size == d->size)
		return 0;
	return err_set(&op->err, ERR_CORRUPT,
		       "what the server sends is not the file that it lists: "
		       "%" PRId64 " bytes instead of %" PRId64,
		       size, d->size);
}

static int download_head(void *arg, struct op *op, const struct http_answer *a)
{
	struct download *d = arg;
	const char *etag = http_header(a, "ETag");
	const char *length = http_header(a, "Content-Length");
	bool other;

	if (etag && *etag == '\0')
		etag = NULL;
	other = d->etag && etag && !webdav_same_etag(d->etag, etag);
	d->bare = !etag || other;
	if (d->etag && d->bare && check_bare(d, op, a, other) < 0)
		return -1;
	/* Of the very same content, what is asked for can be cut out. */
	if (a->status == 200 && d->len < 0 && !d->bare && d->etag &&
	    webdav_etag_is_strong(d->etag))
		d->skip = d->off;
	else if (d->ranged)
		return check_range(d, op, a);
	if (a->status != 200)
		return err_set(&op->err, ERR_SERVER,
			       "the server has answered with status %d",
			       a->status);
	if (length && parse_int(length, &d->left) && d->left >= 0)
		return d->bare ? check_size(d, op, d->left) : 0;
	d->left = d->bare && d->size != SIZE_UNKNOWN ? d->size : -1;
	return 0;
}

static int download_write(struct sink *s, struct op *op, const void *p,
			  size_t n)
{
	struct download *d = container_of(s, struct download, base);

	if (d->left >= 0) {
		if ((int64_t)n > d->left)
			return err_set(&op->err, ERR_CORRUPT,
				       "the server has sent more than it said");
		d->left -= (int64_t)n;
	}
	if (d->skip >= (int64_t)n) {
		d->skip -= (int64_t)n;
		return 0;
	}
	p = (const char *)p + d->skip;
	n -= (size_t)d->skip;
	d->skip = 0;
	return d->dst->write(d->dst, op, p, n);
}

/*
 * 416: the part begins where the file ends, as when all had come but the end of
 * the answer.  "bytes " and an asterisk, and the size.
 */
static bool is_at_end(const struct download *d, const struct http_answer *a)
{
	const char *text = http_header(a, "Content-Range");
	const char *etag = http_header(a, "ETag");
	int64_t size;

	return a->status == 416 && text && strncmp(text, "bytes */", 8) == 0 &&
	       parse_int(text + 8, &size) && size == d->off &&
	       (!d->etag || !etag || webdav_same_etag(d->etag, etag));
}

static int download(struct webdav *w, struct op *op, const char *path,
		    struct download *d)
{
	const bool guard = !d->trusting && webdav_etag_is_strong(d->etag);
	const struct http_header ranged[] = {
		{ "Range", NULL },
		{ guard ? "If-Range" : NULL, d->etag },
		{ NULL, NULL },
	};
	struct http_header headers[ARRAY_LEN(ranged)];
	struct http_request rq = {
		.method = "GET",
		.url = webdav_url(w, op, path, false),
		.sink = &d->base,
		.head = download_head,
		.head_arg = d,
	};
	struct http_answer a;

	memcpy(headers, ranged, sizeof(headers));
	headers[0].value =
		d->len < 0
			? arena_printf(&op->arena, "bytes=%" PRId64 "-", d->off)
			: arena_printf(&op->arena, "bytes=%" PRId64 "-%" PRId64,
				       d->off, d->off + d->len - 1);
	if (d->ranged)
		rq.headers = headers;
	d->left = -1;
	d->skip = 0;
	d->bare = false;
	if (http_do(w->service->http, op, &rq, &a) < 0)
		return -1;
	if (d->ranged && is_at_end(d, &a))
		return 0;
	if (a.status < 200 || a.status > 299)
		return webdav_fail(op, &a);
	if (d->skip > 0)
		return err_set(&op->err, ERR_CONFLICT,
			       "it is shorter than what has come already");
	if (d->left > 0)
		return err_set(&op->err, ERR_NETWORK,
			       "the answer has ended %" PRId64
			       " bytes too early",
			       d->left);
	return 0;
}

/* What is there, if it is a file and still the one with this tag. */
static int look_at_file(struct webdav *w, struct op *op, const char *path,
			const char *tag, struct download *d)
{
	struct multistatus_item now;

	if (webdav_look(w, op, path, &now) < 0) {
		if (op->err.kind == ERR_NO_DIR)
			op->err.kind = ERR_NOT_FOUND;
		return -1;
	}
	if (now.dir)
		return err_set(&op->err, ERR_IS_DIR, "is a folder");
	if (tag && (!*now.tag || !webdav_same_etag(tag, now.tag)))
		return changed(op);
	d->etag = *now.tag ? now.tag : NULL;
	d->size = now.size;
	if (!webdav_modified(now.modified, &d->modified))
		d->modified = MTIME_UNKNOWN;
	return 0;
}

/*
 * From a server whose answers to GET have no ETags (lighttpd, for types that it
 * does not know) or their own: it is the file that was meant if PROPFIND's is
 * the right one before, and still is behind the last byte.
 */
static int download_bare(struct webdav *w, struct op *op, const char *path,
			 struct download *d)
{
	d->trusting = true;
	if (look_at_file(w, op, path, d->etag, d) < 0 ||
	    download(w, op, path, d) < 0)
		return -1;
	if (!d->bare)
		return 0;
	return look_at_file(w, op, path, d->etag, d);
}

static bool is_bare(struct webdav_service *s, bool found)
{
	bool bare;

	pthread_mutex_lock(&s->lock);
	s->bare_gets |= found;
	bare = s->bare_gets;
	pthread_mutex_unlock(&s->lock);
	return bare;
}

/*
 * An ETag in the answer that is the one known says that it is this file.  Where
 * none is known, PROPFIND is asked before: what a server shows for a folder is
 * no file.
 */
int webdav_get(struct backend *be, struct op *op, const char *path,
	       const struct get_opt *opt, struct sink *dst)
{
	struct webdav *w = webdav_of(be);
	struct download d = {
		.base.write = download_write,
		.dst = dst,
		.etag = opt->tag,
		.off = opt->off,
		.len = opt->len,
		.ranged = opt->off > 0 || opt->len >= 0,
		.left = -1,
		.size = SIZE_UNKNOWN,
		.modified = MTIME_UNKNOWN,
	};
	int64_t end;

	if (opt->version)
		return err_set(&op->err, ERR_UNSUPPORTED,
			       "no older versions are kept");
	if (opt->len > 0 && __builtin_add_overflow(opt->off, opt->len, &end))
		d.len = -1;
	if (opt->own_check && !opt->tag && opt->len != 0) {
		if (download(w, op, path, &d) == 0)
			return 0;
		/* all of it instead of a part: its ETag is needed */
		if (op->err.kind != ERR_UNSUPPORTED)
			return -1;
	}
	if ((!opt->tag || opt->len == 0) &&
	    look_at_file(w, op, path, opt->tag, &d) < 0)
		return -1;
	if (opt->len == 0)
		return 0;
	if (d.etag && is_bare(w->service, false))
		return download_bare(w, op, path, &d);
	if (download(w, op, path, &d) == 0)
		return 0;
	if (!d.etag || !d.bare || op->err.kind != ERR_CONFLICT)
		return -1;
	if (download_bare(w, op, path, &d) < 0)
		return -1;
	is_bare(w->service, d.bare);
	return 0;
}

struct hashing {
	struct sink base;
	struct hasher *hasher;
};

static int add_bytes(struct sink *s, struct op *op, const void *p, size_t n)
{
	(void)op;
	hasher_add(container_of(s, struct hashing, base)->hasher, p, n);
	return 0;
}

/* The server knows the hash that came with the upload; any other is read. */
int webdav_hash(struct backend *be, struct op *op, const char *path,
		unsigned want, struct digests *out)
{
	struct hashing h = { .base.write = add_bytes };
	struct entry e;
	struct get_opt all = { .len = -1 };
	int rc;

	if (webdav_stat(be, op, path, &e) < 0)
		return -1;
	if (e.kind == ENTRY_DIR)
		return err_set(&op->err, ERR_IS_DIR, "is a folder");
	if ((e.hash.have & want) == want) {
		*out = e.hash;
		out->have &= want;
		return 0;
	}
	all.tag = e.tag;
	h.hasher = hasher_new(want);
	rc = webdav_get(be, op, path, &all, &h.base);
	if (rc == 0)
		hasher_end(h.hasher, out);
	hasher_free(h.hasher);
	return rc;
}

static int quota_one(void *arg, struct op *op,
		     const struct multistatus_item *item)
{
	struct quota *q = arg;

	(void)op;
	q->used = item->used;
	q->free = item->available;
	return 0;
}

int webdav_quota(struct backend *be, struct op *op, struct quota *out)
{
	static const char what[] =
		"<d:quota-available-bytes/><d:quota-used-bytes/>";
	struct webdav *w = webdav_of(be);
	char none[1] = "";
	struct webdav top = webdav_top(w, none);
	struct quota q = { -1, -1, -1, -1, -1 };
	int rc = webdav_propfind_items(w, op, "", true, false, what, NULL,
				       quota_one, &q);

	if (rc < 0 && is_absent(op->err.kind) && *w->root)
		rc = webdav_propfind_items(&top, op, "", true, false, what,
					   NULL, quota_one, &q);
	if (rc < 0)
		return -1;
	if (q.used >= 0 && q.free >= 0 &&
	    __builtin_add_overflow(q.used, q.free, &q.total))
		q.total = -1;
	*out = q;
	return 0;
}
