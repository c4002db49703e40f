#include "crypt/envelope.h"

#include <openssl/evp.h>
#include <sodium.h>
#include <string.h>

#include "crypt/secret.h"

enum {
	IV_LEN = 16,
	MAC_LEN = 16,
	/*
	 * What is encrypted is authenticated next, while it is in the cache.
	 * (Also, EVP counts in int.)
	 */
	PIECE = 128 << 10,
};

/*
 * The contexts are initialised with their keys once and only get a new IV:
 * that takes a fifth of what expanding a key does.  Poly1305 is libcrypto's,
 * twice as fast as libsodium's where there is AVX2.
 */
struct envelope {
	uint8_t one_time[32]; /* r, clamped by Poly1305 itself, and AES_k(IV) */
	EVP_CIPHER_CTX *text;
	EVP_CIPHER_CTX *nonce; /* AES-128, one block at a time */
	EVP_MAC_CTX *mac;
};

static void check(int ok)
{
	if (ok != 1)
		BUG("libcrypto cannot encrypt");
}

static EVP_CIPHER_CTX *cipher_new(const EVP_CIPHER *type, const uint8_t *key,
				  const uint8_t *iv)
{
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();

	check(c != NULL);
	check(EVP_EncryptInit_ex(c, type, NULL, key, iv));
	check(EVP_CIPHER_CTX_set_padding(c, 0));
	return c;
}

struct envelope *envelope_new(const struct envelope_key *k)
{
	static const uint8_t iv[IV_LEN];
	struct envelope *v = secret_alloc(sizeof(*v));
	EVP_MAC *poly = EVP_MAC_fetch(NULL, "POLY1305", NULL);

	check(poly != NULL);
	v->mac = EVP_MAC_CTX_new(poly);
	EVP_MAC_free(poly); /* the context has a reference */
	check(v->mac != NULL);
	v->text = cipher_new(EVP_aes_256_ctr(), k->encrypt, iv);
	v->nonce = cipher_new(EVP_aes_128_ecb(), k->mac_k, NULL);
	memcpy(v->one_time, k->mac_r, sizeof(k->mac_r));
	return v;
}

void envelope_free(struct envelope *v)
{
	if (!v)
		return;
	EVP_MAC_CTX_free(v->mac);
	EVP_CIPHER_CTX_free(v->nonce);
	EVP_CIPHER_CTX_free(v->text);
	secret_free(v);
}

static void mac_begin(struct envelope *v, const uint8_t *iv)
{
	int done;

	check(EVP_EncryptUpdate(v->nonce, v->one_time + 16, &done, iv, IV_LEN));
	check(EVP_MAC_init(v->mac, v->one_time, sizeof(v->one_time), NULL));
}

static void mac_end(struct envelope *v, uint8_t out[MAC_LEN])
{
	size_t n;

	check(EVP_MAC_final(v->mac, out, &n, MAC_LEN));
}

static void apply(struct envelope *v, const uint8_t *in, size_t n, uint8_t *out)
{
	int done;

	check(EVP_EncryptUpdate(v->text, out, &done, in, (int)n));
}

void envelope_seal(struct envelope *v, const void *text, size_t n, uint8_t *out)
{
	const uint8_t *in = text;

	random_bytes(out, IV_LEN);
	check(EVP_EncryptInit_ex(v->text, NULL, NULL, NULL, out));
	mac_begin(v, out);
	out += IV_LEN;
	while (n > 0) {
		size_t piece = n < PIECE ? n : PIECE;

		apply(v, in, piece, out);
		check(EVP_MAC_update(v->mac, out, piece));
		in += piece;
		out += piece;
		n -= piece;
	}
	mac_end(v, out);
}

bool envelope_check(struct envelope *v, const uint8_t *p, size_t n)
{
	uint8_t mac[MAC_LEN];

	if (n < ENVELOPE_EXTRA)
		return false;
	mac_begin(v, p);
	check(EVP_MAC_update(v->mac, p + IV_LEN, n - ENVELOPE_EXTRA));
	mac_end(v, mac);
	return sodium_memcmp(mac, p + n - MAC_LEN, MAC_LEN) == 0;
}

bool envelope_open(struct envelope *v, const uint8_t *p, size_t n, void *out)
{
	uint8_t *to = out;

	if (!envelope_check(v, p, n))
		return false;
	check(EVP_EncryptInit_ex(v->text, NULL, NULL, NULL, p));
	p += IV_LEN;
	n -= ENVELOPE_EXTRA;
	while (n > 0) {
		size_t piece = n < PIECE ? n : PIECE;

		apply(v, p, piece, to);
		p += piece;
		to += piece;
		n -= piece;
	}
	return true;
}
