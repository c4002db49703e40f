#ifndef BACKENDS_WEBDAV_WEBDAV_H
#define BACKENDS_WEBDAV_WEBDAV_H

#include "backends/driver.h"
#include "net/http.h"
#include "net/url.h"

/*
 * WebDAV (RFC 4918), between the files of this folder:
 *
 *	webdav.c	options, opening, the service and its requests
 *	token.c		bearer_token_command
 *	multistatus.c	the answer to PROPFIND, item by item
 *	propfind.c	PROPFIND, and its answer as entries
 *	read.c		list, stat, get, quota
 *	change.c	mkdir, rmdir, unlink, purge
 *	transfer.c	copy, move; keeping the old file
 *	move_dir.c	move_dir
 *	probe.c		what this server can be trusted with
 *	facts.c		the same, as it is known and remembered
 *	put.c		put, with the old file never in danger
 *	send.c		one PUT, and a file's time after it
 *	aside.c		by a name beside, which is moved into place
 *	pieces.c	large files in pieces, resumed across runs
 *	journal.c	what an upload of an earlier run has left where
 *	mtime.c		where times are kept
 *	chunks.c	Nextcloud's chunked upload, resumed across runs
 *	chunks_send.c	its parts, several at once
 */

/*
 * The dead property of WEBDAV_TIME_PROP_OWN: "<ns since 1970, decimal> <what
 * it belongs to>", the latter being getetag (or getlastmodified, where there is
 * none) as PROPFIND showed it.  Servers keep dead properties when another
 * client writes the file anew: it counts only while the two are the same.
 */
#define WEBDAV_NS        "https://ferry.invalid/ns"
#define WEBDAV_NS_MTIME  "mtime"
#define WEBDAV_OWN_MTIME WEBDAV_NS " " WEBDAV_NS_MTIME

/*
 * Where a server keeps the time that a file was given.  WEBDAV_TIME_HEADER: it
 * takes X-OC-Mtime (and says so), WEBDAV_TIME_DATE: the Date of the PUT
 * (nginx). The PROP_ ones by PROPPATCH: getlastmodified shows it then.
 * PROP_OWN: a dead property of ours, which names the ETag that it is good for,
 * since a foreign PUT leaves it in place.  WEBDAV_TIME_MEMORY: nowhere; this
 * machine remembers it, with the ETag.
 */
enum webdav_time {
	WEBDAV_TIME_HEADER,
	WEBDAV_TIME_DATE,
	WEBDAV_TIME_PROP_LASTMODIFIED,
	WEBDAV_TIME_PROP_WIN32,
	WEBDAV_TIME_PROP_GETLAST,
	WEBDAV_TIME_PROP_OWN,
	WEBDAV_TIME_MEMORY
};

/* What the probe has shown, on a temporary file of its own. */
struct webdav_facts {
	/* What a new small file needs: */
	bool if_none_match; /* If-None-Match: * onto a file is refused: 412 */
	bool clock;         /* a file's time is that of the PUT's Date */
	enum webdav_time time;

	/* Everything else, false until it was asked for: */
	bool all;
	bool if_match;    /* so is a wrong If-Match */
	bool stable_etag; /* strong, the same in PUT and PROPFIND, and a
			     change of content within a second changes it */
	bool move_over;   /* MOVE with Overwrite: T replaces a file */
	bool if_header;   /* MOVE heeds If: <dest> (["etag"]) */
	bool time_moves;  /* a time set on a file is still there after MOVE */
	bool pieces;      /* PUT writes where its Content-Range says */
};

/* One server and account, shared by all its roots and threads. */
struct webdav_service {
	struct arena arena; /* url, key, bearer_command */
	struct http *http;
	struct url url;     /* the remote's; its path ends in '/' */
	const char *key;    /* names it in the memory, without secrets */
	bool times_here;    /* option `times`: never sent there by themselves */
	bool nextcloud;     /* vendor nextcloud or owncloud: chunks, OC-... */
	int64_t piece_size; /* larger files in pieces; not above 0: never */
	struct remotes *remotes;
	char *bearer;               /* "Bearer ...", fixed; or NULL */
	const char *bearer_command; /* that prints it; or NULL */

	pthread_mutex_t token_lock; /* guards token; while the command runs */
	char *token;                /* what it printed, "Bearer ..." */

	pthread_mutex_t lock;   /* guards what follows */
	pthread_cond_t settled; /* a probe is over */
	bool probing;
	unsigned probe_failures;
	struct err probe_error; /* of the last one */
	bool probed;
	bool recalled; /* the memory was asked for the facts */
	struct webdav_facts facts;
	struct webdav_claim *claims;
	bool said_no_move; /* the user has been told */
	bool no_chunks;    /* it was asked for a place for uploads in vain */
	bool no_pieces;    /* facts.pieces has turned out to be wrong */
	int64_t held;      /* bytes of parts of uploads, in memory */
	bool bare_gets;    /* answers to GET may lack the ETag */
	bool copy_forgets; /* COPY makes a file of now, and none can be set */
};

