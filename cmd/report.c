#include "cmd/report.h"

#include <string.h>

#include "cmd/events.h"
#include "cmd/out.h"
#include "cmd/text.h"
#include "lib/clock.h"
#include "lib/parse.h"
#include "lib/utf8.h"

/* clang-format off */
static const struct {
	const char *done;      /* "path: copied" */
	const char *one, *more; /* "1 copied"; NULL: not in the summary */
	const char *json;      /* name of that number */
	bool file;             /* its size is of interest */
} actions[ACTION_COUNT] = {
	[ACTION_COPY]     = { "copied",         "copied",         "copied",          "copied",       true },
	[ACTION_UPDATE]   = { "updated",        "updated",        "updated",         "updated",      true },
	[ACTION_MOVE]     = { "moved",          "moved",          "moved",           "moved",        true },
	[ACTION_LINK]     = { "link made",      "link made",      "links made",      "links",        false },
	[ACTION_HARDLINK] = { "hard link made", "hard link made", "hard links made", "hardlinks",    false },
	[ACTION_MKDIR]    = { "folder made",    "folder made",    "folders made",    "dirs_made",    false },
	[ACTION_META]     = { "attributes set", "with attributes set",
			      "with attributes set", "metadata", false },
	[ACTION_DELETE]   = { "deleted",        "deleted",        "deleted",         "deleted",      true },
	[ACTION_RMDIR]    = { "folder removed", "folder removed", "folders removed", "dirs_removed", false },
	[ACTION_DELETE_SOURCE] = { "deleted at the source", NULL, NULL, "deleted_source", true },
	[ACTION_SKIP]     = { "left as it is",  NULL, NULL, NULL, true },
};

static const char *const dry_verbs[ACTION_COUNT] = {
	[ACTION_COPY]          = "would be copied",
	[ACTION_UPDATE]        = "would be updated",
	[ACTION_MOVE]          = "would be moved",
	[ACTION_LINK]          = "link would be made",
	[ACTION_HARDLINK]      = "hard link would be made",
	[ACTION_MKDIR]         = "folder would be made",
	[ACTION_META]          = "attributes would be set",
	[ACTION_DELETE]        = "would be deleted",
	[ACTION_RMDIR]         = "folder would be removed",
	[ACTION_DELETE_SOURCE] = "would be deleted at the source",
};
/* clang-format on */

void report_init(struct report *r, struct cmd_ctx *cx, bool dry_run)
{
	*r = (struct report){ .cx = cx,
			      .dry_run = dry_run,
			      .out = op_begin(cx->op.cancel),
			      .started = clock_mono() };
	r->stats.moved.parent = cx->op.acct;
}

void report_free(struct report *r)
{
	for (size_t i = 0; i < r->failures.n; i++)
		free(r->failures.at[i]);
	report_lines_free(&r->failures);
	op_end(&r->out);
}

/* "path: why", but "why" alone where it names the path already. */
static void add_why(struct buf *b, const char *path, const struct err *e)
{
	if (*path && !err_names(e, path))
		buf_addf(b, "%s: ", path);
	buf_adds(b, e->msg);
}

static void tell_failure(struct report *r, const struct sync_event *e)
{
	bool fail = e->action == ACTION_FAIL;
	struct buf b = BUF_INIT;

	add_why(&b, e->path, e->err);
	log_at(fail ? LOG_ERROR : LOG_NOTICE, NULL, "%s", b.data);
	if (fail && r->failures.n < REPORT_FAILURES)
		*report_lines_add(&r->failures) = xstrdup(b.data);
	buf_free(&b);
}

/*
 * Where nobody takes the results a dry run is over, but real work goes on;
 * either way out_flush() fails in the end.
 */
static void put_result(struct report *r, const struct buf *b, bool flush)
{
	int rc = result_put(r->cx, &r->out, b, flush);

	if (rc < 0 && r->dry_run)
		cancel_set(r->cx->op.cancel);
	arena_reset(&r->out.arena);
}

