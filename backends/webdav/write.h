#ifndef BACKENDS_WEBDAV_WRITE_H
#define BACKENDS_WEBDAV_WRITE_H

#include "backends/webdav/multistatus.h"
#include "backends/webdav/webdav.h"
#include "lib/clock.h"

/*
 * Between the files that write: probe.c, put.c, mtime.c, chunks.c, strays.c;
 * write.c has what they have in common.
 */

/* As PROPFIND tells it now, its texts in the op's arena. ERR_NOT_FOUND. */
int webdav_look(struct webdav *w, struct op *op, const char *path,
		struct multistatus_item *out) MUST_CHECK;

/* The folder that `path` is in, in the op's arena; "" for the root. */
const char *webdav_parent(struct op *op, const char *path);

/* The time in getlastmodified: RFC 9110's forms, and RFC 3339. */
bool webdav_modified(const char *text, int64_t *ns);

/* `path` from the service's URL, in the op's arena: for keys of the memory. */
const char *webdav_full_path(const struct webdav *w, struct op *op,
			     const char *path);

/* Cut to whole seconds, towards the past. */
int64_t webdav_seconds(int64_t ns);

/*
 * The earliest time that can come with a PUT, in seconds: Nextcloud refuses all
 * in the first day of 1970, nginx takes none before.  A file that is older is
 * given just that, and the right time is noted in this machine's memory.
 */
int64_t webdav_earliest(const struct webdav *w, const struct webdav_facts *f);

/* Note it, with the file's ETag (looked for if that is NULL). */
int webdav_note_mtime(struct webdav *w, struct op *op, const char *path,
		      int64_t mtime, const char *etag) MUST_CHECK;

/* The mtime that a file shows which was given `mtime`. */
int64_t webdav_kept_mtime(const struct webdav_facts *f, int64_t mtime);

/*
 * A set of headers for one request; `n` texts are copied by nobody.  The last
 * one stays empty.
 */
enum { HEADERS_MAX = 10 };
struct webdav_headers {
	struct http_header at[HEADERS_MAX + 1];
	size_t n;
};
void webdav_header(struct webdav_headers *h, const char *name,
		   const char *value);

/*
 * What a file's content is sent with: X-OC-Mtime and Date as the facts say,
 * OC-Checksum, Content-Type.
 */
void webdav_content_headers(struct webdav *w, struct op *op,
			    const struct webdav_facts *f,
			    const struct put_opt *opt,
			    struct webdav_headers *h);

/* "SHA1:..." for OC-Checksum, or NULL if no hash is known. */
const char *webdav_checksum(struct op *op, const struct digests *d);

/*
 * Put what was uploaded elsewhere into its place: look whether opt allows it,
 * keep the old file if it is to be kept, then `move`, which is told whether to
 * replace a file and the ETag it has to have (or NULL).
 */
typedef int place_fn(void *arg, struct op *op, bool over, const char *etag);
int webdav_place(struct webdav *w, struct op *op, const char *path,
		 const struct put_opt *opt, const struct webdav_facts *f,
		 place_fn *move, void *arg) MUST_CHECK;

/* What put() answers; `etag` or NULL. */
void webdav_fill(struct op *op, const struct webdav_facts *f, const char *path,
		 int64_t size, int64_t mtime, const char *etag,
		 struct entry *out);

/*
 * For clearing up after a failure of `op`: works after a cancel, too, but then
 * not for long, and leaves the failed op's error alone.
 */
struct tidy {
	struct op op;
};
void tidy_begin(struct tidy *t, const struct op *op);
void tidy_end(struct tidy *t);

/*
 * What webdav_set_mtime() takes instead of an ETag that nobody has told: the
 * Date of the PUT's answer, how long that `took` (ns), and the size.  NULL if
 * it has none.  Only where facts.clock says so.
 */
const char *webdav_date_token(struct op *op, const struct http_answer *a,
			      int64_t took, int64_t size);

/* The same of a file as the server lists it, with the server's own time. */
const char *webdav_time_token(struct op *op, const struct entry *e);

/*
 * After a PUT to `path` was refused: 1 if that is for want of a parent, which
 * is there now; 0 with the error as it was; or -1 with what is wrong with it.
 */
int webdav_missing_parent(struct webdav *w, struct op *op,
			  const char *path) MUST_CHECK;

/*
 * DELETE, if it has that ETag still (NULL: whatever it has); whether it went
 * well does not matter.
 */
void webdav_discard(struct webdav *w, const struct op *op, const char *path);
void webdav_discard_only(struct webdav *w, const struct op *op,
			 const char *path, const char *etag);

/*
 * probe.c: `basic`, what webdav_facts_new() tells, which is in `f` already if
 * it is not asked for; `all`, the rest.
 */
int webdav_probe(struct webdav *w, struct op *op, bool basic, bool all,
		 struct webdav_facts *f) MUST_CHECK;

/*
 * mtime.c, for it: set by one request each property that may take a time, but
 * for getlastmodified itself, which many refuse along with all others.  Each
 * to another one: `first` and as many seconds as its kind says.
 */
int webdav_try_times(struct webdav *w, struct op *op, const char *path,
		     int64_t first,
		     const struct multistatus_item *now) MUST_CHECK;

/* facts.c, for its test: the facts as a note, and back if not too old. */
void facts_text(struct buf *b, const struct webdav_facts *f, int64_t now);
bool facts_parse(const char *text, int64_t now, struct webdav_facts *f);

#endif
