#include "tests/harness.h"

#include "crypt/envelope.h"
#include "crypt/scrypt.h"
#include "crypt/secret.h"
#include "lib/base64.h"
#include "repo/id.h"

/*
 * A key file and the config of a repository that `restic init` (0.14) made
 * with the password "x"; N=32768, r=8, p=7.
 */
static const char restic_salt[] =
	"e89a4e8f00131044fa3fa9bb02674ed97a02218046f7bf68e337b6cc5e8de4af"
	"8194a98a684df925d1c29d889abe3deb7cb1a7d2518c1688dbcb95567949098e";

static const char restic_data[] =
	"ec4cb5840e6ee36552a539f81afba154630ccb490ffb7a1258732aaea29aa0a0"
	"35d8bb27f3f96472f472ca1ec014640fb4011aebde6d0fe2a5eaf5422299f3f4"
	"558c9c2237301491ba5ef1b9a7c945a1f631acb43c8cda4844125bcfa382db26"
	"8597e309d292dd4854bc3b723e55a84c19a0de42e19a748b7e4d1ef41ec8313a"
	"8243b3c0452912500c62f9ee9e8a7922e05acbeb5dd8a51bed4b1ae85107482a";

static const char restic_config[] =
	"e56eb9ce64f790e6036e99022d4b92b08a8570c2616dd786f9ee2ca87c281240"
	"f8c2f767cd5acfc551d9933086602a3a38b1c2b84061be0c0215b30ab7580570"
	"0d1c108641715478af65dd44fff7120272a2addb51788e9a4744215775e1a384"
	"907673974a01ae7215d5ea2b615bee7ff78bddb4cb187827d23b8b2c5c551a3e"
	"0356057ae6fa54ae2a4412f6aec3ce382ae4c2f4916697a533bafb";

static size_t bytes_of(const char *hex, uint8_t *out, size_t room)
{
	size_t n = strlen(hex) / 2;

	CHECK(n <= room);
	for (size_t i = 0; i < n; i++) {
		unsigned x;

		CHECK(sscanf(hex + 2 * i, "%2x", &x) == 1);
		out[i] = (uint8_t)x;
	}
	return n;
}

/* What the JSON `text` has in base64 as the member behind `quoted`. */
static void member(const char *text, const char *quoted, uint8_t *out, size_t n)
{
	const char *at = strstr(text, quoted);
	struct buf b = BUF_INIT;

	CHECK(at);
	at += strlen(quoted);
	CHECK(base64_decode(&b, at, strcspn(at, "\"")) && b.len == n);
	memcpy(out, b.data, n);
	buf_free(&b);
}

static void what_restic_sealed_is_opened(void)
{
	uint8_t salt[64], sealed[200];
	char text[200];
	struct envelope_key *k = secret_alloc(sizeof(*k));
	struct envelope *v;
	struct err e;
	size_t n;

	CHECK(sizeof(*k) == 64);
	CHECK(bytes_of(restic_salt, salt, sizeof(salt)) == sizeof(salt));
	CHECK(scrypt_derive("x", 1, salt, sizeof(salt),
			    (struct scrypt_cost){ 32768, 8, 7 }, (uint8_t *)k,
			    sizeof(*k), &e) == 0);
	v = envelope_new(k);
	n = bytes_of(restic_data, sealed, sizeof(sealed));
	CHECK(envelope_open(v, sealed, n, text));
	envelope_free(v);
	text[n - ENVELOPE_EXTRA] = '\0';
	member(text, "\"k\":\"", k->mac_k, sizeof(k->mac_k));
	member(text, "\"r\":\"", k->mac_r, sizeof(k->mac_r));
	member(text, "\"encrypt\":\"", k->encrypt, sizeof(k->encrypt));

	v = envelope_new(k);
	n = bytes_of(restic_config, sealed, sizeof(sealed));
	CHECK(envelope_open(v, sealed, n, text));
	text[n - ENVELOPE_EXTRA] = '\0';
	CHECK(strstr(text, "\"chunker_polynomial\":"));
	envelope_free(v);
	secret_free(k);
}

