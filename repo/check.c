#include "repo/check.h"

#include <stdio.h>
#include <stdlib.h>

#include "repo/check_parts.h"
#include "repo/each.h"
#include "repo/index_file.h"
#include "repo/key_file.h"
#include "repo/walk.h"

enum { TEXT_MAX = 600 };

static void count(struct check *c, enum damage_kind kind)
{
	switch (kind) {
	case HINT_ORPHAN:
		c->out->orphans++;
		c->out->suggest_prune = true;
		return;
	case HINT_DUPLICATE: c->out->suggest_prune = true; return;
	case DAMAGE_FILE: return;
	case DAMAGE_INDEX:
	case DAMAGE_GONE:
	case DAMAGE_HEADER: c->out->suggest_repair_index = true; break;
	default: break;
	}
	c->out->errors++;
}

/* With the lock held. */
static void tell_locked(struct check *c, struct op *op, const struct damage *d)
{
	count(c, d->kind);
	if (c->opt->progress && d->kind < DAMAGE_FILE)
		atomic_fetch_add(&c->opt->progress->errors, 1);
	if (c->opt->tell)
		c->opt->tell(c->opt->arg, op, d);
}

void check_tell_file(struct check *c, struct op *op, const struct damage *d)
{
	pthread_mutex_lock(&c->lock);
	tell_locked(c, op, d);
	pthread_mutex_unlock(&c->lock);
}

PRINTF(5, 0)
static void vtell(struct check *c, struct op *op, enum damage_kind kind,
		  const struct id *id, const char *fmt, va_list ap)
{
	struct damage d = { .kind = kind, .id = id };
	char text[TEXT_MAX];

	vsnprintf(text, sizeof(text), fmt, ap);
	d.text = text;
	check_tell_file(c, op, &d);
}

void check_tell(struct check *c, struct op *op, enum damage_kind kind,
		const struct id *id, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vtell(c, op, kind, id, fmt, ap);
	va_end(ap);
}

void check_tell_err(struct check *c, struct op *op, enum damage_kind kind,
		    const struct id *id)
{
	check_tell(c, op, kind, id, "%s", op->err.msg);
	err_clear(&op->err);
}

void check_tell_pack(struct check *c, struct op *op, uint32_t pack_no,
		     const char *fmt, ...)
{
	struct id pack;
	va_list ap;
	bool told;

	pthread_mutex_lock(&c->lock);
	told = c->broken[pack_no];
	c->broken[pack_no] = 1;
	pthread_mutex_unlock(&c->lock);
	if (told)
		return;
	index_pack_id(c->r->index, pack_no, &pack);
	va_start(ap, fmt);
	vtell(c, op, DAMAGE_PACK, &pack, fmt, ap);
	va_end(ap);
}

bool check_is_damage(const struct op *op)
{
	switch (op->err.kind) {
	case ERR_CORRUPT:
	case ERR_NOT_FOUND:
	case ERR_NO_DIR:
	case ERR_IS_DIR:
	case ERR_NOT_DIR:
	case ERR_DENIED:
	case ERR_CONFLICT:
	case ERR_IO: return true;
	default: return false;
	}
}

void check_mark(struct check *c, uint32_t pack_no, const struct pack_blob *b)
{
	struct blob_at at;
	bool more = index_find(c->r->index, b->type, &b->id, &at);

	while (more && (at.pack_no != pack_no || at.blob.off != b->off))
		more = index_find_next(c->r->index, &at);
	if (!more)
		return;
	pthread_mutex_lock(&c->lock);
	c->bad[at.entry / 8] |= (uint8_t)(1u << at.entry % 8);
	c->lost = true;
	pthread_mutex_unlock(&c->lock);
}

bool check_is_lost(struct check *c, enum blob_type t, const struct id *id)
{
	struct blob_at at;
	bool more = index_find(c->r->index, t, id, &at), lost = true;

	pthread_mutex_lock(&c->lock);
	while (more && lost) {
		lost = c->bad[at.entry / 8] >> at.entry % 8 & 1;
		more = index_find_next(c->r->index, &at);
	}
	pthread_mutex_unlock(&c->lock);
	return lost;
}

static int bad_key(struct check *c, struct op *op, const struct id *id)
{
	if (!check_is_damage(op))
		return -1;
	check_tell_err(c, op, DAMAGE_KEY, id);
	return 0;
}

