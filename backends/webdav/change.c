#include <string.h>

#include "backends/listing.h"
#include "backends/webdav/propfind.h"
#include "backends/webdav/write.h"

static int is_a_folder(struct op *op)
{
	return err_set(&op->err, ERR_IS_DIR, "a folder is there");
}

static int not_a_folder(struct op *op, const char *path)
{
	return err_set(&op->err, ERR_NOT_DIR, "\"%s\" is not a folder", path);
}

/* ERR_NO_DIR or ERR_NOT_DIR unless a folder is there. */
static int look_for_dir(struct webdav *w, struct op *op, const char *path)
{
	struct entry e;

	if (webdav_find(w, op, path, &e) < 0) {
		if (op->err.kind == ERR_NOT_FOUND)
			op->err.kind = ERR_NO_DIR;
		return -1;
	}
	return e.kind == ENTRY_DIR ? 0 : not_a_folder(op, path);
}

/* 0 if the folder is there now, 1 if its parent is missing, or -1. */
static int make_one(struct webdav *top, struct op *op, const char *path)
{
	struct http_request rq = { .method = "MKCOL" };
	struct err why;
	int rc;

	if (webdav_ask(top, op, path, true, &rq, NULL) == 0)
		return 0;
	why = op->err;
	if (why.kind == ERR_NO_DIR || why.kind == ERR_NOT_FOUND)
		return 1;
	if (err_info(why.kind)->retry && why.kind != ERR_SERVER)
		return -1;
	/* 405 says that it is there, but some say so by another status. */
	rc = look_for_dir(top, op, path);
	if (rc == 0 || op->err.kind == ERR_NOT_DIR)
		return rc;
	/* And some, that there is no parent or a file in its place. */
	if (strchr(path, '/') &&
	    look_for_dir(top, op, webdav_parent(op, path)) < 0 &&
	    !err_info(op->err.kind)->retry)
		return op->err.kind == ERR_NOT_DIR ? -1 : 1;
	op->err = why;
	return -1;
}

/* What a missing parent is: nothing, or a file that is in the way. */
static int no_parent(struct webdav *top, struct op *op, const char *path)
{
	struct err why = op->err;

	if (look_for_dir(top, op, webdav_parent(op, path)) < 0)
		return -1;
	op->err = why;
	return -1;
}

/*
 * The last one first: mostly it is there, or its parent is.  Then up to the
 * first that can be made, and down again.
 */
int webdav_mkdir(struct backend *be, struct op *op, const char *dir)
{
	struct webdav *w = webdav_of(be);
	char none[1] = "", *path;
	struct webdav top = webdav_top(w, none);
	const char *full = webdav_full_path(w, op, dir);
	size_t n = strlen(full), end = n;
	int rc;

	if (n == 0)
		return look_for_dir(&top, op, "");
	path = arena_strdup(&op->arena, full);
	while ((rc = make_one(&top, op, path)) == 1) {
		char *slash = strrchr(path, '/');

		if (!slash)
			return no_parent(&top, op, path);
		end = (size_t)(slash - path);
		*slash = '\0';
	}
	while (rc == 0 && end < n) {
		path[end] = '/';
		end = strlen(path);
		rc = make_one(&top, op, path);
		if (rc == 1)
			return no_parent(&top, op, path);
	}
	return rc;
}

static int remove_it(struct webdav *w, struct op *op, const char *path,
		     bool dir, const char *etag)
{
	const struct http_header headers[] = {
		{ etag ? "If-Match" : NULL, etag },
		{ NULL, NULL },
	};
	struct http_request rq = { .method = "DELETE", .headers = headers };

	return webdav_ask(w, op, path, dir, &rq, NULL);
}

/* The ETag of a file as a precondition, where the server heeds those. */
static const char *condition(struct webdav *w, struct op *op, const char *etag)
{
	struct webdav_facts f;

	if (!webdav_etag_is_strong(etag) || !webdav_facts_known(w, op, &f) ||
	    !f.if_match || !f.stable_etag)
		return NULL;
	return etag;
}

/* DELETE takes a folder with all that is in it: so look before. */
int webdav_unlink(struct backend *be, struct op *op, const char *path)
{
	struct webdav *w = webdav_of(be);
	const char *etag = NULL;
	struct entry e;

	if (webdav_find_etag(w, op, path, &e, &etag) < 0) {
		if (op->err.kind == ERR_NO_DIR)
			op->err.kind = ERR_NOT_FOUND;
		return -1;
	}
	if (e.kind == ENTRY_DIR)
		return err_set(&op->err, ERR_IS_DIR, "is a folder");
	return remove_it(w, op, path, false, condition(w, op, etag));
}

