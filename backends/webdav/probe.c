/*
 * What a server can be trusted with, found out on two temporary files of our
 * own before anything is written: servers differ, and few say how.
 */
#include <inttypes.h>
#include <string.h>

#include "backends/hash_memory.h"
#include "backends/webdav/write.h"
#include "lib/date.h"
#include "lib/log.h"
#include "lib/parse.h"

#define GOOD_FOR_SEC INT64_C(2592000) /* 30 days */

/* In 2001; each way of setting a time is tried with one of its own. */
#define FIRST_SEC INT64_C(1000000000)

static const struct {
	size_t at; /* in struct webdav_facts */
} flags[] = {
	{ offsetof(struct webdav_facts, if_match) },
	{ offsetof(struct webdav_facts, if_none_match) },
	{ offsetof(struct webdav_facts, stable_etag) },
	{ offsetof(struct webdav_facts, move_over) },
	{ offsetof(struct webdav_facts, if_header) },
	{ offsetof(struct webdav_facts, time_moves) },
	{ offsetof(struct webdav_facts, clock) },
	{ offsetof(struct webdav_facts, pieces) },
};

/* "1 <seconds> 11010110 3": form, when, flags, time. */
void facts_text(struct buf *b, const struct webdav_facts *f, int64_t now)
{
	buf_addf(b, "1 %" PRId64 " ", webdav_seconds(now));
	for (size_t i = 0; i < ARRAY_LEN(flags); i++)
		buf_adds(b, *(const bool *)((const char *)f + flags[i].at)
				    ? "1"
				    : "0");
	buf_addf(b, " %d", (int)f->time);
}

bool facts_parse(const char *text, int64_t now, struct webdav_facts *f)
{
	int64_t when, age;
	char number[24];
	const char *p;
	size_t n;

	*f = (struct webdav_facts){ .if_match = false };
	if (strncmp(text, "1 ", 2) != 0)
		return false;
	p = text + 2;
	n = strcspn(p, " ");
	if (n == 0 || n >= sizeof(number) || p[n] == '\0')
		return false;
	memcpy(number, p, n);
	number[n] = '\0';
	p += n + 1;
	if (!parse_int(number, &when) ||
	    __builtin_sub_overflow(webdav_seconds(now), when, &age) ||
	    age < 0 || age > GOOD_FOR_SEC)
		return false;
	if (strspn(p, "01") != ARRAY_LEN(flags) ||
	    strlen(p) != ARRAY_LEN(flags) + 2 || p[ARRAY_LEN(flags)] != ' ')
		return false;
	for (size_t i = 0; i < ARRAY_LEN(flags); i++)
		*(bool *)((char *)f + flags[i].at) = p[i] == '1';
	p += ARRAY_LEN(flags) + 1;
	if (*p < '0' || *p > '0' + WEBDAV_TIME_MEMORY)
		return false;
	f->time = (enum webdav_time)(*p - '0');
	return true;
}

/* Sabre and the storage beneath it do all this; chunks.c moves into place. */
static const struct webdav_facts nextcloud_facts = {
	.if_match = true,
	.if_none_match = true,
	.stable_etag = true,
	.move_over = true,
	.time_moves = true,
	.time = WEBDAV_TIME_HEADER,
};

struct probe {
	struct webdav *w;
	struct webdav_facts facts;
	const char *a, *b; /* the two files */
	const char *etag;  /* of a's content, as PUT told it; or NULL */
	bool took_header;  /* the PUT said that it took X-OC-Mtime */
	struct multistatus_item now;
};

/*
 * What a request was refused with is an answer, too: 0 with *ok false.  -1 if
 * there was no answer, or one that says nothing about what was asked.
 */
static int answered(struct op *op, int rc, bool *ok)
{
	*ok = rc == 0;
	if (rc == 0)
		return 0;
	if (op->err.kind == ERR_CORRUPT) { /* lighttpd's "no" is no XML */
		err_clear(&op->err);
		return 0;
	}
	if (op->err.code < 400 || op->err.code == 401 || op->err.code == 408 ||
	    op->err.code == 423 || op->err.code == 429 ||
	    (op->err.code >= 502 && op->err.code <= 504) || op->err.code == 507)
		return -1;
	err_clear(&op->err);
	return 0;
}

/* `content`: two of the same length, so that only an ETag tells them apart. */
static int put(struct probe *p, struct op *op, const char *path,
	       const char *content, const char *condition, const char *value,
	       struct http_answer *a)
{
	struct webdav_headers h = { 0 };
	struct http_request rq = {
		.method = "PUT",
		.headers = h.at,
		.body = content,
		.body_len = strlen(content),
	};
	const struct webdav_facts dated = { .time = WEBDAV_TIME_DATE };
	const struct put_opt opt = { .mtime = FIRST_SEC * NS_PER_SEC };

