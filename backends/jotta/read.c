#include "backends/jotta/read.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "lib/parse.h"

/*
 * A whole file up to this size is held back until its MD5 is right: so the
 * service need not be asked first whether the file is still the same.
 */
enum { HOLD_MAX = 1024 * 1024 };

void jotta_fill(const struct jfs_node *n, const char *name,
		char tag[JOTTA_TAG_MAX], struct entry *out)
{
	bool is_file = n->kind != JFS_FOLDER;
	struct buf hex = BUF_INIT;

	*out = (struct entry){
		.kind = is_file ? ENTRY_FILE : ENTRY_DIR,
		.name = name,
		.size = is_file ? n->size : SIZE_UNKNOWN,
		.mtime = is_file ? n->mtime : MTIME_UNKNOWN,
		.id = n->uuid,
		.mime = is_file ? n->mime : NULL,
	};
	if (!is_file || !(n->hash.have & 1u << HASH_MD5))
		return;
	out->hash = n->hash;
	digest_hex(&hex, &n->hash, HASH_MD5);
	snprintf(tag, JOTTA_TAG_MAX, "%s-%" PRId64, hex.data, n->size);
	out->tag = tag;
	buf_free(&hex);
}

void jotta_entry(struct op *op, const struct jfs_node *n, const char *name,
		 struct entry *out)
{
	char tag[JOTTA_TAG_MAX];
	struct entry e;

	jotta_fill(n, name, tag, &e);
	*out = entry_copy(&op->arena, &e);
}

/* Whether the error says no more than that there is nothing. */
static bool is_absence(const struct op *op)
{
	enum err_kind kind = op->err.kind;

	return kind == ERR_NOT_FOUND || kind == ERR_NO_DIR ||
	       kind == ERR_NOT_DIR;
}

/*
 * A path that a user has read off some earlier listing: list the folders in
 * which other raw names could be shown so.
 */
static int find_odd(struct jotta *j, struct op *op, const char *path)
{
	char *copy = arena_strdup(&op->arena, path), *save = NULL;
	struct buf dir = BUF_INIT, raw = BUF_INIT;
	int rc = 0;

	for (char *p = strtok_r(copy, "/", &save); p && rc == 0;
	     p = strtok_r(NULL, "/", &save)) {
		buf_reset(&raw);
		jotta_encode(&raw, p);
		if (strcmp(raw.data, p) != 0)
			rc = jotta_learn(j, op, dir.data);
		buf_addf(&dir, "%s%s", dir.len ? "/" : "", p);
	}
	if (rc < 0 && is_absence(op)) {
		err_clear(&op->err);
		rc = 0;
	}
	buf_free(&dir);
	buf_free(&raw);
	return rc;
}

static int stat_node(struct jotta *j, struct op *op, const char *path,
		     struct jfs_node *out)
{
	const char *raw;

	if (jotta_node(j, op, path, out) == 0)
		return 0;
	if (op->err.kind != ERR_NOT_FOUND)
		return -1;
	raw = jotta_raw(j, op, path);
	if (find_odd(j, op, path) < 0)
		return -1;
	if (strcmp(raw, jotta_raw(j, op, path)) == 0)
		return jotta_no_file(op);
	return jotta_node(j, op, path, out);
}

int jotta_stat(struct backend *be, struct op *op, const char *path,
	       struct entry *out)
{
	const char *slash = strrchr(path, '/');
	struct jfs_node n;

	if (stat_node(jotta_of(be), op, path, &n) < 0)
		return -1;
	if (!jotta_lives(&n) && *path == '\0')
		return err_set(&op->err, ERR_NO_DIR, "no such directory");
	if (!jotta_lives(&n))
		return jotta_no_file(op);
	if (out)
		jotta_entry(op, &n, slash ? slash + 1 : path, out);
	return 0;
}

/* What comes, on its way to where it goes. */
struct reading {
	struct sink base;
	struct sink *dst;
	const struct get_opt *opt;
	struct hasher *hasher; /* of a whole file; else NULL */
	bool holding;
	struct buf held;
	int64_t n;
};

static int reading_write(struct sink *sink, struct op *op, const void *p,
			 size_t n)
{
	struct reading *r = container_of(sink, struct reading, base);

	r->n += (int64_t)n;
	if (r->opt->len >= 0 && r->n > r->opt->len)
		return err_set(&op->err, ERR_SERVER,
			       "the service sends more than was asked for");
	if (r->hasher)
		hasher_add(r->hasher, p, n);
	if (r->holding && r->held.len + n > HOLD_MAX)
		return err_set(&op->err, ERR_CONFLICT,
			       "the file has grown since it was listed");
	if (r->holding) {
		buf_add(&r->held, p, n);
		return 0;
	}
	return r->dst->write(r->dst, op, p, n);
}

