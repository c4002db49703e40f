#include "tests/unit/repos.h"

#include "repo/index_file.h"

static struct memory_repo m;
static struct repo *r;
static struct op *op;

static void begin(const char *spec)
{
	memory_repo_begin_at(&m, spec);
	r = &m.repo;
	op = &m.places.op;
}

static void end(void)
{
	memory_repo_end(&m);
}

static bool fails_with(int rc, enum err_kind kind)
{
	return rc == -1 && op->err.kind == kind;
}

/* A pack with `n` data blobs, "text 0", "text 1", ... */
static struct id put_pack(size_t n, struct pack_blobs *blobs)
{
	struct buf pack = BUF_INIT, sealed = BUF_INIT;
	struct id id;

	for (size_t i = 0; i < n; i++) {
		const char *text = arena_printf(&op->arena, "text %zu", i);
		struct pack_blob *b = pack_blobs_add(blobs);

		*b = (struct pack_blob){ .type = BLOB_DATA,
					 .off = (uint32_t)pack.len };
		id_of(text, strlen(text), &b->id);
		coder_seal_blob(m.coder, BLOB_DATA, text, strlen(text), &sealed,
				&b->raw_len);
		b->len = (uint32_t)sealed.len;
		buf_add(&pack, sealed.data, sealed.len);
	}
	pack_header_add(&pack, coder_envelope(m.coder), blobs->at, n);
	id_of(pack.data, pack.len, &id);
	CHECK(store_write(r->store, op, FILE_PACK, &id, pack.data, pack.len) ==
	      0);
	buf_free(&pack);
	buf_free(&sealed);
	return id;
}

static const char *path_of(const char *folder, const struct id *id)
{
	char hex[ID_HEX + 1];

	id_hex(id, hex);
	if (strcmp(folder, "data") == 0)
		return arena_printf(&op->arena, "data/%.2s/%s", hex, hex);
	return arena_printf(&op->arena, "%s/%s", folder, hex);
}

static void spoil(const char *folder, const struct id *id, int64_t size)
{
	CHECK(put_bytes(&m.places, m.be, path_of(folder, id), 1, size) == 0);
}

static bool loads(const struct id *blob, const char *want)
{
	struct buf b = BUF_INIT;
	bool good = repo_load_blob(r, op, m.coder, BLOB_DATA, blob, &b) == 0;

	CHECK(!good || strcmp(b.data, want) == 0);
	CHECK(good || b.len == 0);
	buf_free(&b);
	return good;
}

static void a_pack_tells_its_blobs(void)
{
	static const size_t counts[] = { 1, 3, 1000 };

	begin(":mem:");
	for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
		struct pack_blobs put = { 0 }, got = { 0 };
		struct id id = put_pack(counts[i], &put);

		CHECK(repo_pack_blobs(r, op, m.coder, &id, -1, &got) == 0);
		CHECK(got.n == put.n);
		for (size_t j = 0; j < got.n; j++)
			CHECK(id_equal(&got.at[j].id, &put.at[j].id) &&
			      got.at[j].off == put.at[j].off &&
			      got.at[j].len == put.at[j].len);
		pack_blobs_free(&put);
		pack_blobs_free(&got);
	}
	end();
}

static void a_pack_that_is_none_is_corrupt(void)
{
	static const int64_t sizes[] = { 0, 1, 3, 4, 36, 100, 100000 };
	struct pack_blobs put = { 0 }, got = { 0 };
	struct id id;

	begin(":mem:");
	id = put_pack(3, &put);
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		spoil("data", &id, sizes[i]);
		CHECK(fails_with(repo_pack_blobs(r, op, m.coder, &id, -1, &got),
				 ERR_CORRUPT));
		CHECK(strstr(op->err.msg, "pack "));
	}
	CHECK(be_unlink(m.be, op, path_of("data", &id)) == 0);
	CHECK(fails_with(repo_pack_blobs(r, op, m.coder, &id, -1, &got),
			 ERR_NOT_FOUND));
	pack_blobs_free(&put);
	pack_blobs_free(&got);
	end();
}

static void a_blob_is_read_from_another_place_if_one_is_damaged(void)
{
	struct pack_blobs a = { 0 }, b = { 0 };
	struct id first, second;

	begin(":mem:");
	r->index = index_new();
	first = put_pack(3, &a);
	second = put_pack(3, &b);
	index_add_pack(r->index, &first, a.at, a.n);
	index_add_pack(r->index, &second, b.at, b.n);
	CHECK(loads(&a.at[1].id, "text 1"));
	spoil("data", &first, 1000);
	CHECK(loads(&a.at[1].id, "text 1"));
	CHECK(be_unlink(m.be, op, path_of("data", &first)) == 0);
	CHECK(loads(&a.at[2].id, "text 2"));
	spoil("data", &second, 10); /* now it is too short */
	CHECK(!loads(&a.at[1].id, "") && op->err.kind == ERR_CORRUPT);
	CHECK(strstr(op->err.msg, "data blob ") && strstr(op->err.msg, "pack"));
	first.b[0] ^= 1;
	CHECK(!loads(&first, "") && op->err.kind == ERR_NOT_FOUND);
	pack_blobs_free(&a);
	pack_blobs_free(&b);
	end();
}

