#include <stdlib.h>
#include <string.h>

#include "lib/log.h"
#include "mount/parts.h"

/*
 * Beyond so many the kernel is not told, and believes what it has for as long
 * as it was allowed to.  The one who adds cannot wait: the kernel may hold a
 * lock until he has answered.
 */
enum { WAITING_MAX = 256 * 1024 };

struct note {
	struct note *next;
	uint64_t parent, ino;
	bool named;
	char name[];
};

struct notify {
	struct fuse_session *session;
	pthread_mutex_t stopping; /* guards thread, running; before lock */
	pthread_t thread;
	bool running;
	/* Guards all that follows; nothing is called while it is held. */
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct note *first, **last;
	size_t waiting; /* with the one that is being told */
	bool over;
	bool lost; /* not all was told: some lists are never to be kept */
};

struct notify *notify_new(void)
{
	struct notify *n = xcalloc(1, sizeof(*n));

	n->last = &n->first;
	pthread_mutex_init(&n->stopping, NULL);
	pthread_mutex_init(&n->lock, NULL);
	pthread_cond_init(&n->wake, NULL);
	return n;
}

void notify_add(struct notify *n, uint64_t parent, const char *name,
		uint64_t ino)
{
	size_t len = name ? strlen(name) : 0;
	struct note *note = xcalloc(1, sizeof(*note) + len + 1);
	bool full, first = false;

	note->parent = parent;
	note->ino = ino;
	note->named = name != NULL;
	if (name)
		memcpy(note->name, name, len);
	pthread_mutex_lock(&n->lock);
	full = n->over || n->waiting >= WAITING_MAX;
	if (full) {
		first = !n->over && !n->lost;
		n->lost = true;
	} else {
		*n->last = note;
		n->last = &note->next;
		n->waiting++;
		pthread_cond_signal(&n->wake);
	}
	pthread_mutex_unlock(&n->lock);
	if (full)
		free(note);
	if (first)
		log_notice(NULL, "too many changes at once: some show only "
				 "when the kernel asks again");
}

bool notify_idle(struct notify *n)
{
	bool idle;

	pthread_mutex_lock(&n->lock);
	idle = n->waiting == 0 && !n->lost;
	pthread_mutex_unlock(&n->lock);
	return idle;
}

/* That the kernel does not know it is no failure; no other matters, either. */
static void tell(struct notify *n, const struct note *note)
{
	if (note->named) {
		fuse_lowlevel_notify_inval_entry(n->session, note->parent,
						 note->name,
						 strlen(note->name));
		/* what it has kept of the folder's list, too */
		fuse_lowlevel_notify_inval_inode(n->session, note->parent, 0,
						 0);
	}
	if (note->ino)
		fuse_lowlevel_notify_inval_inode(n->session, note->ino, 0, 0);
}

static void *notify_run(void *arg)
{
	struct notify *n = arg;

	pthread_mutex_lock(&n->lock);
	while (!n->over) {
		struct note *note = n->first;

		if (!note) {
			pthread_cond_wait(&n->wake, &n->lock);
			continue;
		}
		n->first = note->next;
		if (!n->first)
			n->last = &n->first;
		pthread_mutex_unlock(&n->lock);
		tell(n, note);
		free(note);
		pthread_mutex_lock(&n->lock);
		n->waiting--;
	}
	pthread_mutex_unlock(&n->lock);
	return NULL;
}

int notify_start(struct notify *n, struct fuse_session *session, struct err *e)
{
	int rc;

	n->session = session;
	rc = pthread_create(&n->thread, NULL, notify_run, n);
	if (rc != 0)
		return err_set(e, ERR_IO, "start a thread: %s", strerror(rc));
	n->running = true;
	return 0;
}

void notify_stop(struct notify *n)
{
	pthread_mutex_lock(&n->stopping);
	pthread_mutex_lock(&n->lock);
	n->over = true;
	pthread_cond_signal(&n->wake);
	pthread_mutex_unlock(&n->lock);
	if (n->running)
		pthread_join(n->thread, NULL);
	n->running = false;
	pthread_mutex_unlock(&n->stopping);
}

void notify_free(struct notify *n)
{
	if (!n)
		return;
	while (n->first) {
		struct note *note = n->first;

		n->first = note->next;
		free(note);
	}
	pthread_cond_destroy(&n->wake);
	pthread_mutex_destroy(&n->lock);
	pthread_mutex_destroy(&n->stopping);
	free(n);
}
