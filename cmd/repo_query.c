#include "cmd/repo_query.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "cmd/out.h"
#include "lib/parse.h"
#include "repo/tree.h"

int query_begin(struct query *q, struct cmd_ctx *cx,
		const struct repo_flags *flags)
{
	*q = (struct query){ .cx = cx };
	repo_report_begin(&q->report, cx, true);
	return repo_begin(cx, flags, REPO_SHARED, &q->s);
}

int query_end(struct query *q, int rc)
{
	repo_end(&q->s);
	repo_report_stop(&q->report);
	rc = repo_report_end(&q->report, rc);
	repo_report_free(&q->report);
	return rc;
}

static int bad_snapshot(void *arg, struct op *op, const struct id *id)
{
	struct query *q = arg;
	char hex[ID_HEX + 1];

	q->report.errors.tell(&q->report.errors, op, id_hex(id, hex), "load");
	return 0;
}

static int by_time(const void *a, const void *b)
{
	const struct snapshot *x = a, *y = b;

	if (x->time.sec != y->time.sec)
		return x->time.sec < y->time.sec ? -1 : 1;
	if (x->time.ns != y->time.ns)
		return x->time.ns < y->time.ns ? -1 : 1;
	return memcmp(&x->id, &y->id, sizeof(x->id));
}

/* Named twice is named once. */
static void sort_unique(struct snapshots *v)
{
	size_t n = 0;

	if (v->n)
		qsort(v->at, v->n, sizeof(*v->at), by_time);
	for (size_t i = 0; i < v->n; i++)
		if (n == 0 || !id_equal(&v->at[n - 1].id, &v->at[i].id))
			v->at[n++] = v->at[i];
	v->n = n;
}

int query_snapshots(struct query *q, const struct filter_flags *filter,
		    char *const *names, int n, struct snapshots *out)
{
	struct op *op = &q->cx->op;
	struct snapshot_filter f;

	if (snapshot_filter_of(q->cx, filter, &f) < 0)
		return -1;
	if (n == 0)
		return snapshots_load(q->s.repo, op, &op->arena, &f,
				      bad_snapshot, q, out);
	for (int i = 0; i < n; i++) {
		const char *path;

		if (snapshot_find(q->s.repo, op, &op->arena, &f, names[i],
				  snapshots_add(out), &path) < 0)
			return -1;
	}
	sort_unique(out);
	return 0;
}

int query_snapshot(struct query *q, const struct filter_flags *filter,
		   const char *spec, struct snapshot *out, const char **path)
{
	struct op *op = &q->cx->op;
	struct snapshot_filter f;

	if (snapshot_filter_of(q->cx, filter, &f) < 0)
		return -1;
	return snapshot_find(q->s.repo, op, &op->arena, &f, spec, out, path);
}

int query_index(struct query *q)
{
	return repo_load_index(q->s.repo, &q->cx->op, NULL, NULL);
}

int query_folder(struct query *q, const struct snapshot *s, const char *path,
		 struct id *tree)
{
	struct op *op = &q->cx->op;
	struct node node;

	if (snapshot_descend(q->s.repo, op, q->s.coder, &op->arena, &s->tree,
			     path, &node, tree) < 0)
		return -1;
	if (node.type != NODE_DIR)
		return err_set(&op->err, ERR_NOT_DIR, "\"%s\" is not a folder",
			       path);
	return 0;
}

void row_add(struct buf *b, const char *path, const struct node *n, bool full,
	     bool human)
{
	if (full) {
		node_mode_text(b, n->mode);
		buf_addf(b, " %5" PRIu32 " %5" PRIu32 " ", n->uid, n->gid);
		if (human)
			show_size(b, (int64_t)n->size);
		else
			buf_addf(b, "%6" PRIu64, n->size);
		buf_adds(b, " ");
		show_time(b, node_time_ns(n->mtime), 0);
		buf_adds(b, " ");
	}
	out_add_name(b, path);
	if (full && n->target) {
		buf_adds(b, " -> ");
		out_add_name(b, n->target);
	}
	buf_adds(b, "\n");
}

void json_node_time(struct json *j, const char *key, struct node_time t)
{
	struct buf text = BUF_INIT;

	node_time_text(&text, t);
	json_str(j, key, text.data);
	buf_free(&text);
}

void json_mode(struct json *j, const char *key, uint32_t mode)
{
	struct buf text = BUF_INIT;

	node_mode_text(&text, mode);
	json_str(j, key, text.data);
	buf_free(&text);
}

void json_float(struct json *j, const char *key, double v)
{
	char text[40];

	/* the shortest that is read back as the same number */
	for (int digits = 1; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, v);
		if (strtod(text, NULL) == v)
			break;
	}
	buf_addf(j->out, ",\"%s\":%s", key, text);
}
