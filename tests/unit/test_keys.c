#include "tests/unit/places.h"

#include <sys/resource.h>

#include "crypt/secret.h"
#include "lib/base64.h"
#include "repo/config_file.h"
#include "repo/key_file.h"
#include "repo/keys.h"

static struct places p;
static struct backend *be;

static void begin(void)
{
	places_begin(&p);
	be = opened(&p, ":mem:");
}

static void end(void)
{
	be_close(be);
	places_end(&p);
}

static bool fails_with(int rc, enum err_kind kind)
{
	return rc == -1 && p.op.err.kind == kind;
}

static bool same_key(const struct envelope_key *a, const struct envelope_key *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

/* Made by restic 0.18.0 for the password "x", and what it says is inside. */
static const char restics[] =
	"{\"created\":\"2026-11-22T03:59:59.11504843Z\",\"username\":\"root\","
	"\"hostname\":\"vm\",\"kdf\":\"scrypt\",\"N\":32768,\"r\":8,\"p\":6,"
	"\"salt\":\"Gz2clN+58FbIZaMrctUK3nHtwanzwKdkinCkpMRSNlALWmcEIu1J37PmJ+"
	"gQahHRlOUb6BC3dm7WwHisgI5Dpw==\",\"data\":\"FdLaWV857CnKHe2+"
	"HjmtlBKeiB1Sqn5pP0x3Amgd6eeacbI8KRZ6AF6+YtgSNOBNslxW+7PICTDvd38PXBW7d"
	"pd60nFw4k5oPLXL2tjOuKBxXRjnNs4YoSRq0R6gd7iMz9qz9wi3szCxkdh8/5vyxfYiY2"
	"aopU9PXyUmhcI+5QjVS2nE6cBWYI32sltDIBG5FKnAsOXlyhV6gs4kngEzew==\"}";
static const char restics_mac_k[] = "PdTJEQLK4ZsPg6PfhyAJvw==";
static const char restics_encrypt[] =
	"sPU+MNYykGoZ/mIhI70uYursBMx3GpUL+SdfVB+Hyuc=";

static bool is_base64_of(const char *text, const void *p1, size_t n)
{
	struct buf b = BUF_INIT;
	bool same;

	base64_encode(&b, p1, n, false);
	same = strcmp(b.data, text) == 0;
	buf_free(&b);
	return same;
}

static void a_key_of_restic_opens(void)
{
	struct arena a = { 0 };
	struct envelope_key k;
	struct key_file f;
	struct err e;

	CHECK(key_file_parse(&a, restics, sizeof(restics) - 1, &f, &e) == 0);
	CHECK_STR(f.hostname, "vm");
	CHECK_STR(f.username, "root");
	CHECK(key_file_open(&f, "y", &k, &e) == 0);
	CHECK(key_file_open(&f, "x", &k, &e) == 1);
	CHECK(is_base64_of(restics_mac_k, k.mac_k, sizeof(k.mac_k)));
	CHECK(is_base64_of(restics_encrypt, k.encrypt, sizeof(k.encrypt)));
	arena_free(&a);
}

static void what_is_sealed_opens_with_its_password_only(void)
{
	struct envelope_key master, k;
	struct key_file f = { .hostname = "h",
			      .username = "u",
			      .created = "2026-01-01T00:00:00Z" },
			read;
	struct buf json = BUF_INIT;
	struct arena a = { 0 };
	struct err e;

	master_key_new(&master);
	CHECK((master.mac_r[3] & 0xf0) == 0 && (master.mac_r[15] & 0xf0) == 0);
	CHECK((master.mac_r[4] & 3) == 0 && (master.mac_r[12] & 3) == 0);
	CHECK(key_file_seal(&a, &f, "secret", &master, &e) == 0);
	key_file_write(&json, &f);
	CHECK(key_file_parse(&a, json.data, json.len, &read, &e) == 0);
	CHECK_STR(read.hostname, "h");
	CHECK_STR(read.created, "2026-01-01T00:00:00Z");
	CHECK(key_file_open(&read, "secret", &k, &e) == 1);
	CHECK(same_key(&k, &master));
	CHECK(key_file_open(&read, "secre", &k, &e) == 0);
	CHECK(key_file_open(&read, "", &k, &e) == 0);
	CHECK(!strstr(json.data, "secret"));
	buf_free(&json);
	arena_free(&a);
}

static void bad_key_files_are_corrupt(void)
{
	static const char *const bad[] = {
		"",
		"[]",
		"null",
		"{}",
		"{\"kdf\":\"scrypt\"}",
		"{\"kdf\":\"argon\",\"N\":2,\"r\":8,\"p\":1,\"salt\":\"AAAA\","
		"\"data\":\"AAAA\"}",
		"{\"kdf\":\"scrypt\",\"N\":-2,\"r\":8,\"p\":1,"
		"\"salt\":\"AAAA\",\"data\":\"AAAA\"}",
		"{\"kdf\":\"scrypt\",\"N\":2,\"r\":4294967296,\"p\":1,"
		"\"salt\":\"AAAA\",\"data\":\"AAAA\"}",
		"{\"kdf\":\"scrypt\",\"N\":2,\"r\":8,\"p\":1,\"salt\":\"\","
		"\"data\":\"AAAA\"}",
		/* shorter than an envelope */
		"{\"kdf\":\"scrypt\",\"N\":2,\"r\":8,\"p\":1,"
		"\"salt\":\"AAAA\",\"data\":\"AAAA\"}",
	};
	struct arena a = { 0 };
	struct key_file f;
	struct err e;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		CHECK(key_file_parse(&a, bad[i], strlen(bad[i]), &f, &e) < 0);
		CHECK(e.kind == ERR_CORRUPT);
	}
	arena_free(&a);
}

