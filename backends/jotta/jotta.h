#ifndef BACKENDS_JOTTA_JOTTA_H
#define BACKENDS_JOTTA_JOTTA_H

#include "backends/driver.h"
#include "net/http.h"
#include "net/oauth.h"

/*
 * Jottacloud, between the files of this folder.  What is known of its protocol
 * stands in docs/jottacloud.md.
 *
 *	names.c		names as the service can store them, and back
 *	alias.c		raw paths that do not follow from what is shown
 *	jotta.c		opening, the account and its requests
 *	conf.c		what the options say
 *	fail.c		what a refusal stands for
 *	jfs.c		JFS documents, as nodes while they arrive
 *	liststream.c	the same of a whole subtree
 *	list.c		list, list_tree
 *	read.c		stat, get, quota, userinfo
 *	upload.c	put: allocate, resume, verify; touch
 *	change.c	mkdir, rmdir, unlink, purge
 *	move.c		copy, move, move_dir, keeping an old file
 *	walk.c		all folders below one, for the next two
 *	trash.c		list, restore, empty
 *	share.c		links; versions
 *	setup.c		a new remote: its login, device and mountpoint
 *	sign_in.c	by a login token (login_token.c) or a browser
 */

/*
 * names.c: rclone's encoding for Jottacloud of one component (Slash, LtGt,
 * DoubleQuote, Colon, Question, Asterisk, Pipe, Del, Ctl, InvalidUtf8, and '%'
 * as the look-alike; a blank at either end).  decode() takes any
 * raw name; encode(decode(raw)) need not be `raw`.
 */
void jotta_encode(struct buf *b, const char *name);
void jotta_decode(struct buf *b, const char *raw);

/* Whether it may name one thing in a folder: not "", ".", ".." or "a/b". */
bool jotta_is_name(const char *name);

/* One login, shared by all its roots and threads. */
struct jotta_account {
	struct http *http;   /* the API and JFS, with the token */
	struct http *plain;  /* for tokens, without */
	struct oauth *oauth; /* NULL until opened */

	/*
	 * Each ends in '/'; by default https://api.jottacloud.com/, to which
	 * "account/v1/customer" or "files/v1/allocate" is appended,
	 * https://jfs.jottacloud.com/jfs/ and https://www.jottacloud.com/.
	 */
	char *api_url, *jfs_url, *www_url;

	pthread_mutex_t lock; /* guards what follows */
	char *username;       /* the first part of JFS paths; asked once */

	/*
	 * Raw paths of what was listed under a name that does not encode back
	 * to it, by shown path: see jotta_raw().
	 */
	struct jotta_alias *aliases;

	/* Folders that were made, by raw path: see jotta_need_dir(). */
	struct jotta_alias *made;
};

struct jotta {
	struct backend base;
	struct jotta_account *account;
	char *device, *mountpoint; /* as the configuration has them */
	char *root; /* of this backend, below the mountpoint; shown names */
	bool hard_delete;
};

/* NULL if `be` is of another driver. */
struct jotta *jotta_of(struct backend *be);

/* The account's username; asks for it the first time. */
int jotta_username(struct jotta *j, struct op *op, const char **out) MUST_CHECK;

/*
 * The raw path of `path` ("" is the root): "device/mountpoint/a/b", encoded
 * name by name but not percent-encoded, in the op's arena; where a listing has
 * shown another raw name for it or for a folder above, that one.
 */
const char *jotta_raw(struct jotta *j, struct op *op, const char *path);
void jotta_remember_raw(struct jotta *j, const char *path, const char *raw);

/* "account/v1/customer": the account as the API describes it. */
struct json_node;
int jotta_customer(struct jotta *j, struct op *op,
		   const struct json_node **out) MUST_CHECK;

/*
 * The URL in JFS of a raw path ("" is the account itself): jfs_url, the
 * username, the path percent-encoded, and `query` ("mode=bin", or NULL).
 */
