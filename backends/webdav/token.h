#ifndef BACKENDS_WEBDAV_TOKEN_H
#define BACKENDS_WEBDAV_TOKEN_H

#include "backends/webdav/webdav.h"

/*
 * For http_conf.authorize, `arg` being the service: the fixed token, or what
 * bearer_token_command prints, asked for once and again when it is refused.
 */
int webdav_authorize(void *arg, struct op *op, const char *stale,
		     const char **value);

/*
 * A command as rclone writes it: words between blanks, "" around one that
 * holds some, a doubled quote for a quote.  NULL-terminated, in `a`;
 * ERR_INVALID if a quote is left open or there is no word.
 */
int token_split(struct arena *a, const char *command, char ***words,
		struct err *e) MUST_CHECK;

#endif
