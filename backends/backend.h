#ifndef BACKENDS_BACKEND_H
#define BACKENDS_BACKEND_H

#include "backends/entry.h"
#include "lib/acct.h"
#include "lib/stream.h"

/*
 * A backend is one opened remote.  A driver (driver.h) opens it and fills in
 * `struct backend_ops`; everyone else calls the be_*() functions below, which
 * check, retry, count and name the failure, so that no driver has to.
 *
 * Paths are relative to the backend's root, '/'-separated, without a leading,
 * trailing or doubled '/', and without "." or ".."; "" is the root.  They are
 * the bytes that the user sees, UTF-8 by custom but not by rule; a driver maps
 * what its service cannot store.
 */

/* What an opened backend can do; an overlay, what its inner one can, too. */
enum be_caps {
	BE_RANGE = 1 << 0,      /* get() from an offset */
	BE_PUT_STREAM = 1 << 1, /* put() takes a source of unknown size */
	BE_PUT_MD5 = 1 << 2,    /* put() must be told the MD5 beforehand */
	BE_PUT_ATOMIC = 1 << 3, /* a broken put() leaves the old content */
	BE_SET_MTIME = 1 << 4,  /* put() keeps put_opt.mtime */
	BE_EMPTY_DIR = 1 << 5,  /* directories exist by themselves */
	BE_NO_CASE = 1 << 6,    /* "A" and "a" are one name */
	BE_POSIX = 1 << 7,      /* entries have `posix`; put_opt.meta is kept */
	BE_OWNER = 1 << 8,      /* with BE_POSIX: owner and group, too */
	BE_KEEP_OLD = 1 << 9,   /* put() and copy() know put_opt.keep_old */
	BE_OWN_CLOCK = 1 << 27, /* ctimes are of this machine's clock */
	BE_REMOTE = 1 << 28,    /* each call waits for a network */
	BE_LOOSE_CREATE = 1 << 29, /* of two PUT_CREATE at once both may win */
	/* From here on: set by backend_init() from the operations there are. */
	BE_LIST_TREE = 1 << 10,
	BE_COPY = 1 << 11,
	BE_MOVE = 1 << 12,
	BE_MOVE_DIR = 1 << 13,
	BE_PURGE = 1 << 14,
	BE_TOUCH = 1 << 15,
	BE_HASH = 1 << 16,
	BE_QUOTA = 1 << 17,
	BE_XATTRS = 1 << 18,   /* get_xattrs() */
	BE_SET_META = 1 << 19, /* set_meta() */
	BE_MKNODE = 1 << 20,   /* symbolic links and special files */
	BE_HARDLINK = 1 << 21,
	BE_EQUAL = 1 << 22,
	BE_FLUSH = 1 << 23,
	BE_STRAYS = 1 << 24,
	BE_READER = 1 << 25,
	BE_WRITER = 1 << 26
};

struct get_opt {
	int64_t off;
	int64_t len;         /* -1: to the end */
	const char *tag;     /* ERR_CONFLICT if the file has another now */
	const char *version; /* an older one, or NULL */

	/*
	 * Who reads can tell by the bytes whether they are the right ones, so
	 * what is there need not be asked for beforehand: a request less.
	 */
	bool own_check;

	/*
	 * What is known of the whole content, or NULL: be_get() compares what
	 * has come with it at the end of a whole read.
	 */
	const struct digests *want;
};

/*
 * What stands at the destination beforehand.  PUT_ANY writes over whatever is
 * there; PUT_CREATE fails with ERR_EXISTS if something is; PUT_OVER fails with
 * ERR_CONFLICT if it is no longer what put_opt.over says (as far as the driver
 * can tell: size, mtime, tag); gone is as good, since nothing can be lost then.
 */
enum put_over { PUT_ANY, PUT_CREATE, PUT_OVER };

struct backend;

struct put_opt {
	int64_t mtime;       /* ns, or MTIME_UNKNOWN; meta's goes first */
	struct digests hash; /* those known of the content to come */
	const char *mime;
	enum put_over mode;
	const struct entry *over; /* for PUT_OVER */

	/*
	 * PUT_CREATE: a listing has just shown that nothing is there.  Where a
	 * look costs a request, and nothing is lost by being wrong (what is
	 * there becomes an older version), a driver may take its word.
	 */
	bool listed;

