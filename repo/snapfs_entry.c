/* Nodes of a snapshot as entries of a backend. */

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "repo/snapfs.h"

static uint32_t type_bits(const struct node *n)
{
	switch (n->type) {
	case NODE_FILE: return S_IFREG;
	case NODE_DIR: return S_IFDIR;
	case NODE_SYMLINK: return S_IFLNK;
	case NODE_DEV: return S_IFBLK;
	case NODE_CHARDEV: return S_IFCHR;
	case NODE_FIFO: return S_IFIFO;
	case NODE_SOCKET: return S_IFSOCK;
	case NODE_IRREGULAR:
	case NODE_TYPES: break;
	}
	return 0;
}

static enum entry_kind kind_of(const struct node *n)
{
	switch (n->type) {
	case NODE_FILE: return ENTRY_FILE;
	case NODE_DIR: return ENTRY_DIR;
	case NODE_SYMLINK: return ENTRY_LINK;
	default: return ENTRY_SPECIAL;
	}
}

/*
 * A device that this machine does not have, one for each snapshot: files of
 * two snapshots are never two names of one, and none is what lies at the
 * destination, also when that is where the snapshot came from.
 */
static uint64_t device_of(const struct snap *s)
{
	uint64_t n;

	memcpy(&n, s->id.b, sizeof(n));
	return n >> 2 | UINT64_C(1) << 63;
}

/*
 * Most nodes do not say which device they were on, but those with several
 * names do: a number for the two together.
 */
static uint64_t inode_of(const struct node *n)
{
	return n->inode ^ n->device_id * UINT64_C(0x9e3779b97f4a7c15);
}

static void set_hash(const struct node *n, struct entry *e)
{
	struct id id;

	if (n->ncontent > 1 || (n->ncontent == 0 && n->size > 0))
		return;
	if (n->ncontent == 1)
		id = n->content[0]; /* the SHA-256 of its text */
	else
		id_of("", 0, &id);
	memcpy(e->hash.sha256, id.b, sizeof(e->hash.sha256));
	e->hash.have = 1u << HASH_SHA256;
}

const char *snapfs_tag(struct arena *a, const struct node *n)
{
	char hex[ID_HEX + 1];
	struct id id;

	id_of(n->content, n->ncontent * sizeof(*n->content), &id);
	return arena_printf(a, "%.16s", id_hex(&id, hex));
}

void snapfs_entry(struct arena *a, const struct snap *s, const struct node *n,
		  struct entry *out)
{
	struct posix_meta *m = arena_alloc(a, sizeof(*m));

	*m = (struct posix_meta){
		.mode = (node_mode_to_unix(n->mode) & 07777) | type_bits(n),
		.uid = n->uid,
		.gid = n->gid,
		.nlink = n->links == 0           ? 1
			 : n->links > UINT32_MAX ? UINT32_MAX
						 : (uint32_t)n->links,
		.rdev = n->device,
		.dev = device_of(s),
		.ino = inode_of(n),
		.ctime = node_time_ns(n->ctime),
		.atime = node_time_ns(n->atime),
	};
	*out = (struct entry){
		.kind = kind_of(n),
		.name = arena_printf(a, "%.*s", (int)n->name_len, n->name),
		.mtime = node_time_ns(n->mtime),
		.posix = m,
	};
	if (n->type == NODE_SYMLINK)
		m->target = arena_printf(a, "%.*s", (int)n->target_len,
					 n->target ? n->target : "");
	if (n->type != NODE_FILE)
		return;
	out->size = n->size > INT64_MAX ? INT64_MAX : (int64_t)n->size;
	out->tag = snapfs_tag(a, n);
	set_hash(n, out);
}

void snapfs_entry_top(struct arena *a, const struct snap *s, const char *name,
		      struct entry *out)
{
	struct posix_meta *m = arena_alloc(a, sizeof(*m));
	char hex[ID_HEX + 1];

	*m = (struct posix_meta){ .mode = S_IFDIR | 0755,
				  .uid = s->uid,
				  .gid = s->gid,
				  .nlink = 1,
				  .dev = device_of(s),
				  .ctime = s->time,
				  .atime = s->time };
	*out = (struct entry){ .kind = ENTRY_DIR,
			       .name = arena_strdup(a, name),
			       .mtime = s->time,
			       .id = arena_strdup(a, id_hex(&s->id, hex)),
			       .posix = m };
}

void snapfs_entry_above(struct arena *a, const char *name, int64_t time,
			const char *target, struct entry *out)
{
	struct posix_meta *m = arena_alloc(a, sizeof(*m));

	*m = (struct posix_meta){ .mode = target ? S_IFLNK | 0777
						 : S_IFDIR | 0755,
				  .uid = geteuid(),
				  .gid = getegid(),
				  .nlink = 1,
				  .dev = UINT64_C(1) << 63 };
	if (time != MTIME_UNKNOWN)
		m->ctime = m->atime = time;
	if (target)
		m->target = arena_strdup(a, target);
	*out = (struct entry){ .kind = target ? ENTRY_LINK : ENTRY_DIR,
			       .name = arena_strdup(a, name),
			       .mtime = time,
			       .posix = m };
}

/* Whether a copy can be given it: as the local disk's own. */
static bool wanted(const char *name)
{
	return strncmp(name, "user.", 5) == 0 ||
	       strcmp(name, "system.posix_acl_access") == 0 ||
	       strcmp(name, "system.posix_acl_default") == 0 ||
	       (strncmp(name, "system.", 7) != 0 && geteuid() == 0);
}

static int by_name(const void *a, const void *b)
{
	const struct xattr *x = a, *y = b;

	return strcmp(x->name, y->name);
}

void snapfs_xattrs(struct op *op, const struct node *n, bool all,
		   struct xattrs *out)
{
	struct xattr *list =
		arena_alloc(&op->arena, (n->nxattrs + 1) * sizeof(*list));
	size_t count = 0;

	for (size_t i = 0; i < n->nxattrs; i++) {
		const struct node_xattr *x = &n->xattrs[i];

		if (all || wanted(x->name))
			list[count++] = (struct xattr){
				x->name, x->value ? x->value : "", x->len
			};
	}
	if (!all)
		qsort(list, count, sizeof(*list), by_name);
	*out = (struct xattrs){ list, count };
}
