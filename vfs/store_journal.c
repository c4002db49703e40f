#include "vfs/store.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/file.h"
#include "lib/log.h"
#include "lib/parse.h"
#include "vfs/content.h"
#include "vfs/journal.h"

/*
 * What the journal has of the store: rows, values beside them, what is no
 * more; and the bytes of small files that were closed, until their data files
 * are on stable storage.  All are as they were at the instant of their frame,
 * so it does no harm to bring them into the database twice.
 */

/* ---- frames -------------------------------------------------------------- */

void store_log_content(struct vfs *v, uint64_t ino, const void *p, size_t n)
{
	struct store *s = v->store;

	pthread_mutex_lock(&s->lock);
	journal_record(&s->log, JOURNAL_CONTENT, &ino, sizeof(ino), p, n);
	*inos_add(&s->inlined) = ino;
	pthread_mutex_unlock(&s->lock);
}

void store_log_synced(struct vfs *v, uint64_t ino)
{
	struct store *s = v->store;

	pthread_mutex_lock(&s->lock);
	journal_record(&s->log, JOURNAL_SYNCED, &ino, sizeof(ino), NULL, 0);
	pthread_mutex_unlock(&s->lock);
}

/* With v->lock. */
static void pack_rows(struct vfs *v, struct buf *out)
{
	for (size_t i = 0; i < v->unlogged.n; i++) {
		struct node *n = node_find(v, v->unlogged.at[i]);
		size_t at;

		if (!n || !(n->flags & NODE_LOG))
			continue;
		n->flags &= ~(uint32_t)NODE_LOG;
		if (n->flags & NODE_DROPPED)
			continue;
		n->flags |= NODE_LOGGED;
		at = journal_begin(out, JOURNAL_ROW);
		row_pack(out, n);
		journal_end(out, at);
	}
	v->unlogged.n = 0;
}

/* The number of the next frame; 0: nothing to be in it.  false: not now. */
static bool collect(struct vfs *v, uint64_t *number)
{
	struct store *s = v->store;
	struct buf *rows = &s->frame_rows, *log = &s->frame_log, empty;
	bool may;

	*number = 0;
	buf_reset(rows);
	buf_reset(log);
	vfs_lock(v);
	pthread_mutex_lock(&s->lock);
	may = !s->bulk && !s->broken;
	if (may) {
		pack_rows(v, rows);
		empty = *log;
		*log = s->log;
		s->log = empty;
		/* last: what was moved out of them has its row by then */
		for (size_t i = 0; i < v->dropped_log.n; i++)
			journal_record(log, JOURNAL_DROP, &v->dropped_log.at[i],
				       sizeof(uint64_t), NULL, 0);
		v->dropped_log.n = 0;
		if (rows->len || log->len)
			*number = ++s->frames;
	}
	pthread_mutex_unlock(&s->lock);
	vfs_unlock(v);
	return may;
}

static void give_memory(struct buf *b)
{
	enum { KEEP = 256 * 1024 };

	if (b->cap > KEEP)
		buf_free(b);
}

int store_append(struct vfs *v, struct op *op, bool durable)
{
	struct store *s = v->store;
	uint64_t number;
	int rc = 0;

	if (!collect(v, &number))
		return 1;
	if (number)
		rc = journal_append(s->journal, op, number, &s->frame_rows,
				    &s->frame_log);
	if (rc == 0 && durable)
		rc = journal_sync(s->journal, op);
	give_memory(&s->frame_rows);
	give_memory(&s->frame_log);
	if (rc < 0) {
		pthread_mutex_lock(&s->lock);
		s->broken = true;
		s->broken_at = s->frames;
		pthread_mutex_unlock(&s->lock);
	}
	return rc;
}

/* ---- replaying ----------------------------------------------------------- */

/* Which record has the newest bytes of a file. */
struct newest {
	uint64_t ino, record;
};

VEC(newests, struct newest);

struct replay {
	struct vfs *v;
	uint64_t record; /* of those about content */
	struct newests newest;
};

static int not_sound(struct op *op, const struct record *r)
{
	return err_set(&op->err, ERR_CORRUPT,
		       "the journal: record of kind %u with %zu bytes", r->kind,
		       r->n);
}

static bool get_ino(const struct record *r, uint64_t *ino)
{
	if (r->n < sizeof(*ino))
		return false;
	memcpy(ino, r->p, sizeof(*ino));
	return *ino > 0 && *ino <= INT64_MAX;
}

static int replay_record(void *arg, struct op *op, const struct record *r)
{
	struct replay *p = arg;
	struct store *s = p->v->store;
	struct side side;
	uint64_t ino;

	switch (r->kind) {
	case JOURNAL_ROW:
		return row_is_sound(r->p, r->n) ? row_write(s->writer, op, r->p)
						: not_sound(op, r);
	case JOURNAL_SIDE:
		return side_unpack(r->p, r->n, &side)
			       ? side_write(s->writer, op, &side)
			       : not_sound(op, r);
	case JOURNAL_DROP:
		return get_ino(r, &ino) && ino != VFS_ROOT
			       ? store_delete_tree(s, op, ino, NULL)
			       : not_sound(op, r);
	case JOURNAL_CONTENT:
	case JOURNAL_SYNCED:
		if (!get_ino(r, &ino))
			return not_sound(op, r);
		*newests_add(&p->newest) = (struct newest){ ino, ++p->record };
		return 0;
	default: return not_sound(op, r);
	}
}

