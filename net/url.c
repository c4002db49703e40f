#include "net/url.h"

#include <string.h>
#include <strings.h>

#include "lib/parse.h"
#include "lib/utf8.h"

/* Longer than any server takes, and short enough to copy without a thought. */
enum { URL_MAX = 64 * 1024 };

static bool is_alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_unreserved(char c)
{
	return is_alpha(c) || is_digit(c) || (c && strchr("-_.~", c));
}

static void add_encoded(struct buf *b, char c)
{
	static const char digits[] = "0123456789ABCDEF";
	const char text[3] = { '%', digits[(uint8_t)c >> 4],
			       digits[(uint8_t)c & 15] };

	buf_add(b, text, sizeof(text));
}

void url_encode_path(struct buf *b, const char *path)
{
	for (; *path; path++) {
		if (*path == '/' || is_unreserved(*path))
			buf_add(b, path, 1);
		else
			add_encoded(b, *path);
	}
}

void url_encode(struct buf *b, const char *text)
{
	for (; *text; text++) {
		if (is_unreserved(*text))
			buf_add(b, text, 1);
		else
			add_encoded(b, *text);
	}
}

bool url_decode(struct buf *b, const char *text, size_t n)
{
	size_t before = b->len;

	for (size_t i = 0; i < n; i++) {
		char c = text[i];

		if (c == '%') {
			int high =
				i + 1 < n ? parse_hex_digit(text[i + 1]) : -1;
			int low = i + 2 < n ? parse_hex_digit(text[i + 2]) : -1;

			if (high < 0 || low < 0)
				goto bad;
			c = (char)(high * 16 + low);
			i += 2;
		}
		if (!c)
			goto bad;
		buf_add(b, &c, 1);
	}
	return true;
bad:
	buf_cut(b, before);
	return false;
}

static int refuse(struct err *e, const char *text, const char *why)
{
	struct buf safe = BUF_INIT;

	/* a query may hold a signature or a token */
	utf8_add_printable(&safe, text, strcspn(text, "?#"));
	err_set(e, ERR_INVALID, "URL \"%.200s\": %s", safe.data, why);
	buf_free(&safe);
	return -1;
}

/* The length of "scheme" in "scheme:...", or 0. */
static size_t scheme_length(const char *text)
{
	size_t n = 0;

	if (!is_alpha(*text))
		return 0;
	while (is_alpha(text[n]) || is_digit(text[n]) ||
	       (text[n] && strchr("+-.", text[n])))
		n++;
	return text[n] == ':' ? n : 0;
}

static const char *lower(struct arena *a, const char *text, size_t n)
{
	char *copy = arena_alloc(a, n + 1);

	for (size_t i = 0; i < n; i++)
		copy[i] = text[i] >= 'A' && text[i] <= 'Z'
				  ? (char)(text[i] | 0x20)
				  : text[i];
	return copy;
}

static bool parse_port(const char *text, size_t n, unsigned *out)
{
	unsigned port = 0;

	if (n == 0)
		return true; /* "host:" is "host" */
	for (size_t i = 0; i < n; i++) {
		if (!is_digit(text[i]))
			return false;
		port = port * 10 + (unsigned)(text[i] - '0');
		if (port > 65535)
			return false;
	}
	*out = port;
	return port > 0;
}

/* A name or an IPv4 address; bytes beyond ASCII are an international name. */
static bool is_host(const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!is_unreserved(text[i]) && !((uint8_t)text[i] & 0x80))
			return false;
	return n > 0 && utf8_valid(text, n);
}

static bool is_ipv6(const char *text, size_t n)
{
	bool colon = false;

	for (size_t i = 0; i < n; i++) {
		if (parse_hex_digit(text[i]) < 0 && text[i] != ':' &&
		    text[i] != '.')
			return false;
		colon = colon || text[i] == ':';
	}
	return colon;
}

static int parse_authority(struct arena *a, const char *text, size_t n,
			   struct url *out, const char **why)
{
	const char *host = text, *rest;
	size_t host_len;

	*why = "a user or password does not belong in it";
	if (memchr(text, '@', n))
		return -1;
	*why = "wrong host";
	if (n > 0 && *text == '[') {
		const char *close = memchr(text, ']', n);

		if (!close)
			return -1;
		host++;
		host_len = (size_t)(close - host);
		rest = close + 1;
		if (!is_ipv6(host, host_len))
			return -1;
	} else {
		rest = memchr(text, ':', n);
		rest = rest ? rest : text + n;
		host_len = (size_t)(rest - host);
		if (!is_host(host, host_len))
			return -1;
	}
	n -= (size_t)(rest - text);
	if (n > 0 && *rest != ':')
		return -1;
	*why = "wrong port";
	if (n > 0 && !parse_port(rest + 1, n - 1, &out->port))
		return -1;
	out->host = lower(a, host, host_len);
	return 0;
}

/*
 * What no URL may hold but some servers write is encoded, so that no other
 * program on the way reads it in another way.
 */
static void add_clean(struct buf *b, const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if ((uint8_t)text[i] & 0x80 || strchr("\"<>\\^`{|}", text[i]))
			add_encoded(b, text[i]);
		else
			buf_add(b, &text[i], 1);
	}
}

