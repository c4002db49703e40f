#ifndef BACKENDS_WEBDAV_TOKEN_H
#define BACKENDS_WEBDAV_TOKEN_H

#include "backends/webdav/webdav.h"

/*
 * For http_conf.authorize, `arg` being the service: the fixed token, or what
 * bearer_token_command prints, asked for once and again when it is refused.
 */
int webdav_authorize(void *arg, struct op *op, const char *stale,
		     const char **value);

#endif
