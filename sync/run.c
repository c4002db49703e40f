#include "sync/run.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/clock.h"

enum { THROTTLED_MAX = 8 };

void sync_opts_init(struct sync_opts *o)
{
	*o = (struct sync_opts){
		.max_depth = -1,
		.modify_window = -1,
		.metadata = true,
		.max_delete = -1,
		.max_transfer = -1,
		.max_duration = -1,
	};
}

const char *sync_action_name(enum sync_action a)
{
	static const char *const names[ACTION_COUNT] = {
		[ACTION_COPY] = "copy",
		[ACTION_UPDATE] = "update",
		[ACTION_MKDIR] = "mkdir",
		[ACTION_LINK] = "link",
		[ACTION_HARDLINK] = "hardlink",
		[ACTION_META] = "set-metadata",
		[ACTION_MOVE] = "move",
		[ACTION_DELETE] = "delete",
		[ACTION_RMDIR] = "rmdir",
		[ACTION_DELETE_SOURCE] = "delete-source",
		[ACTION_SKIP] = "skip",
		[ACTION_NOTICE] = "notice",
		[ACTION_FAIL] = "fail",
	};

	return names[a];
}

void path_join(struct buf *path, const char *dir, const char *name)
{
	buf_reset(path);
	if (*dir) {
		buf_adds(path, dir);
		buf_add(path, "/", 1);
	}
	buf_adds(path, name);
}

void run_event(struct sync_run *r, const struct sync_event *e)
{
	if (!r->report.event || (e->action == ACTION_SKIP && !r->report.skips))
		return;
	pthread_mutex_lock(&r->report_lock);
	r->report.event(r->report.arg, e);
	pthread_mutex_unlock(&r->report_lock);
}

static _Atomic int64_t *counter(struct sync_stats *s, enum sync_action a)
{
	switch (a) {
	case ACTION_COPY:
	case ACTION_UPDATE:
	case ACTION_MOVE: return &s->files_done;
	case ACTION_MKDIR: return &s->dirs_made;
	case ACTION_LINK:
	case ACTION_HARDLINK: return &s->links;
	case ACTION_META: return &s->meta;
	case ACTION_DELETE:
	case ACTION_DELETE_SOURCE: return &s->deleted;
	case ACTION_RMDIR: return &s->dirs_removed;
	case ACTION_SKIP: return &s->checked;
	case ACTION_FAIL: return &s->failed;
	case ACTION_NOTICE:
	case ACTION_COUNT: break;
	}
	return NULL;
}

void run_did(struct sync_run *r, enum sync_action a, const char *path,
	     int64_t size, const char *reason)
{
	struct sync_event e = { .action = a,
				.path = path,
				.size = size,
				.reason = reason,
				.dry_run = r->opts.dry_run };

	atomic_fetch_add_explicit(counter(r->stats, a), 1,
				  memory_order_relaxed);
	if (atomic_load_explicit(&r->throttled, memory_order_relaxed))
		atomic_store(&r->throttled, 0);
	run_event(r, &e);
}

void run_notice(struct sync_run *r, const char *path, const char *text)
{
	struct err why;
	struct sync_event e = { .action = ACTION_NOTICE,
				.path = path,
				.err = &why };

	err_set(&why, ERR_OK, "%s", text);
	run_event(r, &e);
}

/* false: it is what has stopped the run already. */
static bool stop_for(struct sync_run *r, const struct err *e)
{
	bool known;

	pthread_mutex_lock(&r->lock);
	known = r->fatal.kind == e->kind && r->fatal.code == e->code;
	if (r->fatal.kind == ERR_OK)
		r->fatal = *e;
	pthread_mutex_unlock(&r->lock);
	atomic_store(&r->stopped, true);
	return !known;
}

int run_stop(struct sync_run *r, struct op *op)
{
	(void)stop_for(r, &op->err);
	return -1;
}

/*
 * A service that still asks to slow down after all tries of one call, and of
 * the next: a plan's limit, which is not over for the rest of the files.
 */
static bool is_throttled(struct sync_run *r, const struct err *e)
{
	if (e->kind != ERR_BUSY || (e->code != 429 && e->code != 509))
		return false;
	return atomic_fetch_add(&r->throttled, 1) + 1 >= THROTTLED_MAX;
}

void run_failed(struct sync_run *r, struct op *op, const char *path)
{
	struct sync_event e = { .action = ACTION_FAIL,
				.path = path,
				.err = &op->err };

	if (op->err.kind == ERR_CANCELED) {
		run_stop(r, op);
		return;
	}
	/* one sentence is enough: not one of each file that was under way */
	if ((err_info(op->err.kind)->fatal || is_throttled(r, &op->err)) &&
	    !stop_for(r, &op->err))
		return;
	atomic_fetch_add(&r->stats->failed, 1);
	run_event(r, &e);
}

