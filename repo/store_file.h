#ifndef REPO_STORE_FILE_H
#define REPO_STORE_FILE_H

#include "repo/store.h"

/*
 * Between store.c (single files) and store_list.c.
 */
enum { STORE_PATH = 80 };

/* "data/21/2159dd48..."; BUG() if an id is missing or too much. */
void store_path(enum file_type t, const struct id *id, char out[STORE_PATH]);

/* "keys", "data", ...; NULL for the config. */
const char *store_folder(enum file_type t);

/* How many threads keep the backend busy with small requests. */
unsigned store_calls(struct store *s);

/*
 * An op for one call, whose arena goes with it: who reads a million blobs in
 * one op shall not keep all that the drivers noted on the way.  store_op_end()
 * hands the error on and returns `rc`.
 */
struct op store_op(const struct op *op);
int store_op_end(struct op *own, struct op *op, int rc);

#endif
