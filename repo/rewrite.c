#include "repo/rewrite.h"

#include <stdlib.h>
#include <string.h>

#include "repo/each.h"
#include "repo/prune.h"
#include "repo/rewrite_parts.h"

/* Go's zero time: restic reads nothing but a time there. */
#define NO_TIME "0001-01-01T00:00:00Z"

/* What becomes of one snapshot. */
struct plan {
	struct rewritten to;
	bool changes;
	struct id id; /* of the new one */
};

static void tell(const struct rewrite_opt *opt, enum rewrite_event event,
		 const struct snapshot *old, const struct id *id)
{
	const struct rewrite_news news = { .event = event,
					   .old = old,
					   .id = id };

	if (opt->tell)
		opt->tell(opt->arg, &news);
}

/* Whether the new snapshot is another, beside its tree. */
static bool other_facts(const struct rewrite_opt *o, const struct snapshot *s,
			const struct rewritten *to)
{
	if (o->new_host || o->new_time)
		return true;
	return o->summary &&
	       (!s->summary || s->summary->total_files_processed != to->files ||
		s->summary->total_bytes_processed != to->bytes);
}

static int plan_all(struct rewriter *w, struct op *op,
		    const struct snapshots *v, struct plan *plans)
{
	const struct rewrite_opt *o = w->opt;

	for (size_t i = 0; i < v->n; i++) {
		const struct snapshot *s = &v->at[i];
		struct plan *p = &plans[i];
		char brief[9];

		w->snapshot = s;
		tell(o, REWRITE_BEGIN, s, NULL);
		if (rewrite_tree(w, op, &s->tree, &p->to) < 0)
			return err_wrap(&op->err, "snapshot %s",
					id_short(&s->id, brief));
		p->changes = !p->to.lost && (!id_equal(&p->to.tree, &s->tree) ||
					     other_facts(o, s, &p->to));
		if (p->to.lost)
			tell(o, REWRITE_LOST, s, NULL);
		else if (!p->changes)
			tell(o, REWRITE_SAME, s, NULL);
		if (o->progress)
			atomic_fetch_add(&o->progress->files_done, 1);
	}
	return 0;
}

static void add_tag(struct arena *a, struct strings *tags, const char *tag)
{
	const char **at = arena_alloc(a, (tags->n + 1) * sizeof(*at));

	for (size_t i = 0; i < tags->n; i++) {
		if (strcmp(tags->at[i], tag) == 0)
			return;
		at[i] = tags->at[i];
	}
	at[tags->n++] = tag;
	tags->at = at;
}

static int save(struct rewriter *w, struct op *op, const struct snapshot *s,
		struct plan *p)
{
	const struct rewrite_opt *o = w->opt;
	struct snapshot new = *s;
	struct snapshot_summary sum = { .backup_start = NO_TIME,
					.backup_end = NO_TIME };
	struct arena a = { 0 };
	int rc = 0;

	new.tree = p->to.tree;
	new.has_original = true;
	new.original = s->id;
	if (!o->forget && o->tag)
		add_tag(&a, &new.tags, o->tag);
	if (o->new_host)
		new.hostname = o->new_host;
	if (o->new_time)
		new.time = *o->new_time;
	if (s->summary)
		sum = *s->summary;
	if (s->summary || o->summary) {
		sum.total_files_processed = p->to.files;
		sum.total_bytes_processed = p->to.bytes;
		new.summary = &sum;
	}
	if (!o->dry_run)
		rc = snapshot_save(w->r, op, w->coder, &new, &p->id);
	arena_free(&a);
	if (rc == 0)
		tell(o, REWRITE_SAVED, s, o->dry_run ? NULL : &p->id);
	return rc;
}

/* All that replaces them is there by now. */
static int remove_old(struct rewriter *w, struct op *op, struct lock *lock,
		      const struct snapshots *v, const struct plan *plans)
{
	const struct rewrite_opt *o = w->opt;
	struct ids old = { 0 };
	int rc = 0;

	for (size_t i = 0; i < v->n; i++) {
		if (!plans[i].changes && !plans[i].to.lost)
			continue;
		*ids_add(&old) = v->at[i].id;
		tell(o, REWRITE_REMOVED, &v->at[i], NULL);
	}
	if (!o->dry_run && old.n) {
		rc = files_remove(w->r, op, FILE_SNAPSHOT, old.at, old.n, lock);
	}
	ids_free(&old);
	return rc;
}

static int rewrite_all(struct rewriter *w, struct op *op, struct lock *lock,
		       const struct snapshots *v, struct plan *plans,
		       struct rewrite_result *out)
{
	int rc = plan_all(w, op, v, plans);

	if (rc == 0)
		rc = saver_flush(w->saver, op);
	if (rc == 0 && lock && !w->opt->dry_run)
		rc = lock_check(lock, op);
	for (size_t i = 0; rc == 0 && i < v->n; i++) {
		if (plans[i].to.lost)
			out->lost++;
		if (!plans[i].changes)
			continue;
		out->changed++;
		rc = save(w, op, &v->at[i], &plans[i]);
	}
	if (rc == 0 && w->opt->forget)
		rc = remove_old(w, op, lock, v, plans);
	return rc;
}

int rewrite_snapshots(struct repo *r, struct op *op, struct lock *lock,
		      const struct snapshots *v, const struct rewrite_opt *opt,
		      struct rewrite_result *out)
{
	const struct saver_opt so = { .dry_run = opt->dry_run, .lock = lock };
	struct rewriter w = { .r = r,
			      .opt = opt,
			      .coder = repo_coder(r),
			      .saver = saver_new(r, &so, op->cancel),
			      .path = BUF_INIT };
	struct plan *plans = xcalloc(v->n + 1, sizeof(*plans));
	int rc;

	*out = (struct rewrite_result){ 0 };
	id_map_init(&w.done);
	if (opt->progress) {
		atomic_store(&opt->progress->files_total, (int64_t)v->n);
		atomic_store(&opt->progress->total_known, true);
	}
	rc = rewrite_all(&w, op, lock, v, plans, out);
	free(plans);
	saver_free(w.saver);
	id_map_free(&w.done);
	coder_free(w.coder);
	buf_free(&w.path);
	return rc;
}
