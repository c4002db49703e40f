#include "mount/mount.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/file.h"
#include "lib/log.h"
#include "mount/parts.h"
#include "mount/where.h"

struct mount *mount_new(const struct mount_opt *opt)
{
	struct mount *m = xcalloc(1, sizeof(*m));
	pthread_condattr_t mono;

	m->opt = *opt;
	m->opt.dir = xstrdup(opt->dir);
	m->opt.fsname = xstrdup(opt->fsname);
	m->opt.folder = xstrdup(opt->folder);
	m->connection = -1;
	m->notify = notify_new();
	pthread_mutex_init(&m->handles_lock, NULL);
	pthread_mutex_init(&m->lock, NULL);
	pthread_condattr_init(&mono);
	pthread_condattr_setclock(&mono, CLOCK_MONOTONIC);
	pthread_cond_init(&m->watch, &mono);
	pthread_condattr_destroy(&mono);
	if (pthread_key_create(&m->worker, worker_free) != 0)
		BUG("no key for the threads' data");
	return m;
}

void mount_free(struct mount *m)
{
	if (!m)
		return;
	notify_free(m->notify);
	pthread_key_delete(m->worker);
	pthread_cond_destroy(&m->watch);
	pthread_mutex_destroy(&m->lock);
	pthread_mutex_destroy(&m->handles_lock);
	free((void *)(uintptr_t)m->opt.dir);
	free((void *)(uintptr_t)m->opt.fsname);
	free((void *)(uintptr_t)m->opt.folder);
	free(m);
}

void mount_stale(void *m, uint64_t parent, const char *name, uint64_t ino)
{
	struct mount *self = m;

	notify_add(self->notify, parent, name, ino);
}

static void want(struct fuse_conn_info *c, unsigned cap, bool wanted)
{
	if (wanted)
		c->want |= c->capable & cap;
	else
		c->want &= ~cap;
}

/*
 * The kernel keeps what it has until it is told (EXPLICIT_INVAL_DATA): to look
 * at the time of each file would throw away what was just written.  And it
 * does not keep writes back unless told to: it would no longer believe us what
 * size a file has that was changed at the place.
 */
static void do_init(void *arg, struct fuse_conn_info *c)
{
	struct mount *m = arg;

	want(c, FUSE_CAP_ASYNC_READ, true);
	want(c, FUSE_CAP_PARALLEL_DIROPS, true);
	want(c, FUSE_CAP_READDIRPLUS, true);
	want(c, FUSE_CAP_READDIRPLUS_AUTO, true);
	want(c, FUSE_CAP_ATOMIC_O_TRUNC, true);
	want(c, FUSE_CAP_CACHE_SYMLINKS, true);
	want(c, FUSE_CAP_SPLICE_WRITE, true);
	want(c, FUSE_CAP_SPLICE_MOVE, false);
	want(c, FUSE_CAP_SPLICE_READ, false);
	want(c, FUSE_CAP_EXPLICIT_INVAL_DATA, true);
	want(c, FUSE_CAP_AUTO_INVAL_DATA,
	     !(c->capable & FUSE_CAP_EXPLICIT_INVAL_DATA));
	want(c, FUSE_CAP_HANDLE_KILLPRIV, false);
	want(c, FUSE_CAP_WRITEBACK_CACHE, m->opt.write_back);
	c->max_write = IO_MAX;
	c->max_read = 0;
	c->max_readahead = IO_MAX;
	c->max_background = THREADS_MAX / 2;
	c->congestion_threshold = THREADS_MAX / 2;
	c->time_gran = 1;
}

static int add_args(const struct mount *m, struct fuse_args *args)
{
	struct buf name = BUF_INIT;
	char *opts = NULL;
	int rc;

	buf_addf(&name, "fsname=%s", m->opt.fsname);
	rc = fuse_opt_add_opt_escaped(&opts, name.data) |
	     fuse_opt_add_opt(&opts, "subtype=ferry") |
	     fuse_opt_add_opt(&opts, "default_permissions") |
	     fuse_opt_add_opt(&opts, m->opt.read_only ? "ro" : "rw");
	if (m->opt.allow_other)
		rc |= fuse_opt_add_opt(&opts, "allow_other");
	rc |= fuse_opt_add_arg(args, "ferry") | fuse_opt_add_arg(args, "-o") |
	      fuse_opt_add_arg(args, opts);
	if (m->opt.debug)
		rc |= fuse_opt_add_arg(args, "-d");
	free(opts);
	buf_free(&name);
	return rc;
}

static PRINTF(2, 0) void log_fuse(enum fuse_log_level level, const char *fmt,
				  va_list ap)
{
	struct buf b = BUF_INIT;

	buf_vaddf(&b, fmt, ap);
	while (b.len && b.data[b.len - 1] == '\n')
		buf_cut(&b, b.len - 1);
	if (level <= FUSE_LOG_ERR)
		log_error(NULL, "%s", b.data);
	else if (level <= FUSE_LOG_WARNING)
		log_notice(NULL, "%s", b.data);
	else
		log_debug(NULL, "%s", b.data);
	buf_free(&b);
}

