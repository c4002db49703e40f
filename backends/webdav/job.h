#ifndef BACKENDS_WEBDAV_JOB_H
#define BACKENDS_WEBDAV_JOB_H

#include "backends/webdav/journal.h"
#include "backends/webdav/write.h"

/* Between send.c, put.c, aside.c and pieces.c: one put(). */
struct webdav_job {
	struct webdav *w;
	const char *path;
	struct source *src;
	const struct put_opt *opt;
	struct webdav_facts facts;
	int64_t took; /* ns, the last PUT */
};

/* Bytes of the source, from `at`. */
struct webdav_part {
	int64_t at, len;
};

/*
 * PUT a part of the source, which has to stand where that begins, to `to`:
 * where it belongs there, by Content-Range, if it is not the beginning.  Under
 * a condition if `value` is not NULL.  Missing parents are made, and the part
 * sent again then.  `a` is all zero if no answer came.
 */
int webdav_send(struct webdav_job *j, struct op *op, const char *to,
		struct webdav_part part, const char *condition,
		const char *value, struct http_answer *a) MUST_CHECK;

/* The whole source. */
int webdav_send_whole(struct webdav_job *j, struct op *op, const char *to,
		      const char *condition, const char *value,
		      struct http_answer *a) MUST_CHECK;

/* Whether an answer has come that says what became of a request. */
bool webdav_was_refused(const struct http_answer *a);

/* The time is sent with the file. */
bool webdav_time_comes_along(const struct webdav_job *j);

/*
 * Give the file its time by whatever does that here; the time that it has
 * then.  A file whose time could not be set is there all the same: the next
 * run sets it, or sends the file again.
 */
int64_t webdav_settle_time(struct webdav_job *j, struct op *op,
			   const char *path, const struct http_answer *a,
			   const char *etag);

/* Whether `now` is as large as the source, of its hash as far as known. */
bool webdav_is_whole(const struct webdav_job *j,
		     const struct multistatus_item *now);

/*
 * Whether the source's `part` is what `path` has there: 0, or 1 if it is
 * something else; -1 if that could not be found out.
 */
int webdav_compare_part(struct webdav_job *j, struct op *op, const char *path,
			struct webdav_part part) MUST_CHECK;

/* aside.c: by a name beside it, moved into place once it is there whole. */
int webdav_put_aside(struct webdav_job *j, struct op *op,
		     struct entry *out) MUST_CHECK;

/*
 * pieces.c: send the source to a name beside j->path, *to, in pieces that need
 * not be sent again when the next one breaks off.  `journal` lets a later call
 * go on, also of another run; it is open when this returns 0.  After a failure
 * nothing is left but what that call can use.  ERR_UNSUPPORTED if the server
 * takes no pieces after all: the source may have been read.
 */
bool webdav_wants_pieces(const struct webdav_job *j);
int webdav_send_pieces(struct webdav_job *j, struct op *op,
		       struct webdav_journal *journal, const char **to,
		       struct http_answer *a) MUST_CHECK;

/* What was found out of this server is wrong: no more pieces in this run. */
void webdav_no_pieces(struct webdav *w, struct op *op);

#endif