static void a_cost_beyond_all_reason_is_refused_and_not_paid(void)
{
	static const uint8_t bytes[64];
	const struct key_file f = {
		.cost = { .n = UINT64_C(1) << 40, .r = 8, .p = 1 },
		.salt = bytes,
		.data = bytes,
		.salt_len = sizeof(bytes),
		.data_len = sizeof(bytes)
	};
	struct envelope_key k;
	struct err e;

	CHECK(key_file_open(&f, "x", &k, &e) < 0 && e.kind == ERR_CORRUPT);
}

#define K16 "AAECAwQFBgcICQoLDA0ODw=="
#define K32 "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

static void a_master_key_is_read_in_any_order_but_whole(void)
{
	static const char *const good[] = {
		"{\"mac\":{\"k\":\"" K16 "\",\"r\":\"" K16
		"\"},\"encrypt\":\"" K32 "\"}",
		" { \"encrypt\" : \"" K32 "\" ,\n\"mac\":{\"r\":\"" K16
		"\",\"k\":\"" K16 "\"} } ",
	};
	static const char *const bad[] = {
		"",
		"{",
		"{}",
		"[]",
		"{\"mac\":{\"k\":\"" K16 "\",\"r\":\"" K16 "\"}}",
		"{\"mac\":{\"k\":\"" K16 "\"},\"encrypt\":\"" K32 "\"}",
		"{\"mac\":{\"k\":\"" K32 "\",\"r\":\"" K16
		"\"},\"encrypt\":\"" K32 "\"}",
		"{\"mac\":{\"k\":\"" K16 "\",\"k\":\"" K16
		"\"},\"encrypt\":\"" K32 "\"}",
		"{\"mac\":{\"k\":\"" K16 "\",\"r\":\"" K16
		"\"},\"encrypt\":\"" K32 "\"}x",
		"{\"mac\":{\"k\":\"A=ECAwQFBgcICQoLDA0ODw==\",\"r\":\"" K16
		"\"},\"encrypt\":\"" K32 "\"}",
		"{\"mac\":{\"k\":\"" K16 "\",\"r\":\"" K16
		"\"},\"encrypt\":\"" K32 "\",\"more\":1}",
	};
	struct envelope_key k;
	struct err e;

	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		CHECK(master_key_parse(good[i], strlen(good[i]), &k, &e) == 0);
		CHECK(k.encrypt[31] == 31 && k.mac_k[15] == 15);
		CHECK(k.mac_r[1] == 1 && k.encrypt[0] == 0);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		CHECK(master_key_parse(bad[i], strlen(bad[i]), &k, &e) < 0);
		CHECK(e.kind == ERR_CORRUPT);
	}
}

