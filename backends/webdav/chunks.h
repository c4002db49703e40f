#ifndef BACKENDS_WEBDAV_CHUNKS_H
#define BACKENDS_WEBDAV_CHUNKS_H

#include "backends/webdav/journal.h"
#include "backends/webdav/write.h"

/* Between chunks.c and chunks_send.c: one upload in parts. */
struct upload {
	struct webdav *w;
	const char *path;
	struct source *src;
	const struct put_opt *opt;
	struct webdav_facts facts;
	const char *url; /* of its folder; ends in '/' */
	const char *to;  /* of the file */
	struct webdav_journal journal;
	int64_t part; /* bytes of each part but the last */
	unsigned parts;
	bool *have; /* of each part: it is there already */
	struct http_answer answer;
};

/* Whether a folder of uploads is called so by us. */
bool upload_is_id(const char *text);

/* Of part `i`, from 0. */
int64_t upload_length(const struct upload *u, unsigned i);

/* Whether what was sent stays after such a failure, for the next try or run. */
bool upload_is_kept(const struct upload *u, const struct err *why);

/*
 * Send all parts that are missing.  The source must be at its beginning, and
 * have been read to its end when this returns 0.
 */
int upload_send(struct upload *u, struct op *op) MUST_CHECK;

#endif
