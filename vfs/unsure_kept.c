/*
 * What may be at the place, for the run after a kill.
 *
 * A row of each node that something is under way with, or of which it is not
 * known what has become; it is on the disk before the place is asked, and goes
 * with the commit that has the outcome.  So whatever the place has of an action
 * whose end nobody has heard is known by that row for what it is: where it
 * would be, its size, its time, its hash.  It outlives the node's own row, for
 * what is deleted here while it is sent.
 */
#include <string.h>

#include "vfs/sending.h"
#include "vfs/store.h"

enum { FORMAT = 1, OPENED = 1, LONGEST = 4096 };

/* One record; its name and node.seen follow. */
struct head {
	uint64_t to, from; /* from: 0 for none */
	uint32_t name_len, seen_len;
	uint8_t format, flags, kind, reserved[5];
};

static void add(struct buf *b, const struct node *n, const struct node *from,
		const struct node *to, const char *name, const char *seen,
		bool opened)
{
	struct buf packed = BUF_INIT;
	struct head h = {
		.to = to->ino,
		.from = from ? from->ino : 0,
		.name_len = (uint32_t)strlen(name),
		.format = FORMAT,
		.flags = opened ? OPENED : 0,
		.kind = n->kind,
	};

	if (seen)
		seen_pack(&packed, seen);
	h.seen_len = (uint32_t)packed.len;
	buf_add(b, &h, sizeof(h));
	buf_add(b, name, h.name_len);
	if (packed.len)
		buf_add(b, packed.data, packed.len);
	buf_free(&packed);
}

static void add_job(struct buf *b, const struct job *j)
{
	struct buf packed = BUF_INIT;
	struct entry lean;

	if (j->sent) {
		lean = *j->sent;
		lean.name = "";
		lean.posix = NULL;
		entry_pack(&packed, &lean);
	}
	add(b, j->n, j->from, j->to, j->to_name,
	    packed.len ? packed.data : NULL, true);
	buf_free(&packed);
}

/* Whether the store has some of it; then it is no longer listed as such. */
static bool take_kept(struct inos *kept, uint64_t ino)
{
	for (size_t i = 0; i < kept->n; i++)
		if (kept->at[i] == ino) {
			kept->at[i] = kept->at[--kept->n];
			return true;
		}
	return false;
}

void unsure_keep(struct vfs *v, const struct node *n)
{
	struct sending *s = v->sending;
	struct buf b = BUF_INIT;

	for (size_t i = 0; n->flags & NODE_UNSURE && i < s->unsure.n; i++) {
		const struct unsure *u = &s->unsure.at[i];

		if (u->n == n)
			add(&b, n, u->from, u->to, u->name, u->seen, u->opened);
	}
	for (const struct job *j = s->jobs; j; j = j->next)
		if (j->n == n && j->promised)
			add_job(&b, j);
	if (take_kept(&s->kept, n->ino) || b.len)
		store_set_unsure(v, n->ino, b.len ? b.data : NULL, b.len);
	if (b.len)
		*inos_add(&s->kept) = n->ino;
	buf_free(&b);
}

/* ---- opening ------------------------------------------------------------- */

struct record {
	struct head head;
	char name[LONGEST];
	char *seen; /* or NULL; to be freed */
};

/* The next of `*n` bytes at `*p`; false at the end, or where it makes none. */
static bool next_record(const char **p, size_t *n, struct record *r)
{
	struct head *h = &r->head;

	if (*n < sizeof(*h))
		return false;
	memcpy(h, *p, sizeof(*h));
	*p += sizeof(*h);
	*n -= sizeof(*h);
	if (h->format != FORMAT || h->kind > ENTRY_SPECIAL ||
	    h->name_len == 0 || h->name_len >= LONGEST || h->name_len > *n ||
	    h->seen_len > *n - h->name_len || memchr(*p, '\0', h->name_len))
		return false;
	memcpy(r->name, *p, h->name_len);
	r->name[h->name_len] = '\0';
	*p += h->name_len;
	r->seen = h->seen_len ? seen_parse(*p, h->seen_len) : NULL;
	*p += h->seen_len;
	*n -= h->name_len + h->seen_len;
	return true;
}

/* A folder with its entries, or NULL. */
static struct node *folder_of(struct vfs *v, struct op *op, uint64_t ino)
{
	struct node *dir = ino ? store_node(v, op, ino) : NULL;

	if (!dir || dir->kind != ENTRY_DIR || dir->flags & NODE_DROPPED ||
	    (!dir->dir && store_load(v, op, dir) < 0))
		return NULL;
	return dir;
}

static void put_back(struct vfs *v, struct op *op, uint64_t ino,
		     const struct record *r)
{
	struct node *to = folder_of(v, op, r->head.to);
	struct node *from = folder_of(v, op, r->head.from);
	struct node *n = store_node(v, op, ino);
	struct posix_meta m;
	struct entry e;

	if (n && n->kind != r->head.kind)
		return; /* the database is not sound */
	/* deleted here while it was sent */
	if (!n && to)
		n = unsure_left(v, to, r->name, (enum entry_kind)r->head.kind,
				r->seen);
	if (!n || !to)
		return;
	if (r->seen)
		entry_unpack(r->seen, &e, &m);
	unsure_remember(v, n, from, to, r->name, r->seen ? &e : NULL,
			r->head.flags & OPENED);
	if (n->ino != ino)
		unsure_keep(v, n);
}

static void open_row(struct vfs *v, struct op *op, uint64_t ino, const void *p,
		     size_t len)
{
	struct inos *kept = &v->sending->kept;
	const char *at = p;
	struct record r;
	struct node *n;

	*inos_add(kept) = ino;
	while (next_record(&at, &len, &r)) {
		put_back(v, op, ino, &r);
		free(r.seen);
	}
	n = node_find(v, ino);
	if (n)
		unsure_keep(v, n);
	else if (take_kept(kept, ino))
		store_set_unsure(v, ino, NULL, 0);
}

int unsure_open(struct vfs *v, struct op *op)
{
	return store_unsure(v, op, open_row);
}
