#ifndef BACKENDS_DRIVER_H
#define BACKENDS_DRIVER_H

#include "backends/backend.h"
#include "backends/remote.h"

/*
 * One option of a driver.  Parsing, `ferry help TYPE`, the manual and
 * `ferry config show` are made from this table.
 */
enum option_type {
	OPTION_STR,
	OPTION_BOOL,    /* true/false, yes/no, 1/0 */
	OPTION_INT,     /* fits int64_t */
	OPTION_SIZE,    /* bytes with a suffix: 10M */
	OPTION_DURATION /* 1m30s, kept in ns */
};

struct driver_option {
	const char *name; /* "bearer_token"; NULL ends the table */
	enum option_type type;
	const char *fallback; /* its text when it is not given, or NULL */
	bool secret;          /* shown as *** */
	bool required;
	const char *help;
	bool obscured; /* a password, kept as rclone keeps it (obscure.h) */
	bool setup;    /* taken by setup() alone; never in the file */
};

/* How setup() asks the user; made by cmd/. */
struct dialog {
	bool interactive; /* false: ask() and choose() fail, saying which
			     key=value would have answered them */

	/* Whatever the answer, in the op's arena; a secret is not echoed. */
	int (*ask)(struct dialog *d, struct op *op, const char *key,
		   const char *question, bool secret, const char **answer);

	/* `*chosen` holds the one offered first when called. */
	int (*choose)(struct dialog *d, struct op *op, const char *key,
		      const char *question, const char *const *choices,
		      size_t n, size_t *chosen);

	/* A line that the user must see: an address to open. */
	void (*say)(struct dialog *d, const char *text);
};

/*
 * `ferry config create` and `reconnect`: `conf` has the options given (and
 * stored, if `reconnect`); setup_set() says what shall stand in the section,
 * NULL for what shall not.
 */
struct setup {
	const struct remote_conf *conf;
	struct dialog *dialog;
	bool reconnect;
	int (*set)(struct setup *s, struct op *op, const char *key,
		   const char *value);
};

/* One kind of service, and the one symbol that its folder exports. */
struct driver {
	const char *name;    /* "webdav", the value of `type` */
	const char *summary; /* one line, lower case, no full stop */
	const struct driver_option *options;

	/*
	 * Open `root`, a clean path below the remote's own root; for the local
	 * driver any path of this machine.  It need not exist: what is read
	 * from it then fails with ERR_NO_DIR, and what is put makes it.
	 */
	int (*open)(const struct remote_conf *conf, const char *root,
		    struct op *op, struct backend **out);

	/* Sign in, choose what there is to choose; or NULL. */
	int (*setup)(struct setup *s, struct op *op);
};

extern const struct driver driver_local;
extern const struct driver driver_webdav;
extern const struct driver driver_jotta;
extern const struct driver driver_mem;
extern const struct driver driver_fault;
extern const struct driver driver_repo; /* repo/snapfs.c */

/* The driver called `name`, or NULL. */
const struct driver *driver_find(const char *name);

/* The option of that name, or NULL; also if `d` is. */
const struct driver_option *driver_option_find(const struct driver *d,
					       const char *name);

/* All drivers, in the order in which they are listed; NULL at the end. */
const struct driver *const *driver_all(void);

#endif
