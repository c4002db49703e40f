#include "net/dump.h"

#include <string.h>
#include <strings.h>

#include "lib/log.h"

enum { BODY_SHOWN = 4096 };

static const char *const secret_headers[] = {
	"Authorization", "Proxy-Authorization", "Cookie",
	"Set-Cookie",    "Authentication-Info",
};

static const char *const secret_fields[] = {
	"access_token",  "refresh_token", "id_token",
	"auth_token",    "login_token",   "password",
	"client_secret", "code",          "code_verifier",
};

static bool is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '_' || c == '-';
}

static bool is_secret_field(const char *p, size_t n)
{
	for (size_t i = 0; i < ARRAY_LEN(secret_fields); i++)
		if (strlen(secret_fields[i]) == n &&
		    strncasecmp(p, secret_fields[i], n) == 0)
			return true;
	return false;
}

static bool is_secret_header(const struct dump *d, const char *p, size_t n)
{
	for (const struct http_header *h = d->own; h && h->name; h++)
		if (strlen(h->name) == n && strncasecmp(p, h->name, n) == 0)
			return true;
	for (size_t i = 0; i < ARRAY_LEN(secret_headers); i++)
		if (strlen(secret_headers[i]) == n &&
		    strncasecmp(p, secret_headers[i], n) == 0)
			return true;
	return n >= 7 && strncasecmp(p, "X-", 2) == 0 &&
	       strncasecmp(p + n - 5, "Token", 5) == 0;
}

/* The end of the JSON value or form field that begins at `p`. */
static size_t value_end(const char *p, const char *end, bool json)
{
	const char *start = p;

	if (json && p < end && *p == '"') {
		for (p++; p < end && *p != '"'; p++)
			if (*p == '\\' && p + 1 < end)
				p++;
	} else {
		while (p < end && !strchr(json ? ",}] \n" : "& \r\n\"", *p))
			p++;
	}
	return (size_t)(p - start);
}

/* Where the value of the name that ends at `p` begins; NULL if it has none. */
static const char *value_start(const char *p, const char *end, bool *json)
{
	*json = p < end && *p == '"';
	if (p < end && *p == '=')
		return p + 1;
	if (!*json)
		return NULL;
	for (p++; p < end && strchr(" \t\r\n", *p); p++)
		;
	if (p == end || *p != ':')
		return NULL;
	for (p++; p < end && strchr(" \t\r\n", *p); p++)
		;
	return p;
}

/* Append a text with the values of secret fields, JSON's and forms', blank. */
static void add_blanked(struct buf *b, const char *p, size_t n)
{
	const char *end = p + n;

	while (p < end) {
		const char *word = p, *value = NULL;
		bool json = false;

		while (p < end && is_word(*p))
			p++;
		if (p > word && is_secret_field(word, (size_t)(p - word)))
			value = value_start(p, end, &json);
		if (p == word)
			p++;
		buf_add(b, word, (size_t)((value ? value : p) - word));
		if (value) {
			buf_adds(b, json ? "\"***" : "***");
			p = value + value_end(value, end, json);
		}
	}
}

static void show_line(const struct dump *d, char mark, const char *p, size_t n)
{
	const char *colon = memchr(p, ':', n);
	struct buf text = BUF_INIT;

	while (n > 0 && (p[n - 1] == '\r' || p[n - 1] == '\n'))
		n--;
	if (n == 0)
		return;
	if (colon && is_secret_header(d, p, (size_t)(colon - p))) {
		buf_add(&text, p, (size_t)(colon - p));
		buf_adds(&text, ": ***");
	} else {
		add_blanked(&text, p, n);
	}
	log_notice(d->name, "%c %s", mark, text.data);
	buf_free(&text);
}

static void show_head(const struct dump *d, char mark, const char *p, size_t n)
{
	while (n > 0) {
		const char *end = memchr(p, '\n', n);
		size_t line = end ? (size_t)(end - p) + 1 : n;

		show_line(d, mark, p, line);
		p += line;
		n -= line;
	}
}

static void keep(struct buf *b, int64_t *count, const char *p, size_t n)
{
	size_t room = BODY_SHOWN - b->len;

	*count += (int64_t)n;
	buf_add(b, p, n < room ? n : room);
}

static int on_debug(CURL *curl, curl_infotype type, char *p, size_t n,
		    void *arg)
{
	struct dump *d = arg;
	bool heads = d->what & HTTP_DUMP_HEADERS;
	bool bodies = d->what & HTTP_DUMP_BODIES;

	(void)curl;
	if (type == CURLINFO_HEADER_OUT && heads)
		show_head(d, '>', p, n);
	else if (type == CURLINFO_HEADER_IN && heads)
		show_head(d, '<', p, n);
	else if (type == CURLINFO_DATA_OUT && bodies)
		keep(&d->sent, &d->n_sent, p, n);
	else if (type == CURLINFO_DATA_IN && bodies)
		keep(&d->received, &d->n_received, p, n);
	return 0;
}

static void show_body(const struct dump *d, char mark, struct buf *b,
		      int64_t *count)
{
	struct buf text = BUF_INIT;

	if (*count > 0) {
		add_blanked(&text, b->data, b->len);
		log_notice(d->name, "%c %lld bytes: %s%s", mark,
			   (long long)*count, text.data,
			   *count > (int64_t)b->len ? "..." : "");
	}
	buf_free(&text);
	buf_reset(b);
	*count = 0;
}

void dump_bodies(struct dump *d)
{
	show_body(d, '>', &d->sent, &d->n_sent);
	show_body(d, '<', &d->received, &d->n_received);
}

void dump_init(struct dump *d, CURL *curl, const struct http_conf *conf,
	       unsigned what)
{
	*d = (struct dump){ .name = conf->name,
			    .what = what,
			    .own = conf->headers,
			    .sent = BUF_INIT,
			    .received = BUF_INIT };
	if (!what)
		return;
	curl_easy_setopt(curl, CURLOPT_DEBUGFUNCTION, on_debug);
	curl_easy_setopt(curl, CURLOPT_DEBUGDATA, d);
	curl_easy_setopt(curl, CURLOPT_VERBOSE, 1L);
}

void dump_free(struct dump *d)
{
	if (d->sent.cap)
		explicit_bzero(d->sent.data, d->sent.cap);
	if (d->received.cap)
		explicit_bzero(d->received.data, d->received.cap);
	buf_free(&d->sent);
	buf_free(&d->received);
}
