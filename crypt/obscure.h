#ifndef CRYPT_OBSCURE_H
#define CRYPT_OBSCURE_H

#include "lib/buf.h"
#include "lib/err.h"

/*
 * rclone's "obscured" passwords: AES-256-CTR under a key that everyone knows,
 * the IV in front, in unpadded base64url.  They keep a password from being
 * read over a shoulder, from nothing else.  One of ours never begins with "-",
 * which a command would take for a flag (one in 64 of rclone's does).
 */
void obscure(struct buf *b, const char *plain);

/* Append the password; ERR_INVALID if `text` is not an obscured one. */
int reveal(struct buf *b, const char *text, struct err *e) MUST_CHECK;

#endif