	/*
	 * Keep mode, times and, with BE_OWNER, owner of this entry, and the
	 * `xattrs`; NULL for what a new file gets by itself.  copy() takes
	 * the extended attributes from its source instead.
	 */
	const struct entry *meta;
	const struct xattrs *xattrs;

	/*
	 * The path that the old file is moved to, so that at no instant there
	 * is neither the old nor the new at the old one's place; or NULL.  It
	 * is one of `keep_in`, another root of the same service, or of this
	 * backend if that is NULL.  Parents are created.  Needs BE_KEEP_OLD.
	 */
	const char *keep_old;
	struct backend *keep_in;

	bool inplace;     /* write into the file itself, not aside */
	bool durable;     /* on stable storage before it appears */
	bool no_verify;   /* do not read back what has been written */
	unsigned threads; /* for one large file; 0: the driver's choice */
};

struct quota {
	int64_t total, used, free, trashed; /* bytes, -1 unknown */
	int64_t objects;                    /* files, -1 unknown */
};

/* An older content of a file; `id` goes into get_opt.version. */
struct version {
	const char *id;
	int64_t size;
	int64_t mtime; /* ns, or MTIME_UNKNOWN */
	struct digests hash;
};

typedef int version_fn(void *arg, struct op *op, const struct version *v);

/* A public link to a path. */
struct link {
	const char *path; /* below the backend's root */
	const char *url;  /* of a file: its content, if there is such a one */
	const char *page; /* to be looked at in a browser, or NULL */
	enum entry_kind kind;
};

struct link_opt {
	bool unlink;    /* take the link back; one that is not there is fine */
	int64_t expire; /* ns from now; 0 never */
};

typedef int link_fn(void *arg, struct op *op, const struct link *l);

/* What trash_restore() and cleanup() have done. */
struct tidied {
	int64_t files, dirs, bytes; /* -1 unknown */
	int64_t left; /* not restored, since something stands there now */
};

/* One line about the account: "Email", "someone@example.com". */
typedef int about_fn(void *arg, struct op *op, const char *key,
		     const char *value);

/*
 * Services beyond files, which few have; all members may be NULL.  Found by
 * backend_ops.extra, so that overlays and most drivers need not know them.
 */
struct backend_extra {
	/* Make a public link, or find the one there is; or take it back. */
	int (*link)(struct backend *be, struct op *op, const char *path,
		    const struct link_opt *opt, struct link *out);

	/* All links below the root. */
	int (*links)(struct backend *be, struct op *op, link_fn *fn, void *arg);

	/* Older contents of a file, the newest first, without the current. */
	int (*versions)(struct backend *be, struct op *op, const char *path,
			version_fn *fn, void *arg);

	/* Make an older one the current one; the current becomes older. */
	int (*version_restore)(struct backend *be, struct op *op,
			       const char *path, const char *version);

	/* What was deleted from `dir` itself, with plain names. */
	int (*trash_list)(struct backend *be, struct op *op, const char *dir,
			  entry_fn *fn, void *arg);

	/*
	 * Bring a deleted file or folder back to where it was.  What stands
	 * in its place is left alone and counted in out->left, unless
	 * `overwrite`.  To do it twice changes nothing.  One of several that
	 * cannot be restored is logged, and ERR_PARTIAL returned in the end.
	 * `*out` is added to, also by a call that fails.
	 */
	int (*trash_restore)(struct backend *be, struct op *op,
			     const char *path, bool overwrite,
			     struct tidied *out);

	/* Everything in the trash of the whole account, for good. */
	int (*trash_empty)(struct backend *be, struct op *op,
			   struct tidied *out);

	/* What unfinished uploads have left on the server, and the like. */
	int (*cleanup)(struct backend *be, struct op *op, struct tidied *out);

	/* Whose account it is. */
	int (*userinfo)(struct backend *be, struct op *op, about_fn *fn,
			void *arg);
};

/*
 * Each call blocks, may come from several threads at once (never more than
 * `max_calls`), looks at op_check() at least every second while it waits, and
 * returns 0, or -1 with op->err set.  A driver reports a failure's kind and
 * never sleeps, retries, logs above debug level, or prints.
 *
 * An `*out` is filled only on success; its strings are in op->arena.  `out`
 * may be NULL where the caller does not want it.
 */
struct backend_ops {
	/* Free everything. Called once, with no other call under way. */
	void (*close)(struct backend *be);

