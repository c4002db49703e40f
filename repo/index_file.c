#include "repo/index_file.h"

/*
 * lib/json.h would make a tree of nodes of a text that may have hundreds of
 * megabytes; so here is a parser that keeps one pack at a time.
 */
enum { DEPTH_MAX = 32 };

struct parser {
	const char *text, *p, *end;
	struct err *e;
	index_pack_fn *fn;
	index_old_fn *superseded;
	void *arg;

	/* The pack at hand. */
	struct id pack;
	bool has_id;
	struct pack_blobs blobs;
	struct spans {
		uint64_t *at; /* for in_order() */
		size_t cap;
	} spans;
};

/* The parser is at a value, which must be taken. */
typedef int member_fn(struct parser *s, const char *key, size_t n, void *arg);
typedef int element_fn(struct parser *s);

static int bad(struct parser *s, const char *what)
{
	return err_set(s->e, ERR_CORRUPT, "%s at byte %zu of the index", what,
		       (size_t)(s->p - s->text));
}

static int bad_json(struct parser *s)
{
	return bad(s, "bad JSON");
}

/* The next byte that is not white space; '\0' at the end. */
static char next(struct parser *s)
{
	while (s->p < s->end && (*s->p == ' ' || *s->p == '\n' ||
				 *s->p == '\t' || *s->p == '\r'))
		s->p++;
	return s->p < s->end ? *s->p : '\0';
}

static bool take(struct parser *s, char c)
{
	if (next(s) != c || s->p == s->end)
		return false;
	s->p++;
	return true;
}

static bool take_word(struct parser *s, const char *word)
{
	size_t n = strlen(word);

	(void)next(s);
	if ((size_t)(s->end - s->p) < n || memcmp(s->p, word, n) != 0)
		return false;
	s->p += n;
	return true;
}

/* A string as it stands: what we look for has no escapes. */
static int take_string(struct parser *s, const char **at, size_t *n)
{
	if (!take(s, '"'))
		return bad_json(s);
	*at = s->p;
	for (; s->p < s->end && *s->p != '"'; s->p++) {
		if ((unsigned char)*s->p < ' ')
			return bad_json(s);
		if (*s->p == '\\' && ++s->p == s->end)
			return bad_json(s);
	}
	if (s->p == s->end)
		return bad_json(s);
	*n = (size_t)(s->p++ - *at);
	return 0;
}

static bool is(const char *key, size_t n, const char *want)
{
	return n == strlen(want) && memcmp(key, want, n) == 0;
}

static int take_id(struct parser *s, struct id *out)
{
	const char *at;
	size_t n;

	if (take_string(s, &at, &n) < 0)
		return -1;
	if (!id_parse(at, n, out))
		return bad(s, "an id that is none");
	return 0;
}

static int take_number(struct parser *s, uint32_t *out)
{
	uint64_t v = 0;
	const char *from;

	(void)next(s);
	for (from = s->p; s->p < s->end && *s->p >= '0' && *s->p <= '9'; s->p++)
		if ((v = v * 10 + (uint64_t)(*s->p - '0')) > UINT32_MAX)
			return bad(s, "too large a number");
	if (s->p == from)
		return bad(s, "no number");
	*out = (uint32_t)v;
	return 0; /* "1.5" and "1e5" trip over what must follow */
}

static int skip(struct parser *s, unsigned depth);

static int skip_inside(struct parser *s, char close, unsigned depth)
{
	const char *at;
	size_t n;

	if (depth == DEPTH_MAX)
		return bad(s, "too deep a nesting");
	s->p++;
	if (take(s, close))
		return 0;
	do {
		if (close == '}' &&
		    (take_string(s, &at, &n) < 0 || !take(s, ':')))
			return bad_json(s);
		if (skip(s, depth + 1) < 0)
			return -1;
	} while (take(s, ','));
	return take(s, close) ? 0 : bad_json(s);
}

static bool skip_number(struct parser *s)
{
	const char *from = s->p;

	while (s->p < s->end && *s->p && strchr("+-.0123456789Ee", *s->p))
		s->p++;
	return s->p > from;
}