static bool wants_range(const struct get_opt *opt)
{
	return opt->off > 0 || opt->len >= 0;
}

/* "bytes 5-9/10" must begin where it was asked to. */
static bool range_fits(const char *text, int64_t off)
{
	char *end;

	if (!text || strncasecmp(text, "bytes ", 6) != 0)
		return false;
	text += 6 + strspn(text + 6, " ");
	return *text >= '0' && *text <= '9' && strtoll(text, &end, 10) == off &&
	       *end == '-';
}

static int check_head(void *arg, struct op *op, const struct http_answer *a)
{
	const struct reading *r = arg;

	if (!wants_range(r->opt))
		return 0;
	if (a->status == 206 &&
	    range_fits(http_header(a, "Content-Range"), r->opt->off))
		return 0;
	if (a->status == 200 && r->opt->off == 0)
		return 0; /* all of it; what is too much is noticed */
	return err_set(&op->err, ERR_SERVER,
		       "the service sends another part than was asked for");
}

static int ask_content(struct jotta *j, struct op *op, const char *path,
		       struct reading *r)
{
	const struct get_opt *opt = r->opt;
	struct http_header headers[2] = { { NULL, NULL }, { NULL, NULL } };
	struct http_request rq = { .method = "GET",
				   .headers = headers,
				   .sink = &r->base,
				   .head = check_head,
				   .head_arg = r };
	const char *query = "mode=bin";
	int64_t last;

	if (opt->version && (*opt->version == '\0' ||
			     opt->version[strspn(opt->version, "0123456789")]))
		return err_set(&op->err, ERR_INVALID,
			       "\"%s\" is no version of a file", opt->version);
	if (opt->version)
		query = arena_printf(&op->arena, "mode=bin&revision=%s",
				     opt->version);
	if (wants_range(opt))
		headers[0].name = "Range";
	if (opt->len < 0 ||
	    __builtin_add_overflow(opt->off, opt->len - 1, &last))
		headers[0].value = arena_printf(&op->arena,
						"bytes=%" PRId64 "-", opt->off);
	else
		headers[0].value =
			arena_printf(&op->arena, "bytes=%" PRId64 "-%" PRId64,
				     opt->off, last);
	return jotta_jfs(j, op, path, query, &rq, NULL);
}

static bool has_tag(const struct jfs_node *n, const char *tag)
{
	char now[JOTTA_TAG_MAX];
	struct entry e;

	jotta_fill(n, "", now, &e);
	return e.tag && strcmp(e.tag, tag) == 0;
}

static int check_tag(struct op *op, const struct jfs_node *n, const char *tag)
{
	if (!tag || has_tag(n, tag))
		return 0;
	return err_set(&op->err, ERR_CONFLICT,
		       "it has changed since it was listed");
}

/* The size in a tag, or -1. */
static int64_t size_in(const char *tag)
{
	const char *dash = tag ? strchr(tag, '-') : NULL;
	int64_t size;

	return dash && parse_int(dash + 1, &size) ? size : -1;
}

/* Whether what came is the file that the tag belongs to. */
static bool is_right(struct reading *r, const char *tag)
{
	struct jfs_node came = { .kind = JFS_FILE, .size = r->n };

	hasher_end(r->hasher, &came.hash);
	return has_tag(&came, tag);
}

/* A small file that the caller has seen: one request, if all is well. */
static int get_held(struct jotta *j, struct op *op, const char *path,
		    struct reading *r)
{
	const char *tag = r->opt->tag;
	struct jfs_node n;

	r->holding = true;
	if (ask_content(j, op, path, r) == 0) {
		if (is_right(r, tag))
			return r->dst->write(r->dst, op, r->held.data,
					     r->held.len);
		err_set(&op->err, ERR_CORRUPT,
			"what came does not match the file's MD5");
	}
	if (op->err.kind == ERR_NOT_FOUND || op->err.kind == ERR_CORRUPT ||
	    op->err.kind == ERR_CONFLICT) {
		const struct err why = op->err;

		if (jotta_file(j, op, path, &n) < 0 ||
		    check_tag(op, &n, tag) < 0)
			return -1;
		op->err = why;
	}
	return -1;
}

/* A part of what the caller has seen: whether it was still the same after. */
static int get_part(struct jotta *j, struct op *op, const char *path,
		    struct reading *r)
{
	struct jfs_node n;
	struct err why;
	int rc = ask_content(j, op, path, r);

	if (rc < 0 && op->err.kind != ERR_NOT_FOUND &&
	    op->err.kind != ERR_CONFLICT)
		return -1;
	why = op->err;
	if (jotta_file(j, op, path, &n) < 0 ||
	    check_tag(op, &n, r->opt->tag) < 0)
		return -1;
	if (rc < 0 && why.code == 416 && n.size <= r->opt->off)
		return 0; /* nothing is there to be read */
	op->err = why;
	return rc;
}

