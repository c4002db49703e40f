#include "tests/harness.h"

#include "repo/index_file.h"

#define A "73d04e6125cf3c28a299cc2f3cca3b78ceac396e4fcf9575e34536b26782413c"
#define B "3ec79977ef0cf5de7b08cd12b874cd0f62bbaf7f07f3497a5b1bbcc8cb39b1ce"
#define C "9ccb846e60d90d4eb915848add7aa7ea1e4bbabfc60e573db9f7bfb2789afbae"

#define BLOB_C         \
	"{\"id\":\"" C \
	"\",\"type\":\"tree\",\"offset\":38,\"length\":112,\"uncompressed_length\":511}"
#define TWO                                                     \
	"{\"packs\":[{\"id\":\"" A "\",\"blobs\":[{\"id\":\"" B \
	"\",\"type\":\"data\",\"offset\":0,\"length\":38}," BLOB_C "]}]}"

/* What came, in words. */
static int note_pack(void *arg, const struct id *pack,
		     const struct pack_blob *blobs, size_t n)
{
	struct buf *b = arg;
	char hex[9];

	buf_addf(b, "pack %s:", id_short(pack, hex));
	for (size_t i = 0; i < n; i++)
		buf_addf(b, " %s %s %u+%u (%u)", blob_type_name(blobs[i].type),
			 id_short(&blobs[i].id, hex), blobs[i].off,
			 blobs[i].len, blobs[i].raw_len);
	buf_adds(b, "\n");
	return 0;
}

static int note_old(void *arg, const struct id *id)
{
	char hex[9];

	buf_addf(arg, "not %s\n", id_short(id, hex));
	return 0;
}

static void check_parse(const char *json, const char *want)
{
	struct buf got = BUF_INIT;
	struct err e;

	if (index_file_parse(json, strlen(json), note_pack, note_old, &got,
			     &e) < 0) {
		CHECK(e.kind == ERR_CORRUPT);
		buf_reset(&got);
		buf_addf(&got, "%s", e.msg);
	}
	CHECK_STR(got.data, want);
	buf_free(&got);
}

#define SEEN_TWO \
	"pack 73d04e61: data 3ec79977 0+38 (0) tree 9ccb846e 38+112 (511)\n"

static void what_restic_writes_is_read(void)
{
	check_parse(TWO, SEEN_TWO);
	check_parse("{\"supersedes\":[\"" B "\",\"" C "\"],\"packs\":[]}\n",
		    "not 3ec79977\nnot 9ccb846e\n");
	check_parse("{\"supersedes\":null,\"packs\":null}", "");
	check_parse("{\"packs\":[{\"id\":\"" A "\",\"blobs\":null}]}",
		    "pack 73d04e61:\n");
	check_parse("[{\"id\":\"" A "\",\"blobs\":[" BLOB_C "]}]",
		    "pack 73d04e61: tree 9ccb846e 38+112 (511)\n");
	check_parse("{}", "");
}

static void order_blanks_and_strangers_do_not_matter(void)
{
	check_parse(
		" {\t\"x\\\"\\\\\" : {\"a\":[1,-2.5e3,true,false,null,{},[]]},"
		"\r\n\"packs\" : [ { \"blobs\" : [ { \"length\" : 112 , "
		"\"new\":\"\\\"}\", \"uncompressed_length\":0,"
		"\"offset\":4294967183, \"type\":\"data\",\"id\":\"" C
		"\" } ] , \"y\":\"\" , \"id\":\"" A "\" } ] } \n",
		"pack 73d04e61: data 9ccb846e 4294967183+112 (0)\n");

	/* In any order; and what is there twice counts as the last says. */
	check_parse("{\"packs\":[{\"id\":\"" B "\",\"blobs\":[{}],\"id\":\"" A
		    "\"}]}",
		    "a blob that lacks something at byte 94 of the index");
	check_parse("{\"packs\":[{\"id\":\"" A "\",\"blobs\":[" BLOB_C
		    ",{\"id\":\"" B "\",\"type\":\"data\",\"offset\":0,"
		    "\"length\":38}]}]}",
		    "pack 73d04e61: tree 9ccb846e 38+112 (511) "
		    "data 3ec79977 0+38 (0)\n");
}

