#include "repo/key_file.h"

#include <stdlib.h>
#include <string.h>

#include "crypt/secret.h"
#include "lib/base64.h"
#include "lib/json.h"
#include "lib/json_write.h"

/* restic takes half a second, too. */
enum { SCRYPT_MS = 500, SALT_LEN = 64, MASTER_MAX = 4096 };

static int corrupt(struct err *e, const char *what)
{
	return err_set(e, ERR_CORRUPT, "key file: %s", what);
}

/* Base64 of a member; NULL if it is none or longer than `max`. */
static const uint8_t *get_bytes(struct arena *a, const struct json_node *obj,
				const char *key, size_t max, size_t *n)
{
	const struct json_node *node = json_get(obj, key);
	const char *text = json_text(node, NULL);
	struct buf b = BUF_INIT;
	const uint8_t *out = NULL;

	if (text && node->len / 4 * 3 <= max &&
	    base64_decode(&b, text, node->len) && b.len) {
		out = arena_memdup(a, b.data, b.len);
		*n = b.len;
	}
	buf_free(&b);
	return out;
}

static bool get_cost(const struct json_node *root, struct scrypt_cost *out)
{
	int64_t n = json_number(json_get(root, "N"), -1);
	int64_t r = json_number(json_get(root, "r"), -1);
	int64_t p = json_number(json_get(root, "p"), -1);

	if (n <= 0 || r <= 0 || p <= 0 || r > UINT32_MAX || p > UINT32_MAX)
		return false;
	*out = (struct scrypt_cost){ .n = (uint64_t)n,
				     .r = (uint32_t)r,
				     .p = (uint32_t)p };
	return true;
}

int key_file_parse(struct arena *a, const char *json, size_t n,
		   struct key_file *out, struct err *e)
{
	const struct json_node *root;

	*out = (struct key_file){ 0 };
	if (json_parse(a, json, n, &root, e) < 0)
		return err_wrap(e, "key file");
	out->hostname = json_text(json_get(root, "hostname"), "");
	out->username = json_text(json_get(root, "username"), "");
	out->created = json_text(json_get(root, "created"), "");
	if (strcmp(json_text(json_get(root, "kdf"), ""), "scrypt") != 0)
		return corrupt(e, "its \"kdf\" is not scrypt");
	if (!get_cost(root, &out->cost))
		return corrupt(e, "N, r or p is missing or impossible");
	out->salt = get_bytes(a, root, "salt", KEY_SALT_MAX, &out->salt_len);
	if (!out->salt)
		return corrupt(e, "bad \"salt\"");
	out->data = get_bytes(a, root, "data", KEY_DATA_MAX, &out->data_len);
	if (!out->data || out->data_len <= ENVELOPE_EXTRA)
		return corrupt(e, "bad \"data\"");
	return 0;
}

static void add_base64(struct json *j, const char *key, const uint8_t *p,
		       size_t n)
{
	struct buf b = BUF_INIT;

	base64_encode(&b, p, n, false);
	json_str(j, key, b.data);
	buf_free(&b);
}

void key_file_write(struct buf *b, const struct key_file *k)
{
	struct json j = JSON_INIT(b);

	json_object(&j, NULL);
	json_str(&j, "created", k->created);
	json_str(&j, "username", k->username);
	json_str(&j, "hostname", k->hostname);
	json_str(&j, "kdf", "scrypt");
	json_int(&j, "N", (int64_t)k->cost.n);
	json_int(&j, "r", k->cost.r);
	json_int(&j, "p", k->cost.p);
	add_base64(&j, "salt", k->salt, k->salt_len);
	add_base64(&j, "data", k->data, k->data_len);
	json_end(&j);
}

/*
 * The master key's JSON, {"mac":{"k":K,"r":R},"encrypt":E}, is read and
 * written here, in place and in locked memory: what lib/json does leaves
 * copies behind.
 */
struct cursor {
	const char *p, *end;
};

static char next(struct cursor *c)
{
	while (c->p < c->end && memchr(" \t\r\n", *c->p, 4))
		c->p++;
	return c->p < c->end ? *c->p : '\0';
}

static bool eat(struct cursor *c, char want)
{
	if (next(c) != want)
		return false;
	c->p++;
	return true;
}

/* A string without escapes other than \/, which base64 might have. */
static bool get_string(struct cursor *c, const char **p, size_t *n)
{
	if (!eat(c, '"'))
		return false;
	*p = c->p;
	while (c->p < c->end && *c->p != '"' && *c->p != '\\')
		c->p++;
	*n = (size_t)(c->p - *p);
	return eat(c, '"');
}

static int digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Padded base64 of just `want` bytes. */
static bool decode(const char *s, size_t n, uint8_t *out, size_t want)
{
	size_t digits = (want * 8 + 5) / 6, at = 0;
	uint32_t acc = 0;
	unsigned bits = 0;

	if (n != (want + 2) / 3 * 4)
		return false;
	for (size_t i = 0; i < n; i++) {
		int v = digit(s[i]);

		if (i >= digits) {
			if (s[i] != '=')
				return false;
			continue;
		}
		if (v < 0)
			return false;
		acc = (acc << 6 | (uint32_t)v) & 0xffff;
		bits += 6;
		if (bits >= 8 && at < want) {
			bits -= 8;
			out[at++] = (uint8_t)(acc >> bits);
		}
	}
	return at == want;
}