static void put_json(struct report *r, const struct sync_event *e)
{
	bool failed = e->action == ACTION_FAIL;
	struct buf text = BUF_INIT;
	struct json j = JSON_INIT(&text);

	json_object(&j, NULL);
	json_str(&j, "event",
		 failed ? "error"
			: (e->action == ACTION_NOTICE ? "notice" : "action"));
	if (!e->err)
		json_str(&j, "action", sync_action_name(e->action));
	json_path(&j, "path", e->path);
	if (e->err)
		json_error(&j, e->err);
	else if (e->size >= 0 && actions[e->action].file)
		json_int(&j, "size", e->size);
	if (e->reason)
		json_text_valid(&j, "reason", e->reason);
	if (e->dry_run)
		json_bool(&j, "dry_run", true);
	json_end(&j);
	buf_adds(&text, "\n");
	/* whoever reads a pipe wants each event when it happens */
	put_result(r, &text, true);
	buf_free(&text);
}

static void put_plan(struct report *r, const struct sync_event *e)
{
	struct buf text = BUF_INIT;

	out_add_name(&text, *e->path ? e->path : ".");
	buf_addf(&text, ": %s", dry_verbs[e->action]);
	if (e->reason)
		buf_addf(&text, " (%s)", e->reason);
	buf_adds(&text, "\n");
	put_result(r, &text, false);
	buf_free(&text);
}

static void log_action(const struct sync_event *e)
{
	enum log_level level = e->action == ACTION_SKIP ? LOG_DEBUG : LOG_INFO;
	const char *path = *e->path ? e->path : ".";

	if (e->reason)
		log_at(level, path, "%s (%s)", actions[e->action].done,
		       e->reason);
	else
		log_at(level, path, "%s", actions[e->action].done);
}

void report_event(void *arg, const struct sync_event *e)
{
	struct report *r = arg;

	r->done[e->action]++;
	if (e->action == ACTION_COPY || e->action == ACTION_UPDATE)
		r->bytes += e->size > 0 ? e->size : 0;
	if (e->action == ACTION_FAIL || e->action == ACTION_NOTICE)
		tell_failure(r, e);
	if (r->cx->globals->json)
		put_json(r, e);
	else if (e->dry_run && dry_verbs[e->action])
		put_plan(r, e);
	else if (actions[e->action].done)
		log_action(e);
}

void report_view(const struct report *r, struct progress_view *v)
{
	const struct sync_stats *s = &r->stats;

	v->files_done = atomic_load(&s->files_done);
	v->files_total = atomic_load(&s->files_found);
	v->bytes_done = atomic_load(&s->bytes_done);
	v->bytes_total = atomic_load(&s->bytes_found);
	v->moved = atomic_load(&s->moved.bytes);
	v->checked = atomic_load(&s->checked);
	v->deleted = atomic_load(&s->deleted);
	v->failed = atomic_load(&s->failed);
	v->more = atomic_load(&s->walking);
	for (size_t i = 0; i < v->n_flights; i++)
		v->bytes_done += v->flights[i].done;
}

static void add_part(struct buf *b, int64_t n, const char *what)
{
	if (n == 0)
		return;
	if (b->len)
		buf_adds(b, ", ");
	text_add_count(b, n);
	buf_addf(b, " %s", what);
}

static void add_counts(struct buf *b, const struct report *r)
{
	for (size_t i = 0; i < ACTION_COUNT; i++)
		if (actions[i].one)
			add_part(b, r->done[i],
				 r->done[i] == 1 ? actions[i].one
						 : actions[i].more);
	add_part(b, atomic_load(&r->stats.checked), "unchanged");
	add_part(b, r->done[ACTION_FAIL], "failed");
}

/* A rate of less than this says nothing. */
#define RATE_NS (NS_PER_SEC / 10)

static void add_traffic(struct buf *b, const struct report *r, int64_t ns)
{
	int64_t resumed = atomic_load(&r->stats.resumed);
	int64_t moved = atomic_load(&r->stats.moved.bytes);
	/* more than the files have if some were broken off */
	int64_t bytes = moved > r->bytes ? moved : r->bytes;

	if (bytes) {
		show_size(b, bytes);
		buf_adds(b, " in ");
	}
	show_duration(b, ns);
	if (bytes && !r->dry_run && ns >= RATE_NS) {
		buf_adds(b, ", ");
		show_size(b, (int64_t)((double)bytes * 1e9 / (double)ns));
		buf_adds(b, "/s");
	}
	if (resumed) {
		buf_adds(b, ", ");
		show_size(b, resumed);
		buf_adds(b, " of it there already");
	}
	add_part(b, atomic_load(&r->stats.already), "not sent");
	add_part(b, atomic_load(&r->stats.strays),
		 "left-overs of broken runs removed");
}