struct asking {
	struct repo_password base;
	const char *const *answers; /* NULL ends them */
	unsigned asked;
};

static int ask(struct repo_password *password, struct op *op, unsigned attempt,
	       char **out)
{
	struct asking *a = container_of(password, struct asking, base);
	const char *answer = a->answers[attempt];

	(void)op;
	CHECK(attempt == a->asked);
	*out = NULL;
	if (!answer)
		return 0;
	a->asked++;
	*out = secret_alloc(strlen(answer) + 1);
	memcpy(*out, answer, strlen(answer));
	return 0;
}

/* How many answers it took; -1 if it failed. */
static int opens(const char *const *answers, struct repo **out)
{
	struct asking a = { .base.ask = ask, .answers = answers };
	const struct repo_open_opt opt = { .password = &a.base };
	struct repo *r;

	if (repo_open(&p.op, be, &opt, &r) < 0)
		return -1;
	if (out)
		*out = r;
	else
		repo_close(r);
	return (int)a.asked;
}

static int count(void *arg, struct op *op, const struct key_info *k)
{
	(void)op;
	CHECK(*k->created);
	++*(unsigned *)arg;
	return 0;
}

static void a_new_repository_opens_and_takes_more_keys(void)
{
	static const char *const right[] = { "one", NULL };
	static const char *const third[] = { "a", "b", "two", NULL };
	static const char *const wrong[] = { "a", NULL };
	static const char *const none[] = { NULL };
	struct repo *made, *again;
	unsigned keys = 0;
	struct id id;

	begin();
	CHECK(opens(none, NULL) < 0 && p.op.err.kind == ERR_NO_REPO);
	CHECK(repo_init(&p.op, be, "one", 2, NULL, &made) == 0);
	CHECK(opens(none, NULL) < 0 && p.op.err.kind == ERR_PASSWORD);
	CHECK(opens(wrong, NULL) < 0 && p.op.err.kind == ERR_PASSWORD);
	CHECK(opens(right, &again) == 1);
	CHECK(same_key(made->key, again->key));
	CHECK(id_equal(&made->id, &again->id) && again->version == 2);
	CHECK(made->polynomial == again->polynomial);
	CHECK(id_equal(&made->key_id, &again->key_id));
	repo_close(again);
	CHECK(keys_add(made->store, &p.op, made->key, "two", "h", "u", &id) ==
	      0);
	CHECK(keys_each(made->store, &p.op, count, &keys) == 0 && keys == 2);
	CHECK(opens(third, &again) == 3);
	CHECK(id_equal(&again->key_id, &id));
	repo_close(again);
	repo_close(made);
	CHECK(fails_with(repo_init(&p.op, be, "x", 2, NULL, &made),
			 ERR_EXISTS));
	CHECK(be_unlink(be, &p.op, "config") == 0);
	CHECK(fails_with(repo_init(&p.op, be, "x", 2, NULL, &made),
			 ERR_EXISTS));
	end();
}

static void a_key_file_that_is_damaged_does_not_hide_the_others(void)
{
	static const char *const right[] = { "one", NULL };
	struct repo *made;
	struct id id;

	begin();
	CHECK(repo_init(&p.op, be, "one", 1, NULL, &made) == 0);
	id_of("{}", 2, &id);
	CHECK(store_write(made->store, &p.op, FILE_KEY, &id, "{}", 2) == 0);
	repo_close(made);
	CHECK(opens(right, &made) == 1 && made->version == 1);
	CHECK(store_remove(made->store, &p.op, FILE_KEY, &made->key_id) == 0);
	repo_close(made);
	CHECK(opens(right, NULL) < 0 && p.op.err.kind == ERR_CORRUPT);
	end();
}

static void a_config_of_another_key_is_corrupt(void)
{
	static const char *const right[] = { "one", NULL };
	struct repo *made;

	begin();
	CHECK(repo_init(&p.op, be, "one", 2, NULL, &made) == 0);
	repo_close(made);
	CHECK(put_bytes(&p, be, "config", 1, 155) == 0);
	CHECK(opens(right, NULL) < 0 && p.op.err.kind == ERR_CORRUPT);
	CHECK(put_bytes(&p, be, "config", 1, 5) == 0);
	CHECK(opens(right, NULL) < 0 && p.op.err.kind == ERR_CORRUPT);
	end();
}

