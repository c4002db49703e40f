#ifndef CMD_OUT_H
#define CMD_OUT_H

#include "cmd/cmd.h"
#include "lib/buf.h"

/*
 * Results, to standard output.  A failed write (a full disk, a closed pipe) is
 * an error like any other, and none goes unnoticed: main() calls out_flush()
 * before it exits.  For any thread; one call is one piece.
 */
int out_write(struct op *op, const void *p, size_t n) MUST_CHECK;
int out_str(struct op *op, const char *s) MUST_CHECK;
int out_printf(struct op *op, const char *fmt, ...) PRINTF(2, 3) MUST_CHECK;
int out_flush(struct op *op) MUST_CHECK;

/*
 * A file's name as a result: as it is into a file or a pipe, with control
 * characters made harmless on a terminal.
 */
void out_add_name(struct buf *b, const char *name);

bool out_is_terminal(void);

/* Colour sequences are wanted on this descriptor (1 or 2). */
bool out_has_color(int fd, const struct globals *g);

/*
 * "path":..., and where that name is not UTF-8 also "path_hex":..., the very
 * bytes; "path" then has U+FFFD for each byte that does not fit.
 */
struct json;
void json_path(struct json *j, const char *key, const char *path);

#endif
