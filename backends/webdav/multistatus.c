#include "backends/webdav/multistatus.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "backends/webdav/webdav.h"
#include "lib/parse.h"
#include "net/xml.h"

#define OC_NS "http://owncloud.org/ns"

enum { DEPTH_MAX = 6, CHECKSUMS_MAX = 1024, HREF_MAX = 32 * 1024 };

/* The properties that are a text. */
enum prop {
	PROP_LENGTH,
	PROP_MODIFIED,
	PROP_TAG,
	PROP_OWN,
	PROP_CHECKSUMS,
	PROP_USED,
	PROP_AVAILABLE,
	PROPS
};

/* Where in the document an element counts. */
enum element {
	OTHER, /* 0: all that is unknown, and all in it */
	DOCUMENT,
	MULTISTATUS,
	RESPONSE,
	HREF,
	STATUS,
	PROPSTAT,
	PROPSTAT_STATUS,
	PROP,
	TYPE,
	COLLECTION,
	CHECKSUMS,
	TEXT /* TEXT + enum prop */
};

static const struct {
	unsigned parent, element;
	const char *name;
} grammar[] = {
	{ DOCUMENT, MULTISTATUS, "DAV: multistatus" },
	{ MULTISTATUS, RESPONSE, "DAV: response" },
	{ RESPONSE, HREF, "DAV: href" },
	{ RESPONSE, STATUS, "DAV: status" },
	{ RESPONSE, PROPSTAT, "DAV: propstat" },
	{ PROPSTAT, PROPSTAT_STATUS, "DAV: status" },
	{ PROPSTAT, PROP, "DAV: prop" },
	{ PROP, TYPE, "DAV: resourcetype" },
	{ TYPE, COLLECTION, "DAV: collection" },
	{ PROP, TEXT + PROP_LENGTH, "DAV: getcontentlength" },
	{ PROP, TEXT + PROP_MODIFIED, "DAV: getlastmodified" },
	{ PROP, TEXT + PROP_TAG, "DAV: getetag" },
	{ PROP, TEXT + PROP_OWN, WEBDAV_OWN_MTIME },
	{ PROP, TEXT + PROP_USED, "DAV: quota-used-bytes" },
	{ PROP, TEXT + PROP_AVAILABLE, "DAV: quota-available-bytes" },
	{ PROP, CHECKSUMS, OC_NS " checksums" },
	{ CHECKSUMS, TEXT + PROP_CHECKSUMS, OC_NS " checksum" },
};

/* Which elements are open: for the two readers below. */
struct nesting {
	unsigned at[DEPTH_MAX];
	unsigned depth;
};

static unsigned enter(struct nesting *n, const char *name)
{
	unsigned parent = DOCUMENT, element = OTHER;

	if (n->depth > 0)
		parent = n->depth <= DEPTH_MAX ? n->at[n->depth - 1] : OTHER;
	for (size_t i = 0; parent != OTHER && i < ARRAY_LEN(grammar); i++)
		if (grammar[i].parent == parent &&
		    strcmp(grammar[i].name, name) == 0)
			element = grammar[i].element;
	if (n->depth < DEPTH_MAX)
		n->at[n->depth] = element;
	n->depth++;
	return element;
}

static unsigned leave(struct nesting *n)
{
	n->depth--;
	return n->depth < DEPTH_MAX ? n->at[n->depth] : OTHER;
}

struct props {
	struct buf text[PROPS];
	bool dir;
};

struct multistatus {
	struct xml xml;
	multistatus_fn *fn;
	void *arg;
	struct nesting in;
	char *base; /* decoded, without '/' around it */
	bool children, told;

	/* of the response that is being read */
	struct buf href;
	int status;            /* its own; 0: none */
	int prop_status;       /* of the propstat that is being read */
	int refused;           /* a propstat's that was no success but 404 */
	bool found_any;        /* a propstat with success */
	struct props now;      /* in this propstat */
	struct props found;    /* in those with success */
	struct buf path, part; /* the href, decoded */
};

static void props_reset(struct props *p)
{
	for (size_t i = 0; i < PROPS; i++)
		buf_reset(&p->text[i]);
	p->dir = false;
}

static void props_free(struct props *p)
{
	for (size_t i = 0; i < PROPS; i++)
		buf_free(&p->text[i]);
}

