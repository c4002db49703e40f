#include "crypt/obscure.h"

#include <limits.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <string.h>

#include "lib/base64.h"

enum { IV_LEN = 16, TEXT_MAX = 1024 * 1024 };

/* What "-" stands for in base64url (RFC 4648, 5). */
enum { BASE64URL_DASH = 62 };

/* rclone's, and so no secret. */
static const uint8_t key[32] = {
	0x9c, 0x93, 0x5b, 0x48, 0x73, 0x0a, 0x55, 0x4d, 0x6b, 0xfd, 0x7c,
	0x63, 0xc8, 0x86, 0xa9, 0x2b, 0xd3, 0x90, 0x19, 0x8e, 0xb8, 0x12,
	0x8a, 0xfb, 0xf4, 0xde, 0x16, 0x2b, 0x8b, 0x95, 0xf6, 0x38,
};

/* The same there and back. */
static void apply(const uint8_t *iv, char *p, size_t n)
{
	EVP_CIPHER_CTX *c;
	uint8_t *at = (uint8_t *)p;
	int done;

	if (n == 0)
		return;
	c = EVP_CIPHER_CTX_new();
	if (n > INT_MAX || !c ||
	    EVP_EncryptInit_ex(c, EVP_aes_256_ctr(), NULL, key, iv) != 1 ||
	    EVP_EncryptUpdate(c, at, &done, at, (int)n) != 1)
		BUG("AES-256-CTR failed");
	EVP_CIPHER_CTX_free(c);
}

void obscure(struct buf *b, const char *plain)
{
	size_t n = strlen(plain);
	struct buf bytes = BUF_INIT;
	uint8_t *iv = (uint8_t *)buf_room(&bytes, IV_LEN + n);

	do {
		if (RAND_bytes(iv, IV_LEN) != 1)
			BUG("no random bytes");
	} while (iv[0] >> 2 == BASE64URL_DASH);
	bytes.len = IV_LEN;
	buf_add(&bytes, plain, n);
	apply((const uint8_t *)bytes.data, bytes.data + IV_LEN, n);
	base64_encode(b, bytes.data, bytes.len, true);
	buf_free(&bytes);
}

int reveal(struct buf *b, const char *text, struct err *e)
{
	struct buf bytes = BUF_INIT;
	size_t n = strlen(text);
	char *plain;
	int rc = -1;

	/* as strict as rclone: a guess whether it is one should be good */
	if (n > TEXT_MAX || strpbrk(text, "+/= \t\r\n\v\f") ||
	    !base64_decode(&bytes, text, n) || bytes.len < IV_LEN) {
		err_set(e, ERR_INVALID, "this is no obscured password");
		goto out;
	}
	n = bytes.len - IV_LEN;
	plain = bytes.data + IV_LEN;
	apply((const uint8_t *)bytes.data, plain, n);
	if (memchr(plain, '\0', n)) {
		err_set(e, ERR_INVALID, "this is no obscured password");
		goto out;
	}
	buf_add(b, plain, n);
	rc = 0;
out:
	explicit_bzero(bytes.data, bytes.len);
	buf_free(&bytes);
	return rc;
}
