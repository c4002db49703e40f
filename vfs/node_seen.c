#include "vfs/parts.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/clock.h"

/*
 * What the place has of a node, and what is shown of it here.
 */

bool node_seen(const struct node *n, struct entry *e, struct posix_meta *m)
{
	if (!n->seen)
		return false;
	entry_unpack(n->seen, e, m);
	e->name = node_rname(n);
	return true;
}

void node_set_seen(struct vfs *v, struct node *n, const struct entry *e)
{
	struct buf packed = BUF_INIT;
	struct entry lean = *e;
	struct posix_meta m;

	lean.name = ""; /* is rname */
	lean.mime = NULL;
	if (e->posix) {
		m = *e->posix;
		m.target = NULL; /* is n->target */
		lean.posix = &m;
	}
	entry_pack(&packed, &lean);
	free(n->seen);
	n->seen = xrealloc(NULL, packed.len, 1);
	memcpy(n->seen, packed.data, packed.len);
	buf_free(&packed);
	store_save(v, n);
}

static uint32_t type_bits(const struct node *n, const struct posix_meta *m)
{
	switch ((enum entry_kind)n->kind) {
	case ENTRY_FILE: return S_IFREG;
	case ENTRY_DIR: return S_IFDIR;
	case ENTRY_LINK: return S_IFLNK;
	case ENTRY_SPECIAL: break;
	}
	return m && (m->mode & S_IFMT) ? m->mode & S_IFMT : S_IFIFO;
}

static uint32_t permissions(const struct vfs *v, const struct node *n,
			    const struct posix_meta *m)
{
	if (n->kind == ENTRY_LINK)
		return 0777;
	if (n->has_mode)
		return n->mode & 07777;
	if (m)
		return m->mode & 07777;
	return (n->kind == ENTRY_DIR ? 0777 : 0666) & ~v->opt.umask;
}

static void owner(const struct vfs *v, const struct node *n,
		  const struct posix_meta *m, struct vfs_attr *out)
{
	out->uid = v->opt.uid;
	out->gid = v->opt.gid;
	if (v->opt.own_ids)
		return;
	if (n->has_owner) {
		out->uid = n->uid;
		out->gid = n->gid;
	} else if (m && be_can(v->be, BE_OWNER)) {
		out->uid = m->uid;
		out->gid = m->gid;
	}
}

/*
 * 1 for a folder says that nothing is to be concluded from it: find(1) takes
 * what is above 2 as the number of folders in it.
 */
static uint32_t links(const struct vfs *v, const struct node *n)
{
	if (n != v->root && !n->parent)
		return 0;
	if (n->kind != ENTRY_DIR)
		return 1;
	if (!n->dir || !(n->flags & NODE_LISTED))
		return 1;
	return 2 + (uint32_t)n->dir->dirs;
}

/*
 * As long as the listing that it is from; what differs from the place is ours
 * alone.  A listing that could not be had anew in time is believed for a
 * second, so that nobody waits for what is out of reach with each look.
 */
static int64_t valid(const struct vfs *v, const struct node *n)
{
	const struct node *dir = n->parent;
	int64_t left, least = NS_PER_SEC;

	if (!dir || n->flags & NODE_PENDING || dir->flags & NODE_NEW)
		return v->opt.dir_time;
	if (least > v->opt.dir_time)
		least = v->opt.dir_time;
	if (!dir->dir->listed_at)
		return least;
	left = dir->dir->listed_at + v->opt.dir_time - clock_mono();
	return left > least ? left : least;
}

void node_attr(struct vfs *v, const struct node *n, struct vfs_attr *out)
{
	const struct posix_meta *m = NULL;
	struct posix_meta meta;
	struct entry e;

	if (node_seen(n, &e, &meta))
		m = e.posix;
	*out = (struct vfs_attr){
		.ino = n->ino,
		.mode = type_bits(n, m) | permissions(v, n, m),
		.nlink = links(v, n),
		.mtime = n->mtime,
		.ctime = n->ctime,
		.valid = valid(v, n),
	};
	owner(v, n, m, out);
	switch ((enum entry_kind)n->kind) {
	case ENTRY_FILE: out->size = n->size > 0 ? n->size : 0; break;
	case ENTRY_DIR: out->size = 4096; break;
	case ENTRY_LINK:
		out->size = n->target ? (int64_t)strlen(n->target) : 0;
		break;
	case ENTRY_SPECIAL: break;
	}
	out->blocks = out->size / 512 + (out->size % 512 != 0);
}
