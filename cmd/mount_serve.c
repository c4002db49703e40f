#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backends/listing.h"
#include "cmd/background.h"
#include "cmd/globals.h"
#include "cmd/mount.h"
#include "cmd/term.h"
#include "lib/file.h"
#include "lib/hash.h"
#include "lib/log.h"
#include "lib/parse.h"
#include "lib/resident.h"
#include "mount/control.h"
#include "mount/mount.h"
#include "mount/where.h"

enum { EXIT_INTERRUPTED = 130, FOLDER_DIGITS = 16 };

/* A mount from its beginning to its end. */
struct serve {
	struct cmd_ctx *cx;
	const struct mount_flags *flags;
	const struct mount_what *what;
	const char *dir;
	struct background background;
	struct backend *be;
	struct control_opt at;

	/* The signals' thread looks at these, once they are there. */
	pthread_mutex_t lock; /* guards the rest */
	struct mount *mount;
	struct control *control;
	bool mounted;
};

/* ---- signals ------------------------------------------------------------- */

/*
 * The first one: unmount, and if that cannot be, take it out of sight, where
 * those who use it can go on.  The loop ends when nobody does.
 */
static void ask_to_end(struct serve *s)
{
	struct op op = op_begin(s->cx->op.cancel);
	struct term *term = s->cx->term;

	service_tell("STOPPING=1");
	if (where_unmount(&op, s->dir, false) == 0)
		goto out;
	if (op.err.kind == ERR_CONFLICT &&
	    where_unmount(&op, s->dir, true) == 0) {
		log_notice(s->dir, "in use: it is out of sight, and ends when "
				   "nobody uses it any more");
		if (term->is_terminal)
			term_print(term, "once more to end at once\n");
		goto out;
	}
	log_error(s->dir, "%s", op.err.msg);
	mount_abort(s->mount);
out:
	op_end(&op);
}

/* With the lock. The first signal, the second, and what nobody waits for. */
static void take_signal(struct serve *s, unsigned times)
{
	if (times == 0 && s->mounted) {
		ask_to_end(s);
		return;
	}
	cancel_set(s->cx->op.cancel);
	if (s->control)
		control_cancel(s->control);
	if (s->mount && s->mounted)
		mount_abort(s->mount);
	if (times > 1) {
		term_abandon(s->cx->term);
		_exit(EXIT_INTERRUPTED);
	}
}

struct signals_of {
	struct serve *serve;
	sigset_t set;
	pthread_t thread;
};

static void *signals_run(void *arg)
{
	struct signals_of *g = arg;
	struct serve *s = g->serve;

	for (unsigned times = 0;;) {
		int number;

		if (sigwait(&g->set, &number) != 0)
			continue;
		if (number == SIGRTMIN)
			return NULL;
		pthread_mutex_lock(&s->lock);
		if (number == SIGHUP && s->mounted)
			vfs_refresh(s->at.vfs);
		else
			take_signal(s, times++);
		pthread_mutex_unlock(&s->lock);
	}
}

/* Before all other threads, which inherit the mask. */
static int signals_begin(struct signals_of *g, struct serve *s)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };
	int rc;

	g->serve = s;
	sigemptyset(&g->set);
	sigaddset(&g->set, SIGRTMIN); /* from signals_end() */
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		struct sigaction was;

		/* nohup and shells without job control mean it */
		if (sigaction(numbers[i], NULL, &was) == 0 &&
		    was.sa_handler != SIG_IGN)
			sigaddset(&g->set, numbers[i]);
	}
	pthread_sigmask(SIG_BLOCK, &g->set, NULL);
	rc = pthread_create(&g->thread, NULL, signals_run, g);
	if (rc != 0)
		return err_set(&s->cx->op.err, ERR_IO, "start a thread: %s",
			       strerror(rc));
	return 0;
}

static void signals_end(struct signals_of *g)
{
	pthread_kill(g->thread, SIGRTMIN);
	pthread_join(g->thread, NULL);
}

/* ---- folders ------------------------------------------------------------- */

/* The same from everywhere: a daemon leaves the folder it was started in. */
static int make_absolute(struct op *op, const char **path)
{
	char *here;

	if (**path == '/')
		return 0;
	here = getcwd(NULL, 0);
	if (!here)
		return err_sys(&op->err, "the current folder");
	*path = arena_printf(&op->arena, "%s/%s", here, *path);
	free(here);
	return 0;
}