/* Bernstein's appendix B. */
static void the_mac_is_poly1305_aes(void)
{
	static const struct {
		const char *text, *r, *k, *iv, *mac;
	} known[] = {
		{ "f3f6", "851fc40c3467ac0be05cc20404f3f700",
		  "ec074c835580741701425b623235add6",
		  "fb447350c4e868c52ac3275cf9d4327e",
		  "f4c633c3044fc145f84f335cb81953de" },
		{ "", "a0f3080000f46400d0c7e9076c834403",
		  "75deaa25c09f208e1dc4ce6b5cad3fbf",
		  "61ee09218d29b0aaed7e154a2c5509cc",
		  "dd3fab2251f11ac759f0887129cc2ee7" },
		{ "663cea190ffb83d89593f3f476b6bc24d7e679107ea26adb8caf6652d065"
		  "6136",
		  "48443d0bb0d21109c89a100b5ce2c208",
		  "6acb5f61a7176dd320c5c1eb2edcdc74",
		  "ae212a55399729595dea458bc621ff0e",
		  "0ee1c16bb73f0f4fd19881753c01cdbe" },
		{ "ab0812724a7f1e342742cbed374d94d136c6b8795d45b3819830f2c04491"
		  "faf0990c62e48b8018b2c3e4a0fa3134cb67fa83e158c994d961c4cb2109"
		  "5c1bf9",
		  "12976a08c4426d0ce8a82407c4f48207",
		  "e1a5668a4d5b66a5f68cc5424ed5982d",
		  "9ae831e743978d3a23527c7128149e3a",
		  "5154ad0d2cb26e01274fc51148491f1b" },
	};

	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		struct envelope_key k = { 0 };
		uint8_t sealed[200];
		struct envelope *v;
		size_t n = 0;

		bytes_of(known[i].r, k.mac_r, sizeof(k.mac_r));
		bytes_of(known[i].k, k.mac_k, sizeof(k.mac_k));
		n += bytes_of(known[i].iv, sealed + n, 16);
		n += bytes_of(known[i].text, sealed + n, 100);
		n += bytes_of(known[i].mac, sealed + n, 16);
		v = envelope_new(&k);
		CHECK(envelope_check(v, sealed, n));
		sealed[n - 1] ^= 1;
		CHECK(!envelope_check(v, sealed, n));
		envelope_free(v);

		/* bits that clamping takes away make no difference */
		sealed[n - 1] ^= 1;
		k.mac_r[3] |= 0xf0;
		k.mac_r[4] |= 3;
		v = envelope_new(&k);
		CHECK(envelope_check(v, sealed, n));
		envelope_free(v);
	}
}

/* NIST SP 800-38A, F.5.5; where r is 0 the MAC is AES-128(IV), F.5.1. */
static void the_cipher_is_aes_256_ctr(void)
{
	struct envelope_key k = { 0 };
	uint8_t sealed[64], text[32], want[32];
	struct envelope *v;

	bytes_of("603deb1015ca71be2b73aef0857d7781"
		 "1f352c073b6108d72d9810a30914dff4",
		 k.encrypt, sizeof(k.encrypt));
	bytes_of("2b7e151628aed2a6abf7158809cf4f3c", k.mac_k, sizeof(k.mac_k));
	bytes_of("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff"
		 "601ec313775789a5b7a7f504bbf3d228"
		 "f443e3ca4d62b59aca84e990cacaf5c5"
		 "ec8cdf7398607cb0f2d21675ea9ea1e4",
		 sealed, sizeof(sealed));
	bytes_of("6bc1bee22e409f96e93d7e117393172a"
		 "ae2d8a571e03ac9c9eb76fac45af8e51",
		 want, sizeof(want));
	v = envelope_new(&k);
	for (int i = 0; i < 2; i++) {
		CHECK(envelope_open(v, sealed, sizeof(sealed), text));
		CHECK(memcmp(text, want, sizeof(want)) == 0);
	}
	envelope_free(v);
}

static struct envelope *some_envelope(void)
{
	struct envelope_key k;

	random_bytes(&k, sizeof(k));
	return envelope_new(&k);
}

static void what_was_sealed_is_opened(void)
{
	static const size_t sizes[] = { 0,    1,      15,     16,     17,
					4095, 131071, 131072, 131073, 1 << 20 };
	const size_t most = 1 << 20;
	struct envelope *v = some_envelope();
	uint8_t *text = xcalloc(1, most);
	uint8_t *sealed = xcalloc(1, most + ENVELOPE_EXTRA);
	uint8_t *got = xcalloc(1, most);

	random_bytes(text, most);
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		size_t n = sizes[i], all = n + ENVELOPE_EXTRA;

		envelope_seal(v, text, n, sealed);
		CHECK(n < 16 || memcmp(text, sealed + 16, n) != 0);
		CHECK(envelope_open(v, sealed, all, got));
		CHECK(memcmp(text, got, n) == 0);

		memcpy(sealed + 16, text, n);
		envelope_seal(v, sealed + 16, n, sealed);
		CHECK(envelope_check(v, sealed, all));
		CHECK(envelope_open(v, sealed, all, sealed + 16));
		CHECK(memcmp(text, sealed + 16, n) == 0);
	}
	free(got);
	free(sealed);
	free(text);
	envelope_free(v);
}

