/*
 * An overlay that spoils calls, so that tests can prove what happens then:
 *
 *	:fault,remote=PLACE,op=put,calls=2,error=network:path
 *
 * It can do all that the remote it wraps can.  Which calls misbehave:
 *
 *	op=NAME		the calls of that name, as in struct backend_ops; more
 *			names with "," or " " between them; all without it
 *	path=PATH	only those on that path
 *	calls=N		the N-th of these; also N-M, N- and /N (each N-th)
 *
 * and how:
 *
 *	error=KIND	fail, by err_info()'s name: network, busy, no-space ...
 *	after		... but do it first: only the answer is lost
 *	retry_after=D	... and ask to wait so long before the next try
 *	delay=D		wait first
 *	cut=N		end a listing after N entries, a body after N bytes:
 *			with the error, or else as if that were all of it; for
 *			put, the source is cut
 *	grow=N		list and stat say that files have N bytes more
 *	changed		as if somebody had changed the file: list, stat and put
 *			show another tag, get gives other bytes, and whoever
 *			asks for the old tag gets ERR_CONFLICT
 *
 * One overlay spoils one kind of thing; wrap one in another for more.  A call
 * that be_*() repeats is counted each time.
 */
#include "backends/fault/fault.h"

#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/parse.h"

static const char *const op_names[FAULT_OPS] = {
	[FAULT_LIST] = "list",
	[FAULT_STAT] = "stat",
	[FAULT_GET] = "get",
	[FAULT_PUT] = "put",
	[FAULT_MKDIR] = "mkdir",
	[FAULT_RMDIR] = "rmdir",
	[FAULT_UNLINK] = "unlink",
	[FAULT_LIST_TREE] = "list_tree",
	[FAULT_COPY] = "copy",
	[FAULT_MOVE] = "move",
	[FAULT_MOVE_DIR] = "move_dir",
	[FAULT_PURGE] = "purge",
	[FAULT_TOUCH] = "touch",
	[FAULT_HASH] = "hash",
	[FAULT_GET_XATTRS] = "get_xattrs",
	[FAULT_SET_META] = "set_meta",
	[FAULT_MKNODE] = "mknode",
	[FAULT_HARDLINK] = "hardlink",
	[FAULT_EQUAL] = "equal",
	[FAULT_QUOTA] = "quota",
	[FAULT_FLUSH] = "flush",
	[FAULT_STRAYS] = "strays",
	[FAULT_OPEN_READER] = "open_reader",
	[FAULT_OPEN_WRITER] = "open_writer",
	[FAULT_CLOSE_WRITER] = "close_writer",
};

static void fault_close(struct backend *be)
{
	struct fault *f = fault_of(be);

	be_close(f->inner);
	free(f->only);
	free(f);
}

struct fault *fault_of(struct backend *be)
{
	return be->ops->close == fault_close
		       ? container_of(be, struct fault, base)
		       : NULL;
}

struct backend *fault_bare(struct backend *be)
{
	for (struct fault *f; (f = fault_of(be));)
		be = f->inner;
	return be;
}

struct put_opt fault_opt(const struct put_opt *opt)
{
	struct put_opt inner = *opt;

	if (opt->keep_in)
		inner.keep_in = fault_bare(opt->keep_in);
	return inner;
}

int fault_fail(const struct fault *f, struct op *op)
{
	err_set(&op->err, f->error, "a fault on purpose (%s)",
		err_info(f->error)->name);
	op->err.retry_after = f->retry_after;
	return -1;
}

static bool is_hit(struct fault *f, enum fault_op what, const char *path)
{
	int64_t n;

	if (!(f->which & 1u << what) || (f->only && strcmp(f->only, path) != 0))
		return false;
	n = atomic_fetch_add(&f->calls, 1) + 1;
	return n >= f->first && (f->last < 0 || n <= f->last) &&
	       n % f->every == 0;
}

