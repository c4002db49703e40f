#include "sync/links.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sync/compare.h"
#include "sync/run.h"

struct link_seen {
	struct link_seen *next;
	uint64_t dev, ino;
	uint32_t left; /* names still to come */
	char path[];
};

void links_init(struct links *l)
{
	*l = (struct links){ 0 };
	pthread_mutex_init(&l->lock, NULL);
}

void links_free(struct links *l)
{
	for (size_t i = 0; i < l->buckets; i++)
		while (l->bucket[i]) {
			struct link_seen *s = l->bucket[i];

			l->bucket[i] = s->next;
			free(s);
		}
	free(l->bucket);
	pthread_mutex_destroy(&l->lock);
}

static size_t slot_of(const struct links *l, uint64_t dev, uint64_t ino)
{
	return (ino * UINT64_C(0x9e3779b97f4a7c15) ^ dev) % l->buckets;
}

static void grow(struct links *l)
{
	struct links bigger = { .buckets = l->buckets ? l->buckets * 2 : 256 };

	bigger.bucket = xcalloc(bigger.buckets, sizeof(struct link_seen *));
	for (size_t i = 0; i < l->buckets; i++)
		while (l->bucket[i]) {
			struct link_seen *s = l->bucket[i], **to;

			l->bucket[i] = s->next;
			to = &bigger.bucket[slot_of(&bigger, s->dev, s->ino)];
			s->next = *to;
			*to = s;
		}
	free(l->bucket);
	l->bucket = bigger.bucket;
	l->buckets = bigger.buckets;
}

static struct link_seen **find(struct links *l, uint64_t dev, uint64_t ino)
{
	struct link_seen **at = &l->bucket[slot_of(l, dev, ino)];

	while (*at && ((*at)->dev != dev || (*at)->ino != ino))
		at = &(*at)->next;
	return at;
}

bool links_met(struct links *l, uint64_t dev, uint64_t ino, uint32_t nlink,
	       const char *path, char **first)
{
	size_t n = strlen(path) + 1;
	struct link_seen **at, *s;
	bool met = false;

	pthread_mutex_lock(&l->lock);
	if (l->n >= l->buckets)
		grow(l);
	at = find(l, dev, ino);
	s = *at;
	if (!s) {
		s = xcalloc(1, sizeof(*s) + n);
		s->dev = dev;
		s->ino = ino;
		s->left = nlink - 1;
		memcpy(s->path, path, n);
		*at = s;
		l->n++;
	} else {
		met = true;
		*first = xstrdup(s->path);
		if (--s->left == 0) {
			*at = s->next;
			free(s);
			l->n--;
		}
	}
	pthread_mutex_unlock(&l->lock);
	return met;
}

bool link_met(struct sync_run *r, struct op *op, const char *path,
	      const struct entry *from)
{
	struct buf rec = BUF_INIT;
	char *first;
	bool ok;

	if (!r->metadata || !be_can(r->dst, BE_HARDLINK) || !from->posix ||
	    from->posix->nlink < 2)
		return false;
	/* There each name is moved by itself and stays one of the file. */
	if (r->opts.mode == SYNC_MOVE && r->src_root.dev == r->dst_root.dev)
		return false;
	if (!links_met(&r->links, from->posix->dev, from->posix->ino,
		       from->posix->nlink, path, &first))
		return false;
	buf_add(&rec, first, strlen(first) + 1);
	buf_add(&rec, path, strlen(path) + 1);
	entry_pack(&rec, from);
	ok = spool_add(&r->extra_links, op, rec.data, rec.len) == 0;
	if (!ok)
		run_failed(r, op, path);
	buf_free(&rec);
	free(first);
	return true;
}

bool link_shared(struct sync_run *r, const struct entry *from,
		 const struct entry *to)
{
	char key[64], *other;
	bool apart;

	if (!r->metadata || !be_can(r->dst, BE_HARDLINK) || !from->posix ||
	    !to->posix || to->posix->nlink < 2)
		return false;
	snprintf(key, sizeof(key), "%" PRIx64 ":%" PRIx64, from->posix->dev,
		 from->posix->ino);
	if (!links_met(&r->dst_links, to->posix->dev, to->posix->ino,
		       to->posix->nlink, key, &other))
		return false;
	apart = strcmp(key, other) != 0;
	free(other);
	return apart;
}

/*
 * Whether the first name at the destination is what the source has now.  It
 * is not if its turn failed, or if it was to be left as it is.
 */
static bool first_arrived(const struct sync_run *r, const struct entry *first,
			  const struct entry *from)
{
	return first->kind == ENTRY_FILE && first->size == from->size &&
	       times_equal(r, first->mtime, from->mtime);
}

/* Whether what is called so already may become another name of `first`. */
static bool may_replace(const struct sync_run *r, const struct entry *from,
			const struct entry *there)
{
	const char *why;

	if (r->opts.immutable || r->opts.ignore_existing)
		return false;
	return there->kind != ENTRY_FILE ||
	       compare_files(r, from, there, &why) != VERDICT_LEAVE;
}

static int put_link(struct sync_run *r, struct op *op, const char *first,
		    const char *path, bool there)
{
	const char *keep = there ? backup_path(r, op, path) : NULL;
	struct put_opt any = { .mode = PUT_ANY };
	struct backend *to = r->opts.backup ? r->opts.backup : r->dst;

	if (keep && be_move(to, op, r->dst, path, NULL, keep, &any, NULL) < 0)
		return -1;
	return be_hardlink(r->dst, op, first, path);
}

/* Make `path` a name of `first`, which has been dealt with before. */
static void make_one(struct sync_run *r, struct op *op, const char *first,
		     const char *path, const struct entry *from)
{
	struct item alone = {
		.src = path, .dst = path, .from = *from, .reason = "new"
	};
	bool dry = r->opts.dry_run, there, arrived;
	struct entry a;

	there = be_stat(r->dst, op, path, &alone.over) == 0;
	if (!there && op->err.kind != ERR_NOT_FOUND &&
	    op->err.kind != ERR_NO_DIR) {
		run_failed(r, op, path);
		return;
	}
	if (there)
		alone.flags = ITEM_OVER;
	arrived = be_stat(r->dst, op, first, &a) == 0 &&
		  (dry || first_arrived(r, &a, from));
	if (arrived && there && a.posix && alone.over.posix &&
	    a.posix->ino == alone.over.posix->ino &&
	    a.posix->dev == alone.over.posix->dev) {
		run_did(r, ACTION_SKIP, path, from->size, NULL);
	} else if ((!arrived && !dry) ||
		   (there && !may_replace(r, from, &alone.over))) {
		if (run_one(r, op, &alone) < 0)
			run_failed(r, op, path);
		return;
	} else if (!dry && put_link(r, op, first, path, there) < 0) {
		run_failed(r, op, path);
		return;
	} else {
		run_did(r, ACTION_HARDLINK, path, 0, first);
	}
	if (r->opts.mode == SYNC_MOVE && !dry &&
	    source_moved(r, op, path, from) < 0)
		run_failed(r, op, path);
}

int links_make(struct sync_run *r, struct op *op)
{
	const char *p;
	size_t n;
	int rc;

	/* From where the last call ended: the late ones come after it. */
	while ((rc = spool_next(&r->extra_links, op, &p, &n)) > 0) {
		const char *path = p + strlen(p) + 1;
		struct posix_meta meta;
		struct entry from;

		if (run_check(r, op) < 0)
			return -1;
		entry_unpack(path + strlen(path) + 1, &from, &meta);
		make_one(r, op, p, path, &from);
		arena_reset(&op->arena);
	}
	return rc;
}
