#ifndef BACKENDS_WEBDAV_PROPFIND_H
#define BACKENDS_WEBDAV_PROPFIND_H

#include "backends/webdav/multistatus.h"
#include "backends/webdav/webdav.h"

/*
 * PROPFIND with Depth 1 if `children`, else 0, for `what` (properties as XML);
 * the items as they are.  dir: the URL ends in '/'.  *date is that of the
 * answer, there before the first item, or MTIME_UNKNOWN; it may be NULL.
 */
int webdav_propfind_items(struct webdav *w, struct op *op, const char *path,
			  bool dir, bool children, const char *what,
			  int64_t *date, multistatus_fn *fn,
			  void *arg) MUST_CHECK;

/* The same of what has its URL already, which ends in '/' for a folder. */
int webdav_propfind_url(struct webdav *w, struct op *op, const char *url,
			bool children, const char *what, int64_t *date,
			multistatus_fn *fn, void *arg) MUST_CHECK;

/* As webdav_propfind() with Depth 0, for both kinds; name and all copied. */
int webdav_find(struct webdav *w, struct op *op, const char *path,
		struct entry *out) MUST_CHECK;

/*
 * The same with the ETag that the server gave, whatever it is worth as a tag;
 * or NULL.
 */
int webdav_find_etag(struct webdav *w, struct op *op, const char *path,
		     struct entry *out, const char **etag) MUST_CHECK;

/* Whether two ETags are of one content, W/ or not. */
bool webdav_same_etag(const char *a, const char *b);
bool webdav_etag_is_strong(const char *etag);

#endif