	/*
	 * The entries directly in `dir`, in any order, each with its plain
	 * name.  ERR_NO_DIR if there is no such directory, ERR_NOT_DIR if it
	 * is a file.  Left out are the driver's own temporary files.
	 */
	int (*list)(struct backend *be, struct op *op, const char *dir,
		    entry_fn *fn, void *arg);

	/* Never follows a symbolic link. out->name is the last component. */
	int (*stat)(struct backend *be, struct op *op, const char *path,
		    struct entry *out);

	/* Push the file's bytes, in order, into `dst`. */
	int (*get)(struct backend *be, struct op *op, const char *path,
		   const struct get_opt *opt, struct sink *dst);

	/*
	 * Create or replace the file with all of `src`.  Missing parents are
	 * created.  `src` ending early is ERR_CONFLICT, and no file appears.
	 */
	int (*put)(struct backend *be, struct op *op, const char *path,
		   struct source *src, const struct put_opt *opt,
		   struct entry *out);

	/*
	 * Make a directory and its missing parents.  One that is there
	 * already is no error; something else in its place is ERR_NOT_DIR.
	 */
	int (*mkdir)(struct backend *be, struct op *op, const char *path);

	/* ERR_NOT_EMPTY, ERR_NO_DIR, ERR_NOT_DIR. */
	int (*rmdir)(struct backend *be, struct op *op, const char *path);

	/* Any entry but a directory: ERR_IS_DIR, ERR_NOT_FOUND. */
	int (*unlink)(struct backend *be, struct op *op, const char *path);

	/* From here on each may be NULL, and its BE_ bit is then unset. */

	/* As list(), with all below `dir`. Only if cheaper than walking. */
	int (*list_tree)(struct backend *be, struct op *op, const char *dir,
			 entry_fn *fn, void *arg);

	/*
	 * Within the service; `from` may be open on another root of it, or
	 * even be of another service: then, and where this pair cannot be
	 * copied directly, ERR_UNSUPPORTED and nothing has happened.  `seen`
	 * is the source as it was listed.  If it has changed since then: the
	 * whole of what it is now, or ERR_CONFLICT; if it changes while it is
	 * read, ERR_CONFLICT.
	 */
	int (*copy)(struct backend *be, struct op *op, struct backend *from,
		    const char *src, const struct entry *seen, const char *dst,
		    const struct put_opt *opt, struct entry *out);

	/* A file; else as copy(). Its metadata moves along. */
	int (*move)(struct backend *be, struct op *op, struct backend *from,
		    const char *src, const struct entry *seen, const char *dst,
		    const struct put_opt *opt, struct entry *out);

	/* A directory with all below it; ERR_EXISTS if `dst` is there. */
	int (*move_dir)(struct backend *be, struct op *op, struct backend *from,
			const char *src, const char *dst);

	/* A directory and all below it, in one request. */
	int (*purge)(struct backend *be, struct op *op, const char *dir);

	int (*touch)(struct backend *be, struct op *op, const char *path,
		     int64_t mtime);

	/* Digests that list() and stat() do not carry; `want` as in `have`. */
	int (*hash)(struct backend *be, struct op *op, const char *path,
		    unsigned want, struct digests *out);

	/* Any kind of entry; never follows a symbolic link. */
	int (*get_xattrs)(struct backend *be, struct op *op, const char *path,
			  struct xattrs *out);

	/*
	 * The same for snapshots: those, too, that a copy could not be given,
	 * and in the order in which the system names them.  NULL:
	 * get_xattrs() tells as much.
	 */
	int (*all_xattrs)(struct backend *be, struct op *op, const char *path,
			  struct xattrs *out);

	/*
	 * Give an entry that is there the mode, times and owner of `want`
	 * (which may be a directory or a link, too) and, if `x` is not NULL,
	 * exactly those extended attributes.
	 */
	int (*set_meta)(struct backend *be, struct op *op, const char *path,
			const struct entry *want, const struct xattrs *x);

	/*
	 * Make the symbolic link or special file that `e` describes, with its
	 * metadata; replaces as put() does.
	 */
	int (*mknode)(struct backend *be, struct op *op, const char *path,
		      const struct entry *e, const struct put_opt *opt);

	/* Make `to` another name of the file `from`; replaces what is there. */
	int (*hardlink)(struct backend *be, struct op *op, const char *from,
			const char *to);

