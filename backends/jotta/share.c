/* Public links, and older contents. */
#include "backends/jotta/jotta.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "backends/jotta/walk.h"
#include "lib/parse.h"
#include "net/url.h"

/* In a path that the service has made, what need not be encoded again. */
static void add_link_path(struct buf *url, const char *path)
{
	while (*path == '/')
		path++;
	for (const char *p = path; *p; p++) {
		if (*p <= ' ' || *p >= 0x7f || strchr("\"<>\\^`{|}", *p)) {
			url_encode_path(url, path);
			return;
		}
	}
	buf_adds(url, path);
}

static const char *page_url(struct jotta *j, struct op *op,
			    const struct jfs_node *n)
{
	struct buf url = BUF_INIT;
	const char *out;

	if (!n->public_path || *n->public_path == '\0')
		return NULL;
	buf_adds(&url, j->account->www_url);
	add_link_path(&url, n->public_path);
	out = arena_strdup(&op->arena, url.data);
	buf_free(&url);
	return out;
}

static const char *content_url(struct jotta *j, struct op *op,
			       const char *username, const char *uri)
{
	struct buf url = BUF_INIT;
	const char *out;

	buf_addf(&url, "%sopin/io/downloadPublic/", j->account->www_url);
	url_encode(&url, username);
	buf_adds(&url, "/");
	url_encode(&url, uri);
	out = arena_strdup(&op->arena, url.data);
	buf_free(&url);
	return out;
}

/* The addresses of a node; none if it has no link.  A folder has no content. */
static void set_urls(struct jotta *j, struct op *op, const char *username,
		     const struct jfs_node *n, struct link *out)
{
	out->kind = n->kind == JFS_FILE ? ENTRY_FILE : ENTRY_DIR;
	out->url = out->page = NULL;
	if (!n->public_uri || *n->public_uri == '\0')
		return;
	out->page = page_url(j, op, n);
	out->url = out->page && out->kind == ENTRY_DIR
			   ? out->page
			   : content_url(j, op, username, n->public_uri);
}

/* What an answer says of the thing that was shared. */
struct shared {
	struct jotta *j;
	const char *username;
	struct link link;
};

static int keep_self(void *arg, struct op *op, const struct jfs_node *n)
{
	struct shared *s = arg;

	if (!n->self || n->kind == JFS_REVISION)
		return 0;
	set_urls(s->j, op, s->username, n, &s->link);
	return 0;
}

int jotta_link(struct backend *be, struct op *op, const char *path,
	       const struct link_opt *opt, struct link *out)
{
	struct shared s = { .j = jotta_of(be) };
	struct http_request rq = { .method = "GET" };
	struct http_answer answer;

	if (opt->expire && !opt->unlink)
		return err_set(&op->err, ERR_UNSUPPORTED,
			       "links do not expire there; take this one back "
			       "with --unlink when it has served");
	if (jotta_username(s.j, op, &s.username) < 0 ||
	    jotta_jfs(s.j, op, path,
		      opt->unlink ? "mode=disableShare" : "mode=enableShare",
		      &rq, &answer) < 0)
		return -1;
	if (jfs_parse(op, answer.body, answer.body_len, keep_self, &s) < 0)
		return err_wrap(&op->err, "the answer");
	s.link.path = arena_strdup(&op->arena, path);
	if (opt->unlink && s.link.url)
		return err_set(&op->err, ERR_SERVER,
			       "the service has not taken the link back");
	if (!opt->unlink && !s.link.url)
		return err_set(&op->err, ERR_CORRUPT,
			       "the service has made no link");
	if (out)
		*out = s.link;
	return 0;
}

struct linked {
	struct jotta *j;
	const char *username;
	link_fn *fn;
	void *arg;
};

static int show_link(void *arg, struct op *op, const char *path,
		     const struct jfs_node *n)
{
	struct linked *l = arg;
	struct link link = { .path = path };

	set_urls(l->j, op, l->username, n, &link);
	return link.url && !n->deleted ? l->fn(l->arg, op, &link) : 0;
}

