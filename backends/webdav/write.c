/*
 * What the files that write have in common.
 */
#include <inttypes.h>
#include <string.h>

#include "backends/webdav/write.h"
#include "lib/date.h"
#include "lib/log.h"

/* After a cancel: a server that answers needs less, and nobody waits longer. */
#define TIDY_NS (8 * NS_PER_SEC)

void webdav_header(struct webdav_headers *h, const char *name,
		   const char *value)
{
	if (h->n == HEADERS_MAX)
		BUG("too many headers: %s", name);
	h->at[h->n++] = (struct http_header){ name, value };
}

const char *webdav_checksum(struct op *op, const struct digests *d)
{
	static const struct {
		enum hash_type type;
		const char *name;
	} table[] = {
		{ HASH_SHA1, "SHA1" },
		{ HASH_MD5, "MD5" },
		{ HASH_SHA256, "SHA256" },
	};
	struct buf b = BUF_INIT;
	const char *text = NULL;

	for (size_t i = 0; i < ARRAY_LEN(table) && b.len == 0; i++) {
		if (!(d->have & 1u << table[i].type))
			continue;
		buf_addf(&b, "%s:", table[i].name);
		digest_hex(&b, d, table[i].type);
	}
	if (b.len)
		text = arena_strdup(&op->arena, b.data);
	buf_free(&b);
	return text;
}

static const char *http_date(struct op *op, int64_t ns)
{
	struct buf b = BUF_INIT;
	const char *text;

	date_http(&b, ns);
	text = arena_strdup(&op->arena, b.data);
	buf_free(&b);
	return text;
}

void webdav_content_headers(struct webdav *w, struct op *op,
			    const struct webdav_facts *f,
			    const struct put_opt *opt, struct webdav_headers *h)
{
	bool in_header =
		f->time == WEBDAV_TIME_HEADER || f->time == WEBDAV_TIME_DATE;
	int64_t sec = webdav_seconds(opt->mtime), first = webdav_earliest(w, f);
	const char *sum = NULL;

	if (sec < first)
		sec = first;

	webdav_header(h, "Content-Type",
		      opt->mime ? opt->mime : "application/octet-stream");
	if (in_header && opt->mtime != MTIME_UNKNOWN)
		webdav_header(h, "X-OC-Mtime",
			      arena_printf(&op->arena, "%" PRId64, sec));
	if (f->time == WEBDAV_TIME_DATE && opt->mtime != MTIME_UNKNOWN)
		webdav_header(h, "Date", http_date(op, ns_of(sec, 0)));
	if (w->service->nextcloud)
		sum = webdav_checksum(op, &opt->hash);
	if (sum)
		webdav_header(h, "OC-Checksum", sum);
}

void tidy_begin(struct tidy *t, const struct op *op)
{
	t->op = op_begin(op->cancel);
	t->op.grace = TIDY_NS;
	t->op.called_off = op->called_off;
}

void tidy_end(struct tidy *t)
{
	op_end(&t->op);
}

/* What a DELETE did is not asked: what is left is found by strays() later. */
void webdav_discard_only(struct webdav *w, const struct op *op,
			 const char *path, const char *etag)
{
	const struct http_header headers[] = {
		{ etag ? "If-Match" : NULL, etag },
		{ NULL, NULL },
	};
	struct http_request rq = { .method = "DELETE", .headers = headers };
	struct tidy t;

	tidy_begin(&t, op);
	if (webdav_ask(w, &t.op, path, false, &rq, NULL) < 0)
		log_debug(path, "delete: %s", t.op.err.msg);
	tidy_end(&t);
}

void webdav_discard(struct webdav *w, const struct op *op, const char *path)
{
	webdav_discard_only(w, op, path, NULL);
}

void webdav_fill(struct op *op, const struct webdav_facts *f, const char *path,
		 int64_t size, int64_t mtime, const char *etag,
		 struct entry *out)
{
	const char *slash = strrchr(path, '/');

	if (!out)
		return;
	*out = (struct entry){
		.kind = ENTRY_FILE,
		.name = arena_strdup(&op->arena, slash ? slash + 1 : path),
		.size = size,
		.mtime = webdav_kept_mtime(f, mtime),
		.tag = etag && f->stable_etag ? arena_strdup(&op->arena, etag)
					      : NULL,
	};
}

const char *webdav_parent(struct op *op, const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return "";
	return arena_printf(&op->arena, "%.*s", (int)(slash - path), path);
}

/* nginx says 500, rclone says 404, the others 409 as they should. */
int webdav_missing_parent(struct webdav *w, struct op *op, const char *path)
{
	const char *parent = webdav_parent(op, path);
	struct err why = op->err;
	struct multistatus_item now;

	if (why.kind == ERR_SERVER && why.code == 500) {
		if (webdav_look(w, op, parent, &now) == 0 ||
		    (op->err.kind != ERR_NOT_FOUND &&
		     op->err.kind != ERR_NO_DIR)) {
			op->err = why;
			return 0;
		}
	} else if (why.kind != ERR_NO_DIR && why.kind != ERR_NOT_FOUND) {
		return 0;
	}
	err_clear(&op->err);
	return webdav_mkdir(&w->base, op, parent) < 0 ? -1 : 1;
}