#define ID64 "5f73602bfcd79b3dfd56d6960be15600c1f4c46e8ebc61c4bcee0de6447cdf20"
#define CONFIG(version, id, poly)               \
	"{\"version\":" version ",\"id\":\"" id \
	"\",\"chunker_polynomial\":\"" poly "\"}"

static void configs_are_read_and_bad_ones_corrupt(void)
{
	static const char good[] = CONFIG("2", ID64, "25350d8b4a863d");
	static const char *const bad[] = {
		"",
		"{}",
		"[]",
		CONFIG("3", ID64, "25350d8b4a863d"),
		CONFIG("0", ID64, "25350d8b4a863d"),
		CONFIG("\"2\"", ID64, "25350d8b4a863d"),
		CONFIG("2", "5f73", "25350d8b4a863d"),
		CONFIG("2", ID64, ""),
		CONFIG("2", ID64, "5350d8b4a863d"),
		CONFIG("2", ID64, "45350d8b4a863d"),
		CONFIG("2", ID64, "0000000025350d8b4a863d"),
		CONFIG("2", ID64, "-5350d8b4a863d"),
		CONFIG("2", ID64, "25350d8b4a863c"), /* divided by x */
	};
	struct buf b = BUF_INIT;
	struct config_file c;
	struct err e;

	CHECK(config_file_parse(good, strlen(good), &c, &e) == 0);
	CHECK(c.version == 2 && c.polynomial == UINT64_C(0x25350d8b4a863d));
	config_file_write(&b, &c);
	CHECK_STR(b.data, good);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		CHECK(config_file_parse(bad[i], strlen(bad[i]), &c, &e) < 0);
		CHECK(e.kind == ERR_CORRUPT);
	}
	buf_free(&b);
}

static void hundreds_of_large_key_files_take_little_memory(void)
{
	struct store *s;
	struct envelope_key k;
	struct rusage use;
	struct id id;

	begin();
	s = store_new(be, NULL);
	for (int i = 0; i < 150; i++) {
		struct buf b = BUF_INIT;

		buf_addf(&b, "{\"kdf\":\"scrypt\",\"N\":2,\"r\":1,\"p\":1,"
			     "\"salt\":\"AAAA\",\"data\":\"");
		for (int j = 0; j < 80; j++)
			buf_adds(&b, "A");
		buf_addf(&b, "\",\"x\":[%d", i);
		while (b.len < KEY_FILE_MAX - 2)
			buf_adds(&b, ",0");
		buf_cut(&b, KEY_FILE_MAX - 2);
		if (b.data[b.len - 1] == ',')
			b.data[b.len - 1] = ' ';
		buf_adds(&b, "]}");
		id_of(b.data, b.len, &id);
		CHECK(store_write(s, &p.op, FILE_KEY, &id, b.data, b.len) == 0);
		buf_free(&b);
	}
	CHECK(fails_with(keys_open(s, &p.op, "x", NULL, &k, &id),
			 ERR_PASSWORD));
	CHECK(getrusage(RUSAGE_SELF, &use) == 0);
	CHECK(use.ru_maxrss < 1 << 19); /* KiB; all their JSON: twice that */
	store_free(s);
	end();
}

int main(void)
{
	RUN(a_key_of_restic_opens);
	RUN(what_is_sealed_opens_with_its_password_only);
	RUN(bad_key_files_are_corrupt);
	RUN(a_cost_beyond_all_reason_is_refused_and_not_paid);
	RUN(a_master_key_is_read_in_any_order_but_whole);
	RUN(a_new_repository_opens_and_takes_more_keys);
	RUN(a_key_file_that_is_damaged_does_not_hide_the_others);
	RUN(a_config_of_another_key_is_corrupt);
	RUN(configs_are_read_and_bad_ones_corrupt);
	RUN(hundreds_of_large_key_files_take_little_memory);
	return 0;
}