/* A line that names a failure again, never wrapped. */
static void say(const struct report *r, const char *text)
{
	struct buf safe = BUF_INIT;

	utf8_add_printable(&safe, text, strlen(text));
	if (r->cx->term->log_fd >= 0)
		term_log(r->cx->term, LOG_INFO, safe.data);
	else
		term_printf(r->cx->term, "%s\n", safe.data);
	buf_free(&safe);
}

static void put_summary(const struct report *r, int64_t ns)
{
	int64_t failed = r->done[ACTION_FAIL];
	struct buf b = BUF_INIT, traffic = BUF_INIT;

	add_counts(&b, r);
	if (b.len == 0)
		buf_adds(&b, "nothing to do");
	add_traffic(&traffic, r, ns);
	for (size_t i = 0; i < r->failures.n; i++) {
		struct buf line = BUF_INIT;

		if (i == 0)
			say(r, "failed:");
		buf_addf(&line, "  %s", r->failures.at[i]);
		say(r, line.data);
		buf_free(&line);
	}
	if (failed > REPORT_FAILURES) {
		struct buf line = BUF_INIT;

		buf_adds(&line, "  and ");
		text_add_count(&line, failed - REPORT_FAILURES);
		buf_adds(&line, " more");
		say(r, line.data);
		buf_free(&line);
	}
	buf_addf(&b, "; %s%s", traffic.data,
		 r->dry_run ? " (dry run, nothing was changed)" : "");
	term_say(r->cx->term, b.data);
	buf_free(&b);
	buf_free(&traffic);
}

static void json_summary(struct report *r, int rc, int64_t ns)
{
	const struct err *e = &r->cx->op.err;
	struct buf text = BUF_INIT;
	struct json j = JSON_INIT(&text);

	json_object(&j, NULL);
	json_str(&j, "event", "summary");
	json_str(&j, "command", r->cx->cmd->name);
	json_str(&j, "result", rc == 0 ? "ok" : err_info(e->kind)->name);
	json_bool(&j, "dry_run", r->dry_run);
	for (size_t i = 0; i < ACTION_COUNT; i++)
		if (actions[i].json)
			json_int(&j, actions[i].json, r->done[i]);
	json_int(&j, "checked", atomic_load(&r->stats.checked));
	json_int(&j, "listed", atomic_load(&r->stats.listed));
	json_int(&j, "failed", r->done[ACTION_FAIL]);
	json_int(&j, "bytes", r->bytes);
	json_int(&j, "moved_bytes", atomic_load(&r->stats.moved.bytes));
	json_int(&j, "resumed_bytes", atomic_load(&r->stats.resumed));
	json_int(&j, "already_there", atomic_load(&r->stats.already));
	json_int(&j, "strays", atomic_load(&r->stats.strays));
	json_int(&j, "elapsed_ms", ns / 1000000);
	json_end(&j);
	buf_adds(&text, "\n");
	put_result(r, &text, true);
	buf_free(&text);
}

static bool did_something(const struct report *r)
{
	for (size_t i = 0; i < ACTION_COUNT; i++)
		if (r->done[i] && i != ACTION_NOTICE)
			return true;
	return atomic_load(&r->stats.checked) > 0;
}

int report_end(struct report *r, int rc)
{
	int64_t ns = clock_mono() - r->started;

	if (r->cx->globals->json)
		json_summary(r, rc, ns);
	else if (!r->cx->globals->quiet && (rc == 0 || did_something(r)))
		put_summary(r, ns);
	/* a reader that went away is why a dry run was called off */
	if (r->out.err.kind != ERR_OK) {
		r->cx->op.err = r->out.err;
		return -1;
	}
	return rc;
}