	/*
	 * Whether two files hold the same bytes, read now from both; `other`
	 * may be another backend: ERR_UNSUPPORTED as for copy().
	 */
	int (*equal)(struct backend *be, struct op *op, const char *path,
		     struct backend *other, const char *other_path,
		     bool *equal);

	int (*quota)(struct backend *be, struct op *op, struct quota *out);

	/* All that was put is on stable storage when this returns. */
	int (*flush)(struct backend *be, struct op *op);

	/*
	 * Remove the temporary files of killed runs that list() has come
	 * across, but for those that a running process holds.  `*removed`
	 * is added to.
	 */
	int (*strays)(struct backend *be, struct op *op, unsigned *removed);

	/*
	 * A file as a source, for a put() elsewhere.  The reading fails with
	 * ERR_CONFLICT if the file is not, or at its end no longer, the one
	 * that was `seen`; NULL: whatever it is, and becomes.
	 */
	int (*open_reader)(struct backend *be, struct op *op, const char *path,
			   const struct entry *seen, struct source **out);
	void (*close_reader)(struct source *src);

	/*
	 * A file as a sink, for a get() elsewhere: as put(), with the bytes
	 * pushed.  close_writer() makes the file appear if `commit`, or else
	 * leaves no trace; it frees the sink in any case.  `size` is what
	 * will come: a commit with more or less is ERR_CONFLICT.
	 */
	int (*open_writer)(struct backend *be, struct op *op, const char *path,
			   int64_t size, const struct put_opt *opt,
			   struct sink **out);
	int (*close_writer)(struct backend *be, struct op *op,
			    struct sink *sink, bool commit, struct entry *out);

	const struct backend_extra *extra; /* or NULL */
};

/* The first member of every driver's own structure. */
struct backend {
	const struct backend_ops *ops;
	char *name;         /* as the user wrote it, "photos:2024" */
	unsigned caps;      /* enum be_caps */
	unsigned hashes;    /* bits of enum hash_type it can tell */
	unsigned listed;    /* bits of those that list() and stat() carry */
	unsigned asked;     /* bits of those that put() had better be told */
	int64_t mtime_step; /* ns: the finest difference it can store */
	unsigned max_calls; /* calls at once; 0 for no limit */
	unsigned calls;     /* threads worth having: 0 as fits the machine */
	unsigned tries;     /* of a call that fails with a retryable kind */
	_Atomic int64_t retries; /* how often a call was tried again */
	_Atomic int64_t already; /* files put whose content was there */
	_Atomic int64_t
		lost_xattrs; /* entries whose attributes it cannot keep */

	/*
	 * Names this root, the same for each way of writing it, different for
	 * every other: for what is remembered between runs.
	 */
	char *identity;
};

/* For drivers: set `ops`, `name`, and the caps `ops` shows plus `extra`. */
void backend_init(struct backend *be, const struct backend_ops *ops,
		  const char *name, const char *identity, unsigned extra);

static inline bool be_can(const struct backend *be, unsigned caps)
{
	return (be->caps & caps) == caps;
}

void be_close(struct backend *be);

/*
 * The entries directly in `dir`, sorted by the bytes of their names, each
 * once, into `out` (listing.h), which the caller frees.  Large directories
 * are kept on disk.  A name that no entry may have ("..", "a/b") fails the
 * listing with ERR_CORRUPT.
 */
struct listing;
int be_list(struct backend *be, struct op *op, const char *dir,
	    struct listing *out) MUST_CHECK;

int be_stat(struct backend *be, struct op *op, const char *path,
	    struct entry *out) MUST_CHECK;

/*
 * Resumes after a lost connection where `dst` stopped, if `tag` still holds.
 * Bytes that do not match `want` are ERR_CORRUPT, or ERR_CONFLICT if the file
 * is another by now; `dst` has had them by then.
 */
int be_get(struct backend *be, struct op *op, const char *path,
	   const struct get_opt *opt, struct sink *dst) MUST_CHECK;

/*
 * Takes any source: what the driver needs and `src` lacks (a size, an MD5, a
 * second reading) is had by spooling it to a temporary file first.
 */
int be_put(struct backend *be, struct op *op, const char *path,
	   struct source *src, const struct put_opt *opt,
	   struct entry *out) MUST_CHECK;

int be_mkdir(struct backend *be, struct op *op, const char *path) MUST_CHECK;
int be_rmdir(struct backend *be, struct op *op, const char *path) MUST_CHECK;
int be_unlink(struct backend *be, struct op *op, const char *path) MUST_CHECK;

