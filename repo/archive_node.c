/* Nodes of what is on the disk. */

#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/clock.h"
#include "repo/archive_parts.h"

struct name_slot {
	uint32_t id;
	const char *name; /* "" unknown */
};

enum { NAME_BUFFER = 16 << 10 };

static const char *user_name(struct arena *a, uint32_t id, char *buffer)
{
	struct passwd pw, *found = NULL;

	if (getpwuid_r(id, &pw, buffer, NAME_BUFFER, &found) || !found)
		return "";
	return arena_strdup(a, pw.pw_name);
}

static const char *group_name(struct arena *a, uint32_t id, char *buffer)
{
	struct group gr, *found = NULL;

	if (getgrgid_r(id, &gr, buffer, NAME_BUFFER, &found) || !found)
		return "";
	return arena_strdup(a, gr.gr_name);
}

/* Machines have few owners of files, and runs of files the same. */
static const char *name_of(struct name_cache *c, struct name_slots *s,
			   uint32_t id)
{
	char buffer[NAME_BUFFER];
	const char *name;

	for (size_t i = s->n; i-- > 0;)
		if (s->at[i].id == id)
			return s->at[i].name;
	name = s == &c->users ? user_name(&c->arena, id, buffer)
			      : group_name(&c->arena, id, buffer);
	if (s->n == s->cap) {
		s->cap = s->cap ? s->cap * 2 : 16;
		s->at = xrealloc(s->at, s->cap, sizeof(*s->at));
	}
	s->at[s->n++] = (struct name_slot){ id, name };
	return name;
}

void name_cache_free(struct name_cache *c)
{
	free(c->users.at);
	free(c->groups.at);
	arena_free(&c->arena);
}

static enum node_type type_of(uint32_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG: return NODE_FILE;
	case S_IFDIR: return NODE_DIR;
	case S_IFLNK: return NODE_SYMLINK;
	case S_IFBLK: return NODE_DEV;
	case S_IFCHR: return NODE_CHARDEV;
	case S_IFIFO: return NODE_FIFO;
	case S_IFSOCK: return NODE_SOCKET;
	default: return NODE_IRREGULAR;
	}
}

/* A place without POSIX metadata: what is known of it. */
static const struct posix_meta *meta_of(const struct entry *e,
					struct posix_meta *made)
{
	if (e->posix)
		return e->posix;
	*made = (struct posix_meta){
		.mode = e->kind == ENTRY_DIR ? S_IFDIR | 0755 : S_IFREG | 0644,
		.uid = geteuid(),
		.gid = getegid(),
		.nlink = 1,
		.ctime = e->mtime == MTIME_UNKNOWN ? 0 : e->mtime,
		.atime = e->mtime == MTIME_UNKNOWN ? 0 : e->mtime,
	};
	return made;
}

void node_of_entry(struct node *n, const struct entry *e, struct name_cache *c,
		   bool with_atime)
{
	struct posix_meta made;
	const struct posix_meta *m = meta_of(e, &made);

	*n = (struct node){
		.name = e->name,
		.name_len = strlen(e->name),
		.type = type_of(m->mode),
		.mode = node_mode_from_unix(m->mode),
		.mtime = node_time_local(e->mtime == MTIME_UNKNOWN ? 0
								   : e->mtime),
		.ctime = node_time_local(m->ctime),
		.uid = m->uid,
		.gid = m->gid,
		.user = name_of(c, &c->users, m->uid),
		.group = name_of(c, &c->groups, m->gid),
		.inode = m->ino,
		.device_id = m->dev,
	};
	n->atime = with_atime ? node_time_local(m->atime) : n->mtime;
	switch (n->type) {
	case NODE_FILE:
		n->size = e->size > 0 ? (uint64_t)e->size : 0;
		n->has_content = true;
		n->links = m->nlink;
		break;
	case NODE_SYMLINK:
		n->target = m->target ? m->target : "";
		n->target_len = strlen(n->target);
		n->links = m->nlink;
		break;
	case NODE_DEV:
	case NODE_CHARDEV:
		n->device = m->rdev;
		n->links = m->nlink;
		break;
	default: break;
	}
}

int node_read_xattrs(struct node *n, struct op *op, struct backend *be,
		     const char *path)
{
	struct node_xattr *list;
	struct xattrs x;

	if (!be_can(be, BE_XATTRS))
		return 0;
	if (be_all_xattrs(be, op, path, &x) < 0)
		return -1;
	if (x.n == 0)
		return 0;
	list = arena_alloc(&op->arena, x.n * sizeof(*list));
	for (size_t i = 0; i < x.n; i++)
		list[i] = (struct node_xattr){ x.at[i].name, x.at[i].value,
					       x.at[i].len };
	n->xattrs = list;
	n->nxattrs = x.n;
	return 0;
}

static bool same_instant(struct node_time a, struct node_time b)
{
	return a.sec == b.sec && a.ns == b.ns;
}

bool node_unchanged(const struct node *n, const struct node *before,
		    const struct archive_opt *opt)
{
	return before->type == NODE_FILE && n->size == before->size &&
	       same_instant(n->mtime, before->mtime) &&
	       (opt->ignore_ctime || same_instant(n->ctime, before->ctime)) &&
	       (opt->ignore_inode || n->inode == before->inode);
}

static bool same_time(struct node_time a, struct node_time b)
{
	return same_instant(a, b) && a.zone == b.zone;
}

static bool same_text(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "") == 0;
}

static bool same_xattrs(const struct node *a, const struct node *b)
{
	if (a->nxattrs != b->nxattrs)
		return false;
	for (size_t i = 0; i < a->nxattrs; i++) {
		const struct node_xattr *x = &a->xattrs[i];
		const struct node_xattr *y = &b->xattrs[i];

		if (strcmp(x->name, y->name) != 0 || x->len != y->len ||
		    !x->value != !y->value ||
		    (x->len && memcmp(x->value, y->value, x->len) != 0))
			return false;
	}
	return true;
}

/* All but name and content, which the caller has compared. */
bool node_same(const struct node *n, const struct node *before)
{
	return n->type == before->type && n->mode == before->mode &&
	       same_time(n->mtime, before->mtime) &&
	       same_time(n->atime, before->atime) &&
	       same_time(n->ctime, before->ctime) && n->uid == before->uid &&
	       n->gid == before->gid && same_text(n->user, before->user) &&
	       same_text(n->group, before->group) &&
	       n->inode == before->inode && n->device_id == before->device_id &&
	       n->size == before->size && n->links == before->links &&
	       n->device == before->device && same_xattrs(n, before) &&
	       !before->error && !before->generic && !before->has_subtree &&
	       !before->target && before->has_content;
}
