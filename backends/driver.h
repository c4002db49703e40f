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
};

extern const struct driver driver_local;
extern const struct driver driver_mem;
extern const struct driver driver_fault;

/* The driver called `name`, or NULL. */
const struct driver *driver_find(const char *name);

/* All drivers, in the order in which they are listed; NULL at the end. */
const struct driver *const *driver_all(void);

#endif
