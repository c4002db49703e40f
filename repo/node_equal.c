#include <string.h>

#include "repo/diff.h"

static bool same_text(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "") == 0;
}

/* The same instant, in whatever zone it was written. */
static bool same_time(struct node_time a, struct node_time b)
{
	return a.sec == b.sec && a.ns == b.ns;
}

static bool same_bytes(const void *a, size_t n, const void *b, size_t m)
{
	return n == m && (n == 0 || memcmp(a, b, n) == 0);
}

static bool same_xattrs(const struct node *a, const struct node *b)
{
	if (a->nxattrs != b->nxattrs)
		return false;
	for (size_t i = 0; i < a->nxattrs; i++) {
		const struct node_xattr *x = &a->xattrs[i], *y = NULL;

		for (size_t k = 0; !y && k < b->nxattrs; k++)
			if (strcmp(b->xattrs[k].name, x->name) == 0)
				y = &b->xattrs[k];
		if (!y || !same_bytes(x->value, x->len, y->value, y->len))
			return false;
	}
	return true;
}

static bool same_times(const struct node *a, const struct node *b)
{
	return same_time(a->mtime, b->mtime) && same_time(a->atime, b->atime) &&
	       same_time(a->ctime, b->ctime);
}

static bool same_owner(const struct node *a, const struct node *b)
{
	return a->uid == b->uid && a->gid == b->gid &&
	       same_text(a->user, b->user) && same_text(a->group, b->group);
}

static bool same_content(const struct node *a, const struct node *b)
{
	return same_bytes(a->content, a->ncontent * sizeof(*a->content),
			  b->content, b->ncontent * sizeof(*b->content));
}

bool node_equal(const struct node *a, const struct node *b, bool content)
{
	return same_bytes(a->name, a->name_len, b->name, b->name_len) &&
	       strcmp(node_type_name(a), node_type_name(b)) == 0 &&
	       a->mode == b->mode && same_times(a, b) && same_owner(a, b) &&
	       a->inode == b->inode && a->device_id == b->device_id &&
	       a->size == b->size && a->links == b->links &&
	       same_bytes(a->target, a->target_len, b->target, b->target_len) &&
	       a->device == b->device && a->has_subtree == b->has_subtree &&
	       (!a->has_subtree || id_equal(&a->subtree, &b->subtree)) &&
	       same_text(a->error, b->error) &&
	       same_text(a->generic, b->generic) && same_xattrs(a, b) &&
	       (!content || same_content(a, b));
}
