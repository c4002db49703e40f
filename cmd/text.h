#ifndef CMD_TEXT_H
#define CMD_TEXT_H

#include "lib/buf.h"

/*
 * Text in the columns of a terminal.  Names go through text_fit() first, which
 * makes them harmless; the others take UTF-8 that is.
 */

/*
 * The columns that `n` bytes take, without colour sequences.  Never too few:
 * a character that some terminals show wide counts two.
 */
size_t text_width(const char *s, size_t n);

/*
 * Append a name, made printable, in at most `width` columns: a longer one is
 * cut in the middle, between characters.  The columns it took.
 */
size_t text_fit(struct buf *b, const char *name, size_t width, bool unicode);

/* Whether the environment says that the terminal takes UTF-8. */
bool text_is_unicode(void);

/* "1,234,567" */
void text_add_count(struct buf *b, int64_t n);

/*
 * Append `text` in lines of at most `width` columns, each after `indent`
 * blanks; the first as if `at` columns were there already.  Paragraphs and
 * lines that start with a blank stay as they are.  Ends without a newline.
 */
void text_wrap(struct buf *b, const char *text, size_t at, size_t indent,
	       size_t width);

#endif