	*a = (struct http_answer){ 0 };
	webdav_content_headers(p->w, op, &dated, &opt, &h);
	if (condition)
		webdav_header(&h, condition, value);
	return webdav_ask(p->w, op, path, false, &rq, a);
}

static const char *etag_of(const struct http_answer *a)
{
	return a->status ? http_header(a, "ETag") : NULL;
}

static bool is_strong(const char *etag)
{
	return *etag == '"';
}

static bool shows(const struct probe *p, int64_t sec)
{
	int64_t ns;

	return webdav_modified(p->now.modified, &ns) &&
	       webdav_seconds(ns) == sec;
}

/* Not where the files lie on a machine whose clock goes differently. */
static bool is_clock(const struct probe *p, const struct http_answer *a)
{
	const char *date = http_header(a, "Date");
	int64_t said, kept, apart;

	return date && date_parse_http(date, &said) &&
	       webdav_modified(p->now.modified, &kept) &&
	       !__builtin_sub_overflow(said, kept, &apart) &&
	       apart >= -2 * NS_PER_SEC && apart <= 2 * NS_PER_SEC;
}

static int begin(struct probe *p, struct op *op)
{
	struct http_answer a;
	const char *said;

	if (put(p, op, p->a, "ferry 1\n", NULL, NULL, &a) < 0) {
		if (webdav_missing_parent(p->w, op, p->a) <= 0 ||
		    put(p, op, p->a, "ferry 1\n", NULL, NULL, &a) < 0)
			return -1;
	}
	p->etag = etag_of(&a);
	said = http_header(&a, "X-OC-Mtime");
	p->took_header = said && strcmp(said, "accepted") == 0;
	if (webdav_look(p->w, op, p->a, &p->now) < 0)
		return -1;
	p->facts.clock = is_clock(p, &a);
	return 0;
}

/* After begin(): conditions, and the ETag of another content. */
static int probe_etags(struct probe *p, struct op *op)
{
	struct webdav_facts *f = &p->facts;
	struct multistatus_item first = p->now;
	bool written = false, ok;
	struct http_answer a;

	if (answered(op,
		     put(p, op, p->a, "ferry 2\n", "If-Match", "\"0-ferry-0\"",
			 &a),
		     &ok) < 0)
		return -1;
	f->if_match = a.status == 412;
	written = ok;
	if (answered(op,
		     put(p, op, p->a, "ferry 2\n", "If-None-Match", "*", &a),
		     &ok) < 0)
		return -1;
	f->if_none_match = a.status == 412;
	written |= ok;
	if (!written) {
		bool strong = f->if_match && is_strong(first.tag);

		if (answered(op,
			     put(p, op, p->a, "ferry 2\n",
				 strong ? "If-Match" : NULL, first.tag, &a),
			     &ok) < 0)
			return -1;
		if (!ok)
			f->if_match = false; /* the right one is refused */
		written = ok;
	}
	if (webdav_look(p->w, op, p->a, &p->now) < 0)
		return -1;
	f->stable_etag = written && is_strong(first.tag) &&
			 is_strong(p->now.tag) &&
			 strcmp(first.tag, p->now.tag) != 0 &&
			 (!p->etag || strcmp(p->etag, first.tag) == 0);
	return 0;
}

/* Each kind of property with a time of its own, then one look. */
static int probe_properties(struct probe *p, struct op *op)
{
	static const enum webdav_time kinds[] = {
		WEBDAV_TIME_PROP_LASTMODIFIED,
		WEBDAV_TIME_PROP_WIN32,
		WEBDAV_TIME_PROP_GETLAST,
		WEBDAV_TIME_PROP_OWN,
	};
	struct entry e = { .mtime = MTIME_UNKNOWN };
	struct webdav_facts f = { .if_match = false };
	int64_t ns;
	bool ok;

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		f.time = kinds[i];
		if (answered(op,
			     webdav_set_mtime(p->w, op, p->a, &f,
					      (FIRST_SEC + f.time) * NS_PER_SEC,
					      NULL),
			     &ok) < 0)
			return -1;
	}
	if (webdav_look(p->w, op, p->a, &p->now) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (kinds[i] != WEBDAV_TIME_PROP_OWN &&
		    shows(p, FIRST_SEC + kinds[i])) {
			p->facts.time = kinds[i];
			return 0;
		}
	}
	if (webdav_modified(p->now.modified, &ns))
		e.mtime = ns;
	e.tag = *p->now.tag ? p->now.tag : NULL;
	if (webdav_own_time(p->now.own, &e, &ns) &&
	    webdav_seconds(ns) == FIRST_SEC + WEBDAV_TIME_PROP_OWN)
		p->facts.time = WEBDAV_TIME_PROP_OWN;
	return 0;
}