static void each_sealing_has_an_iv_of_its_own(void)
{
	struct envelope *v = some_envelope();
	uint8_t a[40], b[40];

	envelope_seal(v, "the text", 8, a);
	envelope_seal(v, "the text", 8, b);
	CHECK(memcmp(a, b, 16) != 0);
	CHECK(memcmp(a + 16, b + 16, 24) != 0);
	envelope_free(v);
}

static void a_changed_bit_anywhere_is_seen_and_nothing_written(void)
{
	struct envelope *v = some_envelope();
	uint8_t sealed[60], text[28];

	envelope_seal(v, "twenty-eight bytes of text..", 28, sealed);
	memset(text, 'u', sizeof(text));
	for (size_t i = 0; i < 8 * sizeof(sealed); i++) {
		uint8_t bit = (uint8_t)(1u << (i & 7));

		sealed[i / 8] ^= bit;
		CHECK(!envelope_check(v, sealed, sizeof(sealed)));
		CHECK(!envelope_open(v, sealed, sizeof(sealed), text));
		sealed[i / 8] ^= bit;
	}
	for (size_t n = 0; n < sizeof(sealed); n++)
		CHECK(!envelope_open(v, sealed, n, text));
	for (size_t i = 0; i < sizeof(text); i++)
		CHECK(text[i] == 'u');
	CHECK(envelope_open(v, sealed, sizeof(sealed), text));
	envelope_free(v);
}

static void another_key_opens_nothing(void)
{
	struct envelope *a = some_envelope(), *b = some_envelope();
	uint8_t sealed[36];

	envelope_seal(a, "text", 4, sealed);
	CHECK(!envelope_check(b, sealed, sizeof(sealed)));
	envelope_free(a);
	envelope_free(b);
}

static void secrets_are_zeroed_and_aligned(void)
{
	for (size_t n = 0; n < 100; n++) {
		uint8_t *p = secret_alloc(n);

		CHECK((uintptr_t)p % 16 == 0);
		for (size_t i = 0; i < n; i++)
			CHECK(p[i] == 0);
		memset(p, 1, n);
		secret_free(p);
	}
	secret_free(NULL);
}

/* FIPS 180-2, appendix B.1. */
static void ids_are_sha_256_in_hexadecimal(void)
{
	static const char abc[] = "ba7816bf8f01cfea414140de5dae2223"
				  "b00361a396177a9cb410ff61f20015ad";
	struct buf b = BUF_INIT;
	char hex[ID_HEX + 1], head[9], bad[ID_HEX + 1];
	struct id id, again;

	id_of("abc", 3, &id);
	CHECK_STR(id_hex(&id, hex), abc);
	CHECK_STR(id_short(&id, head), "ba7816bf");
	buf_adds(&b, "id ");
	id_add_hex(&b, &id);
	CHECK(b.len == 3 + ID_HEX);
	CHECK_STR(b.data + 3, abc);
	buf_free(&b);

	CHECK(id_parse(abc, ID_HEX, &again) && id_equal(&id, &again));
	CHECK(!id_is_null(&id));
	CHECK(!id_parse(abc, ID_HEX - 1, &again));
	CHECK(!id_parse("", 0, &again));
	for (size_t i = 0; i < ID_HEX; i++)
		for (const char *c = "/:`gAF -"; *c; c++) {
			memcpy(bad, abc, sizeof(bad));
			bad[i] = *c;
			CHECK(!id_parse(bad, ID_HEX, &again));
		}
	id_of("", 0, &id);
	id_short(&id, head);
	CHECK_STR(head, "e3b0c442");
}

int main(void)
{
	RUN(what_restic_sealed_is_opened);
	RUN(the_mac_is_poly1305_aes);
	RUN(the_cipher_is_aes_256_ctr);
	RUN(what_was_sealed_is_opened);
	RUN(each_sealing_has_an_iv_of_its_own);
	RUN(a_changed_bit_anywhere_is_seen_and_nothing_written);
	RUN(another_key_opens_nothing);
	RUN(secrets_are_zeroed_and_aligned);
	RUN(ids_are_sha_256_in_hexadecimal);
	return 0;
}