int jotta_url(struct jotta *j, struct op *op, const char *raw,
	      const char *query, const char **out) MUST_CHECK;

/*
 * A request to JFS about `path`; `rq` lacks only its url.  0 if the status is
 * 2xx, else -1 with the kind that fail.c has for it: of 402 and 403 the
 * server's words decide between ERR_AUTH (a locked account), ERR_NO_SPACE and
 * ERR_DENIED.  The text has the error document's message.
 */
int jotta_jfs(struct jotta *j, struct op *op, const char *path,
	      const char *query, struct http_request *rq,
	      struct http_answer *out) MUST_CHECK;

/* The same for the URL in `rq`.  A web page with 200 is ERR_SERVER. */
int jotta_ask(struct jotta *j, struct op *op, struct http_request *rq,
	      struct http_answer *out) MUST_CHECK;

/* A file, folder, device or revision of a JFS document. */
enum jfs_kind { JFS_FILE, JFS_FOLDER, JFS_REVISION };

struct jfs_node {
	enum jfs_kind kind;
	bool self;        /* what was asked for; else a thing in it */
	const char *name; /* raw; in a liststream: its raw path below `self` */
	bool deleted;     /* it is in the trash */
	bool complete;    /* a file: has a current revision, COMPLETED */
	int64_t number;   /* of the revision */
	int64_t size;     /* of the current revision; SIZE_UNKNOWN */
	int64_t mtime, created; /* ns, MTIME_UNKNOWN */
	struct digests hash;
	const char *mime, *uuid;              /* or NULL */
	const char *public_uri, *public_path; /* or NULL */
};

/* The node lasts until it returns. -1 with op->err ends the parsing. */
typedef int jfs_fn(void *arg, struct op *op, const struct jfs_node *n);

/*
 * jfs.c: GET the document of `path` and hand out its nodes while it arrives.
 * Revisions come after the file that they belong to.  ERR_CORRUPT for what is
 * no JFS document, ERR_NETWORK for one that ends early.
 */
int jfs_get(struct jotta *j, struct op *op, const char *path, jfs_fn *fn,
	    void *arg) MUST_CHECK;

/*
 * The document that is the answer to some other request (POST ... mkDir).
 */
int jfs_parse(struct op *op, const char *text, size_t len, jfs_fn *fn,
	      void *arg) MUST_CHECK;

/*
 * The whole subtree by mode=liststream; names are raw paths below `path`.  The
 * counts at its end must hold, else ERR_NETWORK (cut short).
 */
int jfs_stream(struct jotta *j, struct op *op, const char *path, jfs_fn *fn,
	       void *arg) MUST_CHECK;

/*
 * The node of `path` itself, living or deleted; ERR_NOT_FOUND, or ERR_NO_DIR if
 * it is "" and was never made.  Strings in the op's arena.
 */
int jotta_node(struct jotta *j, struct op *op, const char *path,
	       struct jfs_node *out) MUST_CHECK;

/* It is in no trash and, if a file, whole. */
bool jotta_lives(const struct jfs_node *n);

/* As jotta_node(), of a file that lives; else ERR_NOT_FOUND or ERR_IS_DIR. */
int jotta_file(struct jotta *j, struct op *op, const char *path,
	       struct jfs_node *out) MUST_CHECK;
int jotta_no_file(struct op *op); /* sets that ERR_NOT_FOUND; returns -1 */

/* ERR_NO_DIR or ERR_NOT_DIR unless it is a folder that lives. */
int jotta_check_dir(struct op *op, const struct jfs_node *n) MUST_CHECK;

/* What be_stat() shows of a node. */
void jotta_entry(struct op *op, const struct jfs_node *n, const char *name,
		 struct entry *out);

/*
 * move.c: move the living file at `path` to where opt->keep_old and keep_in
 * want it, which must be of the same account (else ERR_UNSUPPORTED).
 */
