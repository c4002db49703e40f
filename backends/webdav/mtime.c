/*
 * Where times are kept.  Those that come with the PUT (a header) are put.c's;
 * here is what takes a request of its own, or a note in this machine's memory.
 */
#include <inttypes.h>
#include <string.h>

#include "backends/hash_memory.h"
#include "backends/webdav/propfind.h"
#include "backends/webdav/write.h"
#include "lib/date.h"
#include "lib/log.h"
#include "lib/parse.h"
#include "net/xml.h"

int64_t webdav_seconds(int64_t ns)
{
	struct timespec t = timespec_of(ns);

	return (int64_t)t.tv_sec;
}

int64_t webdav_earliest(const struct webdav *w, const struct webdav_facts *f)
{
	if (w->service->nextcloud && f->time == WEBDAV_TIME_HEADER)
		return 24 * 60 * 60 + 1;
	return f->time == WEBDAV_TIME_DATE ? 0 : INT64_MIN;
}

bool webdav_may_remember(const struct webdav *w, const struct webdav_facts *f,
			 int64_t mtime)
{
	return f->time == WEBDAV_TIME_MEMORY ||
	       (mtime != MTIME_UNKNOWN &&
		webdav_seconds(mtime) == webdav_earliest(w, f));
}

int64_t webdav_kept_mtime(const struct webdav_facts *f, int64_t mtime)
{
	if (mtime == MTIME_UNKNOWN || f->time == WEBDAV_TIME_PROP_OWN ||
	    f->time == WEBDAV_TIME_MEMORY)
		return mtime;
	return ns_of(webdav_seconds(mtime), 0);
}

const char *webdav_full_path(const struct webdav *w, struct op *op,
			     const char *path)
{
	if (*path == '\0' || *w->root == '\0')
		return *path ? path : w->root;
	return arena_printf(&op->arena, "%s/%s", w->root, path);
}

static int look_one(void *arg, struct op *op,
		    const struct multistatus_item *item)
{
	struct multistatus_item *out = arg;

	*out = *item;
	out->name = "";
	out->tag = arena_strdup(&op->arena, item->tag);
	out->modified = arena_strdup(&op->arena, item->modified);
	out->own = arena_strdup(&op->arena, item->own);
	return 0;
}

int webdav_look(struct webdav *w, struct op *op, const char *path,
		struct multistatus_item *out)
{
	return webdav_propfind_items(
		w, op, path, false, false,
		"<d:resourcetype/><d:getcontentlength/><d:getlastmodified/>"
		"<d:getetag/><oc:checksums/><f:" WEBDAV_NS_MTIME "/>",
		NULL, look_one, out);
}

bool webdav_modified(const char *text, int64_t *ns)
{
	return date_parse_http(text, ns) || date_parse_rfc3339(text, ns);
}

/*
 * What a time that is not the server's own belongs to: the ETag, or where there
 * is none the server's own time.
 */
static const char *token_of(struct op *op, const char *tag,
			    const char *modified)
{
	struct buf b = BUF_INIT;
	int64_t ns;
	const char *token;

	if (*tag)
		return tag;
	if (!webdav_modified(modified, &ns))
		return *modified ? modified : "-";
	date_http(&b, ns);
	token = arena_strdup(&op->arena, b.data);
	buf_free(&b);
	return token;
}

/*
 * What was put is known by the second in which it was, too: a later content has
 * a later time, or another size.  Apache dates its answer by the request's
 * beginning, so all that it took is added, and one for what is cut off.
 */
const char *webdav_date_token(struct op *op, const struct http_answer *a,
			      int64_t took, int64_t size)
{
	const char *date = a->status ? http_header(a, "Date") : NULL;
	int64_t ns;

	if (!date || !date_parse_http(date, &ns) ||
	    __builtin_add_overflow(ns, took + NS_PER_SEC, &ns))
		return NULL;
	return arena_printf(&op->arena, "<=%" PRId64 "/%" PRId64,
			    webdav_seconds(ns), size);
}

const char *webdav_time_token(struct op *op, const struct entry *e)
{
	if (e->mtime == MTIME_UNKNOWN || e->size == SIZE_UNKNOWN)
		return NULL;
	return arena_printf(&op->arena, "<=%" PRId64 "/%" PRId64,
			    webdav_seconds(e->mtime), e->size);
}

