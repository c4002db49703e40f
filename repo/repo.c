#include "repo/repo.h"

#include <stdlib.h>
#include <string.h>

#include "crypt/secret.h"
#include "lib/log.h"
#include "repo/chunker.h"
#include "repo/config_file.h"
#include "repo/each.h"
#include "repo/index_file.h"
#include "repo/key_file.h"
#include "repo/keys.h"

/* A user gets so many tries; and what a header of a usual pack takes. */
enum { ATTEMPTS = 3, HEADER_GUESS = 16 << 10 };

static struct repo *repo_new(const struct op *op, struct backend *be)
{
	struct repo *r = xcalloc(1, sizeof(*r));

	r->store = store_new(be, NULL);
	store_count_for(r->store, op->acct);
	r->key = secret_alloc(sizeof(*r->key));
	return r;
}

void repo_close(struct repo *r)
{
	if (!r)
		return;
	index_free(r->index);
	secret_free(r->key);
	store_free(r->store);
	free(r);
}

/* As it lies there; that there is none is said before a password is asked. */
static int read_config(struct repo *r, struct op *op, struct buf *out)
{
	const char *name = store_backend(r->store)->name;

	if (store_read(r->store, op, FILE_CONFIG, NULL, CONFIG_FILE_MAX, out) ==
	    0)
		return 0;
	if (op->err.kind != ERR_NOT_FOUND && op->err.kind != ERR_NOT_DIR)
		return -1;
	return err_set(&op->err, ERR_NO_REPO,
		       "there is no repository at \"%s\"; \"ferry init -r "
		       "PLACE\" makes one",
		       name);
}

static int open_config(struct repo *r, struct op *op, const struct buf *sealed)
{
	struct config_file c = { 0 };
	struct envelope *v;
	char *text;
	bool good;

	if (sealed->len <= ENVELOPE_EXTRA)
		return err_set(&op->err, ERR_CORRUPT,
			       "config has only %zu bytes", sealed->len);
	text = xcalloc(1, sealed->len);
	v = envelope_new(r->key);
	good = envelope_open(v, (const uint8_t *)sealed->data, sealed->len,
			     text);
	envelope_free(v);
	if (!good)
		err_set(&op->err, ERR_CORRUPT,
			"config is damaged, or was made with another key");
	else
		good = config_file_parse(text, sealed->len - ENVELOPE_EXTRA, &c,
					 &op->err) == 0;
	free(text);
	if (!good)
		return -1;
	r->version = c.version;
	r->id = c.id;
	r->polynomial = c.polynomial;
	return 0;
}

/* Ask until a key fits or nothing is answered. */
static int open_key(struct repo *r, struct op *op,
		    const struct repo_open_opt *opt)
{
	if (opt->known) {
		*r->key = *opt->known;
		r->key_id = opt->known_id;
		return 0;
	}
	for (unsigned n = 0; n < ATTEMPTS; n++) {
		struct err why = op->err;
		char *password = NULL;
		int rc;

		if (opt->password->ask(opt->password, op, n, &password) < 0)
			return -1;
		if (!password && n == 0)
			return err_set(&op->err, ERR_PASSWORD,
				       "no password was given");
		if (!password) {
			op->err = why;
			return -1;
		}
		rc = keys_open(r->store, op, password, opt->key_hint, r->key,
			       &r->key_id);
		secret_free(password);
		if (rc == 0)
			return 0;
		if (op->err.kind != ERR_PASSWORD)
			return -1;
	}
	return -1;
}

int repo_open(struct op *op, struct backend *be,
	      const struct repo_open_opt *opt, struct repo **out)
{
	struct repo *r = repo_new(op, be);
	struct buf config = BUF_INIT;
	int rc = read_config(r, op, &config);

	*out = NULL;
	if (rc == 0)
		rc = open_key(r, op, opt);
	if (rc == 0)
		rc = open_config(r, op, &config);
	buf_free(&config);
	if (rc < 0) {
		repo_close(r);
		return -1;
	}
	r->compression = opt->compression;
	if (opt->cache_dir && (opt->cache_always || be_can(be, BE_REMOTE)))
		store_cache_in(r->store, opt->cache_dir, &r->id);
	*out = r;
	return 0;
}

