/*
 * What a server can be trusted with, found out on temporary files of our own:
 * servers differ, and few say how.  In two halves: what a new small file needs
 * to be written, and what everything else needs.
 */
#include <string.h>

#include "backends/webdav/propfind.h"
#include "backends/webdav/write.h"
#include "lib/date.h"

/* In 2001; each way of setting a time is tried with one of its own. */
#define FIRST_SEC INT64_C(1000000000)

struct probe {
	struct webdav *w;
	struct webdav_facts facts;
	const char *a, *b; /* the two files */
	bool a_is_there, b_is_there;
	const char *etag; /* of a's content, as PUT told it; or NULL */
	bool took_header; /* the PUT said that it took X-OC-Mtime */
	struct multistatus_item now, now_b;
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

/* `content`: all of the same length, so that only an ETag tells them apart. */
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

/*
 * Write the first file and look at it; `create`: also as if it were not there
 * yet.
 */
static int begin(struct probe *p, struct op *op, bool create)
{
	struct http_answer a, second = { 0 };
	const char *said;
	bool ok = false;

	if (put(p, op, p->a, "ferry one\n", NULL, NULL, &a) < 0) {
		if (webdav_missing_parent(p->w, op, p->a) <= 0 ||
		    put(p, op, p->a, "ferry one\n", NULL, NULL, &a) < 0)
			return -1;
	}
	p->a_is_there = true;
	said = http_header(&a, "X-OC-Mtime");
	p->took_header = said && strcmp(said, "accepted") == 0;
	if (create) {
		if (answered(op,
			     put(p, op, p->a, "ferry two\n", "If-None-Match",
				 "*", &second),
			     &ok) < 0)
			return -1;
		p->facts.if_none_match = second.status == 412;
	}
	if (webdav_look(p->w, op, p->a, &p->now) < 0)
		return -1;
	p->etag = etag_of(ok ? &second : &a);
	p->facts.clock = is_clock(p, ok ? &second : &a);
	return 0;
}

/* After begin(): conditions, and the ETag of another content. */
static int probe_etags(struct probe *p, struct op *op)
{
	static const char third[] = "ferry six\n";
	struct webdav_facts *f = &p->facts;
	struct multistatus_item first = p->now;
	bool written = false, ok;
	struct http_answer a;

	if (answered(op,
		     put(p, op, p->a, third, "If-Match", "\"0-ferry-0\"", &a),
		     &ok) < 0)
		return -1;
	f->if_match = a.status == 412;
	written = ok;
	if (!written) {
		bool strong = f->if_match && webdav_etag_is_strong(first.tag);

		if (answered(op,
			     put(p, op, p->a, third, strong ? "If-Match" : NULL,
				 first.tag, &a),
			     &ok) < 0)
			return -1;
		if (!ok)
			f->if_match = false; /* the right one is refused */
		written = ok;
	}
	if (webdav_look(p->w, op, p->a, &p->now) < 0)
		return -1;
	f->stable_etag = written && webdav_etag_is_strong(first.tag) &&
			 webdav_etag_is_strong(p->now.tag) &&
			 strcmp(first.tag, p->now.tag) != 0 &&
			 (!p->etag || strcmp(p->etag, first.tag) == 0);
	return 0;
}

/* Which of the properties has told the file's time, or kept it. */
static enum webdav_time kept_time(const struct probe *p)
{
	static const enum webdav_time live[] = {
		WEBDAV_TIME_PROP_LASTMODIFIED,
		WEBDAV_TIME_PROP_WIN32,
		WEBDAV_TIME_PROP_GETLAST,
	};
	struct entry e = { .mtime = MTIME_UNKNOWN };
	int64_t ns;

