/*
 * Names of one file.  The first that the walk meets is restored; the others
 * are linked to it when its window is through (restore_window.c).  Its folder
 * is held until all names were seen, so that it can be entered: its own mode
 * may forbid that.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/fnv.h"
#include "repo/restore_parts.h"
#include "repo/slots.h"

VEC(group_list, struct link_group *);

struct link_groups {
	struct slots slots;
	struct group_list list;
};

struct link_groups *link_groups_new(void)
{
	struct link_groups *g = xcalloc(1, sizeof(*g));

	slots_init(&g->slots, 64);
	return g;
}

static void let_go(struct restore *rs, struct op *op, struct link_group *g)
{
	struct dest *dir = g->dir;

	g->dir = NULL;
	free(g->name);
	g->name = NULL;
	if (dir)
		dest_drop(rs, op, dir);
}

void link_groups_free(struct restore *rs, struct op *op, struct link_groups *g)
{
	if (!g)
		return;
	for (size_t i = 0; i < g->list.n; i++) {
		let_go(rs, op, g->list.at[i]);
		free(g->list.at[i]);
	}
	group_list_free(&g->list);
	slots_free(&g->slots);
	free(g);
}

static uint64_t mixed(uint64_t inode, uint64_t device)
{
	uint64_t both[2] = { inode, device };

	return fnv((const char *)both, sizeof(both));
}

static uint64_t hash_of(const void *arg, uint32_t number)
{
	const struct link_groups *g = arg;
	const struct link_group *l = g->list.at[number];

	return mixed(l->inode, l->device);
}

/*
 * Two files that a system had one after the other may share a number: so what
 * is in them counts as well.
 */
static uint64_t content_of(const struct node *n)
{
	uint64_t h = n->type ^ (n->size << 8);

	if (n->ncontent)
		h ^= fnv((const char *)n->content,
			 n->ncontent * sizeof(*n->content));
	if (n->target)
		h ^= fnv(n->target, n->target_len);
	return h ^ n->device;
}

/* Whether it is what the node was: as far as "if-changed" would look. */
static bool looks_like(const struct stat *st, enum node_type type,
		       uint64_t size, const struct timespec *mtime)
{
	return st->st_mtim.tv_sec == mtime->tv_sec &&
	       st->st_mtim.tv_nsec == mtime->tv_nsec &&
	       S_ISREG(st->st_mode) == (type == NODE_FILE) &&
	       (type != NODE_FILE || (uint64_t)st->st_size == size);
}

static bool may_stay(const struct restore *rs)
{
	return rs->opt->overwrite == OVERWRITE_NEVER ||
	       rs->opt->overwrite == OVERWRITE_IF_NEWER;
}