/* Nothing of another repository may be there, whole or not. */
static int check_empty(struct repo *r, struct op *op)
{
	const char *name = store_backend(r->store)->name;
	struct ids keys = { 0 };
	int64_t size;
	size_t n;

	if (store_size(r->store, op, FILE_CONFIG, NULL, &size) == 0)
		return err_set(&op->err, ERR_EXISTS,
			       "there is a repository at \"%s\" already", name);
	if (op->err.kind != ERR_NOT_FOUND)
		return -1;
	err_clear(&op->err);
	if (ids_list(r->store, op, FILE_KEY, &keys) < 0) {
		ids_free(&keys);
		return -1;
	}
	n = keys.n;
	ids_free(&keys);
	if (n)
		return err_set(&op->err, ERR_EXISTS,
			       "\"%s\" has keys of a repository but no config: "
			       "restore that; or, if nothing was ever saved "
			       "there, remove the folder \"keys\"",
			       name);
	return 0;
}

/* The config goes last: with it, there is a repository. */
static int write_new(struct repo *r, struct op *op, const char *password)
{
	const struct config_file c = { .version = r->version,
				       .id = r->id,
				       .polynomial = r->polynomial };
	struct buf json = BUF_INIT, sealed = BUF_INIT;
	struct envelope *v;
	int rc;

	if (store_init(r->store, op) < 0 ||
	    keys_add(r->store, op, r->key, password, NULL, NULL, &r->key_id) <
		    0)
		return -1;
	config_file_write(&json, &c);
	v = envelope_new(r->key);
	buf_room(&sealed, json.len + ENVELOPE_EXTRA);
	envelope_seal(v, json.data, json.len, (uint8_t *)sealed.data);
	envelope_free(v);
	rc = store_write(r->store, op, FILE_CONFIG, NULL, sealed.data,
			 json.len + ENVELOPE_EXTRA);
	if (rc < 0) {
		struct err why = op->err;

		/* or the next try would find this one's key */
		(void)!store_remove(r->store, op, FILE_KEY, &r->key_id);
		op->err = why;
	}
	buf_free(&json);
	buf_free(&sealed);
	return rc;
}

int repo_init(struct op *op, struct backend *be, const char *password,
	      unsigned version, const struct repo *like, struct repo **out)
{
	struct repo *r = repo_new(op, be);

	*out = NULL;
	if (version < 1 || version > 2)
		BUG("version %u of a repository", version);
	r->version = version;
	r->polynomial = like ? like->polynomial : chunker_polynomial();
	random_bytes(&r->id, sizeof(r->id));
	master_key_new(r->key);
	if (check_empty(r, op) < 0 || write_new(r, op, password) < 0) {
		repo_close(r);
		return -1;
	}
	*out = r;
	return 0;
}

struct coder *repo_coder(const struct repo *r)
{
	return coder_new(r->key, r->version, r->compression);
}

int repo_load_file(struct repo *r, struct op *op, struct coder *c,
		   enum file_type t, const struct id *id, size_t max,
		   struct buf *out)
{
	struct buf sealed = BUF_INIT;
	char hex[ID_HEX + 1];
	/* not compressed, or grown by being it */
	int rc =
		store_read(r->store, op, t, id, max + max / 64 + 4096, &sealed);

	if (rc == 0) {
		rc = coder_open_file(c, (const uint8_t *)sealed.data,
				     sealed.len, max, out, &op->err);
		if (rc < 0)
			err_wrap(&op->err, "%s %s", file_type_name(t),
				 id_hex(id, hex));
	}
	buf_free(&sealed);
	return rc;
}

int repo_save_file(struct repo *r, struct op *op, struct coder *c,
		   enum file_type t, const void *json, size_t n, struct id *id)
{
	struct buf sealed = BUF_INIT;
	int rc;

	coder_seal_file(c, json, n, &sealed);
	id_of(sealed.data, sealed.len, id);
	rc = store_write(r->store, op, t, id, sealed.data, sealed.len);
	buf_free(&sealed);
	return rc;
}

static int add_pack(void *arg, const struct id *pack,
		    const struct pack_blob *blobs, size_t n)
{
	index_add_pack(arg, pack, blobs, n);
	return 0;
}

static int add_index(void *arg, struct op *op, const struct id *id,
		     const char *json, size_t n)
{
	char hex[ID_HEX + 1];

	if (index_file_parse(json, n, add_pack, NULL, arg, &op->err) < 0)
		return err_wrap(&op->err, "index %s", id_hex(id, hex));
	return 0;
}

int repo_load_new_index(struct repo *r, struct op *op, struct ids *known,
			repo_bad_fn *bad, void *arg)
{
	struct each each = { .repo = r,
			     .type = FILE_INDEX,
			     .max = INDEX_JSON_MAX,
			     .fn = add_index,
			     .bad = bad,
			     .bad_arg = arg };
	struct ids all = { 0 }, new = { 0 };
	int rc;

	if (!r->index)
		r->index = index_new();
	each.arg = r->index;
	rc = ids_list(r->store, op, FILE_INDEX, &all);
	ids_sort(&all);
	for (size_t i = 0; i < all.n; i++)
		if (!ids_have(known, &all.at[i]))
			*ids_add(&new) = all.at[i];
	if (rc == 0)
		rc = each_file(op, &each, &new);
	if (rc == 0) {
		ids_free(known);
		*known = all;
		all = (struct ids){ 0 };
	}
	ids_free(&all);
	ids_free(&new);
	return rc;
}

