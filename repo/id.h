#ifndef REPO_ID_H
#define REPO_ID_H

#include <string.h>

#include "lib/buf.h"

/*
 * A storage id: the SHA-256 of a file of the repository, or of a blob's text.
 */
enum { ID_LEN = 32, ID_HEX = 64 };

struct id {
	uint8_t b[ID_LEN];
};

static inline bool id_equal(const struct id *a, const struct id *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

static inline bool id_is_null(const struct id *a)
{
	static const struct id zero;

	return id_equal(a, &zero);
}

void id_of(const void *p, size_t n, struct id *out);

/* 64 lower-case hexadecimal digits and '\0' into `out`; returns it. */
char *id_hex(const struct id *id, char out[ID_HEX + 1]);

/* The first 8 digits, as they are shown to people. */
char *id_short(const struct id *id, char out[9]);

/* False unless `s` is exactly 64 hexadecimal digits, lower case. */
bool id_parse(const char *s, size_t n, struct id *out);

void id_add_hex(struct buf *b, const struct id *id);

#endif
