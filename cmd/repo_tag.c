/* ferry repo tag: other tags for snapshots that there are. */

#include <inttypes.h>
#include <stdlib.h>

#include "cmd/backup.h"
#include "cmd/globals.h"
#include "cmd/out.h"
#include "lib/json_write.h"
#include "lib/log.h"

struct tag_opts {
	struct repo_flags repo;
	struct filter_flags filter;
	struct opt_list add, set, remove;
};

static const struct tag_opts tag_defaults = { 0 };

#define TAG(name, field, help) \
	OPT_AT(OPT_LIST, 0, name, "TAG[,TAG...]", struct tag_opts, field, help)

static const struct opt tag_flags[] = {
	REPO_DRY_RUN(struct tag_opts),
	TAG("add", add, "tags that they get as well"),
	TAG("remove", remove, "tags that they lose"),
	TAG("set", set, "the tags that they have from then on; \"\" for none"),
	{ .type = OPT_END }
};

static const struct opt_group tag_groups[] = {
	{ "Flags", tag_flags, 0 },
	SNAPSHOT_FILTER_GROUP(struct tag_opts, filter),
	REPO_GROUP(struct tag_opts, repo),
	{ 0 }
};

struct tagging {
	struct cmd_ctx *cx;
	struct repo_session s;
	struct strings add, set, remove;
	bool sets;
	int64_t changed;
};

static bool has(const struct strings *l, const char *s)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->at[i], s) == 0)
			return true;
	return false;
}

/* What a snapshot's tags become. */
static struct strings new_tags(const struct tagging *t,
			       const struct strings *is)
{
	struct arena *a = &t->cx->op.arena;
	const char **at;
	struct strings out;

	if (t->sets)
		return t->set;
	at = arena_alloc(a, (is->n + t->add.n + 1) * sizeof(*at));
	out = (struct strings){ .at = at };
	for (size_t i = 0; i < is->n; i++)
		if (!has(&t->remove, is->at[i]))
			at[out.n++] = is->at[i];
	for (size_t i = 0; i < t->add.n; i++)
		if (!has(&out, t->add.at[i]) && !has(&t->remove, t->add.at[i]))
			at[out.n++] = t->add.at[i];
	return out;
}

static int print_change(struct cmd_ctx *cx, const struct id *old,
			const struct id *new)
{
	struct buf b = BUF_INIT;
	struct json j = JSON_INIT(&b);
	char was[ID_HEX + 1], is[ID_HEX + 1];
	int rc = 0;

	id_hex(old, was);
	id_hex(new, is);
	if (cx->globals->json) {
		json_object(&j, NULL);
		json_str(&j, "message_type", "changed");
		json_str(&j, "old_snapshot_id", was);
		json_str(&j, "new_snapshot_id", is);
		json_end(&j);
		buf_adds(&b, "\n");
	} else if (cx->globals->verbose) {
		buf_addf(&b, "%.8s is now %.8s\n", was, is);
	}
	if (b.len)
		rc = out_write(&cx->op, b.data, b.len);
	buf_free(&b);
	return rc;
}

/* The old one goes once the new one is there. */
static int change(struct tagging *t, const struct snapshot *s)
{
	struct op *op = &t->cx->op;
	struct snapshot new = *s;
	struct id id;

	new.tags = new_tags(t, &s->tags);
	if (strings_equal(&new.tags, &s->tags))
		return 0;
	if (!s->has_original) {
		new.has_original = true;
		new.original = s->id;
	}
	if (snapshot_save(t->s.repo, op, t->s.coder, &new, &id) < 0 ||
	    lock_check(t->s.lock, op) < 0 ||
	    store_remove(t->s.repo->store, op, FILE_SNAPSHOT, &s->id) < 0)
		return -1;
	t->changed++;
	return print_change(t->cx, &s->id, &id);
}

/* Those that are named, else those that the filter leaves. */
static int load(struct tagging *t, struct snapshots *out)
{
	const struct tag_opts *o = t->cx->opts;
	struct op *op = &t->cx->op;
	struct snapshot_filter f;

	if (snapshot_filter_of(t->cx, &o->filter, &f) < 0)
		return -1;
	if (t->cx->argc == 0)
		return snapshots_load(t->s.repo, op, &op->arena, &f, NULL, NULL,
				      out);
	for (int i = 0; i < t->cx->argc; i++) {
		struct snapshot s;
		bool twice = false;

		if (snapshot_find(t->s.repo, op, &op->arena, &f, t->cx->argv[i],
				  &s, NULL) < 0)
			return -1;
		for (size_t k = 0; k < out->n; k++)
			twice = twice || id_equal(&out->at[k].id, &s.id);
		if (!twice)
			*snapshots_add(out) = s;
	}
	return 0;
}

static int print_sum(const struct tagging *t)
{
	struct op *op = &t->cx->op;

	if (t->cx->globals->json)
		return out_printf(op,
				  "{\"message_type\":\"summary\","
				  "\"changed_snapshots\":%" PRId64 "}\n",
				  t->changed);
	if (t->cx->globals->quiet)
		return 0;
	if (t->changed == 0)
		return out_str(op, "no snapshots were modified\n");
	return out_printf(op, "modified %" PRId64 " snapshot%s\n", t->changed,
			  t->changed == 1 ? "" : "s");
}

static int tag_run(struct cmd_ctx *cx)
{
	const struct tag_opts *o = cx->opts;
	struct tagging t = { .cx = cx, .sets = o->set.n > 0 };
	struct snapshots v = { 0 };
	int rc;

	if (t.sets && (o->add.n || o->remove.n))
		return err_set(&cx->op.err, ERR_INVALID,
			       "--set, and --add or --remove: only one of "
			       "them");
	if (!t.sets && !o->add.n && !o->remove.n)
		return err_set(&cx->op.err, ERR_INVALID,
			       "nothing to do: give --add, --remove or --set");
	t.add = repo_split_tags(&cx->op.arena, &o->add);
	t.set = repo_split_tags(&cx->op.arena, &o->set);
	t.remove = repo_split_tags(&cx->op.arena, &o->remove);
	rc = repo_begin(cx, &o->repo, REPO_EXCLUSIVE, &t.s);
	if (rc == 0)
		rc = load(&t, &v);
	for (size_t i = 0; rc == 0 && i < v.n; i++) {
		rc = op_check(&cx->op);
		if (rc == 0)
			rc = change(&t, &v.at[i]);
	}
	if (rc == 0)
		rc = print_sum(&t);
	snapshots_free(&v);
	repo_end(&t.s);
	return rc;
}

static const struct cmd_example tag_examples[] = {
	{ "ferry repo tag --add keep latest", "mark the last snapshot" },
	{ "ferry repo tag --host laptop --remove old",
	  "take a tag from all snapshots of one machine" },
	{ 0 }
};

const struct cmd cmd_repo_tag = {
	.name = "repo tag",
	.args = "[SNAPSHOT]...",
	.summary = "change the tags of snapshots",
	.about = "Of those that are named, or else of all that the flags "
		 "leave.  A snapshot with other\ntags has another ID; its "
		 "\"original\" is the one that it had at first.",
	.max_args = -1,
	.groups = tag_groups,
	.opts_size = sizeof(struct tag_opts),
	.defaults = &tag_defaults,
	.examples = tag_examples,
	.run = tag_run,
};
