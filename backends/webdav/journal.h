#ifndef BACKENDS_WEBDAV_JOURNAL_H
#define BACKENDS_WEBDAV_JOURNAL_H

#include "backends/webdav/webdav.h"

/*
 * One small file an upload, below "webdav-uploads" in the state folder: under
 * which name the server has what has been sent so far, and of which source that
 * is.  It is on the disk before the first byte is sent, so that the next run
 * finds what a killed one has left.  While it is open it is locked: two that
 * wrote to one name at once could make one file of the pieces of two.
 */
struct webdav_journal {
	const char *path;   /* of the file; NULL: none is kept */
	const char *source; /* size, time, hash of what is sent */
	int lock;
};
#define WEBDAV_NO_JOURNAL ((struct webdav_journal){ .lock = -1 })

/*
 * For an upload of `src` to `path` in parts of `part` bytes (0: as it comes).
 * None is kept where the source may be another one at the next reading, or
 * where somebody else is at the same upload.
 */
void webdav_journal_open(struct webdav_journal *j, struct webdav *w,
			 struct op *op, const char *path,
			 const struct source *src, const struct put_opt *opt,
			 int64_t part);

/* The name that an earlier run noted, if is_id() says that it is one; or NULL.
 *same: it was of this very source. */
const char *webdav_journal_read(const struct webdav_journal *j, struct op *op,
				bool (*is_id)(const char *text), bool *same);

/* A journal that cannot be written costs the next run time, no more. */
void webdav_journal_note(struct webdav_journal *j, struct op *op,
			 const char *id);

/* What it says has come to its end. */
void webdav_journal_forget(const struct webdav_journal *j);
void webdav_journal_close(struct webdav_journal *j);

/* Whether the failure of an upload leaves something for the next one. */
bool webdav_journal_is_worth(const struct webdav_journal *j,
			     const struct err *why);

/*
 * "<id> <source>\n": the id, or NULL; *same if it is `source`.
 */
const char *webdav_journal_words(struct arena *a, const char *text,
				 bool (*is_id)(const char *text),
				 const char *source, bool *same);

/* All names that journals of this machine hold, each with NUL. */
void webdav_journal_names(struct webdav *w, struct op *op, struct buf *out);

#endif
