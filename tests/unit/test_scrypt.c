#include "tests/harness.h"

#include "crypt/scrypt.h"

/* RFC 7914, section 12, but for the one that takes a GiB. */
static void the_vectors_of_the_rfc(void)
{
	static const struct {
		const char *password, *salt;
		struct scrypt_cost cost;
		const char *key;
	} known[] = {
		{ "",
		  "",
		  { 16, 1, 1 },
		  "77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede2"
		  "1442fcd0069ded0948f8326a753a0fc81f17e8d3e0fb2e0d3628cf35e20c"
		  "38d18906" },
		{ "password",
		  "NaCl",
		  { 1024, 8, 16 },
		  "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b37"
		  "31622eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdf"
		  "a2cc0640" },
		{ "pleaseletmein",
		  "SodiumChloride",
		  { 16384, 8, 1 },
		  "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545d"
		  "a1f2d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b"
		  "45575887" },
	};

	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		const char *password = known[i].password, *salt = known[i].salt;
		uint8_t key[64];
		char hex[129];
		struct err e;

		CHECK(scrypt_derive(password, strlen(password),
				    (const uint8_t *)salt, strlen(salt),
				    known[i].cost, key, sizeof(key), &e) == 0);
		for (size_t j = 0; j < sizeof(key); j++)
			snprintf(hex + 2 * j, 3, "%02x", key[j]);
		CHECK_STR(hex, known[i].key);
	}
}

static void an_absurd_cost_is_refused_at_once(void)
{
	static const struct scrypt_cost bad[] = {
		{ 0, 8, 1 },
		{ 1, 8, 1 },
		{ 3, 8, 1 },
		{ 32767, 8, 1 },
		{ 32769, 8, 1 },
		{ 32768, 0, 1 },
		{ 32768, 8, 0 },
		{ 32768, 8, 257 },
		{ 1 << 20, 8, 9 },
		{ 1 << 21, 8, 1 },
		{ 1 << 24, 1, 1 },
		{ 2, 1 << 23, 1 },
		{ 2, 1, 1 << 19 },
		{ 2, UINT32_MAX, UINT32_MAX },
		{ UINT64_C(1) << 63, 1, 1 },
		{ UINT64_C(1) << 63, 2, 1 },
		{ UINT64_C(1) << 32, UINT32_MAX, UINT32_MAX },
		{ UINT64_MAX, UINT32_MAX, UINT32_MAX },
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		uint8_t key[32];
		struct err e;

		CHECK(scrypt_derive("x", 1, NULL, 0, bad[i], key, sizeof(key),
				    &e) < 0);
		CHECK(e.kind == ERR_CORRUPT);
	}
}

static void a_calibrated_cost_can_be_used(void)
{
	struct scrypt_cost c = scrypt_calibrate(0);

	CHECK(c.n == 32768 && c.r == 8 && c.p == 1);
	c = scrypt_calibrate(UINT32_MAX);
	CHECK(c.n == 32768 && c.r == 8 && c.p == 256);
}

int main(void)
{
	RUN(the_vectors_of_the_rfc);
	RUN(an_absurd_cost_is_refused_at_once);
	RUN(a_calibrated_cost_can_be_used);
	return 0;
}
