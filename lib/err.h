#ifndef LIB_ERR_H
#define LIB_ERR_H

#include "lib/base.h"

/*
 * Errors.
 *
 * A function that can fail returns 0 or -1 and describes the failure in a
 * `struct err` that its caller owns.  The kind decides what the program does
 * next: retry, skip this file, stop the run, which errno the mount answers,
 * which status the process exits with.  The text is for people and is never
 * parsed.
 *
 * Each level adds what only it knows, and nobody below cmd/ prints:
 *
 *	return err_set(e, ERR_CORRUPT, "block %u: bad MAC", n);
 *	return err_wrap(e, "decrypting %s", path);
 *		-> "decrypting a/b.txt: block 7: bad MAC"
 */
enum err_kind {
	ERR_OK = 0,
	ERR_INVALID,     /* wrong usage or configuration */
	ERR_LIMIT,       /* a safety limit stopped the run */
	ERR_PARTIAL,     /* the run is over, some files failed and were named */
	ERR_UNSUPPORTED, /* this backend cannot do that */
	ERR_NOT_FOUND,   /* no such file */
	ERR_NO_DIR,      /* no such directory */
	ERR_NO_REPO,     /* no snapshot repository there */
	ERR_EXISTS,
	ERR_NOT_EMPTY,
	ERR_IS_DIR,
	ERR_NOT_DIR,
	ERR_DENIED,   /* known to the server, but not allowed */
	ERR_AUTH,     /* credentials missing, wrong or expired */
	ERR_PASSWORD, /* no key of the repository fits */
	ERR_NO_SPACE, /* disk or quota full */
	ERR_CONFLICT, /* changed underneath us, precondition failed */
	ERR_CORRUPT,  /* bad checksum, MAC or format */
	ERR_NETWORK,  /* DNS, TCP or TLS; connection lost */
	ERR_TIMEOUT,
	ERR_BUSY,   /* told to slow down */
	ERR_LOCKED, /* the repository, by another process */
	ERR_SERVER, /* the server failed (5xx) */
	ERR_IO,     /* local input or output */
	ERR_CANCELED,
	ERR_KINDS
};

struct err {
	enum err_kind kind;
	int code;             /* errno or HTTP status, 0 if neither */
	unsigned retry_after; /* ms the server asked us to wait, or 0 */
	char msg[500];        /* inside: an error report allocates nothing */
};

/* What a kind means to the rest of the program; one table, in err.c. */
struct err_info {
	const char *name; /* "not-found": for --json and for logs */
	bool retry;       /* the same call may succeed later */
	bool fatal;       /* no other file would fare better: stop */
	int os;           /* errno for the mount */
	int exit;         /* exit status */
};

const struct err_info *err_info(enum err_kind kind);

/* Set `*e`, dropping what it held. Always returns -1, so it can be returned. */
int err_set(struct err *e, enum err_kind kind, const char *fmt, ...)
	PRINTF(3, 4);

/* As err_set(), with kind, code and the last part of the text from errno. */
int err_sys(struct err *e, const char *fmt, ...) PRINTF(2, 3);

/*
 * Put "fmt: " in front of the text and keep the rest.  Where both do not fit,
 * what is put in front is cut, so that the reason is never lost.  Always
 * returns -1.
 */
int err_wrap(struct err *e, const char *fmt, ...) PRINTF(2, 3);

void err_clear(struct err *e);

/* Whether the text names the path: as a whole, not by chance within a word. */
bool err_names(const struct err *e, const char *path);

#endif
