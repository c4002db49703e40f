/* Whether source and destination are places apart from each other. */

#include "sync/apart.h"

#include <inttypes.h>
#include <string.h>
#include <sys/random.h>

#include "lib/fold.h"

/* Two spellings of one place have the same. */
static const char *identity(struct op *op, const struct backend *be)
{
	struct buf b = BUF_INIT;
	const char *text = be->identity;

	if (be_can(be, BE_NO_CASE)) {
		fold_case(&b, text);
		text = arena_strdup(&op->arena, b.data);
		buf_free(&b);
	}
	return text;
}

/* The rest of `path` if it is `dir` or below it, else NULL. */
static const char *below(const char *dir, const char *path)
{
	size_t n = strlen(dir);

	if (strncmp(dir, path, n) != 0)
		return NULL;
	if (path[n] == '\0' || (n && (dir[n - 1] == '/' || dir[n - 1] == ':')))
		return path + n;
	return path[n] == '/' ? path + n + 1 : NULL;
}

int refuse_same(struct op *op, const struct backend *a, const struct backend *b)
{
	return err_set(&op->err, ERR_INVALID,
		       "\"%s\" and \"%s\" are the same place", a->name,
		       b->name);
}

static int refuse(struct op *op, const struct backend *inner,
		  const struct backend *outer)
{
	if (strcmp(identity(op, inner), identity(op, outer)) == 0)
		return refuse_same(op, inner, outer);
	return err_set(&op->err, ERR_INVALID,
		       "\"%s\" is inside \"%s\": leave it out with --exclude, "
		       "or choose places apart from each other",
		       inner->name, outer->name);
}

/* A tree that is copied into itself would never end. */
int check_apart(struct sync_run *r, struct op *op)
{
	const struct backend *backup = r->opts.backup;
	const char *in = below(identity(op, r->src), identity(op, r->dst));

	if (in && (*in == '\0' || filter_dir(r->opts.filter, in)))
		return refuse(op, r->dst, r->src);
	in = below(identity(op, r->dst), identity(op, r->src));
	if (in && (*in == '\0' || filter_dir(r->opts.filter, in)))
		return refuse(op, r->src, r->dst);
	if (!backup)
		return 0;
	in = below(identity(op, r->dst), identity(op, backup));
	if (in && !(*in == '\0' && r->opts.suffix) &&
	    (*in == '\0' || r->opts.delete_excluded ||
	     filter_dir(r->opts.filter, in)))
		return refuse(op, backup, r->dst);
	in = below(identity(op, r->src), identity(op, backup));
	if (in && (*in == '\0' || filter_dir(r->opts.filter, in)))
		return refuse(op, backup, r->src);
	return 0;
}

static bool fold_equal(const char *a, const char *b)
{
	struct buf x = BUF_INIT, y = BUF_INIT;
	bool same;

	fold_case(&x, a);
	fold_case(&y, b);
	same = strcmp(x.data, y.data) == 0;
	buf_free(&x);
	buf_free(&y);
	return same;
}

enum same same_file(const struct sync_run *r, const char *src, const char *dst)
{
	const char *a = r->src->identity, *b = r->dst->identity;

	if (strcmp(a, b) == 0 && strcmp(src, dst) == 0)
		return SAME_NAME;
	if (r->no_case && fold_equal(a, b) && fold_equal(src, dst))
		return SAME_FILE;
	return SAME_NOT;
}

static ssize_t nothing(struct source *src, struct op *op, void *buf, size_t n)
{
	(void)src, (void)op, (void)buf, (void)n;
	return 0;
}

static int from_start(struct source *src, struct op *op, int64_t off)
{
	(void)src, (void)op, (void)off;
	return 0;
}

/* The mark goes whatever has happened, also after a cancel. */
static int take_away(struct sync_run *r, struct op *op, const char *name)
{
	struct cancel never;
	struct op own;
	int rc;

	cancel_init(&never);
	own = op_begin(&never);
	rc = be_unlink(r->src, &own, name);
	if (rc < 0 && own.err.kind == ERR_NOT_FOUND)
		rc = 0;
	if (rc < 0)
		op->err = own.err;
	op_end(&own);
	cancel_free(&never);
	return rc;
}

/* 1 if the mark is seen at the destination, 0 if surely not, or -1. */
static int mark_is_seen(struct sync_run *r, struct op *op, const char *name)
{
	struct entry e;

	if (be_stat(r->dst, op, name, &e) == 0)
		return 1;
	if (op->err.kind != ERR_NOT_FOUND && op->err.kind != ERR_NO_DIR)
		return -1;
	err_clear(&op->err);
	return 0;
}

int check_by_mark(struct sync_run *r, struct op *op, const char *src,
		  const char *dst)
{
	enum { LONGEST = 200 }; /* with the mark's own part below 255 */
	const struct put_opt opt = { .mtime = MTIME_UNKNOWN };
	struct source empty = { .read = nothing, .seek = from_start };
	uint64_t bits = 0;
	const char *name, *other;
	struct err why;
	int seen = -1;

	if (r->opts.mode != SYNC_MOVE || r->opts.dry_run ||
	    r->src->ops != r->dst->ops || !be_can(r->src, BE_REMOTE) ||
	    strlen(src) > LONGEST || strlen(dst) > LONGEST)
		return 0;
	if (getrandom(&bits, sizeof(bits), 0) != sizeof(bits))
		return err_sys(&op->err, "getrandom");
	/* In front, since the end of a word may count (a final sigma). */
	name = arena_printf(&op->arena, ".ferry-tmp.%016" PRIx64 "%s%s", bits,
			    *src ? "-" : "", src);
	other = arena_printf(&op->arena, ".ferry-tmp.%016" PRIx64 "%s%s", bits,
			     *dst ? "-" : "", dst);
	if (be_put(r->src, op, name, &empty, &opt, NULL) == 0)
		seen = mark_is_seen(r, op, other);
	why = op->err;
	if (take_away(r, op, name) < 0 && seen >= 0)
		return -1;
	op->err = why;
	return seen;
}
