#ifndef LIB_INI_H
#define LIB_INI_H

#include "lib/buf.h"
#include "lib/op.h"

/*
 * An INI file in rclone's dialect: `[section]`, `key = value`, comments from
 * '#' or ';' at the start of a line.  Comments, order and blank lines survive
 * a change.  A line that is none of these, a key before the first section, a
 * NUL, a section twice or a last line without its newline (a file cut short)
 * is an error that names the line; then nothing is loaded.
 */
struct ini;

struct ini *ini_new(void);
void ini_free(struct ini *ini);

/* Replaces what `ini` holds; on failure it holds what it held. */
int ini_parse(struct ini *ini, const char *text, size_t n,
	      struct err *e) MUST_CHECK;

/* Append the whole as text. */
void ini_write(const struct ini *ini, struct buf *out);

size_t ini_sections(const struct ini *ini);
const char *ini_section(const struct ini *ini, size_t i);
bool ini_has(const struct ini *ini, const char *section);

/* The value, or NULL. Lasts until the next change. */
const char *ini_get(const struct ini *ini, const char *section,
		    const char *key);

/* Keys of a section in their order: false when `i` is beyond the last. */
bool ini_item(const struct ini *ini, const char *section, size_t i,
	      const char **key, const char **value);

/*
 * Makes the section if need be; `value` NULL takes the key out.  ERR_INVALID
 * for a name, key or value that the file could not hold.
 */
int ini_set(struct ini *ini, const char *section, const char *key,
	    const char *value, struct err *e) MUST_CHECK;

/* Take a section out, false if there is none. */
bool ini_delete(struct ini *ini, const char *section);

#endif