/* ERR_UNSUPPORTED unless be_can(be, BE_x); and so for each optional one. */
int be_copy(struct backend *be, struct op *op, struct backend *from,
	    const char *src, const struct entry *seen, const char *dst,
	    const struct put_opt *opt, struct entry *out) MUST_CHECK;
int be_move(struct backend *be, struct op *op, struct backend *from,
	    const char *src, const struct entry *seen, const char *dst,
	    const struct put_opt *opt, struct entry *out) MUST_CHECK;
int be_move_dir(struct backend *be, struct op *op, struct backend *from,
		const char *src, const char *dst) MUST_CHECK;
int be_touch(struct backend *be, struct op *op, const char *path,
	     int64_t mtime) MUST_CHECK;
int be_hash(struct backend *be, struct op *op, const char *path, unsigned want,
	    struct digests *out) MUST_CHECK;
int be_get_xattrs(struct backend *be, struct op *op, const char *path,
		  struct xattrs *out) MUST_CHECK;
int be_all_xattrs(struct backend *be, struct op *op, const char *path,
		  struct xattrs *out) MUST_CHECK;
int be_set_meta(struct backend *be, struct op *op, const char *path,
		const struct entry *want, const struct xattrs *x) MUST_CHECK;
int be_mknode(struct backend *be, struct op *op, const char *path,
	      const struct entry *e, const struct put_opt *opt) MUST_CHECK;
int be_hardlink(struct backend *be, struct op *op, const char *from,
		const char *to) MUST_CHECK;
int be_equal(struct backend *be, struct op *op, const char *path,
	     struct backend *other, const char *other_path,
	     bool *equal) MUST_CHECK;
int be_quota(struct backend *be, struct op *op, struct quota *out) MUST_CHECK;
int be_flush(struct backend *be, struct op *op) MUST_CHECK;
int be_strays(struct backend *be, struct op *op, unsigned *removed) MUST_CHECK;
int be_open_reader(struct backend *be, struct op *op, const char *path,
		   const struct entry *seen, struct source **out) MUST_CHECK;
void be_close_reader(struct backend *be, struct source *src);
int be_open_writer(struct backend *be, struct op *op, const char *path,
		   int64_t size, const struct put_opt *opt,
		   struct sink **out) MUST_CHECK;
int be_close_writer(struct backend *be, struct op *op, struct sink *sink,
		    bool commit, struct entry *out) MUST_CHECK;

/*
 * All below `dir`, in any order, each entry named by its path from `dir`; what
 * is impossible in a name is as for be_list().  Needs BE_LIST_TREE.  `reset` is
 * called before a listing that broke off is begun again.
 */
int be_list_tree(struct backend *be, struct op *op, const char *dir,
		 entry_fn *fn, void (*reset)(void *arg), void *arg) MUST_CHECK;

/* ERR_UNSUPPORTED where the driver has no such service. */
int be_link(struct backend *be, struct op *op, const char *path,
	    const struct link_opt *opt, struct link *out) MUST_CHECK;
int be_links(struct backend *be, struct op *op, link_fn *fn,
	     void *arg) MUST_CHECK;
bool be_has_versions(const struct backend *be);
int be_versions(struct backend *be, struct op *op, const char *path,
		version_fn *fn, void *arg) MUST_CHECK;
int be_version_restore(struct backend *be, struct op *op, const char *path,
		       const char *version) MUST_CHECK;
int be_trash_list(struct backend *be, struct op *op, const char *dir,
		  entry_fn *fn, void *arg) MUST_CHECK;
int be_trash_restore(struct backend *be, struct op *op, const char *path,
		     bool overwrite, struct tidied *out) MUST_CHECK;
int be_trash_empty(struct backend *be, struct op *op,
		   struct tidied *out) MUST_CHECK;
int be_cleanup(struct backend *be, struct op *op,
	       struct tidied *out) MUST_CHECK;
int be_userinfo(struct backend *be, struct op *op, about_fn *fn,
		void *arg) MUST_CHECK;

/*
 * Remove a directory and all below it: by the driver's purge(), or else entry
 * by entry, deepest first.  The root itself stays if the driver cannot remove
 * it.
 */
int be_purge(struct backend *be, struct op *op, const char *dir) MUST_CHECK;

#endif