static int by_file(const void *a, const void *b)
{
	const struct newest *x = a, *y = b;

	if (x->ino != y->ino)
		return x->ino < y->ino ? -1 : 1;
	return x->record < y->record ? -1 : x->record > y->record;
}

/* Sorted, and of each file the last one only. */
static void sort_newest(struct newests *all)
{
	size_t n = 0;

	if (all->n == 0)
		return;
	qsort(all->at, all->n, sizeof(*all->at), by_file);
	for (size_t i = 0; i < all->n; i++)
		if (i + 1 == all->n || all->at[i].ino != all->at[i + 1].ino)
			all->at[n++] = all->at[i];
	all->n = n;
}

/* How large the file is; -1: the place has these bytes, or nobody wants them.
 */
static int size_of_dirty(struct store *s, struct op *op, uint64_t ino,
			 int64_t *size)
{
	int rc = db_run(s->writer, &op->err,
			"SELECT flags, kind, size FROM nodes WHERE ino = ?",
			"i", (int64_t)ino);

	*size = -1;
	if (rc == 1 && db_int(s->writer, 0) & NODE_DIRTY &&
	    db_int(s->writer, 1) == ENTRY_FILE)
		*size = db_int(s->writer, 2);
	return rc == 1 ? db_next(s->writer, &op->err) : rc;
}

static int put_content(struct replay *p, struct op *op, uint64_t ino,
		       const char *bytes, size_t n)
{
	int64_t size;
	int fd, rc;

	if (size_of_dirty(p->v->store, op, ino, &size) < 0)
		return -1;
	if (size < 0)
		return 0;
	fd = content_open_data(p->v, ino, O_RDWR | O_CREAT);
	if (fd < 0)
		return err_sys(&op->err, "open a file of the cache");
	rc = lseek(fd, 0, SEEK_SET) < 0 || write_all(fd, bytes, n) < 0 ||
			     ftruncate(fd, size) < 0
		     ? err_sys(&op->err, "write a file of the cache")
		     : 0;
	close(fd);
	return rc;
}

static int replay_content(void *arg, struct op *op, const struct record *r)
{
	struct replay *p = arg;
	const struct newest *last;
	struct newest want;

	if (r->kind != JOURNAL_CONTENT && r->kind != JOURNAL_SYNCED)
		return 0;
	if (!get_ino(r, &want.ino))
		return not_sound(op, r);
	want.record = ++p->record;
	last = bsearch(&want, p->newest.at, p->newest.n, sizeof(want), by_file);
	if (!last || r->kind == JOURNAL_SYNCED)
		return 0;
	return put_content(p, op, want.ino, r->p + sizeof(want.ino),
			   r->n - sizeof(want.ino));
}

static int covered(struct vfs *v, struct op *op, uint64_t *out)
{
	struct buf b = BUF_INIT;
	int64_t n = 0;
	int rc = store_fact(v, op, "journal", &b);

	if (rc == 1 && (!parse_int(b.data, &n) || n < 0))
		rc = err_set(&op->err, ERR_CORRUPT, "\"%s\": journal", v->dir);
	buf_free(&b);
	*out = (uint64_t)n;
	return rc < 0 ? -1 : 0;
}

/* In a transaction. */
static int replay_all(struct vfs *v, struct op *op, bool cut, uint64_t after,
		      uint64_t *last)
{
	struct replay p = { .v = v };
	struct journal *j = v->store->journal;
	int rc = journal_replay(j, op, after, replay_record, &p, last);

	/* else what was written is there, and may be newer */
	if (rc == 0 && cut && p.newest.n) {
		sort_newest(&p.newest);
		p.record = 0;
		rc = journal_replay(j, op, after, replay_content, &p, last);
		if (rc == 0 && syncfs(v->data_fd) < 0)
			rc = err_sys(&op->err, "sync \"%s\"", v->dir);
	}
	newests_free(&p.newest);
	return rc < 0 ? -1 : store_set_covered(v->store, op, *last);
}

int store_replay(struct vfs *v, struct op *op, bool cut)
{
	struct store *s = v->store;
	uint64_t after, last;

	if (journal_open(op, v->dir, &s->journal) < 0 ||
	    covered(v, op, &after) < 0 ||
	    db_set_durable(s->writer, &op->err, true) < 0 ||
	    db_run(s->writer, &op->err, "BEGIN IMMEDIATE", "") < 0)
		return -1;
	if (replay_all(v, op, cut, after, &last) < 0 ||
	    db_run(s->writer, &op->err, "COMMIT", "") < 0) {
		store_roll_back(v);
		return err_wrap(&op->err, "bring back what was last done");
	}
	if (last > after)
		log_info(v->dir, "brought back %" PRIu64 " commits",
			 last - after);
	s->frames = last;
	journal_covered(s->journal, last);
	return 0;
}