struct webdav {
	struct backend base;
	struct webdav_service *service;
	char *root; /* of this backend, below the service's URL; "" or "a/b" */

	pthread_mutex_t lock; /* guards strays; before nothing */
	struct buf
		strays; /* paths that webdav_note_stray() has; each with NUL */
};

/*
 * The whole service as a root: for what may lie above that of `w`.  none: "",
 * which lasts as long.
 */
struct webdav webdav_top(const struct webdav *w, char *none);

/* NULL if `be` is of another driver. */
struct webdav *webdav_of(struct backend *be);

/* The URL of `path`, absolute and encoded, in the op's arena; "dir/" if dir. */
const char *webdav_url(const struct webdav *w, struct op *op, const char *path,
		       bool dir);

/*
 * Send a request about `path`; 0 if the answer's status is 2xx, else -1 with
 * the kind that it stands for here: 404 ERR_NOT_FOUND, 409 ERR_NO_DIR (a
 * missing parent), 412 ERR_CONFLICT, 423 ERR_BUSY, 425 ERR_BUSY, 507
 * ERR_NO_SPACE, 405 ERR_UNSUPPORTED; the rest as http_fail().  `rq` lacks only
 * its url.  A 207 whose body names a failure is that failure.
 */
int webdav_ask(struct webdav *w, struct op *op, const char *path, bool dir,
	       struct http_request *rq, struct http_answer *out) MUST_CHECK;

/* The same for a request that has its URL already. */
int webdav_ask_url(struct webdav *w, struct op *op, struct http_request *rq,
		   struct http_answer *out) MUST_CHECK;

/* The kind that a status stands for, as above; always -1. */
int webdav_fail(struct op *op, const struct http_answer *a);

/*
 * propfind.c: PROPFIND `path` with Depth 0 or 1, entries as they arrive
 * (`e->name` is "" for the folder itself; e->tag the ETag, quotes and all; the
 * mtime as the server keeps it, by the facts known so far).  An href that is
 * not `path` or directly in it, does not decode, or holds "..", '/' or NUL is
 * ERR_CORRUPT; so is an answer without the folder itself.
 */
int webdav_propfind(struct webdav *w, struct op *op, const char *path,
		    int depth, entry_fn *fn, void *arg) MUST_CHECK;

/*
 * facts.c: the facts, from the memory if this server has been probed within 30
 * days, else probed now in the root's folder, which is made if need be.  Only
 * for calls that write.  new: those are enough that a new small file needs.
 * known: only as far as they are there, without a request.
 */
int webdav_facts(struct webdav *w, struct op *op,
		 struct webdav_facts *out) MUST_CHECK;
int webdav_facts_new(struct webdav *w, struct op *op,
		     struct webdav_facts *out) MUST_CHECK;
bool webdav_facts_known(struct webdav *w, struct op *op,
			struct webdav_facts *out);

/* They have turned out to be wrong: the next run finds them out anew. */
void webdav_forget_facts(struct webdav *w, struct op *op);

/*
 * mtime.c: set it on a file that is there, as `f` says; ERR_UNSUPPORTED for
 * HEADER and DATE, which come with the PUT.  read: add to a PROPFIND's answer
 * what MEMORY has (the entry's tag still being the one remembered), which is
 * worth a look if a file with that mtime (the server's) may be remembered.
 */
int webdav_set_mtime(struct webdav *w, struct op *op, const char *path,
		     const struct webdav_facts *f, int64_t mtime,
		     const char *etag) MUST_CHECK;
bool webdav_may_remember(const struct webdav *w, const struct webdav_facts *f,
			 int64_t mtime);
void webdav_remembered_mtime(struct webdav *w, struct op *op, const char *path,
			     struct entry *e);

/*
 * What the text of WEBDAV_OWN_MTIME says of a file whose mtime (the server's)
 * and tag are in `e`: false if it is not good for that any more.
 */
bool webdav_own_time(const char *text, const struct entry *e, int64_t *mtime);

/* Make the folder `dir` and its missing parents; 405 on a folder is fine. */
int webdav_mkdir(struct backend *be, struct op *op, const char *dir);

/*
 * A name for a temporary file beside `path`: ".ferry-tmp." and 16 hexadecimal
 * digits, of which the first 8 are the time in seconds and the others drawn at
 * random: strays() tells by them how old it is, since its mtime may have been
 * set already.
 */
const char *webdav_aside(struct op *op, const char *path);
bool webdav_is_aside(const char *name);

/*
 * For list(): it has come across an aside (path from the root); strays()
 * removes it if it is older than a day.
 */