static void a_blob_whose_text_is_another_is_corrupt(void)
{
	struct pack_blobs a = { 0 };
	struct pack_blob wrong;
	struct id pack;

	begin(":mem:");
	r->index = index_new();
	pack = put_pack(2, &a);
	wrong = a.at[0]; /* the other's id at this one's place */
	wrong.id = a.at[1].id;
	index_add_pack(r->index, &pack, &wrong, 1);
	CHECK(!loads(&wrong.id, "") && op->err.kind == ERR_CORRUPT);
	pack_blobs_free(&a);
	end();
}

static void a_wrong_reading_over_a_network_is_made_up_for(void)
{
	struct pack_blobs a = { 0 };
	struct id pack;

	begin(":fault,remote=':mem:',op=get,calls=1,changed:");
	m.be->caps |= BE_REMOTE;
	r->index = index_new();
	pack = put_pack(1, &a);
	index_add_pack(r->index, &pack, a.at, a.n);
	CHECK(loads(&a.at[0].id, "text 0"));
	pack_blobs_free(&a);
	end();
}

static struct id put_index(const struct id *pack, const struct pack_blobs *b)
{
	struct buf json = BUF_INIT;
	struct index_writer w;
	struct id id;

	index_write_begin(&w, &json);
	index_write_pack(&w, pack, b->at, b->n);
	index_write_end(&w);
	CHECK(repo_save_file(r, op, m.coder, FILE_INDEX, json.data, json.len,
			     &id) == 0);
	buf_free(&json);
	return id;
}

static int pass_over(void *arg, struct op *o, const struct id *id)
{
	CHECK(o->err.kind == ERR_CORRUPT);
	*(struct id *)arg = *id;
	return 0;
}

static void the_index_is_read_and_what_is_damaged_told(void)
{
	struct id bad, told = { 0 }, pack;

	begin(":mem:");
	for (size_t i = 1; i <= 10; i++) {
		struct pack_blobs b = { 0 };

		pack = put_pack(i, &b);
		bad = put_index(&pack, &b);
		pack_blobs_free(&b);
	}
	CHECK(repo_load_index(r, op, NULL, NULL) == 0);
	CHECK(index_entries(r->index) == 55 && index_packs(r->index) == 10);
	index_free(r->index);
	r->index = NULL;
	spoil("index", &bad, 100);
	CHECK(fails_with(repo_load_index(r, op, NULL, NULL), ERR_CORRUPT));
	index_free(r->index);
	r->index = NULL;
	CHECK(repo_load_index(r, op, pass_over, &told) == 0);
	CHECK(index_entries(r->index) == 45 && id_equal(&told, &bad));
	end();
}

static void an_index_that_cannot_be_read_fails_in_any_case(void)
{
	struct pack_blobs b = { 0 };
	struct id pack, told;

	begin(":fault,remote=':mem:',op=get,error=denied:");
	pack = put_pack(1, &b);
	put_index(&pack, &b);
	CHECK(fails_with(repo_load_index(r, op, pass_over, &told), ERR_DENIED));
	pack_blobs_free(&b);
	end();
}

static void files_are_stored_as_each_version_has_them(void)
{
	struct buf b = BUF_INIT;
	struct id id;

	for (unsigned version = 1; version <= 2; version++) {
		begin(":mem:");
		coder_free(m.coder);
		r->version = version;
		m.coder = repo_coder(r);
		CHECK(repo_save_file(r, op, m.coder, FILE_SNAPSHOT, "{\"a\":1}",
				     7, &id) == 0);
		CHECK(repo_load_file(r, op, m.coder, FILE_SNAPSHOT, &id, 7,
				     &b) == 0);
		CHECK_STR(b.data, "{\"a\":1}");
		CHECK(fails_with(repo_load_file(r, op, m.coder, FILE_SNAPSHOT,
						&id, 6, &b),
				 ERR_CORRUPT));
		end();
	}
	buf_free(&b);
}

int main(void)
{
	RUN(a_pack_tells_its_blobs);
	RUN(a_pack_that_is_none_is_corrupt);
	RUN(a_blob_is_read_from_another_place_if_one_is_damaged);
	RUN(a_blob_whose_text_is_another_is_corrupt);
	RUN(a_wrong_reading_over_a_network_is_made_up_for);
	RUN(the_index_is_read_and_what_is_damaged_told);
	RUN(an_index_that_cannot_be_read_fails_in_any_case);
	RUN(files_are_stored_as_each_version_has_them);
	return 0;
}