int run_check(struct sync_run *r, struct op *op)
{
	if (op_check(op) < 0)
		return run_stop(r, op);
	if (r->deadline && clock_mono() > r->deadline) {
		err_set(&op->err, ERR_LIMIT,
			"the time of --max-duration is over");
		return run_stop(r, op);
	}
	if (atomic_load(&r->stopped))
		return err_set(&op->err, ERR_CANCELED, "stopped");
	return 0;
}

/* Two mtimes that differ by less than this are one. */
static int64_t window_of(const struct sync_run *r)
{
	int64_t w = r->opts.modify_window;

	if (w < r->src->mtime_step)
		w = r->src->mtime_step;
	return w < r->dst->mtime_step ? r->dst->mtime_step : w;
}

/*
 * Threads for the work: what waits for a network has many, since each has one
 * request on its way, and how many of them may go at once is found out below.
 */
static unsigned threads_for(unsigned wanted, unsigned a, unsigned b)
{
	unsigned most = a > b ? a : b;

	if (wanted)
		return wanted;
	return most > pool_fitting() ? most : pool_fitting();
}

/* What is known beforehand of how much of a side will be looked at. */
static enum lister_mode lister_mode(const struct sync_opts *o, bool filtered,
				    bool all)
{
	if (o->max_depth >= 0 || filtered)
		return LISTER_EACH;
	return all ? LISTER_WHOLE : LISTER_LATER;
}

struct sync_run *sync_new(struct backend *src, struct backend *dst,
			  const struct sync_opts *opts,
			  struct sync_stats *stats,
			  const struct sync_report *report,
			  struct hash_memory *memory)
{
	struct sync_run *r = xcalloc(1, sizeof(*r));

	r->src = src;
	r->dst = dst;
	r->opts = *opts;
	r->stats = stats;
	if (report)
		r->report = *report;
	r->memory = memory;
	r->metadata = opts->metadata && be_can(src, BE_POSIX) &&
		      be_can(dst, BE_POSIX | BE_SET_META);
	r->copies = be_can(dst, BE_COPY);
	r->batches = r->copies && !((src->caps | dst->caps) & BE_REMOTE);
	r->no_case = be_can(dst, BE_NO_CASE);
	r->filtered = !filter_is_empty(opts->filter);
	r->src_lister = lister_new(src, lister_mode(opts, r->filtered, true));
	r->dst_lister = lister_new(
		dst, lister_mode(opts, r->filtered, opts->mode == SYNC_SYNC));
	r->window = window_of(r);
	if (opts->max_duration >= 0)
		r->deadline = clock_mono() + opts->max_duration;
	r->opts.transfers =
		threads_for(opts->transfers, src->calls, dst->calls);
	r->opts.checkers =
		threads_for(opts->checkers, lister_calls(r->src_lister),
			    lister_calls(r->dst_lister));
	r->slots = xcalloc(r->opts.transfers + 1, sizeof(*r->slots));
	pthread_mutex_init(&r->lock, NULL);
	pthread_mutex_init(&r->report_lock, NULL);
	links_init(&r->links);
	links_init(&r->dst_links);
	spool_init(&r->extra_links);
	spool_init(&r->removals);
	spool_init(&r->late);
	spool_init(&r->folders);
	spool_init(&r->moved);
	return r;
}

void sync_free(struct sync_run *r)
{
	if (!r)
		return;
	walk_free(r->walk);
	lister_free(r->src_lister);
	lister_free(r->dst_lister);
	links_free(&r->links);
	links_free(&r->dst_links);
	spool_free(&r->extra_links);
	spool_free(&r->removals);
	spool_free(&r->late);
	spool_free(&r->folders);
	spool_free(&r->moved);
	pthread_mutex_destroy(&r->lock);
	pthread_mutex_destroy(&r->report_lock);
	free(r->slots);
	free(r);
}

size_t sync_flights(struct sync_run *r, struct sync_flight *out, size_t max)
{
	size_t n = 0;

	pthread_mutex_lock(&r->lock);
	for (size_t i = 0; i <= r->opts.transfers && n < max; i++) {
		struct flight_slot *s = &r->slots[i];

		if (!s->used)
			continue;
		out[n] = s->flight;
		out[n++].done = atomic_load(&s->acct.bytes);
	}
	pthread_mutex_unlock(&r->lock);
	return n;
}