/* A version is what it is; there is no listing to compare it with. */
static int get_version(struct jotta *j, struct op *op, const char *path,
		       struct reading *r)
{
	struct jfs_node n;
	struct err why;

	if (ask_content(j, op, path, r) == 0)
		return 0;
	why = op->err;
	if (why.kind != ERR_NOT_FOUND)
		return -1;
	if (jotta_file(j, op, path, &n) == 0)
		return err_set(&op->err, ERR_NOT_FOUND, "no such version");
	return -1;
}

static int check_whole(struct jotta *j, struct op *op, const char *path,
		       struct reading *r, const struct jfs_node *before)
{
	char tag[JOTTA_TAG_MAX];
	struct jfs_node now;
	struct entry e;

	jotta_fill(before, "", tag, &e);
	if (!e.tag || is_right(r, tag))
		return 0;
	if (jotta_file(j, op, path, &now) < 0 || check_tag(op, &now, tag) < 0)
		return -1;
	return err_set(&op->err, ERR_CORRUPT,
		       "what came does not match the file's MD5");
}

static int get_any(struct jotta *j, struct op *op, const char *path,
		   struct reading *r)
{
	const struct get_opt *opt = r->opt;
	struct jfs_node n;

	if (jotta_file(j, op, path, &n) < 0 || check_tag(op, &n, opt->tag) < 0)
		return -1;
	if (opt->len == 0 || (opt->off > 0 && n.size == opt->off))
		return 0;
	if (ask_content(j, op, path, r) < 0)
		return -1;
	return r->hasher ? check_whole(j, op, path, r, &n) : 0;
}

/* Whether be_get() compares the MD5 by itself. */
static bool is_checked(const struct get_opt *opt)
{
	return opt->want && opt->want->have & 1u << HASH_MD5;
}

int jotta_get(struct backend *be, struct op *op, const char *path,
	      const struct get_opt *opt, struct sink *dst)
{
	struct jotta *j = jotta_of(be);
	bool is_part = wants_range(opt);
	int64_t size = size_in(opt->tag);
	struct reading r = { .base.write = reading_write,
			     .dst = dst,
			     .opt = opt,
			     .held = BUF_INIT };
	bool is_held;
	int rc;

	is_held = !is_part && !opt->version && size >= 0 && size <= HOLD_MAX;
	if (is_held || (!is_part && !opt->version && !is_checked(opt)))
		r.hasher = hasher_new(1u << HASH_MD5);
	if (opt->version && opt->len != 0)
		rc = get_version(j, op, path, &r);
	else if (is_part && opt->tag && opt->len != 0)
		rc = get_part(j, op, path, &r);
	else if (is_part && opt->own_check && opt->len != 0)
		rc = ask_content(j, op, path, &r);
	else if (is_held)
		rc = get_held(j, op, path, &r);
	else
		rc = get_any(j, op, path, &r);
	hasher_free(r.hasher);
	buf_free(&r.held);
	return rc;
}

int jotta_quota(struct backend *be, struct op *op, struct quota *out)
{
	const struct json_node *customer;
	int64_t total, used;

	if (jotta_customer(jotta_of(be), op, &customer) < 0)
		return -1;
	total = json_number(json_get(customer, "quota"), -1);
	used = json_number(json_get(customer, "usage"), -1);
	*out = (struct quota){ .total = total < 0 ? -1 : total,
			       .used = used < 0 ? -1 : used,
			       .free = -1,
			       .trashed = -1,
			       .objects = -1 };
	if (total >= 0 && used >= 0)
		out->free = total > used ? total - used : 0;
	return 0;
}

int jotta_userinfo(struct backend *be, struct op *op, about_fn *fn, void *arg)
{
	static const struct {
		const char *key, *shown;
	} rows[] = {
		{ "username", "Username" },
		{ "email", "Email" },
		{ "name", "Name" },
		{ "account_type", "AccountType" },
		{ "subscription_type", "SubscriptionType" },
		{ "brand_code", "Brand" },
	};
	const struct json_node *customer;
	int rc = 0;

	if (jotta_customer(jotta_of(be), op, &customer) < 0)
		return -1;
	for (size_t i = 0; rc == 0 && i < ARRAY_LEN(rows); i++) {
		const char *text =
			json_text(json_get(customer, rows[i].key), "");

		if (*text)
			rc = fn(arg, op, rows[i].shown, text);
	}
	if (rc == 0 && json_truth(json_get(customer, "write_locked"), false))
		rc = fn(arg, op, "Locked", "for writing");
	if (rc == 0 && json_truth(json_get(customer, "read_locked"), false))
		rc = fn(arg, op, "Locked", "for reading");
	return rc;
}
