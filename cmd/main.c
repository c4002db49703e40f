/* ferry COMMAND [FLAG]... [ARGUMENT]... */

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cmd/commands.h"
#include "cmd/dirs.h"
#include "cmd/events.h"
#include "cmd/globals.h"
#include "cmd/help.h"
#include "cmd/mount_helper.h"
#include "cmd/opt.h"
#include "cmd/out.h"
#include "cmd/process.h"
#include "cmd/repo_open.h"
#include "cmd/term.h"
#include "lib/acct.h"
#include "lib/utf8.h"

struct app {
	struct cmd_ctx cx;
	struct globals globals;
	struct repo_flags before; /* those in front of the command */
	struct remotes remotes;
	struct term term;
	struct cancel cancel;
	struct rate rate;     /* of the bytes that move */
	struct rate requests; /* of those to servers */
	struct timetable timetable;
	struct acct acct; /* of all that the command moves */
};

static int log_level(const struct globals *g, struct err *e)
{
	static const char *const names[] = {
		[LOG_ERROR] = "ERROR",
		[LOG_NOTICE] = "NOTICE",
		[LOG_INFO] = "INFO",
		[LOG_DEBUG] = "DEBUG",
	};

	if (g->quiet)
		log_max = LOG_ERROR;
	else if (g->verbose)
		log_max = g->verbose > 1 ? LOG_DEBUG : LOG_INFO;
	if (!g->log_level)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (strcasecmp(g->log_level, names[i]) == 0) {
			log_max = (enum log_level)i;
			return 0;
		}
	}
	return err_set(e, ERR_INVALID,
		       "--log-level: \"%s\" is not ERROR, NOTICE, INFO or "
		       "DEBUG",
		       g->log_level);
}

static int limit_bytes(struct app *app, const char *text)
{
	struct cmd_ctx *cx = &app->cx;

	if (!text)
		return 0;
	if (timetable_parse(&cx->op.arena, text, &app->timetable, &cx->op.err) <
	    0)
		return err_wrap(&cx->op.err, "--bwlimit");
	rate_follow(&app->rate, &app->timetable);
	app->acct.rate = &app->rate;
	return 0;
}

/* What the global flags ask for. */
static int setup(struct app *app)
{
	static const char *const colors[] = { "auto", "never", "always" };
	const struct globals *g = &app->globals;
	struct err *e = &app->cx.op.err;
	bool known = false;

	for (size_t i = 0; i < ARRAY_LEN(colors); i++)
		known = known || strcmp(g->color, colors[i]) == 0;
	if (!known)
		return err_set(e, ERR_INVALID,
			       "--color: \"%s\" is not auto, never or always",
			       g->color);
	if (log_level(g, e) < 0 || term_setup(&app->term, g, e) < 0)
		return -1;
	log_set_sink(term_sink, &app->term);
	if (limit_bytes(app, g->bwlimit) < 0 ||
	    globals_http(g, &app->requests, &app->remotes.http, e) < 0)
		return -1;
	app->cx.op.acct = &app->acct;
	app->remotes.no_memory = g->no_hash_memory;
	app->remotes.hard_delete = g->hard_delete;
	dirs_find(g, &app->cx.op.arena, &app->remotes);
	return 0;
}

/*
 * The commands below `c` if the next argument is to name one; where `c` does
 * something by itself, only if it does.
 */
static const struct cmd *const *subs_of(const struct cmd_ctx *cx,
					const struct cmd *c)
{
	const char *word = cx->argc ? cx->argv[0] : "";

	if (!c->subs || !c->run)
		return c->subs;
	for (const struct cmd *const *s = c->subs; *s; s++)
		if (strcmp(command_word(*s), word) == 0)
			return c->subs;
	return NULL;
}

/*
 * The command that the first arguments name, "config create" among them; NULL
 * if there are none.  Global flags may stand before and between, and those of a
 * repository, too: restic's users write "-r PLACE snapshots".
 */
static int choose(struct app *app, const struct cmd **out)
{
	struct opt_set sets[] = { { global_opts, &app->globals },
				  { repo_opts, &app->before },
				  { NULL, 0 } };
	const struct cmd *const *list = commands;
	struct cmd_ctx *cx = &app->cx;

	*out = NULL;
	while (list) {
		if (opt_parse(sets, &cx->op.arena, &cx->argc, cx->argv, true,
			      &cx->op.err) < 0)
			return -1;
		if (cx->argc == 0)
			return 0;
		if (command_find(list, cx->argv[0], out, &cx->op.err) < 0)
			return -1;
		cx->argc--;
		cx->argv++;
		list = subs_of(cx, *out);
	}
	return 0;
}

/* What stood in front of the command is where its own flags begin. */
static int take_before(struct app *app, const struct cmd *c)
{
	static const struct repo_flags none;

	if (memcmp(&app->before, &none, sizeof(none)) == 0)
		return 0;
	for (const struct opt_group *g = c->groups; g && g->opts; g++) {
		if (g->opts != repo_opts)
			continue;
		memcpy((char *)app->cx.opts + g->at, &app->before,
		       sizeof(app->before));
		return 0;
	}
	return err_set(&app->cx.op.err, ERR_INVALID,
		       "a repository's flags do not belong in front of "
		       "\"%s\"",
		       c->name);
}

