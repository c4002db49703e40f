#include "cmd/repo_report.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cmd/events.h"
#include "cmd/out.h"
#include "lib/clock.h"
#include "lib/json_write.h"
#include "lib/log.h"

static void tell_json(struct repo_report *r, const struct err *e,
		      const char *item, const char *during)
{
	struct buf b = BUF_INIT;
	struct json j = JSON_INIT(&b);

	json_object(&j, NULL);
	json_str(&j, "message_type", "error");
	json_object(&j, "error");
	json_text_valid(&j, "message", e->msg);
	json_str(&j, "kind", err_info(e->kind)->name);
	json_end(&j);
	json_str(&j, "during", during);
	json_path(&j, "item", item);
	json_end(&j);
	buf_adds(&b, "\n");
	term_print(r->cx->term, b.data);
	buf_free(&b);
}

static void tell(struct repo_errors *base, struct op *op, const char *item,
		 const char *during)
{
	struct repo_report *r = container_of(base, struct repo_report, errors);

	atomic_fetch_add(&r->progress.errors, 1);
	if (r->cx->globals->json)
		tell_json(r, &op->err, item, during);
	else if (err_names(&op->err, item))
		log_error(NULL, "%s", op->err.msg);
	else
		log_error(item, "%s", op->err.msg);
}

static void sample(void *arg, struct progress_view *v)
{
	struct repo_report *r = arg;
	struct repo_progress *p = &r->progress;

	v->files_done = atomic_load(&p->files_done);
	v->files_total = atomic_load(&p->files_total);
	v->bytes_done = atomic_load(&p->bytes_done);
	v->bytes_total = atomic_load(&p->bytes_total);
	v->moved = v->bytes_done;
	v->failed = atomic_load(&p->errors);
	v->more = !atomic_load(&p->total_known);
	pthread_mutex_lock(&p->lock);
	for (size_t i = 0; i < PROGRESS_CURRENT; i++) {
		struct sync_flight *f = &v->flights[v->n_flights];
		size_t n = strlen(p->current[i]), skip;

		if (n == 0)
			continue;
		skip = n < sizeof(f->path) ? 0 : n - sizeof(f->path) + 1;
		*f = (struct sync_flight){ .size = -1 };
		memcpy(f->path, p->current[i] + skip, n - skip + 1);
		v->n_flights++;
	}
	pthread_mutex_unlock(&p->lock);
}

static void add_status(struct buf *b, struct repo_report *r)
{
	struct progress_view v = { 0 };
	struct json j = JSON_INIT(b);
	int64_t seconds = (clock_mono() - r->started) / NS_PER_SEC;

	sample(r, &v);
	json_object(&j, NULL);
	json_str(&j, "message_type", "status");
	json_int(&j, "seconds_elapsed", seconds);
	if (v.bytes_done > 0 && v.bytes_total > v.bytes_done && !v.more)
		json_int(&j, "seconds_remaining",
			 (int64_t)((double)seconds *
				   ((double)v.bytes_total /
					    (double)v.bytes_done -
				    1)));
	buf_addf(b, ",\"percent_done\":%.6g",
		 v.bytes_total > 0
			 ? (double)v.bytes_done / (double)v.bytes_total
			 : 0.0);
	json_int(&j, "total_files", v.files_total);
	json_int(&j, r->restoring ? "files_restored" : "files_done",
		 v.files_done);
	json_int(&j, "total_bytes", v.bytes_total);
	json_int(&j, r->restoring ? "bytes_restored" : "bytes_done",
		 v.bytes_done);
	if (v.failed)
		json_int(&j, "error_count", v.failed);
	if (v.n_flights) {
		json_array(&j, "current_files");
		for (size_t i = 0; i < v.n_flights; i++)
			json_text_valid(&j, NULL, v.flights[i].path);
		json_end(&j);
	}
	json_end(&j);
	buf_adds(b, "\n");
}

static void *tick(void *arg)
{
	struct repo_report *r = arg;
	struct op op = op_begin(r->cx->op.cancel);
	int64_t next = r->started + NS_PER_SEC;

	pthread_mutex_lock(&r->lock);
	while (!r->over) {
		struct timespec until = timespec_of(next);
		struct buf b = BUF_INIT;

		if (pthread_cond_timedwait(&r->wake, &r->lock, &until) !=
		    ETIMEDOUT)
			continue;
		next += NS_PER_SEC;
		add_status(&b, r);
		if (out_write(&op, b.data, b.len) < 0 || out_flush(&op) < 0)
			r->over =
				true; /* the command's own writing fails, too */
		buf_free(&b);
	}
	pthread_mutex_unlock(&r->lock);
	op_end(&op);
	return NULL;
}

void repo_report_begin(struct repo_report *r, struct cmd_ctx *cx, bool results)
{
	pthread_condattr_t attr;

	*r = (struct repo_report){ .cx = cx,
				   .errors = { .tell = tell },
				   .started = clock_mono() };
	progress_init(&r->progress);
	pthread_mutex_init(&r->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&r->wake, &attr);
	pthread_condattr_destroy(&attr);
	progress_start(&r->display, cx, sample, r, results);
	r->ticks = cx->globals->json && !cx->globals->quiet && !results &&
		   pthread_create(&r->ticker, NULL, tick, r) == 0;
}

void repo_report_restoring(struct repo_report *r)
{
	pthread_mutex_lock(&r->lock);
	r->restoring = true;
	pthread_mutex_unlock(&r->lock);
}

void repo_report_stop(struct repo_report *r)
{
	if (!r->display.started)
		return;
	progress_stop(&r->display);
	r->display.started = 0;
	pthread_mutex_lock(&r->lock);
	r->over = true;
	pthread_cond_signal(&r->wake);
	pthread_mutex_unlock(&r->lock);
	if (r->ticks)
		pthread_join(r->ticker, NULL);
	r->ticks = false;
}

void repo_report_free(struct repo_report *r)
{
	repo_report_stop(r);
	pthread_cond_destroy(&r->wake);
	pthread_mutex_destroy(&r->lock);
	progress_free(&r->progress);
}

int repo_report_end(struct repo_report *r, int rc)
{
	int64_t errors = atomic_load(&r->progress.errors);

	if (rc < 0 || errors == 0)
		return rc;
	return err_set(&r->cx->op.err, ERR_PARTIAL,
		       "%" PRId64 " item%s failed and %s named above", errors,
		       errors == 1 ? "" : "s", errors == 1 ? "was" : "were");
}
