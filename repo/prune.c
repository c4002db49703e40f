#include "repo/prune.h"

#include <stdlib.h>

#include "repo/prune_parts.h"

enum { LOCAL_UPLOADS = 2 };

/* Snapshots but those that are forgotten. */
static int load_snapshots(struct prune *p, struct op *op,
			  const struct id *forgotten, size_t n,
			  struct snapshots *out)
{
	size_t kept = 0;

	if (snapshots_load(p->r, op, &op->arena, NULL, NULL, NULL, out) < 0)
		return err_wrap(&op->err, "nothing was changed");
	for (size_t i = 0; i < out->n; i++) {
		bool gone = false;

		for (size_t k = 0; k < n && !gone; k++)
			gone = id_equal(&forgotten[k], &out->at[i].id);
		if (!gone)
			out->at[kept++] = out->at[i];
	}
	out->n = kept;
	return 0;
}

static int note_missing(void *arg, struct op *op, enum blob_type t,
			const struct id *id, const struct id *tree)
{
	struct blob_name *about = arg;

	(void)op;
	(void)tree;
	/* of several threads', any one will do; they are stopped by the first
	 */
	if (!__atomic_test_and_set(&about->set, __ATOMIC_SEQ_CST)) {
		about->type = t;
		about->id = *id;
	}
	return -1;
}

static int mark(struct prune *p, struct op *op, const struct snapshots *v,
		struct blob_name *about)
{
	struct trees_opt opt = { .bad = note_missing,
				 .missing = true,
				 .arg = about };
	struct ids roots = { 0 };
	int rc;

	if (p->opt->progress)
		opt.done = &p->opt->progress->files_done;
	for (size_t i = 0; i < v->n; i++)
		*ids_add(&roots) = v->at[i].tree;
	p->seen = blob_set_new(p->r->index);
	rc = trees_mark(p->r, op, roots.at, roots.n, p->seen, &opt);
	ids_free(&roots);
	return rc;
}

/*
 * Something is wrong with a blob: say which snapshot needs it.  They are looked
 * at one by one, until one names it.
 */
static int name_snapshot(struct prune *p, struct op *op,
			 const struct snapshots *v,
			 const struct blob_name *about)
{
	struct blob_set *seen = blob_set_new(p->r->index);
	struct err why = op->err;
	const struct snapshot *found = NULL;
	char hex[ID_HEX + 1], brief[9];

	for (size_t i = v->n; i-- > 0 && !found;) {
		struct blob_name missing = { 0 };
		const struct trees_opt opt = { .bad = note_missing,
					       .missing = true,
					       .arg = &missing };

		if (trees_mark(p->r, op, &v->at[i].tree, 1, seen, &opt) < 0
			    ? missing.set && missing.type == about->type &&
				      id_equal(&missing.id, &about->id)
			    : blob_set_has(seen, about->type, &about->id))
			found = &v->at[i];
	}
	blob_set_free(seen);
	op->err = why;
	if (!strstr(op->err.msg, id_hex(&about->id, hex)))
		err_wrap(&op->err, "%s blob %s", blob_type_name(about->type),
			 hex);
	if (found)
		err_wrap(&op->err, "snapshot %s", id_short(&found->id, brief));
	return err_wrap(&op->err, "nothing was pruned, since data is missing "
				  "(\"ferry repo check\" tells all)");
}

static int remove_packs(struct prune *p, struct op *op, struct lock *lock,
			const uint8_t *gone)
{
	struct ids ids = { 0 };
	int rc;

	for (uint32_t i = 0; i < p->packs; i++)
		if (bit_is_set(gone, i) && p->pack[i].fate != FATE_FORGET)
			index_pack_id(p->r->index, i, ids_add(&ids));
	rc = files_remove(p->r, op, FILE_PACK, ids.at, ids.n, lock);
	ids_free(&ids);
	return rc;
}

static int move_blobs(struct prune *p, struct op *op, struct lock *lock,
		      struct blob_name *about)
{
	/* all that there is to do is to hash and write: that on two cores */
	const bool remote = be_can(store_backend(p->r->store), BE_REMOTE);
	const struct saver_opt opt = { .pack_size = p->opt->pack_size,
				       .uploads = remote ? 0 : LOCAL_UPLOADS,
				       .no_index = true,
				       .lock = lock };
	struct saver *s;
	int rc;

	if (p->repack.n == 0)
		return 0;
	s = saver_new(p->r, &opt, op->cancel);
	rc = prune_move(p, op, s, about);
	if (rc == 0)
		rc = saver_flush(s, op);
	saver_free(s);
	return rc;
}

/* What no index names can go first: it may be what fills the disk. */
static int carry_out(struct prune *p, struct op *op, struct lock *lock,
		     struct blob_name *about)
{
	uint8_t *gone;
	int rc = lock_check(lock, op);

	if (rc == 0) {
		store_sweep(p->r->store, op);
		rc = files_remove(p->r, op, FILE_PACK, p->strays.at,
				  p->strays.n, lock);
	}
	if (rc == 0)
		rc = move_blobs(p, op, lock, about);
	if (rc < 0)
		return -1;
	gone = bits_new(index_packs(p->r->index));
	for (uint32_t i = 0; i < p->packs; i++)
		if (p->pack[i].fate != FATE_KEEP)
			bit_set(gone, i);
	rc = index_replace(p->r, op, lock, gone);
	if (rc == 0)
		rc = remove_packs(p, op, lock, gone);
	free(gone);
	return rc;
}

/* The display, from the marking of trees to the moving of blobs. */
static void begin_moving(struct prune *p)
{
	struct repo_progress *g = p->opt->progress;

	if (!g)
		return;
	atomic_store(&g->files_done, 0);
	atomic_store(&g->files_total, (int64_t)p->stats->packs_repacked);
	atomic_store(&g->bytes_total, (int64_t)(p->stats->bytes_repacked -
						p->stats->bytes_dropped));
	atomic_store(&g->total_known, true);
}

static int run(struct prune *p, struct op *op, struct lock *lock,
	       const struct snapshots *v, struct blob_name *about)
{
	if (mark(p, op, v, about) < 0 || prune_plan(p, op, about) < 0)
		return -1;
	begin_moving(p);
	if (p->opt->planned && p->opt->planned(p->opt->arg, op, p->stats) < 0)
		return -1;
	return p->opt->dry_run ? 0 : carry_out(p, op, lock, about);
}

int prune_run(struct repo *r, struct op *op, struct lock *lock,
	      const struct prune_opt *opt, const struct id *forgotten, size_t n,
	      struct prune_stats *out)
{
	struct prune p = { .r = r, .opt = opt, .stats = out };
	struct snapshots snapshots = { 0 };
	struct blob_name about = { 0 };
	int rc;

	if (!lock && !opt->dry_run)
		BUG("prune without a lock");
	*out = (struct prune_stats){ 0 };
	if (opt->repack_uncompressed && r->version < 2)
		return err_set(&op->err, ERR_INVALID,
			       "a repository of version 1 cannot compress");
	rc = load_snapshots(&p, op, forgotten, n, &snapshots);
	if (rc == 0)
		rc = repo_load_index(r, op, NULL, NULL);
	if (rc == 0)
		rc = run(&p, op, lock, &snapshots, &about);
	if (rc < 0 && about.set)
		rc = name_snapshot(&p, op, &snapshots, &about);
	snapshots_free(&snapshots);
	blob_set_free(p.seen);
	free(p.pack);
	free(p.chosen);
	ids_free(&p.strays);
	numbers_free(&p.repack);
	return rc;
}
