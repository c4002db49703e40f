/* What stands in an answer. */

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "lib/clock.h"
#include "lib/date.h"
#include "lib/parse.h"
#include "lib/utf8.h"
#include "net/http.h"

enum {
	TEXT_MAX = 200,                  /* of the server's words */
	RETRY_MAX_MS = 24 * 3600 * 1000, /* more than that nobody waits */
};

const char *http_header(const struct http_answer *a, const char *name)
{
	const char *value = NULL;

	for (const struct http_header *h = a->headers; h && h->name; h++)
		if (strcasecmp(h->name, name) == 0)
			value = h->value;
	return value;
}

/* clang-format off */
static const struct {
	int status;
	enum err_kind kind;
	const char *text;
} statuses[] = {
	{ 400, ERR_DENIED,      "the server does not understand the request" },
	{ 401, ERR_AUTH,        "the server refuses the credentials" },
	{ 402, ERR_DENIED,      "the server wants to be paid" },
	{ 403, ERR_DENIED,      "forbidden by the server" },
	{ 404, ERR_NOT_FOUND,   "not found" },
	{ 405, ERR_UNSUPPORTED, "the server does not support this here" },
	{ 408, ERR_TIMEOUT,     "the server waited for us in vain" },
	{ 409, ERR_CONFLICT,    "conflict" },
	{ 410, ERR_NOT_FOUND,   "gone" },
	{ 412, ERR_CONFLICT,    "changed meanwhile" },
	{ 413, ERR_NO_SPACE,    "too large for the server" },
	{ 414, ERR_DENIED,      "the name is too long for the server" },
	{ 416, ERR_CONFLICT,    "there is no such range of bytes" },
	{ 423, ERR_BUSY,        "locked on the server" },
	{ 425, ERR_BUSY,        "too early" },
	{ 429, ERR_BUSY,        "the server asks to slow down" },
	{ 501, ERR_UNSUPPORTED, "the server does not support this" },
	{ 502, ERR_SERVER,      "bad gateway" },
	{ 503, ERR_BUSY,        "the server is busy" },
	{ 504, ERR_SERVER,      "gateway timeout" },
	{ 507, ERR_NO_SPACE,    "no space left on the server" },
};
/* clang-format on */

static unsigned retry_after(const struct http_answer *a)
{
	const char *value = http_header(a, "Retry-After");
	int64_t n, ms;

	if (!value)
		return 0;
	if (parse_int(value, &n)) {
		if (__builtin_mul_overflow(n, (int64_t)1000, &ms))
			return 0;
	} else if (date_parse_http(value, &n)) {
		ms = (n - clock_wall()) / 1000000;
	} else {
		return 0;
	}
	if (ms < 0)
		return 0;
	return ms < RETRY_MAX_MS ? (unsigned)ms : RETRY_MAX_MS;
}

/* What stands between <message> and its end, or NULL. */
static const char *xml_message(const struct http_answer *a, size_t *n)
{
	static const char *const tags[] = { "<message", "<s:message" };

	for (size_t i = 0; i < ARRAY_LEN(tags); i++) {
		const char *tag = strcasestr(a->body, tags[i]);
		const char *text = tag ? strchr(tag, '>') : NULL;

		if (!text || (text != tag + strlen(tags[i]) &&
			      tag[strlen(tags[i])] != ' '))
			continue;
		*n = strcspn(text + 1, "<");
		return text + 1;
	}
	return NULL;
}

/* Append the server's words, if they are for people and few. */
static void add_words(struct buf *b, const struct http_answer *a)
{
	const char *type = http_header(a, "Content-Type"), *text = NULL;
	struct buf words = BUF_INIT;
	bool blank = true;
	size_t n = 0;

	if (type && strncasecmp(type, "text/plain", 10) == 0) {
		text = a->body;
		n = strlen(text);
	} else if (type && strcasestr(type, "xml")) {
		text = xml_message(a, &n);
	}
	if (!text)
		return;
	for (size_t i = 0; i < n && words.len < TEXT_MAX; i++) {
		bool none = (uint8_t)text[i] <= ' ' || text[i] == 0x7f;

		if (none && !blank)
			buf_adds(&words, " ");
		else if (!none)
			buf_add(&words, &text[i], 1);
		blank = none;
	}
	while (words.len > 0 && words.data[words.len - 1] == ' ')
		buf_cut(&words, words.len - 1);
	if (words.len > 0) {
		buf_adds(b, ": ");
		utf8_add_printable(b, words.data, words.len);
	}
	buf_free(&words);
}

int http_fail(struct op *op, const struct http_answer *a)
{
	struct err *e = &op->err;
	enum err_kind kind = a->status >= 500 ? ERR_SERVER : ERR_DENIED;
	struct buf text = BUF_INIT;
	const char *words = NULL;

	for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
		if (statuses[i].status == a->status) {
			kind = statuses[i].kind;
			words = statuses[i].text;
		}
	}
	if (words)
		buf_addf(&text, "%s (%d)", words, a->status);
	else
		buf_addf(&text, "the server answered %d", a->status);
	add_words(&text, a);
	err_set(e, kind, "%s", text.data);
	e->code = a->status;
	if (kind == ERR_BUSY || kind == ERR_SERVER)
		e->retry_after = retry_after(a);
	buf_free(&text);
	return -1;
}
