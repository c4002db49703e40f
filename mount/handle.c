#include <stdlib.h>

#include "mount/parts.h"

uint64_t handle_new(struct mount *m, struct vfs_file *f, struct vfs_dir *d)
{
	struct handle *h = xcalloc(1, sizeof(*h));

	h->file = f;
	h->dir = d;
	atomic_init(&h->users, 1);
	pthread_mutex_lock(&m->handles_lock);
	h->next = m->handles;
	h->at = &m->handles;
	if (h->next)
		h->next->at = &h->next;
	m->handles = h;
	pthread_mutex_unlock(&m->handles_lock);
	return (uintptr_t)h;
}

struct handle *handle_of(const struct fuse_file_info *fi)
{
	return (struct handle *)(uintptr_t)fi->fh;
}

void handle_drop(struct mount *m, struct handle *h)
{
	if (atomic_fetch_sub(&h->users, 1) > 1)
		return;
	pthread_mutex_lock(&m->handles_lock);
	*h->at = h->next;
	if (h->next)
		h->next->at = h->at;
	pthread_mutex_unlock(&m->handles_lock);
	if (h->file)
		vfs_release(m->vfs, h->file);
	if (h->dir)
		vfs_closedir(m->vfs, h->dir);
	free(h);
}

void handles_drop_all(struct mount *m)
{
	while (m->handles)
		handle_drop(m, m->handles);
}
