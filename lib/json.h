#ifndef LIB_JSON_H
#define LIB_JSON_H

#include "lib/arena.h"
#include "lib/err.h"

/*
 * A JSON text read whole (RFC 8259), on jsmn's tokens.  Values are nodes in
 * the arena; all limits hold before anything is allocated for them.
 */
enum json_type {
	JSON_NULL,
	JSON_BOOL,
	JSON_NUMBER,
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT
};

enum { JSON_DEPTH_MAX = 64 };

struct json_node {
	enum json_type type;
	const char *key;  /* in an object, else NULL */
	const char *text; /* of a string: decoded, NUL-terminated; of a number:
			     as written; of a bool: "true" or "false" */
	size_t len;       /* of text; a string may hold NUL bytes */
	const struct json_node *child, *next;
};

/*
 * ERR_CORRUPT says what is wrong and where.  A string that is not valid UTF-8
 * or holds half a surrogate pair is refused, and so is a key with a NUL; of a
 * key that comes twice the last one counts.
 */
int json_parse(struct arena *a, const char *text, size_t n,
	       const struct json_node **out, struct err *e) MUST_CHECK;

/* The member called `key`, or NULL, also if `obj` is NULL or no object. */
const struct json_node *json_get(const struct json_node *obj, const char *key);

/* The value if it is of that type and fits, else `fallback`. */
const char *json_text(const struct json_node *n, const char *fallback);
int64_t json_number(const struct json_node *n, int64_t fallback);
bool json_truth(const struct json_node *n, bool fallback);

#endif