/* Of a folder its parent's listing does not tell; its own does. */
static int show_file(void *arg, struct op *op, const char *path,
		     const struct jfs_node *n)
{
	return n->kind == JFS_FILE ? show_link(arg, op, path, n) : 0;
}

/* What is shared is known only where it is: there is no list to ask for. */
int jotta_links(struct backend *be, struct op *op, link_fn *fn, void *arg)
{
	struct linked l = { .j = jotta_of(be), .fn = fn, .arg = arg };
	const struct jotta_walk walk = { .each = show_file,
					 .left = show_link,
					 .arg = &l };

	if (jotta_username(l.j, op, &l.username) < 0)
		return -1;
	return jotta_walk(l.j, op, "", &walk);
}

/* The revisions of one file; the service keeps five. */
enum { REVISIONS_MAX = 1000 };

struct revisions {
	struct jfs_node file;
	struct jfs_node *at;
	size_t n, cap;
};

static int keep_revision(void *arg, struct op *op, const struct jfs_node *n)
{
	struct revisions *r = arg;
	struct jfs_node plain = *n;

	/* The texts are gone when this returns, and not needed. */
	plain.name = plain.mime = plain.uuid = NULL;
	plain.public_uri = plain.public_path = NULL;
	if (n->kind != JFS_REVISION) {
		if (n->self)
			r->file = plain;
		return 0;
	}
	if (!n->complete)
		return 0;
	if (r->n == REVISIONS_MAX)
		return err_set(&op->err, ERR_CORRUPT,
			       "more revisions of one file than can be");
	if (r->n == r->cap) {
		r->cap = r->cap ? r->cap * 2 : 8;
		r->at = xrealloc(r->at, r->cap, sizeof(*r->at));
	}
	r->at[r->n++] = plain;
	return 0;
}

static int newest_first(const void *a, const void *b)
{
	const struct jfs_node *x = a, *y = b;

	return x->number > y->number ? -1 : x->number < y->number;
}

static int get_revisions(struct jotta *j, struct op *op, const char *path,
			 struct revisions *r)
{
	if (jfs_get(j, op, path, keep_revision, r) < 0)
		return -1;
	if (r->file.kind != JFS_FILE)
		return err_set(&op->err, ERR_IS_DIR, "it is a folder");
	if (!jotta_lives(&r->file))
		return jotta_no_file(op);
	if (r->n)
		qsort(r->at, r->n, sizeof(*r->at), newest_first);
	return 0;
}

int jotta_versions(struct backend *be, struct op *op, const char *path,
		   version_fn *fn, void *arg)
{
	struct revisions r = { .at = NULL };
	int rc = get_revisions(jotta_of(be), op, path, &r);

	for (size_t i = 0; rc == 0 && i < r.n; i++) {
		const struct jfs_node *n = &r.at[i];
		struct version v = {
			.id = arena_printf(&op->arena, "%" PRId64, n->number),
			.size = n->size,
			.mtime = n->mtime,
			.hash = n->hash,
		};

		if (n->number != r.file.number)
			rc = fn(arg, op, &v);
	}
	free(r.at);
	return rc;
}

int jotta_version_restore(struct backend *be, struct op *op, const char *path,
			  const char *version)
{
	struct jotta *j = jotta_of(be);
	struct revisions r = { .at = NULL };
	const struct jfs_node *n = NULL;
	int64_t number;
	int rc = -1;

	if (!parse_int(version, &number))
		return err_set(&op->err, ERR_INVALID,
			       "\"%s\" is no version: they have numbers",
			       version);
	if (get_revisions(j, op, path, &r) < 0)
		goto out;
	for (size_t i = 0; i < r.n && !n; i++)
		if (r.at[i].number == number)
			n = &r.at[i];
	if (number == r.file.number)
		rc = 0; /* it is the current one */
	else if (!n)
		err_set(&op->err, ERR_NOT_FOUND,
			"there is no version %" PRId64 " of it", number);
	else
		rc = jotta_by_hash(j, op, path, n);
out:
	free(r.at);
	return rc;
}