static int parse_flags(struct app *app, const struct cmd *c)
{
	struct cmd_ctx *cx = &app->cx;
	struct opt_set *sets;
	size_t n = 0;

	while (c->groups && c->groups[n].opts)
		n++;
	sets = arena_alloc(&cx->op.arena, (n + 2) * sizeof(*sets));
	for (size_t i = 0; i < n; i++)
		sets[i] = (struct opt_set){
			.opts = c->groups[i].opts,
			.base = (char *)cx->opts + c->groups[i].at,
		};
	sets[n] = (struct opt_set){ global_opts, &app->globals };
	return opt_parse(sets, &cx->op.arena, &cx->argc, cx->argv, false,
			 &cx->op.err);
}

static int show_help(struct app *app, const struct cmd *c)
{
	struct buf text = BUF_INIT;
	int rc;

	if (c)
		help_command(&text, c);
	else
		help_overview(&text, true);
	rc = out_write(&app->cx.op, text.data, text.len);
	buf_free(&text);
	return rc;
}

static int wrong_usage(const struct cmd *c, struct err *e)
{
	struct buf usage = BUF_INIT;

	help_usage(&usage, c);
	err_set(e, ERR_INVALID, "usage: %s", usage.data);
	buf_free(&usage);
	return -1;
}

static int run_command(struct app *app, const struct cmd *c)
{
	struct cmd_ctx *cx = &app->cx;
	struct signals signals;
	int rc;

	cx->cmd = c;
	cx->opts = arena_alloc(&cx->op.arena, c->opts_size);
	if (c->defaults)
		memcpy(cx->opts, c->defaults, c->opts_size);
	if (take_before(app, c) < 0 || parse_flags(app, c) < 0)
		return -1;
	if (app->globals.help)
		return show_help(app, c);
	if (!c->run || cx->argc < c->min_args ||
	    (c->max_args >= 0 && cx->argc > c->max_args))
		return wrong_usage(c, &cx->op.err);
	if (setup(app) < 0)
		return -1;
	if (!c->own_signals)
		signals_start(&signals, &app->cancel, &app->term);
	rc = c->run(cx);
	remotes_free(&app->remotes);
	if (!c->own_signals)
		signals_stop(&signals);
	return rc;
}

static int run(struct app *app)
{
	const struct cmd *c;
	struct buf text = BUF_INIT;

	if (choose(app, &c) < 0)
		return -1;
	if (!c && app->globals.version)
		c = &cmd_version;
	if (c)
		return run_command(app, c);
	if (app->globals.help)
		return show_help(app, NULL);
	help_overview(&text, false);
	term_print(&app->term, text.data);
	buf_free(&text);
	return err_set(&app->cx.op.err, ERR_INVALID, "%s", "");
}

/* Those speak as restic does. */
static bool is_on_repository(const struct cmd *c)
{
	for (const struct opt_group *g = c ? c->groups : NULL; g && g->opts;
	     g++)
		if (g->opts == repo_opts)
			return true;
	return false;
}

/* Tell why the command failed, unless that was done; the exit status. */
static int complain(struct app *app)
{
	struct err e = app->cx.op.err;
	struct buf safe = BUF_INIT;
	bool told = e.msg[0] == '\0';

	if (e.kind == ERR_CANCELED) /* where it was does not matter */
		err_set(&e, ERR_CANCELED, "interrupted");

	/* `ferry ls | head` is over when head is: nothing went wrong */
	told = told || (e.code == EPIPE && e.kind == ERR_IO);
	if (!told && app->globals.json && is_on_repository(app->cx.cmd)) {
		event_exit_error(&safe, &e);
		term_print(&app->term, safe.data);
		buf_free(&safe);
		return err_info(e.kind)->exit;
	}
	if (!told && app->globals.json && event_failed(&app->cx.op, &e) < 0)
		e = e.kind == ERR_OK ? app->cx.op.err : e;
	if (!told) {
		utf8_add_printable(&safe, e.msg, strlen(e.msg));
		term_printf(&app->term, "ferry: %s\n", safe.data);
		if (app->term.log_fd >= 0)
			term_log(&app->term, LOG_ERROR, safe.data);
		buf_free(&safe);
	}
	return err_info(e.kind)->exit;
}

int main(int argc, char **argv)
{
	struct app app = { .globals = globals_default };
	int rc, status = 0;

	/*
	 * Most of the threads wait for a network: with a heap for each of them
	 * what one has freed would lie idle while others ask for more.
	 */
	mallopt(M_ARENA_MAX, 4);
	/* large buffers go back to the system when they are freed */
	mallopt(M_MMAP_THRESHOLD, 256 * 1024);
	process_prepare();
	cancel_init(&app.cancel);
	term_init(&app.term);
	rate_init(&app.rate, 0);
	rate_init(&app.requests, 0);
	pthread_mutex_init(&app.remotes.lock, NULL);
	app.remotes.metadata = true;
	app.cx = (struct cmd_ctx){ .op = op_begin(&app.cancel),
				   .argc = argc ? argc - 1 : 0,
				   .argv = argv + 1,
				   .globals = &app.globals,
				   .remotes = &app.remotes,
				   .term = &app.term };
	rc = argc && mount_helper_is(argv[0]) ? mount_helper_args(&app.cx) : 0;
	if (rc == 0)
		rc = run(&app);
	if (rc < 0)
		status = complain(&app);
	err_clear(&app.cx.op.err);
	if (out_flush(&app.cx.op) < 0 && status == 0)
		status = complain(&app);
	log_set_sink(NULL, NULL);
	pthread_mutex_destroy(&app.remotes.lock);
	rate_free(&app.rate);
	rate_free(&app.requests);
	op_end(&app.cx.op);
	term_free(&app.term);
	cancel_free(&app.cancel);
	return status;
}
