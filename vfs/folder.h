#ifndef VFS_FOLDER_H
#define VFS_FOLDER_H

#include "backends/listing.h"
#include "vfs/parts.h"

/*
 * What folder*.c share.
 */

/* For opt.stale(). */
struct stale {
	uint64_t parent;
	char *name; /* or NULL */
	uint64_t ino;
};
VEC(stales, struct stale);

struct merge {
	struct vfs *v;
	struct node *dir; /* held */
	struct stales stale;
	bool known; /* somebody may have seen the folder before */

	/* The place was changed by us meanwhile: nothing is taken away, and
	   what is known of an entry stays. */
	bool only_new;
};

/*
 * What the place has in m->dir, which is all that it has; with v->lock.  The
 * listing is sorted.
 */
int merge_listing(struct merge *m, struct op *op, struct listing *l) MUST_CHECK;
/* Without the lock: tell what was collected, and free it. */
void merge_tell(struct merge *m);

/* Whether nobody need list it. */
bool folder_is_fresh(const struct vfs *v, const struct folder *f);

/* ---- folder_ahead.c ------------------------------------------------------ */
void ahead_open(struct vfs *v);
void ahead_close(struct vfs *v); /* after v->cancel is set */
/*
 * Somebody is about to read `dir`, and has it ready: what will he want next?
 * With v->lock.
 */
void ahead_visit(struct vfs *v, struct node *dir);
void ahead_inside(struct vfs *v, struct node *dir);

#endif