static bool is_cut(const struct fault_call *c)
{
	return c->fault->cut >= 0 &&
	       (c->what == FAULT_LIST || c->what == FAULT_LIST_TREE ||
		c->what == FAULT_GET || c->what == FAULT_PUT ||
		c->what == FAULT_OPEN_READER);
}

int fault_begin(struct fault_call *c, struct backend *be, struct op *op,
		enum fault_op what, const char *path)
{
	struct fault *f = fault_of(be);

	*c = (struct fault_call){ .fault = f, .inner = f->inner, .what = what };
	c->hit = is_hit(f, what, path);
	if (!c->hit)
		return 0;
	if (f->delay > 0 && op_sleep(op, (unsigned)f->delay) < 0)
		return -1;
	if (f->error != ERR_OK && !f->after && !is_cut(c))
		return fault_fail(f, op);
	return 0;
}

int fault_end(const struct fault_call *c, struct op *op, int rc)
{
	atomic_store(&c->fault->base.lost_xattrs,
		     atomic_load(&c->inner->lost_xattrs));
	if (rc == 0 && c->hit && c->fault->error != ERR_OK && c->fault->after)
		return fault_fail(c->fault, op);
	return rc;
}

/* "list, stat ..." for messages. */
static void list_ops(struct buf *b)
{
	for (size_t i = 0; i < FAULT_OPS; i++)
		buf_addf(b, "%s%s", i ? ", " : "", op_names[i]);
}

static int parse_ops(struct fault *f, const struct remote_conf *conf,
		     struct err *e)
{
	const char *p = conf_str(conf, "op");

	if (!p || *p == '\0') {
		f->which = (1u << FAULT_OPS) - 1;
		return 0;
	}
	for (p += strspn(p, ", "); *p; p += strspn(p, ", ")) {
		size_t n = strcspn(p, ", "), i = 0;
		struct buf list = BUF_INIT;

		while (i < FAULT_OPS && (strncmp(op_names[i], p, n) != 0 ||
					 op_names[i][n] != '\0'))
			i++;
		if (i == FAULT_OPS) {
			list_ops(&list);
			err_set(e, ERR_INVALID,
				"%s: option \"op\": \"%s\" is none of: %s",
				conf->name, p, list.data);
			buf_free(&list);
			return -1;
		}
		f->which |= 1u << i;
		p += n;
	}
	return 0;
}

/* "3", "2-5", "2-" or "/3" */
static bool parse_calls(struct fault *f, struct arena *a, const char *text)
{
	const char *dash = strchr(text, '-');
	char *first = arena_strdup(a, text);

	if (*text == '/')
		return parse_int(text + 1, &f->every) && f->every > 0;
	if (!dash) {
		f->last = -1;
		return parse_int(text, &f->first) && (f->last = f->first) > 0;
	}
	first[dash - text] = '\0';
	if (!parse_int(first, &f->first) || f->first < 1)
		return false;
	return dash[1] == '\0' ||
	       (parse_int(dash + 1, &f->last) && f->last >= f->first);
}

static int parse_error(struct fault *f, const struct remote_conf *conf,
		       struct err *e)
{
	const char *name = conf_str(conf, "error");

	if (!name || *name == '\0')
		return 0;
	for (int k = ERR_OK + 1; k < ERR_KINDS; k++) {
		if (strcmp(err_info((enum err_kind)k)->name, name) != 0)
			continue;
		f->error = (enum err_kind)k;
		return 0;
	}
	return err_set(e, ERR_INVALID,
		       "%s: option \"error\": there is no kind \"%s\"; write "
		       "network, busy, no-space, denied ...",
		       conf->name, name);
}

static int64_t milliseconds(int64_t ns)
{
	const int64_t longest = INT32_MAX;
	int64_t ms = ns / (NS_PER_SEC / 1000);

	return ms < 0 ? 0 : ms > longest ? longest : ms;
}