	for (size_t i = 0; i < ARRAY_LEN(live); i++)
		if (shows(p, FIRST_SEC + live[i]))
			return live[i];
	if (webdav_modified(p->now.modified, &ns))
		e.mtime = ns;
	e.tag = *p->now.tag ? p->now.tag : NULL;
	if (webdav_own_time(p->now.own, &e, &ns) &&
	    webdav_seconds(ns) == FIRST_SEC + WEBDAV_TIME_PROP_OWN)
		return WEBDAV_TIME_PROP_OWN;
	return WEBDAV_TIME_MEMORY;
}

/* Each by itself, since some refuse all for one that they do not like. */
static int try_each(struct probe *p, struct op *op)
{
	static const enum webdav_time kinds[] = {
		WEBDAV_TIME_PROP_LASTMODIFIED,
		WEBDAV_TIME_PROP_WIN32,
		WEBDAV_TIME_PROP_GETLAST,
		WEBDAV_TIME_PROP_OWN,
	};
	struct webdav_facts f = { .if_match = false };
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
	return 0;
}

static int probe_properties(struct probe *p, struct op *op)
{
	int rc = webdav_try_times(p->w, op, p->a, FIRST_SEC, &p->now);
	/* 405 and 501: it knows nothing of properties */
	bool none = rc < 0 && op->err.kind == ERR_UNSUPPORTED, ok;

	if (answered(op, rc, &ok) < 0)
		return -1;
	if (ok) {
		if (webdav_look(p->w, op, p->a, &p->now) < 0)
			return -1;
		p->facts.time = kept_time(p);
	}
	if (none || p->facts.time != WEBDAV_TIME_MEMORY)
		return 0;
	if (try_each(p, op) < 0 || webdav_look(p->w, op, p->a, &p->now) < 0)
		return -1;
	p->facts.time = kept_time(p);
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

/* Where that is known already: so that it can be seen whether it moves. */
static int set_time(struct probe *p, struct op *op)
{
	const char *etag = *p->now.tag ? p->now.tag : NULL;
	bool ok;

	if (p->facts.time == WEBDAV_TIME_HEADER ||
	    p->facts.time == WEBDAV_TIME_DATE ||
	    p->facts.time == WEBDAV_TIME_MEMORY)
		return 0;
	if (answered(op,
		     webdav_set_mtime(p->w, op, p->a, &p->facts,
				      FIRST_SEC * NS_PER_SEC, etag),
		     &ok) < 0)
		return -1;
	if (p->facts.time == WEBDAV_TIME_PROP_OWN)
		return 0;
	return webdav_look(p->w, op, p->a, &p->now);
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
 * Write the second file, in two pieces.  Many ignore Content-Range, and make
 * the last piece the file; others make it as large as it is to become.
 */
static int probe_pieces(struct probe *p, struct op *op)
{
	struct content c = { { keep_content }, BUF_INIT };
	struct http_request rq = { .method = "GET", .sink = &c.base };
	struct http_answer a;
	bool ok;
	int rc;

	p->b_is_there = true; /* also if no answer comes */
	if (put(p, op, p->b, "abcd", NULL, NULL, &a) < 0)
		return -1;
	rc = put_behind(p, op);
	if (rc < 0 || webdav_look(p->w, op, p->b, &p->now_b) < 0)
		return -1;
	if (rc == 0 || p->now_b.size != 8)
		return 0;
	rc = answered(op, webdav_ask(p->w, op, p->b, false, &rq, &a), &ok);
	p->facts.pieces = ok && strcmp(c.text.data, "abcdefgh") == 0;
	buf_free(&c.text);
	return rc;
}

/* MOVE a onto b: without leave (its If header names a wrong ETag), and with. */
static int probe_move(struct probe *p, struct op *op)
{
	struct webdav_facts *f = &p->facts;
	const struct probe before = *p;
	bool ok;

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
					     false, true, p->now_b.tag),
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
	p->a_is_there = !f->move_over;
	return 0;
}

static int run(struct probe *p, struct op *op, bool basic, bool all)
{
	if (begin(p, op, basic) < 0)
		return -1;
	if (all && probe_etags(p, op) < 0)
		return -1;
	if ((basic ? probe_time : set_time)(p, op) < 0)
		return -1;
	if (!all)
		return 0;
	if (probe_pieces(p, op) < 0 || probe_move(p, op) < 0)
		return -1;
	/* A time that is lost when a file is moved must be set after that. */
	if (p->facts.move_over && !p->facts.time_moves &&
	    (p->facts.time == WEBDAV_TIME_HEADER ||
	     p->facts.time == WEBDAV_TIME_DATE))
		p->facts.time = WEBDAV_TIME_MEMORY;
	p->facts.all = true;
	return 0;
}

int webdav_probe(struct webdav *w, struct op *op, bool basic, bool all,
		 struct webdav_facts *f)
{
	struct probe p = {
		.w = w,
		.facts = *f,
		.a = webdav_aside(op, ""),
		.b = webdav_aside(op, ""),
	};
	int rc = run(&p, op, basic, all);

	/* What a PUT without an answer has made must go, too. */
	if (rc < 0 || p.a_is_there)
		webdav_discard(w, op, p.a);
	if (p.b_is_there)
		webdav_discard(w, op, p.b);
	if (rc < 0)
		return err_wrap(&op->err, "trying out the server");
	*f = p.facts;
	return 0;
}