struct content {
	bool is_file, any;
};

static int see_content(void *arg, struct op *op,
		       const struct multistatus_item *item)
{
	struct content *c = arg;

	(void)op;
	if (*item->name)
		c->any = true;
	else
		c->is_file = !item->dir;
	return 0;
}

static int delete_dir(struct webdav *w, struct op *op, const char *dir)
{
	if (remove_it(w, op, dir, true, NULL) == 0)
		return 0;
	if (op->err.kind == ERR_NOT_FOUND)
		op->err.kind = ERR_NO_DIR;
	return -1;
}

static bool is_top(const struct webdav *w, const char *dir)
{
	return *w->root == '\0' && *dir == '\0';
}

int webdav_rmdir(struct backend *be, struct op *op, const char *dir)
{
	struct webdav *w = webdav_of(be);
	struct content c = { false, false };

	if (is_top(w, dir))
		return err_set(&op->err, ERR_DENIED,
			       "the root of the remote stays");
	if (look_for_dir(w, op, dir) < 0 ||
	    webdav_propfind_items(w, op, dir, true, true, "<d:resourcetype/>",
				  NULL, see_content, &c) < 0)
		return -1;
	if (c.is_file)
		return not_a_folder(op, dir);
	if (c.any)
		return err_set(&op->err, ERR_NOT_EMPTY,
			       "the folder is not empty");
	return delete_dir(w, op, dir);
}

static int gather(void *arg, struct op *op, const struct entry *e)
{
	return *e->name ? listing_add(arg, op, e) : 0;
}

/* What is in the remote's root, which itself stays. */
static int purge_top(struct webdav *w, struct op *op)
{
	struct listing l = LISTING_INIT;
	struct posix_meta meta;
	struct entry e;
	int rc = -1;

	if (webdav_propfind(w, op, "", 1, gather, &l) < 0 ||
	    listing_sort(&l, op) < 0)
		goto out;
	while ((rc = listing_next(&l, op, &e, &meta)) == 1)
		if (remove_it(w, op, e.name, e.kind == ENTRY_DIR, NULL) < 0 &&
		    op->err.kind != ERR_NOT_FOUND) {
			rc = -1;
			break;
		}
out:
	listing_free(&l);
	return rc;
}

int webdav_purge(struct backend *be, struct op *op, const char *dir)
{
	struct webdav *w = webdav_of(be);

	if (is_top(w, dir))
		return purge_top(w, op);
	if (look_for_dir(w, op, dir) < 0)
		return -1;
	return delete_dir(w, op, dir);
}

bool webdav_same(const struct entry *seen, const struct entry *now)
{
	int64_t apart;

	if (seen->kind != now->kind)
		return false;
	if (seen->tag && now->tag)
		return webdav_same_etag(seen->tag, now->tag);
	if (seen->size != SIZE_UNKNOWN && now->size != SIZE_UNKNOWN &&
	    seen->size != now->size)
		return false;
	if (seen->mtime == MTIME_UNKNOWN || now->mtime == MTIME_UNKNOWN)
		return true;
	return !__builtin_sub_overflow(seen->mtime, now->mtime, &apart) &&
	       apart < NS_PER_SEC && apart > -NS_PER_SEC;
}

int webdav_check_place(struct webdav *w, struct op *op, const char *path,
		       const struct put_opt *opt, bool *there,
		       struct entry *old)
{
	*there = false;
	if (is_top(w, path))
		return is_a_folder(op);
	if (opt->mode == PUT_CREATE)
		return 0; /* "Overwrite: F" sees to it */
	if (webdav_find(w, op, path, old) < 0) {
		if (op->err.kind != ERR_NOT_FOUND && op->err.kind != ERR_NO_DIR)
			return -1;
		err_clear(&op->err);
		return 0; /* nothing there can be lost */
	}
	*there = true;
	if (old->kind == ENTRY_DIR)
		return is_a_folder(op);
	if (opt->mode == PUT_OVER && opt->over && !webdav_same(opt->over, old))
		return err_set(&op->err, ERR_CONFLICT,
			       "what it would replace has changed");
	return 0;
}
