#ifndef REPO_TREE_SCAN_H
#define REPO_TREE_SCAN_H

#include "repo/tree.h"

/*
 * JSON's tokens, from a tree's text; what a tree reader is made of.  Blanks in
 * front of a token are skipped.
 */
enum { TREE_DEPTH = 16 };

struct span {
	const char *s;
	size_t n;
};

/* "byte 17 of the tree: WHAT" */
int scan_bad(const struct tree_reader *r, struct err *e, const char *what);

/* What begins there, '\0' at the end. */
char scan_peek(struct tree_reader *r);

/* Take that character if it is what comes next. */
bool scan_take(struct tree_reader *r, char c);

/* The same for the word "null". */
bool scan_null(struct tree_reader *r);

/* A string's characters, in the text itself where nothing is escaped. */
int scan_string(struct tree_reader *r, struct span *out,
		struct err *e) MUST_CHECK;

/* As scan_string(), in the arena, and a NUL in it is refused. */
int scan_text(struct tree_reader *r, struct span *out,
	      struct err *e) MUST_CHECK;

/* A whole number without sign of at most `most`. */
int scan_number(struct tree_reader *r, uint64_t most, uint64_t *out,
		struct err *e) MUST_CHECK;

/* Any value, which lies within `depth` objects and arrays. */
int scan_skip(struct tree_reader *r, unsigned depth, struct err *e) MUST_CHECK;

/*
 * Within an object or array: 1 if there is one more member, 0 at its end (which
 * is taken), -1.  `first` says which commas belong there and is cleared.
 */
int scan_more(struct tree_reader *r, char close, bool *first,
	      struct err *e) MUST_CHECK;

/* scan_more(), a key and its colon. */
int scan_key(struct tree_reader *r, bool *first, struct span *key,
	     struct err *e) MUST_CHECK;

#endif
