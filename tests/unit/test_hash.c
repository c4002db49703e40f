#include "tests/harness.h"

#include "lib/hash.h"

enum { ALL = 1u << HASH_MD5 | 1u << HASH_SHA1 | 1u << HASH_SHA256 };

static void check_digests(const struct digests *d, const char *md5,
			  const char *sha1, const char *sha256)
{
	const char *want[] = { md5, sha1, sha256 };
	struct buf b = BUF_INIT;

	CHECK(d->have == ALL);
	for (int t = 0; t < HASH_TYPES; t++) {
		buf_reset(&b);
		digest_hex(&b, d, (enum hash_type)t);
		CHECK_STR(b.data, want[t]);
	}
	buf_free(&b);
}

/* RFC 1321, FIPS 180-2 */
static void known_vectors_come_out(void)
{
	struct hasher *h = hasher_new(ALL);
	struct digests d;

	hasher_end(h, &d);
	check_digests(&d, "d41d8cd98f00b204e9800998ecf8427e",
		      "da39a3ee5e6b4b0d3255bfef95601890afd80709",
		      "e3b0c44298fc1c149afbf4c8996fb924"
		      "27ae41e4649b934ca495991b7852b855");
	hasher_add(h, "abc", 3);
	hasher_end(h, &d);
	check_digests(&d, "900150983cd24fb0d6963f7d28e17f72",
		      "a9993e364706816aba3e25717850c26c9cd0d89d",
		      "ba7816bf8f01cfea414140de5dae2223"
		      "b00361a396177a9cb410ff61f20015ad");
	for (int i = 0; i < 1000000; i++)
		hasher_add(h, "a", 1);
	hasher_end(h, &d);
	check_digests(&d, "7707d6ae4e027c70eea2a935c2296f21",
		      "34aa973cd4c4daa4f61eeb2bdbad27316534016f",
		      "cdc76e5c9914fb9281a1c7e284d73e67"
		      "f1809a48a497200e046d39ccc7112cd0");
	hasher_free(h);
}

static void only_what_is_wanted_is_computed(void)
{
	struct hasher *h = hasher_new(1u << HASH_SHA1);
	struct digests d;

	hasher_add(h, "abc", 3);
	hasher_end(h, &d);
	CHECK(d.have == 1u << HASH_SHA1);
	hasher_free(h);
	h = hasher_new(0);
	hasher_add(h, "abc", 3);
	hasher_end(h, &d);
	CHECK(d.have == 0);
	hasher_free(h);
	hasher_free(NULL);
}

static void names_are_found_as_users_write_them(void)
{
	static const struct {
		const char *name;
		int type; /* -1: none */
	} names[] = {
		{ "md5", HASH_MD5 },
		{ "MD5", HASH_MD5 },
		{ "MD-5", HASH_MD5 },
		{ "SHA-1", HASH_SHA1 },
		{ "sha1", HASH_SHA1 },
		{ "Sha-256", HASH_SHA256 },
		{ "sha256", HASH_SHA256 },
		{ "sha", -1 },
		{ "", -1 },
		{ "-", -1 },
		{ "sha12", -1 },
		{ "sha256x", -1 },
		{ "crc32", -1 },
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		enum hash_type t;
		bool found = hash_find(names[i].name, &t);

		CHECK(found == (names[i].type >= 0));
		CHECK(!found || (int)t == names[i].type);
	}
	for (int t = 0; t < HASH_TYPES; t++) {
		enum hash_type again;

		CHECK(hash_find(hash_name((enum hash_type)t), &again));
		CHECK((int)again == t);
		CHECK(hash_len((enum hash_type)t) <= HASH_LONGEST);
	}
}

static void only_common_digests_are_compared(void)
{
	struct digests a = { .have = 1u << HASH_MD5 };
	struct digests b = { .have = 1u << HASH_SHA1 };

	CHECK(digests_compare(&a, &b) == -1);
	b.have |= 1u << HASH_MD5;
	b.sha1[3] = 1;
	CHECK(digests_compare(&a, &b) == 1);
	b.md5[15] = 1;
	CHECK(digests_compare(&a, &b) == 0);
	a.md5[15] = 1;
	a.have |= 1u << HASH_SHA1; /* one equal, one not: not equal */
	CHECK(digests_compare(&a, &b) == 0);
	a.have = b.have = 0;
	CHECK(digests_compare(&a, &b) == -1);
}

int main(void)
{
	RUN(known_vectors_come_out);
	RUN(only_what_is_wanted_is_computed);
	RUN(names_are_found_as_users_write_them);
	RUN(only_common_digests_are_compared);
	return 0;
}