static const char *folder_name(struct arena *a, const char *identity,
			       const char *cache_dir)
{
	struct hasher *h = hasher_new(1u << HASH_SHA256);
	struct buf hex = BUF_INIT;
	struct digests d;
	const char *name;

	hasher_add(h, identity, strlen(identity) + 1);
	if (cache_dir)
		hasher_add(h, cache_dir, strlen(cache_dir));
	hasher_end(h, &d);
	hasher_free(h);
	digest_hex(&hex, &d, HASH_SHA256);
	name = arena_printf(a, "%.*s", FOLDER_DIGITS, hex.data);
	buf_free(&hex);
	return name;
}

/*
 * The folder of the record and the socket, and the one of the content: the
 * same, unless --cache-dir says where the latter shall be.
 */
static int find_folders(struct serve *s, const char **data)
{
	struct op *op = &s->cx->op;
	const char *cache = s->cx->globals->cache_dir, *name;
	const char *state = s->cx->remotes->state_dir;

	if ((cache && make_absolute(op, &cache) < 0) ||
	    make_absolute(op, &state) < 0)
		return -1;
	name = folder_name(&op->arena, s->be->identity, cache);
	s->at.folder = arena_printf(&op->arena, "%s/mounts/%s", state, name);
	*data = cache ? arena_printf(&op->arena, "%s/mounts/%s", cache, name)
		      : s->at.folder;
	return 0;
}

static bool is_within(const char *path, const char *top)
{
	size_t n = strlen(top);

	if (strcmp(top, "/") == 0)
		return true;
	return strncmp(path, top, n) == 0 &&
	       (path[n] == '/' || path[n] == '\0');
}

/* Where a place of this machine's disk is; NULL for another one. */
static const char *local_path(const struct backend *be)
{
	static const char prefix[] = "local:";
	size_t n = sizeof(prefix) - 1;

	return strncmp(be->identity, prefix, n) == 0 ? be->identity + n : NULL;
}

/*
 * A mount that shows itself, or hides what it works with, would wait for its
 * own answers.
 */
static int check_apart(const struct serve *s, const char *data, struct err *e)
{
	const char *place = local_path(s->be);

	if (place && is_within(s->dir, place))
		return err_set(e, ERR_INVALID,
			       "\"%s\" lies in what is to be mounted there",
			       s->dir);
	if (place && is_within(place, s->dir))
		return err_set(e, ERR_INVALID,
			       "\"%s\" would hide what is to be mounted there",
			       s->dir);
	if (is_within(data, s->dir) || is_within(s->at.folder, s->dir))
		return err_set(e, ERR_INVALID,
			       "\"%s\" would hide \"%s\", where the mount "
			       "keeps its files",
			       s->dir,
			       is_within(data, s->dir) ? data : s->at.folder);
	return 0;
}

static int look(const struct serve *s, struct op *op)
{
	struct listing l = LISTING_INIT;
	struct entry e;
	int rc;

	if (s->what->probe) {
		rc = be_list(s->be, op, s->what->probe, &l);
		listing_free(&l);
		return rc;
	}
	rc = be_stat(s->be, op, "", &e);
	if (rc == 0 && e.kind != ENTRY_DIR)
		return err_set(&op->err, ERR_NOT_DIR, "\"%s\" is not a folder",
			       s->at.place);
	if (rc < 0 &&
	    (op->err.kind == ERR_NOT_FOUND || op->err.kind == ERR_NO_DIR))
		return err_set(&op->err, ERR_NOT_FOUND,
			       "there is no folder \"%s\"", s->at.place);
	return rc;
}

/*
 * A place that was never mounted is looked at, so that a wrong name or password
 * is told; one that is known may be out of reach.
 */
static int check_place(const struct serve *s, const char *data)
{
	struct op *op = &s->cx->op;
	const char *known = arena_printf(&op->arena, "%s/data", data);
	unsigned tries = s->be->tries;
	int rc;

	if (!s->what->probe && access(known, F_OK) == 0)
		return 0;
	s->be->tries = 1;
	rc = look(s, op);
	s->be->tries = tries;
	if (rc < 0 && !err_info(op->err.kind)->retry)
		return -1;
	if (rc < 0)
		log_notice(s->at.place, "it does not answer: %s", op->err.msg);
	err_clear(&op->err);
	return 0;
}

/* ---- the mount ----------------------------------------------------------- */

static void mounted(void *arg)
{
	struct serve *s = arg;

	pthread_mutex_lock(&s->lock);
	s->mounted = true;
	pthread_mutex_unlock(&s->lock);
	log_info(s->dir, "mounted: %s", s->at.place);
	service_tell("READY=1");
	background_ready(&s->background, s->cx);
	resident_trim();
}