int repo_load_index(struct repo *r, struct op *op, repo_bad_fn *bad, void *arg)
{
	struct ids known = { 0 };
	int rc = repo_load_new_index(r, op, &known, bad, arg);

	ids_free(&known);
	return rc;
}

/* The sealed header, read with a guess at its length to save a request. */
static int read_header(struct repo *r, struct op *op, const struct id *pack,
		       int64_t size, struct buf *out)
{
	size_t guess = size < HEADER_GUESS ? (size_t)size : HEADER_GUESS, n;

	if (guess < 4)
		return err_set(&op->err, ERR_CORRUPT, "it has only %zu bytes",
			       guess);
	if (store_read_part(r->store, op, pack, size - (int64_t)guess, guess,
			    false, out) < 0 ||
	    pack_header_size((const uint8_t *)out->data + guess - 4, size, &n,
			     &op->err) < 0)
		return -1;
	if (n + 4 > guess) {
		buf_reset(out);
		return store_read_part(r->store, op, pack,
				       size - 4 - (int64_t)n, n, false, out);
	}
	buf_cut(out, guess - 4);
	memmove(out->data, out->data + out->len - n, n);
	buf_cut(out, n);
	return 0;
}

int repo_pack_blobs(struct repo *r, struct op *op, struct coder *c,
		    const struct id *pack, int64_t size, struct pack_blobs *out)
{
	struct buf header = BUF_INIT;
	char hex[ID_HEX + 1];
	int rc = 0;

	if (size < 0)
		rc = store_size(r->store, op, FILE_PACK, pack, &size);
	if (rc == 0)
		rc = read_header(r, op, pack, size, &header);
	if (rc == 0)
		rc = pack_header_parse(coder_envelope(c),
				       (const uint8_t *)header.data, header.len,
				       size, out, &op->err);
	if (rc < 0)
		err_wrap(&op->err, "pack %s", id_hex(pack, hex));
	buf_free(&header);
	return rc;
}

/* From one of its places. */
static int load_at(struct repo *r, struct op *op, struct coder *c,
		   const struct blob_at *at, struct buf *out)
{
	struct buf sealed = BUF_INIT;
	struct id is;
	int rc;

	if (at->blob.len > BLOB_LEN_MAX || at->blob.raw_len > BLOB_LEN_MAX)
		return err_set(&op->err, ERR_CORRUPT, "of %u bytes",
			       at->blob.len);
	rc = store_read_part(r->store, op, &at->pack, at->blob.off,
			     at->blob.len, at->blob.type == BLOB_TREE, &sealed);
	if (rc == 0)
		rc = coder_open_blob(c, (const uint8_t *)sealed.data,
				     sealed.len, at->blob.raw_len, out,
				     &op->err);
	if (rc == 0) {
		id_of(out->data, out->len, &is);
		if (!id_equal(&is, &at->blob.id))
			rc = err_set(&op->err, ERR_CORRUPT,
				     "its SHA-256 is not its id");
	}
	buf_free(&sealed);
	return rc;
}

int repo_load_blob(struct repo *r, struct op *op, struct coder *c,
		   enum blob_type t, const struct id *id, struct buf *out)
{
	char hex[ID_HEX + 1], pack[ID_HEX + 1];
	struct blob_at at;

	if (!index_find(r->index, t, id, &at))
		return err_set(&op->err, ERR_NOT_FOUND,
			       "no index names the %s blob %s",
			       blob_type_name(t), id_hex(id, hex));
	for (;;) {
		bool more;

		if (load_at(r, op, c, &at, out) == 0)
			return 0;
		/* Of what came over a network, once more. */
		if (op->err.kind == ERR_CORRUPT &&
		    be_can(store_backend(r->store), BE_REMOTE) &&
		    load_at(r, op, c, &at, out) == 0)
			return 0;
		err_wrap(&op->err, "%s blob %s in pack %s", blob_type_name(t),
			 id_hex(id, hex), id_hex(&at.pack, pack));
		more = op_check(op) == 0 && index_find_next(r->index, &at);
		if (!more)
			break;
		log_notice(NULL, "%s; there is another copy", op->err.msg);
	}
	buf_reset(out);
	/* A file that is gone is as bad as a damaged one. */
	if (op->err.kind == ERR_NOT_FOUND)
		op->err.kind = ERR_CORRUPT;
	return -1;
}
