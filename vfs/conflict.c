/*
 * Both sides have changed one file: both are kept, ours under a name that says
 * what it is.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/clock.h"
#include "vfs/sending.h"

/* Of a name, in bytes, as file systems and services have it. */
enum { NAME_LONGEST = 255 };

/* "HOST-20261122-081500" */
static void add_mark(struct buf *b)
{
	time_t now = (time_t)(clock_wall() / NS_PER_SEC);
	char host[64] = "", when[32];
	struct tm tm;

	if (gethostname(host, sizeof(host) - 1) < 0 || *host == '\0')
		strcpy(host, "here");
	for (char *p = host; *p; p++)
		if (*p == '/' || *p == '.' || (unsigned char)*p < ' ')
			*p = '-';
	gmtime_r(&now, &tm);
	strftime(when, sizeof(when), "%Y%m%d-%H%M%S", &tm);
	buf_addf(b, "%s-%s", host, when);
}

/* The first bytes of a text, at most `n`, in whole characters of UTF-8. */
static void add_cut(struct buf *b, const char *s, size_t len, size_t n)
{
	if (n < len)
		while (n > 0 && ((unsigned char)s[n] & 0xc0) == 0x80)
			n--;
	buf_add(b, s, n < len ? n : len);
}

/* "report.txt" -> "report.conflict-HOST-20261122-081500.txt" */
void conflict_name(const char *name, unsigned tries, struct buf *out)
{
	const char *dot = strrchr(name, '.');
	struct buf mark = BUF_INIT;
	size_t stem;

	if (!dot || dot == name || strlen(dot) > 16)
		dot = name + strlen(name);
	stem = (size_t)(dot - name);
	buf_adds(&mark, ".conflict-");
	add_mark(&mark);
	if (tries)
		buf_addf(&mark, "-%u", tries + 1);
	buf_adds(&mark, dot);
	buf_reset(out);
	add_cut(out, name, stem,
		mark.len < NAME_LONGEST ? NAME_LONGEST - mark.len : 1);
	buf_add(out, mark.data, mark.len);
	buf_free(&mark);
}

/* One that is free both here and at the place, as far as that is known. */
static void free_name(struct node *dir, const char *name, struct buf *out)
{
	for (unsigned i = 0;; i++) {
		conflict_name(name, i, out);
		if (!node_child(dir, out->data) &&
		    !node_at_remote(dir, out->data))
			return;
	}
}

/* With the lock: `n` is elsewhere now, and has yet to be sent. */
static void set_aside(struct vfs *v, struct node *n, const char *name)
{
	struct node *dir = n->parent;
	bool away = n->flags & NODE_AWAY;

	node_move(v, n, dir, name);
	if (!away && !(n->flags & NODE_NEW)) {
		if (n->kind == ENTRY_FILE) {
			n->flags &= ~(uint32_t)NODE_PART;
			n->flags |= NODE_WHOLE | NODE_DIRTY;
		}
		node_set_new(v, n);
	}
	n->ctime = clock_wall();
	folder_stale(v, dir);
	queue_changed(v, n);
	v->count.conflicts++;
}

static bool is_lost(const struct node *n)
{
	return !(n->flags & (NODE_NEW | NODE_AWAY)) && !all_here(n);
}

int conflict_aside(struct vfs *v, struct op *op, struct node *n)
{
	struct buf name = BUF_INIT, old = BUF_INIT, path = BUF_INIT;
	uint64_t parent;

	vfs_lock(v);
	if (n->flags & NODE_DROPPED || !n->parent) {
		vfs_unlock(v);
		return 0; /* deleted here meanwhile */
	}
	node_path(n, &path);
	if (is_lost(n)) {
		vfs_unlock(v);
		err_set(&op->err, ERR_CONFLICT,
			"it has changed at the place before all of it was "
			"here, so that what was changed here cannot be made "
			"whole");
		buf_free(&path);
		return -1;
	}
	buf_adds(&old, n->name);
	parent = n->parent->ino;
	free_name(n->parent, n->name, &name);
	node_hold(n);
	set_aside(v, n, name.data);
	vfs_unlock(v);
	if (v->opt.stale) {
		v->opt.stale(v->opt.arg, parent, old.data, 0);
		v->opt.stale(v->opt.arg, parent, name.data, 0);
	}
	vfs_tell(v,
		 "%s was changed both here and at the place: what was written "
		 "here is now %s",
		 path.data, name.data);
	vfs_lock(v);
	node_release(v, n);
	vfs_unlock(v);
	buf_free(&name);
	buf_free(&old);
	buf_free(&path);
	return 0;
}

int job_conflict(struct job *j, const struct entry *now)
{
	struct vfs *v = j->v;
	bool aside;

	vfs_lock(v);
	job_consume(j);
	unsure_forget(v, j->n);
	job_stale(j, j->to);
	aside = job_is_there(j);
	vfs_unlock(v);
	if (aside && conflict_aside(v, j->op, j->n) < 0)
		return -1;
	vfs_lock(v);
	if (!(j->to->flags & NODE_DROPPED))
		folder_merge_one(v, j->to, now);
	vfs_unlock(v);
	return 0;
}