/* Any value that we do not look at. */
static int skip(struct parser *s, unsigned depth)
{
	const char *at;
	size_t n;

	switch (next(s)) {
	case '{': return skip_inside(s, '}', depth);
	case '[': return skip_inside(s, ']', depth);
	case '"': return take_string(s, &at, &n);
	default:
		if (take_word(s, "null") || take_word(s, "true") ||
		    take_word(s, "false") || skip_number(s))
			return 0;
		return bad_json(s);
	}
}

static int members(struct parser *s, member_fn *fn, void *arg)
{
	const char *key;
	size_t n;

	if (!take(s, '{'))
		return bad_json(s);
	if (take(s, '}'))
		return 0;
	do {
		if (take_string(s, &key, &n) < 0)
			return -1;
		if (!take(s, ':'))
			return bad_json(s);
		if (fn(s, key, n, arg) < 0)
			return -1;
	} while (take(s, ','));
	return take(s, '}') ? 0 : bad_json(s);
}

static int elements(struct parser *s, element_fn *fn)
{
	if (take_word(s, "null")) /* Go's empty list */
		return 0;
	if (!take(s, '['))
		return bad_json(s);
	if (take(s, ']'))
		return 0;
	do {
		if (fn(s) < 0)
			return -1;
	} while (take(s, ','));
	return take(s, ']') ? 0 : bad_json(s);
}

enum { HAS_ID = 1, HAS_TYPE = 2, HAS_OFF = 4, HAS_LEN = 8, HAS_ALL = 15 };

struct blob {
	struct pack_blob *to;
	unsigned has;
};

static int take_type(struct parser *s, enum blob_type *out)
{
	const char *at;
	size_t n;

	if (take_string(s, &at, &n) < 0)
		return -1;
	for (enum blob_type t = 0; t < BLOB_TYPES; t++) {
		if (is(at, n, blob_type_name(t))) {
			*out = t;
			return 0;
		}
	}
	return bad(s, "a blob of no known type");
}

static int blob_member(struct parser *s, const char *key, size_t n, void *arg)
{
	struct blob *b = arg;

	if (is(key, n, "id")) {
		b->has |= HAS_ID;
		return take_id(s, &b->to->id);
	}
	if (is(key, n, "type")) {
		b->has |= HAS_TYPE;
		return take_type(s, &b->to->type);
	}
	if (is(key, n, "offset")) {
		b->has |= HAS_OFF;
		return take_number(s, &b->to->off);
	}
	if (is(key, n, "length")) {
		b->has |= HAS_LEN;
		return take_number(s, &b->to->len);
	}
	if (is(key, n, "uncompressed_length"))
		return take_number(s, &b->to->raw_len);
	return skip(s, 0);
}

static int take_blob(struct parser *s)
{
	struct blob b = { .to = pack_blobs_add(&s->blobs) };

	*b.to = (struct pack_blob){ 0 };
	if (members(s, blob_member, &b) < 0)
		return -1;
	if (b.has != HAS_ALL)
		return bad(s, "a blob that lacks something");
	if (b.to->len < ENVELOPE_EXTRA || b.to->off > UINT32_MAX - b.to->len)
		return bad(s, "a blob whose place cannot be");
	return 0;
}

static int pack_member(struct parser *s, const char *key, size_t n, void *arg)
{
	(void)arg;
	if (is(key, n, "id")) {
		s->has_id = true;
		return take_id(s, &s->pack);
	}
	if (is(key, n, "blobs")) {
		s->blobs.n = 0;
		return elements(s, take_blob);
	}
	return skip(s, 0);
}

