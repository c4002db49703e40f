/*
 * Copies and moves within one account.
 *
 * What a cp or mv onto something does is not known for sure: onto a thing in
 * the trash the result has been seen to stay there.  So where the destination
 * has ever been, the file is made by its size and MD5 (cphash), which makes a
 * new revision, and comes out alive; a move then deletes its source.
 */
#include <string.h>

#include "backends/jotta/change.h"
#include "lib/fold.h"
#include "lib/log.h"
#include "lib/vec.h"
#include "net/url.h"

enum { DEPTH_MAX = 200 };

/* One file on its way. */
struct transfer {
	struct jotta *from, *to;
	const char *src, *dst;
	struct jfs_node file; /* what the source is */
	bool move;
};

static struct jotta *same_account(struct jotta *to, struct op *op,
				  struct backend *from)
{
	struct jotta *j = jotta_of(from);

	if (j && j->account == to->account)
		return j;
	err_set(&op->err, ERR_UNSUPPORTED, "not within one account");
	return NULL;
}

static const char *leaf(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* The file at `path`, still as it was seen. */
static int find_file(struct jotta *j, struct op *op, const char *path,
		     const struct entry *seen, struct jfs_node *out)
{
	if (jotta_file(j, op, path, out) < 0)
		return -1;
	if (seen && !jotta_is_same(op, out, seen))
		return err_set(&op->err, ERR_CONFLICT,
			       "it has changed since it was listed");
	return 0;
}

/* Whether `opt` allows a file where `old` (or nothing, NULL) is. */
static int check_place(struct op *op, const struct jfs_node *old,
		       const struct put_opt *opt)
{
	if (old && opt->mode == PUT_CREATE)
		return err_set(&op->err, ERR_EXISTS, "something is there");
	/* An old file that is to be kept may be where it shall go already. */
	if (opt->mode == PUT_OVER &&
	    (old ? opt->over && !jotta_is_same(op, old, opt->over)
		 : !opt->keep_old))
		return err_set(&op->err, ERR_CONFLICT,
			       "what it would replace has changed");
	if (old && old->kind == JFS_FOLDER)
		return err_set(&op->err, ERR_IS_DIR, "a directory is there");
	return 0;
}

/* A whole raw path as the service compares it. */
static void add_folded(struct buf *b, struct jotta *j, struct op *op,
		       const char *path)
{
	fold_case(b, jotta_raw(j, op, path));
}

/* 0 two things, 1 one and the same, 2 the second is within the first. */
static int relation(struct jotta *a, const char *path, struct jotta *b,
		    const char *other, struct op *op)
{
	struct buf x = BUF_INIT, y = BUF_INIT;
	int rc = 0;

	add_folded(&x, a, op, path);
	add_folded(&y, b, op, other);
	if (strcmp(x.data, y.data) == 0)
		rc = 1;
	else if (strncmp(x.data, y.data, x.len) == 0 && y.data[x.len] == '/')
		rc = 2;
	buf_free(&x);
	buf_free(&y);
	return rc;
}

/* "cp=/user/device/mountpoint/a/b", encoded, in the op's arena. */
static int verb(struct jotta *to, struct op *op, const char *what,
		const char *path, const char **out)
{
	struct buf b = BUF_INIT;
	const char *username;

	if (jotta_username(to, op, &username) < 0)
		return -1;
	buf_addf(&b, "%s=%%2F", what);
	url_encode(&b, username);
	buf_adds(&b, "%2F");
	url_encode(&b, jotta_raw(to, op, path));
	*out = arena_strdup(&op->arena, b.data);
	buf_free(&b);
	return 0;
}

static bool same_content(const struct jfs_node *a, const struct jfs_node *b)
{
	return a->size == b->size && digests_compare(&a->hash, &b->hash) != 0;
}

/* What somebody has put there meanwhile is not what was moved. */
static int remove_source(struct transfer *t, struct op *op)
{
	struct jfs_node now;
	int found = jotta_find(t->from, op, t->src, &now);

	if (found == 0 || (found == 1 && !jotta_lives(&now)))
		return 0;
	if (found == 1 &&
	    (now.kind != JFS_FILE || !same_content(&now, &t->file)))
		return err_set(&op->err, ERR_CONFLICT,
			       "it has changed while it was moved; what it was "
			       "is at its new place, what it is stays");
	if (found == 1 && (jotta_delete(t->from, op, t->src) == 0 ||
			   op->err.kind == ERR_NOT_FOUND)) {
		err_clear(&op->err);
		return 0;
	}
	return err_wrap(&op->err, "removing what was moved");
}

/*
 * The service may take more names for one than are known here (NFC and NFD, the
 * two small sigmas): whatever the names, a file is known by its uuid.
 */
static bool is_one_file(const struct jfs_node *a, const struct jfs_node *b)
{
	return a->uuid && b->uuid && strcmp(a->uuid, b->uuid) == 0;
}

static int same_file(struct op *op)
{
	return err_set(&op->err, ERR_CONFLICT, "both names lead to one file");
}

/* Make the destination by size and MD5: `want` has the times, too. */
static int make_by_hash(struct transfer *t, struct op *op,
			const struct jfs_node *want)
{
	struct jfs_node made;

	if (t->move && relation(t->from, t->src, t->to, t->dst, op) == 1)
		return same_file(op);
	if (jotta_by_hash(t->to, op, t->dst, want) < 0)
		return -1;
	if (!t->move)
		return 0;
	/* Nothing is deleted before its double is seen to live. */
	if (jotta_node(t->to, op, t->dst, &made) < 0)
		return -1;
	if (!jotta_lives(&made) || !same_content(&made, want))
		return err_set(&op->err, ERR_SERVER,
			       "the service has made another file");
	if (is_one_file(&made, &t->file))
		return same_file(op);
	return remove_source(t, op);
}

/* Whether nothing lives there; false also if that cannot be told. */
static bool is_gone(struct jotta *j, struct op *op, const char *path)
{
	struct jfs_node n;
	int found = jotta_find(j, op, path, &n);

	return found == 0 || (found == 1 && !jotta_lives(&n));
}

/*
 * After a cp or mv failed: whether it was done all the same, and the error
 * is only about the answer.
 */
static bool was_done(struct transfer *t, struct op *op)
{
	const struct err why = op->err;
	struct jfs_node now;
	bool done = false;

	if (!err_info(why.kind)->retry)
		return false;
	done = jotta_find(t->to, op, t->dst, &now) == 1 && jotta_lives(&now) &&
	       now.kind == JFS_FILE && same_content(&now, &t->file);
	if (done && t->move)
		done = is_gone(t->from, op, t->src);
	op->err = why;
	if (done)
		err_clear(&op->err);
	return done;
}

/* The request itself, and the folder that it needs. */
static int post_verb(struct transfer *t, struct op *op,
		     struct http_answer *answer)
{
	const char *dir = jotta_parent(op, t->dst), *query;

	if (verb(t->to, op, t->move ? "mv" : "cp", t->dst, &query) < 0 ||
	    jotta_need_dir(t->to, op, dir) < 0)
		return -1;
	if (jotta_post(t->from, op, t->src, query, answer) == 0)
		return 0;
	if (op->err.kind != ERR_NOT_FOUND)
		return -1;
	/* The source, or a folder that somebody has removed. */
	return jotta_mkdir(&t->to->base, op, dir) < 0
		       ? -1
		       : jotta_post(t->from, op, t->src, query, answer);
}

/* cp or mv, where nothing lives; and the cure for what comes out dead. */
static int try_verb(struct transfer *t, struct op *op,
		    const struct jfs_node *want)
{
	struct http_answer answer = { .body = "" };
	struct jfs_node made, again = *want;

	if (post_verb(t, op, &answer) < 0) {
		if (!was_done(t, op))
			return -1;
		answer = (struct http_answer){ .body = "" };
	}
	if (jotta_file_after(t->to, op, t->dst, &answer, &made) < 0)
		return -1;
	if (jotta_lives(&made) && !same_content(&made, want))
		return err_set(&op->err, ERR_CONFLICT,
			       "it has changed while it was copied");
	if (jotta_lives(&made) && made.mtime == want->mtime)
		return 0;
	if (again.created == MTIME_UNKNOWN)
		again.created = made.created;
	return jotta_by_hash(t->to, op, t->dst, &again);
}

static int make_by_verb(struct transfer *t, struct op *op,
			const struct jfs_node *want)
{
	if (try_verb(t, op, want) == 0)
		return 0;
	if (op->err.kind == ERR_EXISTS && want->hash.have)
		return make_by_hash(t, op, want);
	return -1;
}

/*
 * After a file's rename onto itself failed: whether it was done.  It is asked
 * for under its old name: a service that only repeats what it was asked for
 * then shows that one.
 */
static bool was_renamed(struct transfer *t, struct op *op)
{
	const struct err why = op->err;
	struct jfs_node now;
	bool done;

	done = jotta_find(t->from, op, t->src, &now) == 1 &&
	       jotta_lives(&now) && now.kind == JFS_FILE && now.name &&
	       same_content(&now, &t->file) &&
	       strcmp(now.name, leaf(jotta_raw(t->to, op, t->dst))) == 0;
	op->err = why;
	if (done)
		err_clear(&op->err);
	return done;
}

/* Two names of one file, "a" and "A": nothing may be deleted for that. */
static int rename_itself(struct transfer *t, struct op *op,
			 const struct jfs_node *want)
{
	if (try_verb(t, op, want) == 0)
		return 0;
	if (op->err.kind != ERR_EXISTS && !err_info(op->err.kind)->retry)
		return -1;
	if (was_renamed(t, op))
		return 0;
	return op->err.kind == ERR_EXISTS ? same_file(op) : -1;
}

static void show(const struct transfer *t, struct op *op,
		 const struct jfs_node *made, struct entry *out)
{
	if (!out)
		return;
	jotta_entry(op, made, leaf(t->dst), out);
	out->id = NULL; /* it may have got another */
}

static int run(struct transfer *t, struct op *op, const struct put_opt *opt,
	       struct entry *out)
{
	struct jfs_node want = t->file, old;
	int found = jotta_find(t->to, op, t->dst, &old);
	bool lives = found == 1 && jotta_lives(&old);
	int rc = -1;

	if (found < 0)
		return -1;
	if (opt->mtime != MTIME_UNKNOWN && !t->move)
		want.mtime = jotta_kept_time(opt->mtime);
	if (relation(t->from, t->src, t->to, t->dst, op) == 1 ||
	    (found == 1 && is_one_file(&old, &want))) {
		/* Onto itself: at most its name changes. */
		rc = t->move ? rename_itself(t, op, &want) : 0;
		goto out;
	}
	if (check_place(op, lives ? &old : NULL, opt) < 0)
		return -1;
	if (lives && opt->keep_old) {
		if (jotta_keep_old(t->to, op, t->dst, opt) < 0)
			return -1;
		found = 0;
	}
	if (found == 1 && want.hash.have)
		rc = make_by_hash(t, op, &want);
	else
		rc = make_by_verb(t, op, &want);
out:
	if (rc == 0)
		show(t, op, &want, out);
	return rc;
}

/*
 * A copy to where a listing has just shown nothing, of what it has shown, is
 * one request: whatever has changed meanwhile is seen in its answer.
 */
static bool is_listed(struct transfer *t, struct op *op,
		      const struct put_opt *opt, const struct entry *seen)
{
	return opt->listed && opt->mode == PUT_CREATE && seen &&
	       seen->kind == ENTRY_FILE && seen->size >= 0 &&
	       seen->mtime != MTIME_UNKNOWN &&
	       seen->hash.have & 1u << HASH_MD5 &&
	       relation(t->from, t->src, t->to, t->dst, op) != 1;
}

/* 1: something is there, after all. */
static int copy_listed(struct transfer *t, struct op *op,
		       const struct put_opt *opt, const struct entry *seen,
		       struct entry *out)
{
	int64_t mtime = opt->mtime == MTIME_UNKNOWN ? seen->mtime : opt->mtime;

	t->file = (struct jfs_node){ .kind = JFS_FILE,
				     .self = true,
				     .complete = true,
				     .size = seen->size,
				     .mtime = jotta_kept_time(mtime),
				     .created = MTIME_UNKNOWN,
				     .hash = seen->hash,
				     .mime = seen->mime };
	if (try_verb(t, op, &t->file) < 0) {
		if (op->err.kind != ERR_EXISTS)
			return -1;
		err_clear(&op->err);
		return 1;
	}
	show(t, op, &t->file, out);
	return 0;
}

int jotta_copy(struct backend *be, struct op *op, struct backend *from,
	       const char *src, const struct entry *seen, const char *dst,
	       const struct put_opt *opt, struct entry *out)
{
	struct transfer t = { .to = jotta_of(be), .src = src, .dst = dst };

	int rc = 1;

	t.from = same_account(t.to, op, from);
	if (!t.from)
		return -1;
	if (is_listed(&t, op, opt, seen))
		rc = copy_listed(&t, op, opt, seen, out);
	if (rc <= 0)
		return rc;
	return find_file(t.from, op, src, seen, &t.file) < 0
		       ? -1
		       : run(&t, op, opt, out);
}

int jotta_move(struct backend *be, struct op *op, struct backend *from,
	       const char *src, const struct entry *seen, const char *dst,
	       const struct put_opt *opt, struct entry *out)
{
	struct transfer t = {
		.to = jotta_of(be), .src = src, .dst = dst, .move = true
	};

	t.from = same_account(t.to, op, from);
	if (!t.from || find_file(t.from, op, src, seen, &t.file) < 0)
		return -1;
	return run(&t, op, opt, out);
}

int jotta_keep_old(struct jotta *j, struct op *op, const char *path,
		   const struct put_opt *opt)
{
	static const struct put_opt plainly = { .mtime = MTIME_UNKNOWN };
	struct backend *in = opt->keep_in ? opt->keep_in : &j->base;
	struct jotta *other = jotta_of(in);

	if (!other || other->account != j->account)
		return err_set(&op->err, ERR_UNSUPPORTED,
			       "the old file cannot be kept in another "
			       "account");
	if (jotta_move(in, op, &j->base, path, NULL, opt->keep_old, &plainly,
		       NULL) < 0)
		return err_wrap(&op->err, "keeping the old file");
	return 0;
}

VEC(things, struct entry);

static int collect(void *arg, struct op *op, const struct entry *e)
{
	*things_add(arg) = entry_copy(&op->arena, e);
	return 0;
}

static const char *join(struct op *op, const char *dir, const char *name)
{
	return arena_printf(&op->arena, "%s%s%s", dir, *dir ? "/" : "", name);
}

/*
 * Where something in the trash is in the way of a folder, its files are moved
 * one by one.
 */
static int move_by_file(struct jotta *to, struct op *op, struct jotta *from,
			const char *src, const char *dst, unsigned depth)
{
	const struct put_opt create = { .mtime = MTIME_UNKNOWN,
					.mode = PUT_CREATE };
	struct things all = { 0 };
	int rc = depth < DEPTH_MAX
			 ? jotta_mkdir(&to->base, op, dst)
			 : err_set(&op->err, ERR_CORRUPT,
				   "folders without end in each other");

	if (rc == 0)
		rc = jotta_list(&from->base, op, src, collect, &all);
	for (size_t i = 0; rc == 0 && i < all.n; i++) {
		const struct entry *e = &all.at[i];
		const char *a = join(op, src, e->name);
		const char *b = join(op, dst, e->name);

		rc = e->kind == ENTRY_DIR
			     ? move_by_file(to, op, from, a, b, depth + 1)
			     : jotta_move(&to->base, op, &from->base, a, e, b,
					  &create, NULL);
	}
	things_free(&all);
	return rc == 0 ? jotta_rmdir(&from->base, op, src) : -1;
}

/* What stands where a folder shall go: 1 something in the trash, 0 nothing. */
static int check_dir_place(struct jotta *to, struct op *op, const char *dst)
{
	struct jfs_node old;
	int found = jotta_find(to, op, dst, &old);

	if (found == 1 && jotta_lives(&old))
		return err_set(&op->err, ERR_EXISTS, "something is there");
	return found;
}

/* Whether the folder has arrived, although the service said otherwise. */
static bool dir_was_moved(struct jotta *to, struct op *op, struct jotta *from,
			  const char *src, const char *dst)
{
	const struct err why = op->err;
	struct jfs_node n;
	bool done;

	done = jotta_find(to, op, dst, &n) == 1 && jotta_lives(&n) &&
	       n.kind == JFS_FOLDER && is_gone(from, op, src);
	op->err = why;
	if (done)
		err_clear(&op->err);
	return done;
}

static int move_whole(struct jotta *to, struct op *op, struct jotta *from,
		      const char *src, const char *dst)
{
	struct http_request rq = { .method = "POST" };
	const char *query, *raw;

	/* a folder's ends in '/' here */
	raw = arena_printf(&op->arena, "%s/", jotta_raw(from, op, src));
	if (verb(to, op, "mvDir", dst, &query) < 0 ||
	    jotta_url(from, op, raw, query, &rq.url) < 0)
		return -1;
	return jotta_ask(from, op, &rq, NULL);
}

static int find_folder(struct jotta *j, struct op *op, const char *path)
{
	struct jfs_node n;
	int found = jotta_find(j, op, path, &n);

	if (found < 0)
		return -1;
	if (found == 0)
		return err_set(&op->err, ERR_NO_DIR, "no such directory");
	return jotta_check_dir(op, &n);
}

int jotta_move_dir(struct backend *be, struct op *op, struct backend *from,
		   const char *src, const char *dst)
{
	struct jotta *to = jotta_of(be), *j = same_account(to, op, from);
	int related, old = 0;

	if (!j || find_folder(j, op, src) < 0)
		return -1;
	if (jotta_is_mountpoint(j, src))
		return err_set(&op->err, ERR_UNSUPPORTED,
			       "a mountpoint cannot be moved");
	related = relation(j, src, to, dst, op);
	if (related == 2)
		return err_set(&op->err, ERR_INVALID,
			       "a directory cannot be moved into itself");
	if (related == 0)
		old = check_dir_place(to, op, dst);
	if (old < 0)
		return -1;
	if (old == 1)
		return move_by_file(to, op, j, src, dst, 0);
	if (jotta_need_dir(to, op, jotta_parent(op, dst)) < 0)
		return -1;
	jotta_forget_dirs(to);
	if (move_whole(to, op, j, src, dst) == 0)
		return 0;
	if (related == 0 && dir_was_moved(to, op, j, src, dst))
		return 0;
	if (related == 0 && op->err.kind == ERR_EXISTS) {
		log_debug(be->name, "\"%s\" is moved file by file: %s", src,
			  op->err.msg);
		return move_by_file(to, op, j, src, dst, 0);
	}
	return -1;
}