/* "HTTP/1.1 200 OK": the number, or 0. */
static int parse_status(const char *text)
{
	int status = 0;

	if (strncasecmp(text, "HTTP/", 5) != 0)
		return 0;
	text += strcspn(text, " ");
	text += strspn(text, " ");
	if (strspn(text, "0123456789") != 3)
		return 0;
	for (size_t i = 0; i < 3; i++)
		status = status * 10 + (text[i] - '0');
	return status;
}

static bool is_success(int status)
{
	return status >= 200 && status < 300;
}

static int bad_href(struct op *op, const char *href, const char *why)
{
	return err_set(&op->err, ERR_CORRUPT,
		       "the server's answer has the href \"%.200s\", %s", href,
		       why);
}

/*
 * Where the path begins in an href: servers behind another one write whatever
 * they believe to be called into scheme and host, so that both mean nothing.
 */
static const char *href_path(const char *href)
{
	const char *p = href;

	if (strncasecmp(p, "http://", 7) == 0)
		p += 7;
	else if (strncasecmp(p, "https://", 8) == 0)
		p += 8;
	return p == href ? p : p + strcspn(p, "/?#");
}

/*
 * `text`, an encoded path, as "a/b": decoded part by part, so that a '/' that
 * was encoded is seen, as are the names that no entry may have.
 */
static const char *decode(const char *text, struct buf *part, struct buf *out)
{
	buf_reset(out);
	if (text[strcspn(text, "?#")] != '\0')
		return "which is not only a path";
	for (;;) {
		size_t n;

		text += strspn(text, "/");
		if (*text == '\0')
			return NULL;
		n = strcspn(text, "/");
		buf_reset(part);
		if (!url_decode(part, text, n))
			return "which is badly encoded";
		if (strchr(part->data, '/') || strcmp(part->data, ".") == 0 ||
		    strcmp(part->data, "..") == 0)
			return "which holds an impossible name";
		if (out->len)
			buf_adds(out, "/");
		buf_add(out, part->data, part->len);
		text += n;
	}
}

/*
 * The name that the href gives, relative to the base.  Some servers write the
 * folder itself as it is stored, in other case than it was asked for.
 */
static int locate(struct multistatus *m, struct op *op, const char **name)
{
	const char *path = href_path(m->href.data), *rest, *why;
	size_t n = strlen(m->base);

	if (*path != '/' && (*path != '\0' || path == m->href.data))
		return bad_href(op, m->href.data, "which is not absolute");
	why = decode(path, &m->part, &m->path);
	if (why)
		return bad_href(op, m->href.data, why);
	rest = m->path.data + n;
	if (m->path.len < n || strncasecmp(m->path.data, m->base, n) != 0 ||
	    (n && *rest != '\0' && *rest != '/'))
		return bad_href(op, m->href.data, "which was not asked about");
	rest += n && *rest == '/';
	if (*rest && (!m->children || strchr(rest, '/')))
		return bad_href(op, m->href.data, "which was not asked about");
	*name = rest;
	return 0;
}

static int hex_digit(char c)
{
	const char *digits = "0123456789abcdef", *at;

	if (c >= 'A' && c <= 'F')
		c = (char)(c - 'A' + 'a');
	at = c ? strchr(digits, c) : NULL;
	return at ? (int)(at - digits) : -1;
}