static void set_shared(struct serve *s, struct mount *m, struct control *c)
{
	pthread_mutex_lock(&s->lock);
	s->mount = m;
	s->control = c;
	s->mounted = false;
	pthread_mutex_unlock(&s->lock);
}

static void say_left(const struct serve *s)
{
	struct vfs_status st;
	struct buf b = BUF_INIT;

	vfs_status(s->at.vfs, &st);
	show_size(&b, st.queued_bytes);
	if (st.queued)
		log_notice(s->at.place,
			   "%" PRId64 " changes (%s) are left for the next "
			   "mount; they are in \"%s\"",
			   st.queued, b.data, s->at.folder);
	buf_free(&b);
}

/* With the vfs open. */
static int serve_vfs(struct serve *s, struct mount *m)
{
	struct op *op = &s->cx->op;
	struct control *control = NULL;
	int rc = -1;

	if (control_start(op, &s->at, &control) == 0) {
		set_shared(s, m, control);
		if (control_record(op, &s->at) == 0)
			rc = mount_run(m, op, s->at.vfs);
		/* no longer what signals unmount, but they call off the rest */
		set_shared(s, NULL, control);
		control_stop(control);
		set_shared(s, NULL, NULL);
		control_forget(&s->at);
	}
	if (rc == 0)
		say_left(s);
	return rc;
}

/* Who has it is known better than by the folder that is locked. */
static void say_who(const struct serve *s)
{
	struct op *op = &s->cx->op;
	struct op other = op_begin(op->cancel);
	const char *dir = client_recorded(&other, s->at.folder);

	if (op->err.kind == ERR_LOCKED && dir)
		err_set(&op->err, ERR_LOCKED,
			"\"%s\" is mounted already, at \"%s\"", s->at.place,
			dir);
	op_end(&other);
}

static int serve_place(struct serve *s)
{
	struct op *op = &s->cx->op;
	struct mount_opt mo = {
		.dir = s->dir,
		.fsname = s->at.place,
		.allow_other = s->flags->allow_other,
		.write_back = s->flags->kernel_write_back,
		.debug = s->flags->debug,
		.mounted = mounted,
		.arg = s,
	};
	struct vfs_opt vo;
	struct mount *m;
	const char *data;
	int rc;

	if (mount_flags_apply(s->flags, &vo, &op->err) < 0 ||
	    find_folders(s, &data) < 0 || check_apart(s, data, &op->err) < 0 ||
	    check_place(s, data) < 0 || file_make_dirs(op, s->at.folder) < 0)
		return -1;
	mo.folder = s->at.folder;
	mo.read_only = vo.read_only;
	m = mount_new(&mo);
	vo.dir = data;
	vo.stale = mount_stale;
	vo.arg = m;
	rc = vfs_open(op, s->be, &vo, &s->at.vfs);
	if (rc == 0) {
		rc = serve_vfs(s, m);
		vfs_close(s->at.vfs);
	} else {
		say_who(s);
	}
	mount_free(m);
	return rc;
}

static int begin(struct serve *s, const char *dir)
{
	struct op *op = &s->cx->op;
	struct remotes *r = s->cx->remotes;
	struct vfs_opt unused;

	if (mount_flags_apply(s->flags, &unused, &op->err) < 0 ||
	    where_resolve(op, dir, &s->dir) < 0 ||
	    where_prepare(op, s->dir, s->flags->allow_non_empty) < 0 ||
	    make_absolute(op, &r->state_dir) < 0 ||
	    make_absolute(op, &r->cache_dir) < 0 ||
	    make_absolute(op, &r->config_path) < 0)
		return -1;
	if (s->flags->daemon)
		return background_start(&s->background, &op->err);
	return 0;
}

int mount_serve(struct cmd_ctx *cx, const struct mount_flags *f,
		const struct mount_what *what, const char *dir)
{
	struct serve s = { .cx = cx,
			   .flags = f,
			   .what = what,
			   .background = { .parent = -1 },
			   .lock = PTHREAD_MUTEX_INITIALIZER };
	struct signals_of signals;
	int rc;

	if (begin(&s, dir) < 0 || signals_begin(&signals, &s) < 0)
		return -1;
	rc = remote_open(cx->remotes, what->place, &cx->op, &s.be);
	if (rc == 0) {
		s.at.dir = s.dir;
		s.at.place = what->name ? what->name : local_path(s.be);
		if (!s.at.place)
			s.at.place = s.be->name;
		rc = serve_place(&s);
		be_close(s.be);
	}
	signals_end(&signals);
	return rc;
}
