#include "lib/vec.h"
#include "vfs/parts.h"

VEC(numbers, uint64_t);

void vfs_refresh(struct vfs *v)
{
	struct numbers dirs = { 0 };

	vfs_lock(v);
	for (size_t i = 0; i < v->ino_buckets; i++) {
		for (struct node *n = v->inos[i]; n; n = n->ino_next) {
			if (!n->dir)
				continue;
			folder_stale(v, n);
			*numbers_add(&dirs) = n->ino;
		}
	}
	vfs_unlock(v);
	for (size_t i = 0; i < dirs.n && v->opt.stale; i++)
		v->opt.stale(v->opt.arg, 0, NULL, dirs.at[i]);
	numbers_free(&dirs);
}