static bool get_key(struct cursor *c, uint8_t *out, size_t want)
{
	const char *s;
	size_t n;

	return get_string(c, &s, &n) && decode(s, n, out, want);
}

static bool is_name(const char *s, size_t n, const char *want)
{
	return n == strlen(want) && memcmp(s, want, n) == 0;
}

/* The members of an object; in any order, each once and no others. */
static bool get_members(struct cursor *c, struct envelope_key *out, bool mac)
{
	unsigned have = 0;
	const char *s;
	size_t n;

	if (!eat(c, '{'))
		return false;
	for (;;) {
		unsigned bit;
		bool good;

		if (!get_string(c, &s, &n) || !eat(c, ':'))
			return false;
		bit = is_name(s, n, mac ? "k" : "mac");
		if (!bit && is_name(s, n, mac ? "r" : "encrypt"))
			bit = 2;
		if (mac)
			good = bit &&
			       get_key(c, bit == 1 ? out->mac_k : out->mac_r,
				       16);
		else if (bit == 1)
			good = get_members(c, out, true);
		else
			good = bit && get_key(c, out->encrypt, 32);
		if (!good || have & bit)
			return false;
		have |= bit;
		if (!eat(c, ','))
			break;
	}
	return have == 3 && eat(c, '}');
}

int master_key_parse(const char *json, size_t n, struct envelope_key *out,
		     struct err *e)
{
	struct cursor c = { json, json + n };

	if (get_members(&c, out, false) && next(&c) == '\0' && c.p == c.end)
		return 0;
	explicit_bzero(out, sizeof(*out));
	return err_set(e, ERR_CORRUPT, "what the key file holds is no key");
}

static char *put_text(char *at, const char *text)
{
	return memcpy(at, text, strlen(text)), at + strlen(text);
}

static char *put_base64(char *at, const uint8_t *p, size_t n)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < n; i += 3) {
		size_t left = n - i;
		uint32_t v = (uint32_t)p[i] << 16 |
			     (left > 1 ? (uint32_t)p[i + 1] << 8 : 0) |
			     (left > 2 ? p[i + 2] : 0u);

		*at++ = digits[v >> 18];
		*at++ = digits[v >> 12 & 63];
		*at++ = left > 1 ? digits[v >> 6 & 63] : '=';
		*at++ = left > 2 ? digits[v & 63] : '=';
	}
	return at;
}

/* At most MASTER_MAX bytes; how many. */
static size_t master_key_write(char *out, const struct envelope_key *k)
{
	char *at = put_text(out, "{\"mac\":{\"k\":\"");

	at = put_base64(at, k->mac_k, sizeof(k->mac_k));
	at = put_text(at, "\",\"r\":\"");
	at = put_base64(at, k->mac_r, sizeof(k->mac_r));
	at = put_text(at, "\"},\"encrypt\":\"");
	at = put_base64(at, k->encrypt, sizeof(k->encrypt));
	at = put_text(at, "\"}");
	return (size_t)(at - out);
}

/* An envelope under a password. */
static struct envelope *unlock(const struct key_file *k, const char *password,
			       struct err *e)
{
	struct envelope_key *user = secret_alloc(sizeof(*user));
	struct envelope *v = NULL;

	/* 64 bytes: encrypt, mac_k, mac_r, in this order and without gaps */
	_Static_assert(sizeof(*user) == 64, "the layout of a key");
	if (scrypt_derive(password, strlen(password), k->salt, k->salt_len,
			  k->cost, (uint8_t *)user, sizeof(*user), e) == 0)
		v = envelope_new(user);
	secret_free(user);
	return v;
}

int key_file_open(const struct key_file *k, const char *password,
		  struct envelope_key *out, struct err *e)
{
	struct envelope *v = unlock(k, password, e);
	char *text;
	int rc = 0;

	if (!v)
		return -1;
	text = secret_alloc(k->data_len);
	if (envelope_open(v, k->data, k->data_len, text))
		rc = master_key_parse(text, k->data_len - ENVELOPE_EXTRA, out,
				      e) < 0
			     ? -1
			     : 1;
	secret_free(text);
	envelope_free(v);
	return rc;
}

int key_file_seal(struct arena *a, struct key_file *k, const char *password,
		  const struct envelope_key *master, struct err *e)
{
	uint8_t *salt = arena_alloc(a, SALT_LEN);
	struct envelope *v;
	uint8_t *data;
	char *text;
	size_t n;

	random_bytes(salt, SALT_LEN);
	k->salt = salt;
	k->salt_len = SALT_LEN;
	k->cost = scrypt_calibrate(SCRYPT_MS);
	v = unlock(k, password, e);
	if (!v)
		return -1;
	text = secret_alloc(MASTER_MAX);
	n = master_key_write(text, master);
	data = arena_alloc(a, n + ENVELOPE_EXTRA);
	envelope_seal(v, text, n, data);
	k->data = data;
	k->data_len = n + ENVELOPE_EXTRA;
	secret_free(text);
	envelope_free(v);
	return 0;
}

void master_key_new(struct envelope_key *out)
{
	random_bytes(out, sizeof(*out));
	/* Bernstein 2005, section 2; what restic has made since 0.1 */
	for (int i = 3; i < 16; i += 4)
		out->mac_r[i] &= 0x0f;
	for (int i = 4; i < 16; i += 4)
		out->mac_r[i] &= 0xfc;
}
