/* How much there is to be saved, for the progress. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "backends/listing.h"
#include "lib/log.h"
#include "repo/archive_parts.h"

enum { SCAN_NICE = 19 };

/* A folder that is not looked into yet. */
struct place {
	char *path;
	uint64_t dev;
};
VEC(places, struct place);

struct scanner {
	struct archive *ar;
	struct op op;
	struct places todo;
	struct buf path;
};

/* What the walk will find there, too: what fails is told by that. */
static void look(struct scanner *s, const struct entry *e, uint64_t dev)
{
	const struct archive_opt *opt = s->ar->opt;
	bool mount;

	if (!select_path(opt, s->path.data) ||
	    !select_entry(opt, e, dev, &mount))
		return;
	if (e->kind == ENTRY_FILE) {
		atomic_fetch_add(&opt->progress->files_total, 1);
		if (e->size > 0)
			atomic_fetch_add(&opt->progress->bytes_total, e->size);
	} else if (e->kind == ENTRY_DIR && !mount) {
		*places_add(&s->todo) = (struct place){
			xstrdup(s->path.data),
			e->posix ? e->posix->dev : 0,
		};
	}
}

static void scan_folder(struct scanner *s, const struct place *p,
			struct listing *list)
{
	const struct archive_opt *opt = s->ar->opt;
	const char *mark = NULL;
	struct posix_meta meta;
	struct entry e;

	if (be_list(opt->from, &s->op, *p->path ? p->path + 1 : "", list) < 0 ||
	    (select_any_marks(opt) &&
	     select_mark(opt, &s->op, p->path, &mark) < 0))
		return;
	while (listing_next(list, &s->op, &e, &meta) > 0) {
		if (mark && strcmp(mark, e.name) != 0)
			continue;
		buf_reset(&s->path);
		buf_addf(&s->path, "%s/%s", p->path, e.name);
		look(s, &e, p->dev);
	}
}

static void scan_folders(struct scanner *s)
{
	struct listing list = LISTING_INIT;

	while (s->todo.n && op_check(&s->op) == 0) {
		struct place p = s->todo.at[--s->todo.n];

		scan_folder(s, &p, &list);
		listing_free(&list);
		arena_reset(&s->op.arena);
		free(p.path);
	}
}

/* The leaves one after the other, without recursion. */
VEC(targets, const struct target *);

static void scan_targets(struct scanner *s, const struct target *root)
{
	struct targets stack = { 0 };

	*targets_add(&stack) = root;
	while (stack.n) {
		const struct target *t = stack.at[--stack.n];
		struct entry e;

		for (const struct target *b = t->below; b; b = b->next)
			*targets_add(&stack) = b;
		if (!t->leaf || be_stat(s->ar->opt->from, &s->op,
					*t->path ? t->path + 1 : "", &e) < 0)
			continue;
		buf_reset(&s->path);
		buf_adds(&s->path, t->path[1] ? t->path : "");
		look(s, &e, e.posix ? e.posix->dev : 0);
		scan_folders(s);
	}
	targets_free(&stack);
}

static void *scan(void *arg)
{
	struct scan *sc = arg;
	struct scanner s = { .ar = sc->ar,
			     .op = op_begin(&sc->cancel),
			     .path = BUF_INIT };

	/* it is for the display alone: only what nobody else needs */
	if (setpriority(PRIO_PROCESS, (id_t)gettid(), SCAN_NICE) < 0)
		log_debug(NULL, "scan: %s", strerror(errno));
	scan_targets(&s, sc->root);
	if (op_check(&s.op) == 0)
		atomic_store(&sc->ar->opt->progress->total_known, true);
	for (size_t i = 0; i < s.todo.n; i++)
		free(s.todo.at[i].path);
	places_free(&s.todo);
	buf_free(&s.path);
	op_end(&s.op);
	return NULL;
}

void scan_start(struct scan *s, struct archive *ar, struct target *root)
{
	*s = (struct scan){ .ar = ar, .root = root };
	if (!ar->opt->progress || ar->opt->no_scan)
		return;
	cancel_init(&s->cancel);
	s->started = pthread_create(&s->thread, NULL, scan, s) == 0;
	if (!s->started)
		cancel_free(&s->cancel);
}

void scan_stop(struct scan *s)
{
	if (!s->started)
		return;
	cancel_set(&s->cancel);
	pthread_join(s->thread, NULL);
	cancel_free(&s->cancel);
}