static int probe_time(struct probe *p, struct op *op)
{
	p->facts.time = WEBDAV_TIME_MEMORY;
	if (!shows(p, FIRST_SEC))
		return probe_properties(p, op);
	p->facts.time = p->took_header ? WEBDAV_TIME_HEADER : WEBDAV_TIME_DATE;
	return 0;
}

static bool time_is_kept(const struct probe *p, const struct probe *before)
{
	int64_t ns;
	struct entry e = { .mtime = MTIME_UNKNOWN };

	if (p->facts.time == WEBDAV_TIME_MEMORY)
		return true; /* it is noted after the MOVE */
	if (p->facts.time != WEBDAV_TIME_PROP_OWN)
		return strcmp(p->now.modified, before->now.modified) == 0;
	if (webdav_modified(p->now.modified, &ns))
		e.mtime = ns;
	e.tag = *p->now.tag ? p->now.tag : NULL;
	return webdav_own_time(p->now.own, &e, &ns);
}

/* MOVE a onto b: without leave (its If header names a wrong ETag), and with. */
static int probe_move(struct probe *p, struct op *op)
{
	struct webdav_facts *f = &p->facts;
	const struct probe before = *p;
	struct http_answer a;
	const char *etag;
	bool ok;

	if (put(p, op, p->b, "ferry, another one\n", NULL, NULL, &a) < 0)
		return -1;
	etag = etag_of(&a);
	if (f->stable_etag && !etag) {
		if (webdav_look(p->w, op, p->b, &p->now) < 0)
			return -1;
		etag = p->now.tag;
	}
	if (f->stable_etag) {
		if (answered(op,
			     webdav_transfer(p->w, op, "MOVE", p->w, p->a, p->b,
					     false, true, "\"0-ferry-0\""),
			     &ok) < 0)
			return -1;
		f->if_header = !ok;
		if (f->if_header &&
		    answered(op,
			     webdav_transfer(p->w, op, "MOVE", p->w, p->a, p->b,
					     false, true, etag),
			     &f->if_header) < 0)
			return -1;
	}
	if (!f->if_header &&
	    answered(op,
		     webdav_transfer(p->w, op, "MOVE", p->w, p->a, p->b, false,
				     true, NULL),
		     &ok) < 0)
		return -1;
	if (webdav_look(p->w, op, p->b, &p->now) < 0)
		return -1;
	f->move_over = p->now.size == before.now.size;
	f->time_moves = f->move_over && time_is_kept(p, &before);
	return 0;
}

static int put_behind(struct probe *p, struct op *op)
{
	static const struct http_header behind[] = {
		{ "Content-Range", "bytes 4-7/12" },
		{ NULL, NULL },
	};
	struct http_request rq = {
		.method = "PUT",
		.headers = behind,
		.body = "efgh",
		.body_len = 4,
	};
	struct http_answer a;
	bool ok;

	if (answered(op, webdav_ask(p->w, op, p->b, false, &rq, &a), &ok) < 0)
		return -1;
	return ok && a.status == 204 ? 1 : 0;
}

struct content {
	struct sink base;
	struct buf text;
};

static int keep_content(struct sink *sink, struct op *op, const void *bytes,
			size_t n)
{
	struct content *c = container_of(sink, struct content, base);

	if (n > 8 - c->text.len)
		return err_set(&op->err, ERR_CORRUPT, "more than 8 bytes");
	buf_add(&c->text, bytes, n);
	return 0;
}

/*
 * Many ignore Content-Range, and make the piece the file; others make it as
 * large as it is to become.
 */
static int probe_pieces(struct probe *p, struct op *op)
{
	struct content c = { { keep_content }, BUF_INIT };
	struct http_request rq = { .method = "GET", .sink = &c.base };
	struct http_answer a;
	bool ok;
	int rc;

	if (put(p, op, p->b, "abcd", NULL, NULL, &a) < 0)
		return -1;
	rc = put_behind(p, op);
	if (rc <= 0)
		return rc;
	rc = webdav_look(p->w, op, p->b, &p->now);
	if (rc == 0 && p->now.size == 8) {
		rc = answered(op, webdav_ask(p->w, op, p->b, false, &rq, &a),
			      &ok);
		p->facts.pieces = ok && strcmp(c.text.data, "abcdefgh") == 0;
	}
	buf_free(&c.text);
	return rc;
}

/* All of it; what it has made is removed, however it ends. */
static int run(struct webdav *w, struct op *op, struct webdav_facts *out)
{
	struct probe p = {
		.w = w,
		.a = webdav_aside(op, ""),
		.b = webdav_aside(op, ""),
	};
	int rc = begin(&p, op);

	if (rc == 0)
		rc = probe_etags(&p, op);
	if (rc == 0)
		rc = probe_time(&p, op);
	if (rc == 0)
		rc = probe_move(&p, op);
	if (rc == 0)
		rc = probe_pieces(&p, op);
	if (rc < 0 || !p.facts.move_over)
		webdav_discard(w, op, p.a);
	webdav_discard(w, op, p.b);
	/* A time that is lost when a file is moved must be set after that. */
	if (p.facts.move_over && !p.facts.time_moves &&
	    (p.facts.time == WEBDAV_TIME_HEADER ||
	     p.facts.time == WEBDAV_TIME_DATE))
		p.facts.time = WEBDAV_TIME_MEMORY;
	*out = p.facts;
	return rc < 0 ? err_wrap(&op->err, "trying out the server") : 0;
}