static bool is_of_date(const char *token, const struct entry *e)
{
	const char *slash = strchr(token, '/');
	int64_t sec, size;

	return strncmp(token, "<=", 2) == 0 && slash &&
	       parse_int_n(token + 2, (size_t)(slash - token - 2), &sec) &&
	       parse_int(slash + 1, &size) && e->mtime != MTIME_UNKNOWN &&
	       webdav_seconds(e->mtime) <= sec && e->size == size;
}

/* "<ns> <token>" */
bool webdav_own_time(const char *text, const struct entry *e, int64_t *mtime)
{
	size_t n = strcspn(text, " ");
	struct buf now = BUF_INIT;
	bool same;

	if (text[n] == '\0')
		return false;
	/* Apache's ETag loses its "W/" when the file is a second old. */
	if (e->tag)
		buf_adds(&now, e->tag);
	else if (e->mtime != MTIME_UNKNOWN)
		date_http(&now, e->mtime);
	same = is_of_date(text + n + 1, e) ||
	       (now.len && webdav_same_etag(now.data, text + n + 1));
	buf_free(&now);
	return same && parse_int_n(text, n, mtime) && *mtime != MTIME_UNKNOWN;
}

/* The property as it is written, or NULL where none takes a time. */
static const char *property(struct op *op, enum webdav_time kind, int64_t mtime,
			    const char *own)
{
	const char *text = NULL;
	struct buf b = BUF_INIT;

	switch (kind) {
	case WEBDAV_TIME_PROP_LASTMODIFIED:
		buf_addf(&b, "<D:lastmodified>%" PRId64 "</D:lastmodified>",
			 webdav_seconds(mtime));
		break;
	case WEBDAV_TIME_PROP_WIN32:
		buf_adds(&b, "<W:Win32LastModifiedTime "
			     "xmlns:W=\"urn:schemas-microsoft-com:\">");
		date_http(&b, mtime);
		buf_adds(&b, "</W:Win32LastModifiedTime>");
		break;
	case WEBDAV_TIME_PROP_GETLAST:
		buf_adds(&b, "<D:getlastmodified>");
		date_http(&b, mtime);
		buf_adds(&b, "</D:getlastmodified>");
		break;
	case WEBDAV_TIME_PROP_OWN:
		buf_adds(&b,
			 "<F:" WEBDAV_NS_MTIME " xmlns:F=\"" WEBDAV_NS "\">");
		xml_escape(&b, own);
		buf_adds(&b, "</F:" WEBDAV_NS_MTIME ">");
		break;
	default: break;
	}
	if (b.len)
		text = arena_strdup(&op->arena, b.data);
	buf_free(&b);
	return text;
}

static int proppatch(struct webdav *w, struct op *op, const char *path,
		     const char *prop)
{
	static const struct http_header headers[] = {
		{ "Content-Type", "application/xml; charset=utf-8" },
		{ NULL, NULL },
	};
	const char *body =
		arena_printf(&op->arena,
			     "<?xml version=\"1.0\" encoding=\"utf-8\"?>"
			     "<D:propertyupdate xmlns:D=\"DAV:\"><D:set>"
			     "<D:prop>%s</D:prop></D:set></D:propertyupdate>",
			     prop);
	struct http_request rq = {
		.method = "PROPPATCH",
		.headers = headers,
		.body = body,
		.body_len = strlen(body),
	};
	struct http_answer a;

	return webdav_ask(w, op, path, false, &rq, &a);
}

int webdav_try_times(struct webdav *w, struct op *op, const char *path,
		     int64_t first, const struct multistatus_item *now)
{
	/* lighttpd keeps only the first one of several */
	static const enum webdav_time kinds[] = {
		WEBDAV_TIME_PROP_OWN,
		WEBDAV_TIME_PROP_LASTMODIFIED,
		WEBDAV_TIME_PROP_WIN32,
	};
	const char *token = token_of(op, now->tag, now->modified);
	struct buf all = BUF_INIT;
	int rc;

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		int64_t ns = (first + kinds[i]) * NS_PER_SEC;
		const char *own =
			arena_printf(&op->arena, "%" PRId64 " %s", ns, token);

		buf_adds(&all, property(op, kinds[i], ns, own));
	}
	rc = proppatch(w, op, path, all.data);
	buf_free(&all);
	return rc;
}

