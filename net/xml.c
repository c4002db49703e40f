#include "net/xml.h"

#include <expat.h>
#include <stdlib.h>
#include <string.h>

/*
 * Expat keeps a token (a tag, a comment) until it is whole, so one that never
 * ends must be noticed from outside.
 */
enum { TOKEN_MAX = 1024 * 1024, PIECE = 16 * 1024 };

struct xml_state {
	const struct xml_handler *handler;
	void *arg;
	XML_Parser parser;
	int64_t max, fed;

	struct op *op;  /* of the call under way: expat hands none on */
	struct err err; /* why nothing more is taken, or of kind ERR_OK */

	/*
	 * Text of the open elements, each one's after its parent's: a child's
	 * is cut off when it ends, and the parent's goes on there.
	 */
	struct buf text;
	size_t begins[XML_DEPTH_MAX];
	bool keeps[XML_DEPTH_MAX]; /* its blanks, too */
	unsigned depth;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

const char *xml_attr(const char *const *attrs, const char *name)
{
	for (; attrs[0]; attrs += 2) {
		const char *blank = strrchr(attrs[0], ' ');

		if (strcmp(blank ? blank + 1 : attrs[0], name) == 0)
			return attrs[1];
	}
	return NULL;
}

/* Expat calls a handler or two even after it was stopped. */
static void stop(struct xml_state *s)
{
	s->err = s->op->err;
	XML_StopParser(s->parser, XML_FALSE);
}

static void refuse(struct xml_state *s, const char *why)
{
	err_set(&s->op->err, ERR_CORRUPT, "XML, line %lu: %s",
		(unsigned long)XML_GetCurrentLineNumber(s->parser), why);
	stop(s);
}

static bool too_long(const char *name, const char *const *attrs)
{
	if (strlen(name) > XML_NAME_MAX)
		return true;
	for (; *attrs; attrs++)
		if (strlen(*attrs) > XML_NAME_MAX)
			return true;
	return false;
}

static void XMLCALL on_start(void *arg, const XML_Char *name,
			     const XML_Char **attrs_)
{
	const char *const *attrs = (const char *const *)attrs_;
	struct xml_state *s = arg;

	if (s->err.kind)
		return;
	if (s->depth == XML_DEPTH_MAX) {
		refuse(s, "too many elements within each other");
		return;
	}
	if (too_long(name, attrs)) {
		refuse(s, "a name or attribute is too long");
		return;
	}
	s->keeps[s->depth] = false;
	s->begins[s->depth++] = s->text.len;
	if (s->handler->start &&
	    s->handler->start(s->arg, s->op, name, attrs) < 0)
		stop(s);
}

static void XMLCALL on_end(void *arg, const XML_Char *name)
{
	struct xml_state *s = arg;
	size_t begin;

	if (s->err.kind)
		return;
	if (s->depth == 0)
		BUG("XML: an end without a beginning");
	begin = s->begins[--s->depth];
	while (!s->keeps[s->depth] && s->text.len > begin &&
	       is_blank(s->text.data[s->text.len - 1]))
		buf_cut(&s->text, s->text.len - 1);
	if (s->handler->end &&
	    s->handler->end(s->arg, s->op, name, s->text.data + begin) < 0)
		stop(s);
	buf_cut(&s->text, begin);
}

static void XMLCALL on_text(void *arg, const XML_Char *text, int len)
{
	struct xml_state *s = arg;
	size_t n = (size_t)len, have;

	if (s->err.kind || s->depth == 0)
		return;
	have = s->text.len - s->begins[s->depth - 1];
	/* what a long list is indented with would add up */
	while (have == 0 && n && is_blank(*text) && !s->keeps[s->depth - 1]) {
		text++;
		n--;
	}
	if (n > XML_TEXT_MAX - have)
		refuse(s, "too much text in one element");
	else
		buf_add(&s->text, text, n);
}

static void XMLCALL on_doctype(void *arg, const XML_Char *name,
			       const XML_Char *system, const XML_Char *public,
			       int has_subset)
{
	struct xml_state *s = arg;

	(void)name;
	(void)system;
	(void)public;
	(void)has_subset;
	if (!s->err.kind)
		refuse(s, "it has a DOCTYPE");
}

static bool ends_early(enum XML_Error code)
{
	return code == XML_ERROR_NO_ELEMENTS ||
	       code == XML_ERROR_UNCLOSED_TOKEN ||
	       code == XML_ERROR_PARTIAL_CHAR ||
	       code == XML_ERROR_UNCLOSED_CDATA_SECTION;
}

static int failed(struct xml_state *s, bool last)
{
	enum XML_Error code = XML_GetErrorCode(s->parser);

	if (!s->err.kind && last && ends_early(code))
		refuse(s, "it ends early");
	else if (!s->err.kind)
		refuse(s, XML_ErrorString(code));
	s->op->err = s->err;
	return -1;
}

static int parse(struct xml_state *s, const char *p, size_t n, bool last)
{
	XML_Index at;

	if (XML_Parse(s->parser, p, (int)n, last) == XML_STATUS_ERROR)
		return failed(s, last);
	s->fed += (int64_t)n;
	at = XML_GetCurrentByteIndex(s->parser);
	if (s->fed - (at < 0 ? 0 : (int64_t)at) > TOKEN_MAX) {
		refuse(s, "a tag or comment is too long");
		return -1;
	}
	return 0;
}

static int xml_write(struct sink *sink, struct op *op, const void *p, size_t n)
{
	struct xml_state *s = container_of(sink, struct xml, sink)->state;
	const char *at = p;
	int rc = 0;

	if (s->err.kind) {
		op->err = s->err;
		return -1;
	}
	s->op = op;
	if (s->max && n > (uint64_t)(s->max - s->fed)) {
		refuse(s, "it is too long");
		rc = -1;
	}
	while (n && rc == 0) {
		size_t step = n < PIECE ? n : PIECE;

		rc = parse(s, at, step, false);
		at += step;
		n -= step;
	}
	s->op = NULL;
	return rc;
}

static void *get_memory(size_t n)
{
	return xrealloc(NULL, n ? n : 1, 1);
}

static void *get_more_memory(void *p, size_t n)
{
	return xrealloc(p, n ? n : 1, 1);
}

void xml_init(struct xml *x, const struct xml_handler *h, void *arg,
	      int64_t max)
{
	static const XML_Memory_Handling_Suite memory = { get_memory,
							  get_more_memory,
							  free };
	struct xml_state *s = xcalloc(1, sizeof(*s));

	*s = (struct xml_state){ .handler = h, .arg = arg, .max = max };
	s->text = (struct buf)BUF_INIT;
	s->parser = XML_ParserCreate_MM(NULL, &memory, " ");
	if (!s->parser)
		BUG("expat cannot begin");
	XML_SetUserData(s->parser, s);
	XML_SetElementHandler(s->parser, on_start, on_end);
	XML_SetCharacterDataHandler(s->parser, on_text);
	XML_SetStartDoctypeDeclHandler(s->parser, on_doctype);
	*x = (struct xml){ .sink.write = xml_write, .state = s };
}

void xml_keep_blanks(struct xml *x)
{
	struct xml_state *s = x->state;

	if (!s->op || s->depth == 0)
		BUG("XML: no element has just begun");
	s->keeps[s->depth - 1] = true;
}

int xml_end(struct xml *x, struct op *op)
{
	struct xml_state *s = x->state;
	int rc;

	if (s->err.kind) {
		op->err = s->err;
		return -1;
	}
	s->op = op;
	rc = parse(s, "", 0, true);
	s->op = NULL;
	return rc;
}

void xml_free(struct xml *x)
{
	if (!x->state)
		return;
	XML_ParserFree(x->state->parser);
	buf_free(&x->state->text);
	free(x->state);
	x->state = NULL;
}

void xml_escape(struct buf *b, const char *text)
{
	static const char special[] = "&<>\"'";
	static const char *const names[] = { "&amp;", "&lt;", "&gt;", "&quot;",
					     "&apos;" };

	while (*text) {
		size_t plain = strcspn(text, special);

		buf_add(b, text, plain);
		text += plain;
		if (*text)
			buf_adds(b, names[strchr(special, *text++) - special]);
	}
}