static bool blobs_ok(const char *blobs)
{
	struct buf json = BUF_INIT, got = BUF_INIT;
	struct err e;
	bool ok;

	buf_addf(&json, "{\"packs\":[{\"id\":\"" A "\",\"blobs\":[%s]}]}",
		 blobs);
	ok = index_file_parse(json.data, json.len, note_pack, NULL, &got, &e) ==
	     0;
	CHECK(ok || e.kind == ERR_CORRUPT);
	CHECK(ok == (got.len > 0));
	buf_free(&json);
	buf_free(&got);
	return ok;
}

static void add_place(struct buf *b, const char *off, const char *len)
{
	buf_addf(b,
		 "%s{\"id\":\"" B "\",\"type\":\"data\",\"offset\":%s,"
		 "\"length\":%s}",
		 b->len ? "," : "", off, len);
}

static bool place_ok(const char *off, const char *len)
{
	struct buf b = BUF_INIT;
	bool ok;

	add_place(&b, off, len);
	ok = blobs_ok(b.data);
	buf_free(&b);
	return ok;
}

static void places_that_cannot_be_are_refused(void)
{
	CHECK(place_ok("150", "32"));
	CHECK(!place_ok("150", "31"));
	CHECK(!place_ok("150", "0"));
	CHECK(!place_ok("-1", "40"));
	CHECK(!place_ok("0.5", "40"));
	CHECK(!place_ok("1e2", "40"));
	CHECK(!place_ok("\"0\"", "40"));
	CHECK(!place_ok("null", "40"));
	CHECK(!place_ok("", "40"));
	CHECK(!place_ok("4294967295", "40"));
	CHECK(!place_ok("4294967296", "40"));
	CHECK(!place_ok("18446744073709551616", "40"));
	CHECK(!place_ok("40", "4294967295"));
	CHECK(!place_ok("40", "4294967256"));
	CHECK(place_ok("40", "4294967255"));
}

/* A blob of 40 bytes at each of these. */
static bool places_ok(const char *x, const char *y, const char *z)
{
	struct buf b = BUF_INIT;
	bool ok;

	add_place(&b, x, "40");
	add_place(&b, y, "40");
	add_place(&b, z, "40");
	ok = blobs_ok(b.data);
	buf_free(&b);
	return ok;
}

static void blobs_on_top_of_each_other_are_refused(void)
{
	CHECK(places_ok("0", "40", "80"));
	CHECK(places_ok("80", "0", "40"));
	CHECK(places_ok("4294967255", "4294967215", "0"));
	CHECK(!places_ok("0", "40", "79"));
	CHECK(!places_ok("79", "40", "0"));
	CHECK(!places_ok("80", "0", "41"));
	CHECK(!places_ok("80", "0", "80"));
	CHECK(!places_ok("4294967255", "4294967216", "0"));
}

