#include "backends/webdav/propfind.h"

#include <string.h>

#include "lib/clock.h"
#include "lib/date.h"

/* Between writes that one ETag may stand for, where they are no good. */
#define SETTLED_AFTER (2 * NS_PER_SEC)

#define TYPE   "<d:resourcetype/>"
#define COMMON TYPE "<d:getcontentlength/><d:getlastmodified/><d:getetag/>"

bool webdav_etag_is_strong(const char *etag)
{
	return etag && *etag == '"';
}

/* What is between the quotes, which some leave out of the property. */
static const char *opaque(const char *etag, size_t *n)
{
	etag += strncmp(etag, "W/", 2) == 0 ? 2 : 0;
	etag += *etag == '"';
	*n = strlen(etag);
	*n -= *n && etag[*n - 1] == '"';
	return etag;
}

bool webdav_same_etag(const char *a, const char *b)
{
	size_t n, k;

	a = opaque(a, &n);
	b = opaque(b, &k);
	return n == k && memcmp(a, b, n) == 0;
}

/* Before the answer is read: that it is one to read. */
static int check_head(void *arg, struct op *op, const struct http_answer *a)
{
	int64_t *date = arg;
	const char *text = http_header(a, "Date");

	if (a->status != 207)
		return err_set(&op->err, ERR_UNSUPPORTED,
			       "the server answers PROPFIND with %d instead of "
			       "207: is there WebDAV at this address?",
			       a->status);
	if (!text || !date_parse_http(text, date))
		*date = MTIME_UNKNOWN;
	return 0;
}

int webdav_propfind_url(struct webdav *w, struct op *op, const char *url,
			bool children, const char *what, int64_t *date,
			multistatus_fn *fn, void *arg)
{
	const struct http_header headers[] = {
		{ "Depth", children ? "1" : "0" },
		{ "Content-Type", "application/xml; charset=utf-8" },
		{ NULL, NULL },
	};
	const char *body = arena_printf(
		&op->arena,
		"<?xml version=\"1.0\" encoding=\"utf-8\"?>\n"
		"<d:propfind xmlns:d=\"DAV:\" "
		"xmlns:oc=\"http://owncloud.org/ns\" "
		"xmlns:f=\"" WEBDAV_NS "\"><d:prop>%s</d:prop></d:propfind>",
		what);
	const char *start = strchr(url + strlen("https://"), '/');
	struct multistatus *m = multistatus_new(start, children, fn, arg);
	int64_t ignored;
	struct http_request rq = {
		.method = "PROPFIND",
		.headers = headers,
		.body = body,
		.body_len = strlen(body),
		.sink = multistatus_sink(m),
		.head = check_head,
		.head_arg = date ? date : &ignored,
		.url = url,
		.gzip = true,
	};
	int rc = webdav_ask_url(w, op, &rq, NULL);

	if (rc == 0)
		rc = multistatus_end(m, op);
	multistatus_free(m);
	return rc;
}

int webdav_propfind_items(struct webdav *w, struct op *op, const char *path,
			  bool dir, bool children, const char *what,
			  int64_t *date, multistatus_fn *fn, void *arg)
{
	return webdav_propfind_url(w, op, webdav_url(w, op, path, dir),
				   children, what, date, fn, arg);
}

/* On the way from items to entries. */
struct reading {
	struct webdav *w;
	const char *path;
	bool known;
	struct webdav_facts facts;
	int64_t date;
	entry_fn *fn;
	void *arg;
	struct buf full;  /* path of the entry */
	const char *etag; /* while `fn` runs: the server's; may be "" */
};

/*
 * Where one ETag may stand for two contents written within a second, it is a
 * tag only once that second is over.
 */
static bool tag_is_good(const struct reading *r,
			const struct multistatus_item *item, int64_t mtime)
{
	bool weak = !webdav_etag_is_strong(item->tag);

	if (*item->tag == '\0')
		return false;
	if (!weak && (!r->known || r->facts.stable_etag))
		return true;
	return mtime != MTIME_UNKNOWN && r->date != MTIME_UNKNOWN &&
	       mtime < r->date - SETTLED_AFTER;
}

