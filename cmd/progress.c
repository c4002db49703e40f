#include "cmd/progress.h"

#include <errno.h>

#include "cmd/out.h"
#include "cmd/text.h"
#include "lib/clock.h"

/* clang-format off */
enum {
	FIRST_MS    = 300, /* what is over sooner shows no picture */
	REDRAW_MS   = 150,
	SMOOTH_MS   = 3000 /* how far back the rate remembers */
};
/* clang-format on */

#define NS_PER_MS INT64_C(1000000)

/* An average that forgets: a new rate counts by how long it held. */
static void update_rate(struct progress *p, int64_t now)
{
	struct progress_view *v = &p->view;
	double span = (double)(now - p->last_at);
	double smooth = (double)SMOOTH_MS * (double)NS_PER_MS;
	double weight, rate;

	if (span <= 0)
		return;
	/* from the first moment on the mean, until that is long ago */
	if ((double)v->elapsed < smooth)
		smooth = (double)v->elapsed - span;
	weight = span / (smooth > 0 ? smooth + span : span);
	rate = (double)(v->moved - p->last_moved) * 1e9 / span;
	v->rate += weight * (rate - v->rate);
	p->last_moved = v->moved;
	p->last_at = now;
}

static void look(struct progress *p)
{
	struct progress_view *v = &p->view;
	double rate = v->rate;
	int64_t now = clock_mono();

	*v = (struct progress_view){ 0 };
	p->sample(p->arg, v);
	v->rate = rate;
	v->now = now;
	v->elapsed = now - p->started;
	update_rate(p, now);
}

static void draw(struct progress *p)
{
	struct buf text = BUF_INIT;
	unsigned columns, lines;

	look(p);
	if (p->picture) {
		struct progress_style style = { .color = p->term->color,
						.unicode = text_is_unicode() };

		term_size(&columns, &lines);
		/* a full last column makes some terminals wrap */
		style.width = columns > 1 ? columns - 1 : 1;
		style.lines = lines > 1 ? lines - 1 : 1;
		progress_picture(&text, &p->view, &style);
		term_draw(p->term, &text);
	} else {
		progress_line(&text, &p->view);
		term_log(p->term, LOG_INFO, text.data);
	}
	buf_free(&text);
}

static void *progress_run(void *arg)
{
	struct progress *p = arg;
	int64_t next = p->picture ? FIRST_MS * NS_PER_MS : p->interval;

	next += p->started;
	pthread_mutex_lock(&p->lock);
	while (!p->over) {
		struct timespec until = timespec_of(next);

		if (pthread_cond_timedwait(&p->wake, &p->lock, &until) !=
			    ETIMEDOUT &&
		    clock_mono() < next)
			continue;
		if (p->over)
			break;
		pthread_mutex_unlock(&p->lock);
		draw(p);
		next = clock_mono() + p->interval;
		pthread_mutex_lock(&p->lock);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

/* What is shown, if anything. */
static void decide(struct progress *p, const struct cmd_ctx *cx, bool results)
{
	const struct globals *g = cx->globals;
	bool mixed = (results || g->json) && out_is_terminal();

	p->picture = cx->term->draws && !g->quiet && !g->no_progress &&
		     (g->progress || !mixed);
	if (p->picture)
		p->interval = REDRAW_MS * NS_PER_MS;
	else if (g->stats > 0)
		p->interval = g->stats;
	else if (g->progress && !cx->term->draws)
		p->interval = NS_PER_SEC;
}

void progress_start(struct progress *p, const struct cmd_ctx *cx,
		    progress_fn *sample, void *arg, bool results)
{
	pthread_condattr_t attr;

	*p = (struct progress){ .term = cx->term,
				.sample = sample,
				.arg = arg,
				.started = clock_mono() };
	p->last_at = p->started;
	decide(p, cx, results);
	pthread_mutex_init(&p->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&p->wake, &attr);
	pthread_condattr_destroy(&attr);
	p->running = p->interval > 0 &&
		     pthread_create(&p->thread, NULL, progress_run, p) == 0;
}

void progress_stop(struct progress *p)
{
	struct buf nothing = BUF_INIT;

	pthread_mutex_lock(&p->lock);
	p->over = true;
	pthread_cond_signal(&p->wake);
	pthread_mutex_unlock(&p->lock);
	if (p->running)
		pthread_join(p->thread, NULL);
	if (p->running && p->picture)
		term_draw(p->term, &nothing);
	pthread_cond_destroy(&p->wake);
	pthread_mutex_destroy(&p->lock);
}