static int parse(struct fault *f, const struct remote_conf *conf, struct op *op)
{
	const char *calls = conf_str(conf, "calls");
	const char *only = conf_str(conf, "path");

	f->first = f->every = 1;
	f->last = -1;
	if (parse_ops(f, conf, &op->err) < 0 ||
	    parse_error(f, conf, &op->err) < 0)
		return -1;
	if (calls && !parse_calls(f, &op->arena, calls))
		return err_set(&op->err, ERR_INVALID,
			       "%s: option \"calls\" must be N, N-M, N- or "
			       "/N, which \"%s\" is not",
			       conf->name, calls);
	f->only = only ? xstrdup(only) : NULL;
	f->after = conf_bool(conf, "after");
	f->retry_after = (unsigned)milliseconds(conf_int(conf, "retry_after"));
	f->delay = milliseconds(conf_int(conf, "delay"));
	f->cut = conf_int(conf, "cut");
	f->grow = conf_int(conf, "grow");
	f->changed = conf_bool(conf, "changed");
	return 0;
}

/* Only what the inner one can. */
static void choose_ops(struct fault *f)
{
	const struct backend_ops *in = f->inner->ops;

	f->ops = fault_ops;
	f->ops.close = fault_close;
#define IF_INNER(op)                      \
	do {                              \
		if (!in->op)              \
			f->ops.op = NULL; \
	} while (0)
	IF_INNER(list_tree);
	IF_INNER(copy);
	IF_INNER(move);
	IF_INNER(move_dir);
	IF_INNER(purge);
	IF_INNER(touch);
	IF_INNER(hash);
	IF_INNER(get_xattrs);
	IF_INNER(set_meta);
	IF_INNER(mknode);
	IF_INNER(hardlink);
	IF_INNER(equal);
	IF_INNER(quota);
	IF_INNER(flush);
	IF_INNER(strays);
	IF_INNER(open_reader);
	IF_INNER(open_writer);
#undef IF_INNER
}

static const struct driver_option options[] = {
	{ .name = "remote", .required = true, .help = "the place to wrap" },
	{ .name = "op", .help = "which calls: get, put ...; all without it" },
	{ .name = "path", .help = "only calls on this path" },
	{ .name = "calls",
	  .help = "the N-th of these calls; N-M, N- or /N for each N-th" },
	{ .name = "error", .help = "the kind of error: network, denied ..." },
	{ .name = "after",
	  .type = OPTION_BOOL,
	  .help = "fail after the call was carried out" },
	{ .name = "retry_after",
	  .type = OPTION_DURATION,
	  .fallback = "1ms",
	  .help = "how long the error asks to wait before the next try" },
	{ .name = "delay", .type = OPTION_DURATION, .help = "wait first" },
	{ .name = "cut",
	  .type = OPTION_SIZE,
	  .fallback = "off",
	  .help = "end after so many bytes, or entries of a listing" },
	{ .name = "grow",
	  .type = OPTION_INT,
	  .help = "add this to the sizes of files" },
	{ .name = "changed",
	  .type = OPTION_BOOL,
	  .help = "files have another tag and other bytes" },
	{ .name = NULL },
};

static int fault_open(const struct remote_conf *conf, const char *root,
		      struct op *op, struct backend **out)
{
	struct fault *f = xcalloc(1, sizeof(*f));
	const char *identity;

	if (parse(f, conf, op) < 0 ||
	    remote_open_inner(conf, conf_str(conf, "remote"), root, op,
			      &f->inner) < 0) {
		free(f->only);
		free(f);
		return -1;
	}
	choose_ops(f);
	identity = arena_printf(&op->arena, "fault:%s", f->inner->identity);
	backend_init(&f->base, &f->ops, conf->name, identity, f->inner->caps);
	f->base.caps = f->inner->caps;
	f->base.hashes = f->inner->hashes;
	f->base.listed = f->inner->listed;
	f->base.mtime_step = f->inner->mtime_step;
	f->base.max_calls = f->inner->max_calls;
	f->base.tries = f->inner->tries;
	*out = &f->base;
	return 0;
}

const struct driver driver_fault = {
	.name = "fault",
	.summary = "another remote, with failures on purpose: for tests",
	.options = options,
	.open = fault_open,
};