static int64_t parse_time(const char *text)
{
	int64_t ns;

	if (date_parse_http(text, &ns) || date_parse_rfc3339(text, &ns))
		return ns;
	return MTIME_UNKNOWN;
}

/* The time that we gave it, where the server's own is another. */
static void add_mtime(struct reading *r, struct op *op,
		      const struct multistatus_item *item, struct entry *e)
{
	struct entry raw = *e;
	int64_t own;

	raw.tag = *item->tag ? item->tag : NULL;
	if (*item->own && webdav_own_time(item->own, &raw, &own)) {
		e->mtime = own;
		return;
	}
	if (!r->known || !webdav_may_remember(r->w, &r->facts, e->mtime))
		return;
	buf_reset(&r->full);
	buf_adds(&r->full, r->path);
	if (*r->path && *item->name)
		buf_adds(&r->full, "/");
	buf_adds(&r->full, item->name);
	webdav_remembered_mtime(r->w, op, r->full.data, &raw);
	e->mtime = raw.mtime;
}

static int read_item(void *arg, struct op *op,
		     const struct multistatus_item *item)
{
	struct reading *r = arg;
	struct entry e = {
		.kind = item->dir ? ENTRY_DIR : ENTRY_FILE,
		.name = item->name,
		.size = item->size,
		.mtime = parse_time(item->modified),
	};

	r->etag = item->tag;
	if (item->dir)
		return r->fn(r->arg, op, &e);
	e.hash = item->hash;
	if (tag_is_good(r, item, e.mtime))
		e.tag = item->tag;
	add_mtime(r, op, item, &e);
	return r->fn(r->arg, op, &e);
}

static int propfind(struct webdav *w, struct op *op, const char *path, bool dir,
		    bool children, struct reading *r)
{
	const char *what = COMMON;
	int rc;

	r->w = w;
	r->path = path;
	r->full = (struct buf)BUF_INIT;
	r->known = webdav_facts_known(w, op, &r->facts);
	if (!r->known || r->facts.time == WEBDAV_TIME_PROP_OWN)
		what = w->service->nextcloud ? COMMON "<f:" WEBDAV_NS_MTIME "/>"
						      "<oc:checksums/>"
					     : COMMON "<f:" WEBDAV_NS_MTIME
						      "/>";
	else if (w->service->nextcloud)
		what = COMMON "<oc:checksums/>";
	rc = webdav_propfind_items(w, op, path, dir, children, what, &r->date,
				   read_item, r);
	buf_free(&r->full);
	return rc;
}

int webdav_propfind(struct webdav *w, struct op *op, const char *path,
		    int depth, entry_fn *fn, void *arg)
{
	struct reading r = { .fn = fn, .arg = arg };

	return propfind(w, op, path, depth > 0, depth > 0, &r);
}

struct look {
	struct reading reading;
	const char *name;
	struct entry *out;
	const char *etag;
};

static int keep(void *arg, struct op *op, const struct entry *e)
{
	struct look *l = arg;
	const char *etag = l->reading.etag;

	if (l->out) {
		*l->out = entry_copy(&op->arena, e);
		l->out->name = l->name;
	}
	l->etag = *etag ? arena_strdup(&op->arena, etag) : NULL;
	return 0;
}

int webdav_find_etag(struct webdav *w, struct op *op, const char *path,
		     struct entry *out, const char **etag)
{
	const char *slash = strrchr(path, '/');
	struct look l = {
		.reading = { .fn = keep },
		.name = slash ? slash + 1 : path,
		.out = out,
	};

	l.reading.arg = &l;
	if (propfind(w, op, path, *path == '\0', false, &l.reading) < 0)
		return -1;
	*etag = l.etag;
	return 0;
}

int webdav_find(struct webdav *w, struct op *op, const char *path,
		struct entry *out)
{
	const char *etag;

	return webdav_find_etag(w, op, path, out, &etag);
}