static const char *memory_key(struct webdav *w, struct op *op, const char *path)
{
	return arena_printf(&op->arena, "webdav-mtime %s\n%s", w->service->key,
			    webdav_full_path(w, op, path));
}

int webdav_set_mtime(struct webdav *w, struct op *op, const char *path,
		     const struct webdav_facts *f, int64_t mtime,
		     const char *etag)
{
	struct hash_memory *memory;
	struct multistatus_item now = { .tag = "", .modified = "" };
	const char *own = NULL;

	if (f->time == WEBDAV_TIME_HEADER || f->time == WEBDAV_TIME_DATE)
		return err_set(&op->err, ERR_UNSUPPORTED,
			       "this server takes a time only with the file");
	if (f->time == WEBDAV_TIME_PROP_OWN || f->time == WEBDAV_TIME_MEMORY) {
		if (etag)
			now.tag = etag;
		else if (webdav_look(w, op, path, &now) < 0)
			return -1;
		own = arena_printf(&op->arena, "%" PRId64 " %s", mtime,
				   token_of(op, now.tag, now.modified));
	}
	if (f->time != WEBDAV_TIME_MEMORY)
		return proppatch(w, op, path,
				 property(op, f->time, mtime, own));
	memory = remotes_memory(w->service->remotes, op);
	if (memory)
		hash_memory_note_put(memory, memory_key(w, op, path), own);
	return 0;
}

void webdav_remembered_mtime(struct webdav *w, struct op *op, const char *path,
			     struct entry *e)
{
	struct hash_memory *memory;
	struct arena results;
	struct webdav_facts f;
	const char *text;
	int64_t mtime;

	if (e->kind != ENTRY_FILE || !webdav_facts_known(w, op, &f) ||
	    !webdav_may_remember(w, &f, e->mtime))
		return;
	memory = remotes_memory(w->service->remotes, op);
	if (!memory)
		return;
	/* for each of a million entries: nothing of it may stay */
	results = op->arena;
	op->arena = (struct arena){ 0 };
	if (hash_memory_note_get(memory, op, memory_key(w, op, path), &text) &&
	    webdav_own_time(text, e, &mtime))
		e->mtime = mtime;
	arena_free(&op->arena);
	op->arena = results;
}

/* A time that is set without a PUT, where the facts know no way for sure. */
static int touch_and_look(struct webdav *w, struct op *op, const char *path,
			  int64_t sec)
{
	const struct webdav_facts try = {
		.time = WEBDAV_TIME_PROP_LASTMODIFIED,
	};
	struct multistatus_item now;
	int64_t shown;

	if (webdav_set_mtime(w, op, path, &try, ns_of(sec, 0), NULL) == 0) {
		if (webdav_look(w, op, path, &now) < 0)
			return -1;
		if (webdav_modified(now.modified, &shown) &&
		    webdav_seconds(shown) == sec)
			return 0;
	} else if (op->err.kind != ERR_DENIED && op->err.kind != ERR_CONFLICT &&
		   op->err.kind != ERR_UNSUPPORTED) {
		return -1;
	}
	return err_set(&op->err, ERR_UNSUPPORTED,
		       "this server takes a time only with the file");
}

int webdav_note_mtime(struct webdav *w, struct op *op, const char *path,
		      int64_t mtime, const char *etag)
{
	const struct webdav_facts noted = { .time = WEBDAV_TIME_MEMORY };

	return webdav_set_mtime(w, op, path, &noted, mtime, etag);
}

int webdav_touch(struct backend *be, struct op *op, const char *path,
		 int64_t mtime)
{
	struct webdav *w = webdav_of(be);
	struct webdav_facts f;
	int64_t sec = webdav_seconds(mtime), first;

	if (webdav_facts(w, op, &f) < 0)
		return -1;
	if (f.time != WEBDAV_TIME_HEADER && f.time != WEBDAV_TIME_DATE)
		return webdav_set_mtime(w, op, path, &f, mtime, NULL);
	first = webdav_earliest(w, &f);
	if (touch_and_look(w, op, path, sec < first ? first : sec) < 0)
		return -1;
	return sec < first ? webdav_note_mtime(w, op, path, mtime, NULL) : 0;
}