static int new_session(struct mount *m, struct err *e)
{
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
	struct fuse_lowlevel_ops ops = { .init = do_init };

	names_ops(&ops);
	attr_ops(&ops);
	dir_ops(&ops);
	file_ops(&ops);
	fuse_set_log_func(log_fuse);
	if (add_args(m, &args) == 0)
		m->session = fuse_session_new(&args, &ops, sizeof(ops), m);
	fuse_opt_free_args(&args);
	if (!m->session)
		return err_set(e, ERR_IO, "FUSE cannot be used");
	return 0;
}

static int mount_it(struct mount *m, struct op *op)
{
	struct mounted at;

	if (access("/dev/fuse", F_OK) < 0)
		return err_set(&op->err, ERR_UNSUPPORTED,
			       "there is no /dev/fuse: the kernel's module "
			       "\"fuse\" is not loaded, or a container has not "
			       "been given it");
	errno = 0;
	if (fuse_session_mount(m->session, m->opt.dir) < 0)
		return errno ? err_sys(&op->err, "mount")
			     : err_set(&op->err, ERR_IO, "mount: refused");
	if (where_find(op, m->opt.dir, &at) > 0)
		m->connection = (int)at.minor;
	return 0;
}

/*
 * Whatever it is told in do_init(), the kernel reads no more than 128 KiB
 * ahead, and asks for no more at once.  Root may tell it so, when that is over.
 */
static void raise_read_ahead(struct mount *m)
{
	struct fuse_buf first = { .mem = NULL };
	char path[64], text[16];
	int fd;

	if (fuse_session_receive_buf(m->session, &first) > 0)
		fuse_session_process_buf(m->session, &first);
	free(first.mem);
	if (m->connection < 0)
		return;
	snprintf(path, sizeof(path), "/sys/class/bdi/0:%d/read_ahead_kb",
		 m->connection);
	snprintf(text, sizeof(text), "%d", READ_AHEAD / 1024);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (write_all(fd, text, strlen(text)) < 0)
		log_debug(NULL, "%s: %s", path, strerror(errno));
	close(fd);
}

static int loop(struct mount *m, struct err *e)
{
	struct fuse_loop_config *c = fuse_loop_cfg_create();
	int rc;

	fuse_loop_cfg_set_clone_fd(c, 1);
	fuse_loop_cfg_set_max_threads(c, THREADS_MAX);
	fuse_loop_cfg_set_idle_threads(c, THREADS_IDLE);
	rc = fuse_session_loop_mt(m->session, c);
	fuse_loop_cfg_destroy(c);
	/* a signal is how mount_abort() ends it */
	if (rc < 0 && rc != -EINTR)
		return err_set(e, ERR_IO, "the kernel's requests: %s",
			       strerror(-rc));
	return 0;
}

static void nothing(int number)
{
	(void)number;
}

/*
 * Unless it was unmounted before: then something else may be mounted at that
 * folder by now.
 */
static void unmount_it(struct mount *m, struct op *op)
{
	struct pollfd p = { .fd = fuse_session_fd(m->session) };
	struct mounted at;

	if ((poll(&p, 1, 0) == 1 && (p.revents & POLLERR)) ||
	    (where_find(op, m->opt.dir, &at) > 0 &&
	     (int)at.minor == m->connection))
		fuse_session_unmount(m->session);
}

int mount_run(struct mount *m, struct op *op, struct vfs *v)
{
	/* only to wake a thread that waits: see mount_abort() */
	struct sigaction wake = { .sa_handler = nothing };
	struct fuse_session *session;
	int rc = -1;

	m->vfs = v;
	m->runner = pthread_self();
	sigaction(SIGUSR1, &wake, NULL);
	if (new_session(m, &op->err) < 0)
		return -1;
	if (mount_it(m, op) < 0)
		goto out;
	if (notify_start(m->notify, m->session, &op->err) < 0)
		goto unmount;
	if (watch_start(m, &op->err) < 0)
		goto stop;
	if (m->opt.mounted)
		m->opt.mounted(m->opt.arg);
	raise_read_ahead(m);
	rc = loop(m, &op->err);
	watch_stop(m);
stop:
	/* it writes to the descriptor that is closed below */
	notify_stop(m->notify);
unmount:
	unmount_it(m, op);
out:
	session = m->session;
	pthread_mutex_lock(&m->lock);
	m->session = NULL;
	pthread_mutex_unlock(&m->lock);
	fuse_session_destroy(session);
	handles_drop_all(m);
	return rc;
}

/*
 * The thread that tells the kernel comes first: while requests are answered,
 * if only with errors, it cannot wait for ever.
 */
void mount_abort(struct mount *m)
{
	char path[64];
	int fd;

	workers_abort(m);
	notify_stop(m->notify);
	snprintf(path, sizeof(path), "/sys/fs/fuse/connections/%d/abort",
		 m->connection);
	fd = m->connection < 0 ? -1 : open(path, O_WRONLY | O_CLOEXEC);
	if (fd >= 0 && write_all(fd, "1", 1) < 0)
		log_debug(NULL, "%s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	pthread_mutex_lock(&m->lock);
	if (m->session) {
		fuse_session_exit(m->session);
		pthread_kill(m->runner, SIGUSR1);
	}
	pthread_mutex_unlock(&m->lock);
}