static bool parse_hex(const char *s, size_t n, uint8_t *out, size_t len)
{
	if (n != 2 * len)
		return false;
	for (size_t i = 0; i < len; i++) {
		int high = hex_digit(s[2 * i]), low = hex_digit(s[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		out[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

/* "SHA1:... MD5:... ADLER32:..."; what is not understood is left out. */
static void parse_checksums(const char *text, struct digests *out)
{
	uint8_t bytes[HASH_LONGEST];

	for (text += strspn(text, " "); *text; text += strspn(text, " ")) {
		size_t n = strcspn(text, " "), k = strcspn(text, " :");
		enum hash_type t;
		char name[16];

		if (k < n && k < sizeof(name)) {
			memcpy(name, text, k);
			name[k] = '\0';
			if (hash_find(name, &t) &&
			    parse_hex(text + k + 1, n - k - 1, bytes,
				      hash_len(t))) {
				memcpy(digest_of(out, t), bytes, hash_len(t));
				out->have |= 1u << t;
			}
		}
		text += n;
	}
}

/* Digits only: `none` if there are none, false if it is something else. */
static bool parse_count(const char *text, int64_t none, int64_t *out)
{
	*out = none;
	if (*text == '\0')
		return true;
	return text[strspn(text, "0123456789")] == '\0' && parse_int(text, out);
}

static int pass_on(struct multistatus *m, struct op *op, const char *name)
{
	const struct props *p = &m->found;
	struct multistatus_item item = {
		.name = name,
		.dir = p->dir,
		.size = SIZE_UNKNOWN,
		.tag = p->text[PROP_TAG].data,
		.modified = p->text[PROP_MODIFIED].data,
		.own = p->text[PROP_OWN].data,
	};

	if (!item.dir &&
	    !parse_count(p->text[PROP_LENGTH].data, SIZE_UNKNOWN, &item.size))
		return err_set(
			&op->err, ERR_CORRUPT,
			"the server says that \"%s\" has \"%.40s\" bytes", name,
			p->text[PROP_LENGTH].data);
	/* Negative numbers are used for "unlimited" and the like. */
	if (!parse_count(p->text[PROP_USED].data, -1, &item.used))
		item.used = -1;
	if (!parse_count(p->text[PROP_AVAILABLE].data, -1, &item.available))
		item.available = -1;
	parse_checksums(p->text[PROP_CHECKSUMS].data, &item.hash);
	return m->fn(m->arg, op, &item);
}

static int fail(struct op *op, const char *name, int status)
{
	webdav_fail(op, &(struct http_answer){ .status = status, .body = "" });
	return *name ? err_wrap(&op->err, "\"%s\"", name) : -1;
}

static int end_response(struct multistatus *m, struct op *op)
{
	const char *name = "";

	if (m->href.len == 0)
		return err_set(&op->err, ERR_CORRUPT,
			       "the server's answer has no href");
	if (locate(m, op, &name) < 0)
		return -1;
	if (m->status && !is_success(m->status)) {
		if (*name && (m->status == 404 || m->status == 410))
			return 0; /* gone meanwhile */
		return fail(op, name, m->status);
	}
	if (!m->found_any && m->refused)
		return fail(op, name, m->refused);
	if (*name == '\0')
		m->told = true;
	return pass_on(m, op, name);
}

static void end_propstat(struct multistatus *m)
{
	if (!is_success(m->prop_status)) {
		if (m->prop_status != 404)
			m->refused = m->prop_status ? m->prop_status : 500;
		return;
	}
	m->found_any = true;
	m->found.dir |= m->now.dir;
	for (size_t i = 0; i < PROPS; i++) {
		struct buf b = m->found.text[i];

		if (m->now.text[i].len == 0)
			continue;
		m->found.text[i] = m->now.text[i];
		m->now.text[i] = b;
	}
}

static int on_start(void *arg, struct op *op, const char *name,
		    const char *const *attrs)
{
	struct multistatus *m = arg;
	unsigned element = enter(&m->in, name);

	(void)attrs;
	if (m->in.depth == 1 && element != MULTISTATUS)
		return err_set(&op->err, ERR_CORRUPT,
			       "the answer is no WebDAV multistatus but \"%s\"",
			       name);
	switch (element) {
	case RESPONSE:
		buf_reset(&m->href);
		m->status = m->refused = 0;
		m->found_any = false;
		props_reset(&m->found);
		break;
	case PROPSTAT:
		m->prop_status = 0;
		props_reset(&m->now);
		break;
	case COLLECTION: m->now.dir = true; break;
	default: break;
	}
	return 0;
}

static int end_href(struct multistatus *m, struct op *op, const char *text)
{
	if (m->href.len)
		return bad_href(op, text, "besides another one");
	if (strlen(text) > HREF_MAX)
		return bad_href(op, text, "which is too long");
	buf_adds(&m->href, text);
	return 0;
}

static void end_text(struct multistatus *m, enum prop prop, const char *text)
{
	struct buf *b = &m->now.text[prop];

	if (prop != PROP_CHECKSUMS)
		buf_reset(b);
	else if (b->len)
		buf_adds(b, " ");
	if (prop != PROP_CHECKSUMS || b->len + strlen(text) < CHECKSUMS_MAX)
		buf_adds(b, text);
}

static int on_end(void *arg, struct op *op, const char *name, const char *text)
{
	struct multistatus *m = arg;
	unsigned element = leave(&m->in);

	(void)name;
	if (element >= TEXT) {
		end_text(m, (enum prop)(element - TEXT), text);
		return 0;
	}
	switch (element) {
	case HREF: return end_href(m, op, text);
	case STATUS: m->status = parse_status(text); break;
	case PROPSTAT_STATUS: m->prop_status = parse_status(text); break;
	case PROPSTAT: end_propstat(m); break;
	case RESPONSE: return end_response(m, op);
	default: break;
	}
	return op_check(op);
}

struct multistatus *multistatus_new(const char *base, bool children,
				    multistatus_fn *fn, void *arg)
{
	static const struct xml_handler handler = { .start = on_start,
						    .end = on_end };
	struct multistatus *m = xcalloc(1, sizeof(*m));

	m->href = m->path = m->part = (struct buf)BUF_INIT;
	for (size_t i = 0; i < PROPS; i++)
		m->now.text[i] = m->found.text[i] = (struct buf)BUF_INIT;
	if (decode(base, &m->part, &m->path))
		BUG("the URL's path \"%s\" was not checked", base);
	m->base = xstrdup(m->path.data);
	m->children = children;
	m->fn = fn;
	m->arg = arg;
	xml_init(&m->xml, &handler, m, 0);
	return m;
}

struct sink *multistatus_sink(struct multistatus *m)
{
	return &m->xml.sink;
}

int multistatus_end(struct multistatus *m, struct op *op)
{
	if (xml_end(&m->xml, op) < 0)
		return -1;
	if (!m->told)
		return err_set(&op->err, ERR_CORRUPT,
			       "the server's answer lacks what was asked "
			       "about");
	return 0;
}

void multistatus_free(struct multistatus *m)
{
	if (!m)
		return;
	xml_free(&m->xml);
	props_free(&m->now);
	props_free(&m->found);
	buf_free(&m->href);
	buf_free(&m->path);
	buf_free(&m->part);
	free(m->base);
	free(m);
}

struct failure {
	struct nesting in;
	int status;
};

static int failure_start(void *arg, struct op *op, const char *name,
			 const char *const *attrs)
{
	struct failure *f = arg;

	(void)attrs;
	if (enter(&f->in, name) != MULTISTATUS && f->in.depth == 1)
		return err_set(&op->err, ERR_CORRUPT,
			       "the answer is no WebDAV multistatus but \"%s\"",
			       name);
	return 0;
}

/* 424 is what has failed only because something else has. */
static void add_failure(struct failure *f, int status)
{
	if (!is_success(status) && (f->status == 0 || f->status == 424))
		f->status = status ? status : 500;
}

static int failure_end(void *arg, struct op *op, const char *name,
		       const char *text)
{
	struct failure *f = arg;
	unsigned element = leave(&f->in);

	(void)op;
	(void)name;
	if (element == STATUS || element == PROPSTAT_STATUS)
		add_failure(f, parse_status(text));
	return 0;
}

/* lighttpd 1.4.69 names refused properties in XML that is none. */
static void search_text(struct failure *f, const char *body)
{
	while ((body = strstr(body, "HTTP/1.1 ")) != NULL) {
		char line[sizeof("HTTP/1.1 200")] = "";

		memcpy(line, body, strnlen(body, sizeof(line) - 1));
		add_failure(f, parse_status(line));
		body += strlen("HTTP/1.1 ");
	}
}

int multistatus_failure(struct op *op, const char *body, size_t n)
{
	static const struct xml_handler handler = { .start = failure_start,
						    .end = failure_end };
	struct failure f = { .status = 0 };
	struct xml x;
	int rc;

	xml_init(&x, &handler, &f, 0);
	rc = x.sink.write(&x.sink, op, body, n);
	if (rc == 0)
		rc = xml_end(&x, op);
	xml_free(&x);
	if (rc == 0)
		return f.status;
	if (op->err.kind == ERR_CORRUPT)
		search_text(&f, body);
	if (f.status == 0)
		return -1;
	err_clear(&op->err);
	return f.status;
}