/* How many bytes "." or ".." at `text` takes, encoded or not; 0 if neither. */
static size_t dots(const char *text, size_t n, unsigned *count)
{
	size_t i = 0;

	for (*count = 0; i < n && *count < 3; ++*count) {
		if (text[i] == '.')
			i++;
		else if (n - i >= 3 && strncasecmp(text + i, "%2e", 3) == 0)
			i += 3;
		else
			return 0;
	}
	return i == n && *count <= 2 ? i : 0;
}

/* RFC 3986, 5.2.4: without "." and ".."; `path` begins with '/'. */
static void add_path(struct buf *b, const char *path, size_t n)
{
	const char *end = path + n;
	size_t start = b->len;

	while (path < end) {
		const char *next =
			memchr(path + 1, '/', (size_t)(end - path - 1));
		size_t len;
		unsigned count;

		next = next ? next : end;
		len = (size_t)(next - path);
		if (!dots(path + 1, len - 1, &count)) {
			add_clean(b, path, len);
		} else {
			while (count == 2 && b->len > start) {
				bool whole = b->data[b->len - 1] == '/';

				buf_cut(b, b->len - 1);
				if (whole)
					break;
			}
			if (next == end)
				buf_adds(b, "/");
		}
		path = next;
	}
	if (b->len == start)
		buf_adds(b, "/");
}

/* What follows the host: path, query and fragment. */
static void parse_rest(struct arena *a, const char *text, struct url *out)
{
	size_t path = strcspn(text, "?#");
	struct buf b = BUF_INIT;

	add_path(&b, text, path);
	out->path = arena_memdup(a, b.data, b.len + 1);
	out->query = NULL;
	if (text[path] == '?') {
		text += path + 1;
		buf_reset(&b);
		add_clean(&b, text, strcspn(text, "#"));
		out->query = arena_memdup(a, b.data, b.len + 1);
	}
	buf_free(&b);
}

static const char *check_characters(const char *text)
{
	if (strlen(text) > URL_MAX)
		return "it is too long";
	for (; *text; text++)
		if ((uint8_t)*text <= ' ' || *text == 0x7f)
			return "control character or blank in it";
	return NULL;
}

static int parse_scheme(const char *text, size_t n, struct url *out)
{
	out->tls = n == 5;
	out->port = out->tls ? 443 : 80;
	return (n == 4 && strncasecmp(text, "http", 4) == 0) ||
			       (n == 5 && strncasecmp(text, "https", 5) == 0)
		       ? 0
		       : -1;
}

int url_parse(struct arena *a, const char *text, struct url *out, struct err *e)
{
	const char *why = check_characters(text), *authority;
	size_t scheme = scheme_length(text), n;

	*out = (struct url){ 0 };
	if (why)
		return refuse(e, text, why);
	if (!scheme || parse_scheme(text, scheme, out) < 0 ||
	    strncmp(text + scheme, "://", 3) != 0)
		return refuse(e, text, "neither \"http://\" nor \"https://\"");
	authority = text + scheme + 3;
	n = strcspn(authority, "/?#");
	if (parse_authority(a, authority, n, out, &why) < 0)
		/* whose user, and password, must not be shown */
		return refuse(e, strchr(authority, '@') ? "..." : text, why);
	parse_rest(a, authority + n, out);
	return 0;
}

int url_resolve(struct arena *a, const struct url *base, const char *ref,
		struct url *out, struct err *e)
{
	const char *why = check_characters(ref);
	struct buf b = BUF_INIT;
	size_t keep;

	if (why)
		return refuse(e, ref, why);
	if (scheme_length(ref))
		return url_parse(a, ref, out, e);
	if (ref[0] == '/' && ref[1] == '/')
		return url_parse(a,
				 arena_printf(a, "%s:%s",
					      base->tls ? "https" : "http",
					      ref),
				 out, e);
	*out = *base;
	if (!*ref || *ref == '#')
		return 0;
	if (*ref != '/') {
		/* beside the document; "?query" stands for it itself */
		keep = *ref == '?' ? strlen(base->path)
				   : (size_t)(strrchr(base->path, '/') + 1 -
					      base->path);
		buf_add(&b, base->path, keep);
	}
	buf_adds(&b, ref);
	parse_rest(a, b.data, out);
	buf_free(&b);
	return 0;
}

bool url_same_origin(const struct url *a, const struct url *b)
{
	return a->tls == b->tls && a->port == b->port &&
	       strcmp(a->host, b->host) == 0;
}

void url_text(struct buf *b, const struct url *u)
{
	bool ipv6 = strchr(u->host, ':');

	buf_addf(b, "%s://%s%s%s", u->tls ? "https" : "http", ipv6 ? "[" : "",
		 u->host, ipv6 ? "]" : "");
	if (u->port != (u->tls ? 443 : 80))
		buf_addf(b, ":%u", u->port);
	buf_adds(b, u->path);
	if (u->query) {
		buf_adds(b, "?");
		buf_adds(b, u->query);
	}
}