/* The one that opened the repository is whole, but there may be others. */
static int check_keys(struct check *c, struct op *op)
{
	struct key_file key;
	struct buf b = BUF_INIT;
	struct ids ids = { 0 };
	struct arena a = { 0 };
	int rc = ids_list(c->r->store, op, FILE_KEY, &ids);

	for (size_t i = 0; rc == 0 && i < ids.n; i++) {
		buf_reset(&b);
		arena_reset(&a);
		if (store_read(c->r->store, op, FILE_KEY, &ids.at[i],
			       KEY_FILE_MAX, &b) < 0 ||
		    key_file_parse(&a, b.data, b.len, &key, &op->err) < 0)
			rc = bad_key(c, op, &ids.at[i]);
	}
	arena_free(&a);
	buf_free(&b);
	ids_free(&ids);
	return rc;
}

static int bad_snapshot(void *arg, struct op *op, const struct id *id)
{
	check_tell_err(arg, op, DAMAGE_SNAPSHOT, id);
	return 0;
}

static int bad_index(void *arg, struct op *op, const struct id *id)
{
	check_tell_err(arg, op, DAMAGE_INDEX, id);
	return 0;
}

static int add_pack(void *arg, const struct id *pack,
		    const struct pack_blob *blobs, size_t n)
{
	struct check *c = arg;
	struct id *again = NULL;
	uint32_t no;

	/* also so that of two threads with one pack one sees the other's */
	pthread_mutex_lock(&c->lock);
	if (index_find_pack(c->r->index, pack, &no))
		again = ids_add(c->again);
	if (again)
		*again = *pack;
	index_add_pack(c->r->index, pack, blobs, n);
	pthread_mutex_unlock(&c->lock);
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

/* As repo_load_index(), with an eye on packs that come twice. */
static int load_index(struct check *c, struct op *op)
{
	struct each each = { .repo = c->r,
			     .type = FILE_INDEX,
			     .max = INDEX_JSON_MAX,
			     .fn = add_index,
			     .arg = c,
			     .bad = bad_index,
			     .bad_arg = c };
	struct ids ids = { 0 }, again = { 0 };
	int rc;

	c->again = &again;
	if (!c->r->index)
		c->r->index = index_new();
	rc = ids_list(c->r->store, op, FILE_INDEX, &ids);
	if (rc == 0)
		rc = each_file(op, &each, &ids);
	for (size_t i = 0; rc == 0 && i < again.n; i++)
		check_tell(c, op, HINT_DUPLICATE, &again.at[i],
			   "named by several index files");
	ids_free(&ids);
	ids_free(&again);
	c->again = NULL;
	return rc;
}

static int load(struct check *c, struct op *op, struct arena *a)
{
	static const struct snapshot_filter all;
	const struct snapshot_filter *f =
		c->opt->filter ? c->opt->filter : &all;

	if (check_keys(c, op) < 0 ||
	    snapshots_load(c->r, op, a, f, bad_snapshot, c, &c->snapshots) <
		    0 ||
	    load_index(c, op) < 0)
		return -1;
	c->packs = index_packs(c->r->index);
	c->entries = index_entries(c->r->index);
	c->sizes = xcalloc(c->packs + 1, sizeof(*c->sizes));
	c->broken = xcalloc(c->packs + 1, 1);
	c->bad = xcalloc(c->entries / 8 + 1, 1);
	c->out->snapshots = c->snapshots.n;
	return 0;
}

int check_run(struct repo *r, struct op *op, const struct check_opt *opt,
	      struct check_result *out)
{
	struct check c = { .r = r, .opt = opt, .out = out };
	struct arena a = { 0 };
	int rc;

	*out = (struct check_result){ 0 };
	pthread_mutex_init(&c.lock, NULL);
	rc = load(&c, op, &a);
	if (rc == 0)
		rc = check_packs(&c, op);
	if (rc == 0)
		rc = check_trees(&c, op);
	if (rc == 0)
		rc = check_data(&c, op);
	if (rc == 0 && c.lost)
		rc = check_files(&c, op);
	pthread_mutex_destroy(&c.lock);
	pending_free(&c.told);
	snapshots_free(&c.snapshots);
	free(c.sizes);
	free(c.broken);
	free(c.bad);
	arena_free(&a);
	return rc;
}
