#ifndef BACKENDS_REMOTE_H
#define BACKENDS_REMOTE_H

#include "backends/backend.h"
#include "lib/ini.h"
#include "net/http.h"

/*
 * Places, as the user writes them:
 *
 *	/some/path, path, ./a:b		this machine's disk
 *	name:path			remote `name` of the configuration
 *	:driver,key=value,...:path	a remote made on the spot
 *	name,key=value:path		`name` with options changed
 *
 * As in rclone: what stands before the first ':' is a remote's name unless
 * there is a '/' in it; a value that holds ',' or ':' is put in "" or '', with
 * a doubled quote for a quote.
 */
struct place {
	const char *remote; /* section's name; NULL: local, or on the spot */
	const char *driver; /* of ":driver,..."; NULL otherwise */
	const struct place_option {
		const char *key, *value;
	} * options;
	size_t n_options;
	const char *path; /* as written */
	bool dir_hint;    /* ends in '/' */
};

/* The parts are put in `a`.  ERR_INVALID says what is wrong with `spec`. */
int place_parse(struct arena *a, const char *spec, struct place *out,
		struct err *e) MUST_CHECK;

/*
 * The path of a place as a backend takes it: "/a//b/./c/" is "a/b/c".
 * ERR_INVALID for a ".." that leads out of the root.  Not for local places,
 * where the system decides what a path means.
 */
int place_clean(struct arena *a, const char *path, const char **out,
		struct err *e) MUST_CHECK;

/*
 * "repo:PLACE:SNAPSHOT/path", the short spelling of snapshots, without its
 * "repo:" at the beginning: `*place` and what is behind the ':' (in `a`).
 * `is_remote`: what stands before the first ':' is a remote's name.
 * ERR_INVALID says how it is written.
 */
int place_split_snapshot(struct arena *a, const char *text, bool is_remote,
			 const char **place, const char **rest,
			 struct err *e) MUST_CHECK;

/* Whether these bytes may name a snapshot: "latest", "latest~2", "79766175". */
bool place_is_snapshot(const char *s, size_t n);

/* The place `path` (clean) below the place `spec`, for overlays. */
int place_join(struct arena *a, const char *spec, const char *path,
	       const char **out, struct err *e) MUST_CHECK;

/* Whether `name` may name a remote: rclone's rule. */
bool remote_name_valid(const char *name);

/* Where things are kept, and the configuration; made once by cmd/. */
struct remotes {
	const char *config_path;
	const char *state_dir; /* for what must survive; may not exist yet */
	const char *cache_dir;
	struct ini *config;            /* loaded when first needed */
	pthread_mutex_t lock;          /* guards config, memory, shared */
	struct hash_memory *memory;    /* opened when first needed */
	bool no_memory;                /* --no-hash-memory */
	struct remotes_shared *shared; /* see remotes_share() */
	bool metadata;                 /* false with --no-metadata */
	bool copy_links;               /* local: follow symbolic links (-L) */
	bool hard_delete;              /* past the service's trash */
	struct http_settings http;
};

/* What a driver's open() is given: one section, with the changes on top. */
struct remote_conf {
	const char *name; /* as the user wrote it, for messages */
	const struct driver *driver;
	struct remotes *remotes;
	const struct place_option *options; /* of one key the last counts */
	size_t n_options;
	const struct remote_conf *outer; /* the overlay's that asks, or NULL */
};

/*
 * The value of an option, in the type that its table says; the table's
 * fallback where it is not set, else NULL, false or 0.
 */
const char *conf_str(const struct remote_conf *c, const char *key);
bool conf_bool(const struct remote_conf *c, const char *key);
int64_t conf_int(const struct remote_conf *c, const char *key);

/*
 * The password behind an `obscured` option, in the op's arena; NULL if it is
 * not set.  As in rclone the option holds it obscured, also in a connection
 * string; `config create` obscures what it is given.
 */
int conf_password(const struct remote_conf *c, const char *key, struct op *op,
		  const char **out) MUST_CHECK;

/*
 * Open a place.  ERR_NOT_FOUND if the configuration has no such remote,
 * ERR_INVALID for an unknown driver, an option that it does not have or a
 * value that does not fit.  Nothing is asked of a server yet.
 */
int remote_open(struct remotes *r, const char *spec, struct op *op,
		struct backend **out) MUST_CHECK;

/*
 * As remote_open(), for a place that may be a file: the backend is then opened
 * on its folder and `*file` is its name (in op->arena), else `*file` is NULL.
 * ERR_NOT_FOUND if there is nothing.
 */
int remote_open_source(struct remotes *r, const char *spec, struct op *op,
		       struct backend **out, const char **file) MUST_CHECK;

/*
 * As remote_open() for the place whose last component is the name that
 * something is to be given: the backend is opened on its parent.
 */
int remote_open_parent(struct remotes *r, const char *spec, struct op *op,
		       struct backend **out, const char **name) MUST_CHECK;

/*
 * For overlays: open what lies at `path` (clean) below the place `spec`, on
 * behalf of `outer`.  A remote that wraps itself is ERR_INVALID.
 */
int remote_open_inner(const struct remote_conf *outer, const char *spec,
		      const char *path, struct op *op,
		      struct backend **out) MUST_CHECK;

/*
 * What all backends of a driver share while the process runs: what `make`
 * returned when `key` was first asked for.  remotes_free() calls `drop` on it.
 */
void *remotes_share(struct remotes *r, const char *key, void *(*make)(void),
		    void (*drop)(void *));

/* Load the configuration unless it is; a missing file is an empty one. */
int remotes_config(struct remotes *r, struct op *op,
		   struct ini **out) MUST_CHECK;

/* The memory of hashes, or NULL if it is off or cannot be opened. */
struct hash_memory *remotes_memory(struct remotes *r, struct op *op);

/*
 * Close the memory, free the configuration and what is shared.  Every backend
 * must have been closed.
 */
void remotes_free(struct remotes *r);

#endif
