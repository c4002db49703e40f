#include "backends/jotta/fail.h"

#include <string.h>

#include "lib/json.h"
#include "lib/utf8.h"
#include "net/xml.h"

enum { WORDS_MAX = 200 };

/* What an error document says; in the op's arena, or "". */
struct words {
	const char *message, *reason, *id;
};

struct document {
	struct words *words;
	unsigned depth;
	bool is_error;
};

static int document_start(void *arg, struct op *op, const char *name,
			  const char *const *attrs)
{
	struct document *d = arg;

	(void)op, (void)attrs;
	if (d->depth++ == 0)
		d->is_error = strcmp(name, "error") == 0;
	return 0;
}

static int document_end(void *arg, struct op *op, const char *name,
			const char *text)
{
	struct document *d = arg;

	if (--d->depth != 1 || !d->is_error)
		return 0;
	if (strcmp(name, "message") == 0)
		d->words->message = arena_strdup(&op->arena, text);
	else if (strcmp(name, "reason") == 0)
		d->words->reason = arena_strdup(&op->arena, text);
	return 0;
}

/* What of the document can be read: an error in it changes nothing. */
static void read_xml(struct op *op, const struct http_answer *a,
		     struct words *out)
{
	static const struct xml_handler handler = { document_start,
						    document_end };
	struct document d = { .words = out };
	struct xml x;

	xml_init(&x, &handler, &d, 0);
	if (x.sink.write(&x.sink, op, a->body, a->body_len) < 0 ||
	    xml_end(&x, op) < 0)
		err_clear(&op->err);
	xml_free(&x);
}

static void read_json(struct op *op, const struct http_answer *a,
		      struct words *out)
{
	const struct json_node *root;

	if (json_parse(&op->arena, a->body, a->body_len, &root, &op->err) < 0) {
		err_clear(&op->err);
		return;
	}
	out->message = json_text(json_get(root, "message"), "");
	out->reason = json_text(json_get(root, "cause"), "");
	out->id = json_text(json_get(root, "error_id"), "");
}

static struct words read_words(struct op *op, const struct http_answer *a)
{
	struct words w = { "", "", "" };
	const char *p = a->body + strspn(a->body, " \t\r\n\xef\xbb\xbf");

	if (*p == '<')
		read_xml(op, a, &w);
	else if (*p == '{')
		read_json(op, a, &w);
	return w;
}

static bool says(const struct words *w, const char *word)
{
	return strcasestr(w->message, word) || strcasestr(w->reason, word) ||
	       strcasestr(w->id, word);
}

#define ANY_OF(w, a, b, c) (says(w, a) || says(w, b) || says(w, c))

static bool is_lock(const struct words *w, const char *how)
{
	return says(w, how) && says(w, "lock");
}

/*
 * Where the status alone leaves it open: NULL if the words do, too.  A lock is
 * of the whole account, so no other file fares better: as with a wrong login.
 */
static const char *refusal(const struct words *w, enum err_kind *kind)
{
	if (is_lock(w, "write") || is_lock(w, "read"))
		*kind = ERR_AUTH;
	if (is_lock(w, "write"))
		return "the account is locked for writing; its web page says "
		       "why (mostly it is over its quota, or not paid for)";
	if (is_lock(w, "read"))
		return "the account is locked for reading; its web page says "
		       "why";
	if (ANY_OF(w, "quota", "no space", "storage is full")) {
		*kind = ERR_NO_SPACE;
		return "the account's quota is full";
	}
	return NULL;
}

/* clang-format off */
static const struct {
	int status;
	enum err_kind kind;
	const char *text;
} statuses[] = {
	{ 401, ERR_AUTH,      "the service does not accept the login" },
	{ 402, ERR_AUTH,      "the service wants to be paid first" },
	{ 403, ERR_DENIED,    "the service does not allow it" },
	{ 404, ERR_NOT_FOUND, "no such file" },
	{ 408, ERR_TIMEOUT,   "the service has waited too long" },
	{ 409, ERR_EXISTS,    "something is there already" },
	{ 410, ERR_NOT_FOUND, "no such file" },
	{ 412, ERR_CONFLICT,  "it has changed in the meantime" },
	{ 413, ERR_NO_SPACE,  "it is too large for the service" },
	{ 416, ERR_CONFLICT,  "the file is shorter than it was" },
	{ 420, ERR_NETWORK,   "the upload ended early" },
	{ 423, ERR_BUSY,      "the service is busy with it" },
	{ 429, ERR_BUSY,      "the service asks to slow down" },
	{ 460, ERR_NO_SPACE,  "the account's quota is full" },
	{ 500, ERR_SERVER,    "the service failed" },
	{ 502, ERR_SERVER,    "the service cannot be reached behind its proxy" },
	{ 503, ERR_BUSY,      "the service is overloaded" },
	{ 504, ERR_SERVER,    "the service did not answer its proxy in time" },
	{ 507, ERR_NO_SPACE,  "the account's quota is full" },
	{ 509, ERR_BUSY,      "the plan's bandwidth is used up for now; the "
			      "service asks to slow down" },
};
/* clang-format on */

/* " (its words)", made harmless and short. */
static void add_words(struct buf *b, const struct words *w)
{
	const char *said = *w->message ? w->message : w->reason;
	struct buf text = BUF_INIT;
	size_t n;

	if (*said == '\0')
		said = w->id;
	n = strnlen(said, WORDS_MAX);
	while (n && ((unsigned char)said[n] & 0xc0) == 0x80)
		n--; /* not in the middle of a character */
	utf8_add_printable(&text, said, n);
	if (text.len)
		buf_addf(b, " (\"%s\")", text.data);
	buf_free(&text);
}

int jotta_fail(struct op *op, const struct http_answer *a)
{
	struct words w = read_words(op, a);
	struct http_answer busy = *a;
	struct buf text = BUF_INIT;
	const char *why = NULL;
	enum err_kind kind;
	unsigned wait;

	/* The pause asked for, whatever status it came with. */
	busy.status = 503;
	http_fail(op, &busy);
	wait = op->err.retry_after;
	http_fail(op, a);
	kind = op->err.kind;
	for (size_t i = 0; i < ARRAY_LEN(statuses); i++)
		if (statuses[i].status == a->status) {
			kind = statuses[i].kind;
			why = statuses[i].text;
		}
	if (a->status == 402 || a->status == 403) {
		const char *closer = refusal(&w, &kind);

		why = closer ? closer : why;
	}
	if (why || *w.message || *w.reason || *w.id) {
		buf_adds(&text, why ? why : "the service refused it");
		add_words(&text, &w);
		buf_addf(&text, " [HTTP %d]", a->status);
		err_set(&op->err, kind, "%s", text.data);
		op->err.code = a->status;
	}
	buf_free(&text);
	op->err.retry_after = err_info(kind)->retry ? wait : 0;
	return -1;
}