/* Something else has this name, and keeps it: no other name leads there. */
static bool is_taken(struct restore *rs, struct op *op, struct dest *dir,
		     const struct node *n)
{
	const struct err why = op->err;
	const struct timespec mtime = { n->mtime.sec, n->mtime.ns };
	const struct meta mine = { .times = { mtime, mtime } };
	struct stat st;
	bool own, taken;
	int at;

	if (!may_stay(rs) || dir->fresh)
		return false;
	at = dest_open(op, dir, &own);
	if (at < 0) {
		op->err = why; /* whoever makes the file finds out */
		return false;
	}
	taken = fstatat(at, n->name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		!may_replace(rs, &mine, &st) &&
		!looks_like(&st, n->type, n->size, &mtime);
	dest_close(at, own);
	return taken;
}

bool link_groups_find(struct restore *rs, struct op *op, struct dest *dir,
		      const struct node *n, struct link_group **out)
{
	struct link_groups *g = rs->groups;
	uint64_t hash = mixed(n->inode, n->device_id), content = content_of(n);
	struct probe p = slots_probe(&g->slots, hash);
	struct link_group *l;
	uint32_t i;

	*out = NULL;
	while (slots_next(&g->slots, &p, &i)) {
		l = g->list.at[i];
		if (l->inode != n->inode || l->device != n->device_id ||
		    l->content != content || l->left == 0)
			continue;
		l->left--;
		l->pending++;
		*out = l;
		return true;
	}
	if (g->list.n == UINT32_MAX - 1 || is_taken(rs, op, dir, n))
		return false;
	l = xcalloc(1, sizeof(*l));
	l->inode = n->inode;
	l->device = n->device_id;
	l->content = content;
	l->left = n->links - 1;
	l->dir = dir;
	dest_hold(dir);
	l->name = xstrdup(n->name);
	*group_list_add(&g->list) = l;
	slots_put(&g->slots, &p, (uint32_t)(g->list.n - 1), hash_of, g);
	*out = l;
	return false;
}

/* `temp` in the alias's folder becomes one more name of the first. */
static int link_aside(struct op *op, const struct alias *a, int to,
		      const char *temp)
{
	const struct link_group *g = a->group;
	bool own;
	int from = dest_open(op, g->dir, &own), rc = -1, os;

	if (from < 0)
		return -1;
	for (int tries = 0; tries < 3; tries++) {
		rc = linkat(from, g->name, to, temp, 0);
		if (rc == 0 || errno != EEXIST || unlinkat(to, temp, 0) < 0)
			break;
	}
	os = errno;
	dest_close(from, own);
	errno = os;
	return rc < 0 ? err_sys(&op->err, "link to \"%s\"", g->name) : 0;
}

/* Whether it is a name of that very file already. */
static bool is_linked(struct op *op, const struct alias *a,
		      const struct stat *st)
{
	struct stat first;
	bool own, same;
	int at = dest_open(op, a->group->dir, &own);

	if (at < 0)
		return false;
	same = fstatat(at, a->group->name, &first, AT_SYMLINK_NOFOLLOW) == 0 &&
	       first.st_ino == st->st_ino && first.st_dev == st->st_dev;
	dest_close(at, own);
	return same;
}

/* What has the first name may be another file since is_taken() looked. */
static int check_first(struct restore *rs, struct op *op, const struct alias *a)
{
	const struct link_group *g = a->group;
	struct stat st;
	bool own;
	int at, rc;

	if (!may_stay(rs))
		return 0;
	at = dest_open(op, g->dir, &own);
	if (at < 0)
		return -1;
	rc = fstatat(at, g->name, &st, AT_SYMLINK_NOFOLLOW);
	if (rc < 0)
		err_sys(&op->err, "stat \"%s\"", g->name);
	dest_close(at, own);
	if (rc < 0)
		return -1;
	if (looks_like(&st, a->type, a->size, &a->mtime))
		return 0;
	return err_set(&op->err, ERR_CONFLICT,
		       "it is one file with \"%s\", which was not to be "
		       "overwritten and is another here",
		       g->name);
}

static int link_at(struct restore *rs, struct op *op, const struct alias *a,
		   int to)
{
	const struct meta mine = { .times = { a->mtime, a->mtime } };
	char temp[TEMP_NAME];
	struct stat st;

	if (atomic_load(&a->group->bad))
		return err_set(&op->err, ERR_CORRUPT,
			       "it is one file with \"%s\", which could not be "
			       "restored",
			       a->group->name);
	if (!a->dir->fresh &&
	    fstatat(to, a->name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		if (!may_replace(rs, &mine, &st) || is_linked(op, a, &st)) {
			restore_done(rs, RESTORE_UNCHANGED, a->dir, a->name,
				     false, 0);
			return 0;
		}
	}
	if (check_first(rs, op, a) < 0)
		return -1;
	temp_name(a->dir, a->name, temp);
	if (link_aside(op, a, to, temp) < 0)
		return -1;
	if (put_in_place(rs, op, to, temp, a->name) < 0) {
		(void)!unlinkat(to, temp, 0);
		return -1;
	}
	restore_done(rs, RESTORE_RESTORED, a->dir, a->name, false, 0);
	return 0;
}

void alias_over(struct restore *rs, struct op *op, const struct alias *a)
{
	struct link_group *g = a->group;

	if (--g->pending == 0 && g->left == 0)
		let_go(rs, op, g);
	dest_drop(rs, op, a->dir);
}

int alias_restore(struct restore *rs, struct op *op, const struct alias *a)
{
	bool own;
	int rc = 0, to;

	if (rs->opt->dry_run) {
		restore_done(rs, RESTORE_RESTORED, a->dir, a->name, false, 0);
	} else {
		to = dest_open(op, a->dir, &own);
		rc = to < 0 ? -1 : link_at(rs, op, a, to);
		if (to >= 0)
			dest_close(to, own);
		if (rc < 0) {
			restore_unverified(rs, a->dir, a->name);
			rc = restore_tell(rs, op, a->dir, a->name);
		}
	}
	alias_over(rs, op, a);
	return rc;
}