static const char *note_key(const struct webdav_service *s, struct op *op)
{
	return arena_printf(&op->arena, "webdav-facts %s", s->key);
}

static bool recall(struct webdav_service *s, struct op *op,
		   struct webdav_facts *out)
{
	struct hash_memory *memory = remotes_memory(s->remotes, op);
	const char *text;

	return memory &&
	       hash_memory_note_get(memory, op, note_key(s, op), &text) &&
	       facts_parse(text, clock_wall(), out);
}

static void remember(struct webdav_service *s, struct op *op,
		     const struct webdav_facts *f)
{
	struct hash_memory *memory = remotes_memory(s->remotes, op);
	struct buf b = BUF_INIT;

	facts_text(&b, f, clock_wall());
	log_debug(NULL, "webdav: what %s can do: %s", s->url.host, b.data);
	if (memory)
		hash_memory_note_put(memory, note_key(s, op), b.data);
	buf_free(&b);
}

void webdav_forget_facts(struct webdav *w, struct op *op)
{
	struct webdav_service *s = w->service;
	struct hash_memory *memory = remotes_memory(s->remotes, op);

	if (memory)
		hash_memory_note_put(memory, note_key(s, op), NULL);
}

/* With the lock held: wait till nobody probes; whether the facts are there. */
static bool await(struct webdav_service *s, struct op *op)
{
	while (s->probing && op_check(op) == 0) {
		struct timespec until = timespec_of(clock_mono() + NS_PER_SEC);

		pthread_cond_timedwait(&s->settled, &s->lock, &until);
	}
	return s->probed;
}

static int find_out(struct webdav *w, struct op *op, struct webdav_facts *out)
{
	struct webdav_service *s = w->service;

	if (s->nextcloud) {
		*out = nextcloud_facts;
		return 0;
	}
	if (recall(s, op, out))
		return 0;
	if (run(w, op, out) < 0)
		return -1;
	remember(s, op, out);
	return 0;
}

/* With the lock held. */
static void give(const struct webdav_service *s, struct webdav_facts *out)
{
	*out = s->facts;
	if (s->times_here)
		out->time = WEBDAV_TIME_MEMORY;
}

int webdav_facts(struct webdav *w, struct op *op, struct webdav_facts *out)
{
	struct webdav_service *s = w->service;
	unsigned failures;
	int rc;

	pthread_mutex_lock(&s->lock);
	failures = s->probe_failures;
	if (s->probed || await(s, op)) {
		give(s, out);
		pthread_mutex_unlock(&s->lock);
		return 0;
	}
	if (s->probing) { /* the work was called off */
		pthread_mutex_unlock(&s->lock);
		return op_check(op);
	}
	if (s->probe_failures != failures) { /* not each after the other */
		op->err = s->probe_error;
		pthread_mutex_unlock(&s->lock);
		return -1;
	}
	s->probing = true;
	pthread_mutex_unlock(&s->lock);
	rc = find_out(w, op, out);
	pthread_mutex_lock(&s->lock);
	s->probing = false;
	if (rc == 0) {
		s->facts = *out;
		s->probed = true;
		give(s, out);
	} else if (op->err.kind != ERR_CANCELED) {
		s->probe_failures++;
		s->probe_error = op->err;
	}
	pthread_cond_broadcast(&s->settled);
	pthread_mutex_unlock(&s->lock);
	return rc;
}

bool webdav_facts_known(struct webdav *w, struct op *op,
			struct webdav_facts *out)
{
	struct webdav_service *s = w->service;
	struct webdav_facts f;
	bool known;

	pthread_mutex_lock(&s->lock);
	if (s->nextcloud && !s->probed) {
		s->facts = nextcloud_facts;
		s->probed = true;
	}
	known = s->probed || s->recalled;
	s->recalled = true; /* once; who comes meanwhile does without */
	pthread_mutex_unlock(&s->lock);
	if (!known && recall(s, op, &f)) {
		pthread_mutex_lock(&s->lock);
		if (!s->probed) {
			s->facts = f;
			s->probed = true;
		}
		pthread_mutex_unlock(&s->lock);
	}
	pthread_mutex_lock(&s->lock);
	known = s->probed;
	if (known)
		give(s, out);
	pthread_mutex_unlock(&s->lock);
	return known;
}
