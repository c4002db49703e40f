#ifndef NET_XML_H
#define NET_XML_H

#include "lib/stream.h"

/*
 * XML as events, by expat, while it arrives.  Documents are foreign: one with
 * a DOCTYPE or an entity of its own, deeper than XML_DEPTH_MAX, with a name or
 * attribute longer than XML_NAME_MAX, or with text in one element beyond
 * XML_TEXT_MAX is ERR_CORRUPT.
 */
enum { XML_DEPTH_MAX = 64, XML_NAME_MAX = 4096, XML_TEXT_MAX = 64 * 1024 };

/* The value of an attribute (its name without namespace), or NULL. */
const char *xml_attr(const char *const *attrs, const char *name);

struct xml_handler {
	/*
	 * An element begins.  `name` is its namespace and its name with a
	 * blank between ("DAV: href"), or the name alone if it has none.  -1
	 * with op->err ends the parsing.  May be NULL.
	 */
	int (*start)(void *arg, struct op *op, const char *name,
		     const char *const *attrs);

	/*
	 * It ends; `text` is all text directly in it, blanks at both ends cut
	 * off; it may be "" but holds no NUL.  May be NULL.
	 */
	int (*end)(void *arg, struct op *op, const char *name,
		   const char *text);
};

/*
 * Bytes pushed into `sink` are parsed; one thread at a time.  `max` bytes at
 * most, 0 for any number (a stream whose events need no memory).
 */
struct xml {
	struct sink sink;
	struct xml_state *state;
};

void xml_init(struct xml *x, const struct xml_handler *h, void *arg,
	      int64_t max);

/*
 * From start() only: the blanks at both ends of this element's text are part
 * of it, as in a name.
 */
void xml_keep_blanks(struct xml *x);

/* The document must be complete now, else ERR_CORRUPT ("it ends early"). */
int xml_end(struct xml *x, struct op *op) MUST_CHECK;
void xml_free(struct xml *x);

/* Append `text` as it stands in a document: & < > " ' escaped. */
void xml_escape(struct buf *b, const char *text);

#endif