static void bad_texts_are_refused(void)
{
	static const char *const blobs[] = {
		"{}",
		"{\"id\":\"" B "\",\"type\":\"data\",\"offset\":0}",
		"{\"id\":\"" B "\",\"type\":\"data\",\"length\":40}",
		"{\"id\":\"" B "\",\"offset\":0,\"length\":40}",
		"{\"type\":\"data\",\"offset\":0,\"length\":40}",
		"{\"id\":\"" B
		"\",\"type\":\"dat\",\"offset\":0,\"length\":40}",
		"{\"id\":\"" B
		"0\",\"type\":\"data\",\"offset\":0,\"length\":40}",
		"{\"id\":\"\",\"type\":\"data\",\"offset\":0,\"length\":40}",
		"{\"id\":7,\"type\":\"data\",\"offset\":0,\"length\":40}",
		"null",
		"7",
		BLOB_C ",",
		BLOB_C BLOB_C,
	};
	static const char *const texts[] = {
		"",
		"null",
		"7",
		"{",
		"{\"packs\"}",
		"{\"packs\":[}",
		"{\"packs\":[]",
		"{\"packs\":[]}}",
		"{\"packs\":[],}",
		"{\"packs\":[]} x",
		"{\"packs\":[{}]}",
		"{\"packs\":[{\"blobs\":[]}]}",
		"[{\"id\":\"" A "\"},{\"blobs\":[]}]",
		"{\"packs\":{}}",
		"{\"supersedes\":[1]}",
		"{\"x\":nul}",
		"{\"x\":}",
		"{\"x\":\"",
		"{\"x\":\"\\",
		"{\"x\":\"\n\"}",
		"{x:1}",
	};
	struct buf b = BUF_INIT;
	struct err e;

	CHECK(blobs_ok(BLOB_C));
	for (size_t i = 0; i < ARRAY_LEN(blobs); i++)
		CHECK(!blobs_ok(blobs[i]));
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		CHECK(index_file_parse(texts[i], strlen(texts[i]), note_pack,
				       note_old, &b, &e) < 0);
	CHECK(index_file_parse("{}\0", 3, note_pack, NULL, &b, &e) < 0);
	for (size_t n = 0; n < strlen(TWO); n++)
		CHECK(index_file_parse(TWO, n, note_pack, NULL, &b, &e) < 0);
	buf_reset(&b);
	buf_adds(&b, "{\"x\":");
	for (size_t i = 0; i < 1000000; i++)
		buf_adds(&b, "[");
	CHECK(index_file_parse(b.data, b.len, note_pack, NULL, &b, &e) < 0);
	CHECK_STR(e.msg, "too deep a nesting at byte 37 of the index");
	buf_free(&b);
}

static int stop(void *arg, const struct id *pack, const struct pack_blob *blobs,
		size_t n)
{
	(void)pack;
	(void)blobs;
	(void)n;
	return ++*(unsigned *)arg == 2 ? -1 : 0;
}

static void the_caller_may_stop_it(void)
{
	static const char json[] =
		"[{\"id\":\"" A "\"},{\"id\":\"" B "\"},{\"id\":\"" C "\"}]";
	unsigned packs = 0;
	struct err e;

	CHECK(index_file_parse(json, strlen(json), stop, NULL, &packs, &e) < 0);
	CHECK(packs == 2);
}

static void what_is_written_is_as_restic_writes_it(void)
{
	struct pack_blob b[] = {
		{ .len = 38 },
		{ .type = BLOB_TREE, .off = 38, .len = 112, .raw_len = 511 }
	};
	struct buf out = BUF_INIT;
	struct index_writer w;
	struct id pack;

	CHECK(id_parse(A, 64, &pack) && id_parse(B, 64, &b[0].id) &&
	      id_parse(C, 64, &b[1].id));
	buf_adds(&out, "left over");
	index_write_begin(&w, &out);
	index_write_pack(&w, &pack, b, 2);
	index_write_end(&w);
	CHECK_STR(out.data, TWO);
	CHECK(w.packs == 1 && w.blobs == 2);

	b[0].len = b[0].off = b[0].raw_len = UINT32_MAX;
	index_write_begin(&w, &out);
	index_write_pack(&w, &pack, NULL, 0);
	index_write_pack(&w, &pack, b, 1);
	index_write_end(&w);
	CHECK_STR(out.data,
		  "{\"packs\":[{\"id\":\"" A "\",\"blobs\":[]},{\"id\":\"" A
		  "\",\"blobs\":[{\"id\":\"" B "\",\"type\":\"data\","
		  "\"offset\":4294967295,\"length\":4294967295,"
		  "\"uncompressed_length\":4294967295}]}]}");
	CHECK(w.packs == 2 && w.blobs == 1);
	buf_free(&out);
}

int main(void)
{
	RUN(what_restic_writes_is_read);
	RUN(order_blanks_and_strangers_do_not_matter);
	RUN(places_that_cannot_be_are_refused);
	RUN(blobs_on_top_of_each_other_are_refused);
	RUN(bad_texts_are_refused);
	RUN(the_caller_may_stop_it);
	RUN(what_is_written_is_as_restic_writes_it);
	return 0;
}