void webdav_note_stray(struct webdav *w, const char *path,
		       const struct entry *e);

/*
 * Whether `now` is still what was `seen`: by tags where both have one, else by
 * size and mtime as far as known.
 */
bool webdav_same(const struct entry *seen, const struct entry *now);

/*
 * Look whether `opt` allows a file at `path`: ERR_IS_DIR, ERR_EXISTS
 * and ERR_CONFLICT as put_opt.mode has them.  *there says if one is to be
 * replaced, and *old (in the op's arena) what it is.
 */
int webdav_check_place(struct webdav *w, struct op *op, const char *path,
		       const struct put_opt *opt, bool *there,
		       struct entry *old) MUST_CHECK;

/*
 * Keep the file at `path`, which is there and is `old`, where opt->keep_old
 * wants it, with parents: just before the new one is put in place.  Mostly by
 * COPY, so that there is a file at `path` at any time; where that cannot be had
 * it is *moved.  If the rest fails then, give_back() returns it to its place;
 * op->err stays as it was.
 */
int webdav_keep_old(struct webdav *w, struct op *op, const char *path,
		    const struct put_opt *opt, const struct webdav_facts *f,
		    const struct entry *old, bool *moved) MUST_CHECK;
void webdav_give_back(struct webdav *w, struct op *op, const char *path,
		      const struct put_opt *opt);

/*
 * MOVE (or COPY) within the service, a file or a folder, making the parents of
 * `dst` if they are missing.  `overwrite` is the header: false, ERR_EXISTS if
 * something is there; true, it is deleted, be it a folder: check before.
 * `if_match`: the ETag of `dst`, sent in an If header; or NULL.
 */
int webdav_transfer(struct webdav *w, struct op *op, const char *method,
		    struct webdav *from, const char *src, const char *dst,
		    bool dir, bool overwrite, const char *if_match) MUST_CHECK;

/* `from` if it is of the same service as `w`, else NULL: ERR_UNSUPPORTED. */
struct webdav *webdav_same_service(struct webdav *w, struct op *op,
				   struct backend *from);

/*
 * While a request may create the file or folder at `path` (though it says that
 * nothing may be there): several servers look, and then replace all the same.
 * So of this process's threads only one is at it; the others wait.  What `c`
 * holds lasts as long as the op's arena.
 */
struct webdav_claim {
	struct webdav_claim *next;
	const char *path; /* from the service's URL */
};
int webdav_claim(struct webdav *w, struct op *op, const char *path,
		 struct webdav_claim *c) MUST_CHECK;
void webdav_release(struct webdav *w, struct webdav_claim *c);

/*
 * chunks.c: upload to `path` in parts (Nextcloud's chunked upload v2), the last
 * step of which replaces the file.  A part is sent again alone if it fails; a
 * journal lets the next run go on, if source and destination are the same.
 * ERR_UNSUPPORTED, and nothing was read, if the server has no place for them.
 */
bool webdav_wants_chunks(struct webdav *w, const struct source *src);
int webdav_put_chunks(struct webdav *w, struct op *op, const char *path,
		      struct source *src, const struct put_opt *opt,
		      struct entry *out) MUST_CHECK;

/* As backend_ops has them. */
int webdav_list(struct backend *be, struct op *op, const char *dir,
		entry_fn *fn, void *arg);
int webdav_stat(struct backend *be, struct op *op, const char *path,
		struct entry *out);
int webdav_get(struct backend *be, struct op *op, const char *path,
	       const struct get_opt *opt, struct sink *dst);
int webdav_hash(struct backend *be, struct op *op, const char *path,
		unsigned want, struct digests *out);
int webdav_quota(struct backend *be, struct op *op, struct quota *out);
int webdav_put(struct backend *be, struct op *op, const char *path,
	       struct source *src, const struct put_opt *opt,
	       struct entry *out);
int webdav_touch(struct backend *be, struct op *op, const char *path,
		 int64_t mtime);
int webdav_rmdir(struct backend *be, struct op *op, const char *dir);
int webdav_unlink(struct backend *be, struct op *op, const char *path);
int webdav_purge(struct backend *be, struct op *op, const char *dir);
int webdav_copy(struct backend *be, struct op *op, struct backend *from,
		const char *src, const struct entry *seen, const char *dst,
		const struct put_opt *opt, struct entry *out);
int webdav_move(struct backend *be, struct op *op, struct backend *from,
		const char *src, const struct entry *seen, const char *dst,
		const struct put_opt *opt, struct entry *out);
int webdav_move_dir(struct backend *be, struct op *op, struct backend *from,
		    const char *src, const char *dst);
int webdav_strays(struct backend *be, struct op *op, unsigned *removed);
int webdav_cleanup(struct backend *be, struct op *op, struct tidied *out);

#endif