static int compare_spans(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* restic writes the blobs of a pack in any order. */
static bool apart_sorted(struct parser *s)
{
	size_t n = s->blobs.n;
	struct spans *v = &s->spans;

	if (n > v->cap) {
		v->cap = s->blobs.cap;
		v->at = xrealloc(v->at, v->cap, sizeof(*v->at));
	}
	for (size_t i = 0; i < n; i++)
		v->at[i] =
			(uint64_t)s->blobs.at[i].off << 32 | s->blobs.at[i].len;
	qsort(v->at, n, sizeof(*v->at), compare_spans);
	for (size_t i = 1; i < n; i++)
		if ((v->at[i - 1] >> 32) + (uint32_t)v->at[i - 1] > v->at[i] >>
		    32)
			return false;
	return true;
}

/* Whether no blob lies on another. */
static bool apart(struct parser *s)
{
	uint32_t end = 0;

	for (size_t i = 0; i < s->blobs.n; i++) {
		if (s->blobs.at[i].off < end)
			return apart_sorted(s);
		end = s->blobs.at[i].off + s->blobs.at[i].len;
	}
	return true;
}

static int take_pack(struct parser *s)
{
	s->has_id = false;
	s->blobs.n = 0;
	if (members(s, pack_member, NULL) < 0)
		return -1;
	if (!s->has_id)
		return bad(s, "a pack without an id");
	if (!apart(s))
		return bad(s, "blobs on top of each other");
	return s->fn(s->arg, &s->pack, s->blobs.at, s->blobs.n);
}

static int take_superseded(struct parser *s)
{
	struct id id;

	if (take_id(s, &id) < 0)
		return -1;
	return s->superseded ? s->superseded(s->arg, &id) : 0;
}

static int root_member(struct parser *s, const char *key, size_t n, void *arg)
{
	(void)arg;
	if (is(key, n, "packs"))
		return elements(s, take_pack);
	if (is(key, n, "supersedes"))
		return elements(s, take_superseded);
	return skip(s, 0);
}

int index_file_parse(const char *json, size_t n, index_pack_fn *fn,
		     index_old_fn *superseded, void *arg, struct err *e)
{
	struct parser s = {
		.text = json,
		.p = json,
		.end = json + n,
		.e = e,
		.fn = fn,
		.superseded = superseded,
		.arg = arg,
	};
	int rc;

	/* The first restics wrote the list of packs alone. */
	if (next(&s) == '[')
		rc = elements(&s, take_pack);
	else
		rc = members(&s, root_member, NULL);
	if (rc == 0 && (next(&s) || s.p < s.end))
		rc = bad(&s, "something behind the end");
	pack_blobs_free(&s.blobs);
	free(s.spans.at);
	return rc;
}

void index_write_begin(struct index_writer *w, struct buf *out)
{
	*w = (struct index_writer){ .out = out };
	buf_reset(out);
	buf_adds(out, "{\"packs\":[");
}

static char *put_text(char *p, const char *text)
{
	size_t n = strlen(text);

	memcpy(p, text, n);
	return p + n;
}

static char *put_number(char *p, uint32_t v)
{
	char digits[10];
	size_t n = 0;

	do
		digits[n++] = (char)('0' + v % 10);
	while ((v /= 10) > 0);
	while (n > 0)
		*p++ = digits[--n];
	return p;
}

static char *put_id(char *p, const struct id *id)
{
	p = put_text(p, "{\"id\":\"");
	id_hex(id, p);
	return p + ID_HEX;
}

static char *put_blob(char *p, const struct pack_blob *b)
{
	p = put_id(p, &b->id);
	p = put_text(p, "\",\"type\":\"");
	p = put_text(p, blob_type_name(b->type));
	p = put_text(p, "\",\"offset\":");
	p = put_number(p, b->off);
	p = put_text(p, ",\"length\":");
	p = put_number(p, b->len);
	if (b->raw_len) {
		p = put_text(p, ",\"uncompressed_length\":");
		p = put_number(p, b->raw_len);
	}
	return put_text(p, "}");
}

void index_write_pack(struct index_writer *w, const struct id *pack,
		      const struct pack_blob *blobs, size_t n)
{
	enum { ROOM = 256 }; /* more than a blob or a pack's id takes */
	struct buf *b = w->out;
	char *p;

	p = buf_room(b, (n + 1) * ROOM);
	if (w->packs++)
		*p++ = ',';
	p = put_id(p, pack);
	p = put_text(p, "\",\"blobs\":[");
	for (size_t i = 0; i < n; i++) {
		if (i)
			*p++ = ',';
		p = put_blob(p, &blobs[i]);
	}
	p = put_text(p, "]}");
	*p = '\0';
	b->len = (size_t)(p - b->data);
	w->blobs += n;
}

void index_write_end(struct index_writer *w)
{
	buf_adds(w->out, "]}");
}
