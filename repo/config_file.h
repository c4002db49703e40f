#ifndef REPO_CONFIG_FILE_H
#define REPO_CONFIG_FILE_H

#include "lib/buf.h"
#include "lib/err.h"
#include "repo/id.h"

/* The repository's config (doc/design.rst, "Repository Format"). */
enum { CONFIG_FILE_MAX = 1 << 20 };

struct config_file {
	unsigned version; /* 1 or 2 */
	struct id id;
	uint64_t polynomial; /* of degree 53 */
};

/* ERR_CORRUPT, also for a version that we do not know. */
int config_file_parse(const char *json, size_t n, struct config_file *out,
		      struct err *e) MUST_CHECK;
void config_file_write(struct buf *b, const struct config_file *c);

#endif