int jotta_keep_old(struct jotta *j, struct op *op, const char *path,
		   const struct put_opt *opt) MUST_CHECK;

/*
 * upload.c: make the file by its size and MD5 alone, if the service knows such
 * content (cphash); ERR_NOT_FOUND if it does not.
 */
int jotta_by_hash(struct jotta *j, struct op *op, const char *path,
		  const struct jfs_node *n) MUST_CHECK;

/* As backend_ops and backend_extra have them. */
int jotta_list(struct backend *be, struct op *op, const char *dir, entry_fn *fn,
	       void *arg);
int jotta_list_tree(struct backend *be, struct op *op, const char *dir,
		    entry_fn *fn, void *arg);
int jotta_stat(struct backend *be, struct op *op, const char *path,
	       struct entry *out);
int jotta_get(struct backend *be, struct op *op, const char *path,
	      const struct get_opt *opt, struct sink *dst);
int jotta_quota(struct backend *be, struct op *op, struct quota *out);
int jotta_userinfo(struct backend *be, struct op *op, about_fn *fn, void *arg);
int jotta_put(struct backend *be, struct op *op, const char *path,
	      struct source *src, const struct put_opt *opt, struct entry *out);
int jotta_touch(struct backend *be, struct op *op, const char *path,
		int64_t mtime);
int jotta_mkdir(struct backend *be, struct op *op, const char *path);
int jotta_rmdir(struct backend *be, struct op *op, const char *path);
int jotta_unlink(struct backend *be, struct op *op, const char *path);
int jotta_purge(struct backend *be, struct op *op, const char *dir);
int jotta_copy(struct backend *be, struct op *op, struct backend *from,
	       const char *src, const struct entry *seen, const char *dst,
	       const struct put_opt *opt, struct entry *out);
int jotta_move(struct backend *be, struct op *op, struct backend *from,
	       const char *src, const struct entry *seen, const char *dst,
	       const struct put_opt *opt, struct entry *out);
int jotta_move_dir(struct backend *be, struct op *op, struct backend *from,
		   const char *src, const char *dst);
int jotta_link(struct backend *be, struct op *op, const char *path,
	       const struct link_opt *opt, struct link *out);
int jotta_links(struct backend *be, struct op *op, link_fn *fn, void *arg);
int jotta_versions(struct backend *be, struct op *op, const char *path,
		   version_fn *fn, void *arg);
int jotta_version_restore(struct backend *be, struct op *op, const char *path,
			  const char *version);
int jotta_trash_list(struct backend *be, struct op *op, const char *dir,
		     entry_fn *fn, void *arg);
int jotta_trash_restore(struct backend *be, struct op *op, const char *path,
			bool overwrite, struct tidied *out);
int jotta_trash_empty(struct backend *be, struct op *op, struct tidied *out);
int jotta_cleanup(struct backend *be, struct op *op, struct tidied *out);

/* setup.c: as driver has it. */
int jotta_setup(struct setup *s, struct op *op);

/* The options that it alone takes, for the table in jotta.c. */
/* clang-format off */
#define JOTTA_SETUP_OPTIONS						\
	{ .name = "login_token",					\
	  .secret = true,						\
	  .setup = true,						\
	  .help = "personal login token, from the service's web page" }, \
	{ .name = "service",						\
	  .setup = true,						\
	  .help = "a service under another name, signed in to with a "	\
		  "browser: telia_no, tele2, elkjop, ..." },		\
	{ .name = "well_known_url",					\
	  .setup = true,						\
	  .help = "the address of such a service's sign-in, if it is "	\
		  "none of those known" },				\
	{ .name = "redirect_port",					\
	  .type = OPTION_INT,						\
	  .fallback = "53682",						\
	  .setup = true,						\
	  .help = "the port on this machine that the browser comes "	\
		  "back to; 0: any" }
/* clang-format on */

#endif
