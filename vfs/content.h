#ifndef VFS_CONTENT_H
#define VFS_CONTENT_H

#include "vfs/parts.h"

/*
 * What the files of content (content*.c, tend.c), fetching (fetch.c, stream.c,
 * neighbours.c), file.c, evict.c and pin.c share beyond parts.h.
 */
struct contents {
	/* What is made and removed in DIR/data; after v->lock. */
	pthread_mutex_t files;

	/* Who saves ranges, one at a time; before v->lock. */
	pthread_mutex_t saving;

	/* Who evicts, one at a time; before v->lock. */
	pthread_mutex_t evicting;

	struct content *first; /* those in use; guarded by v->lock */

	pthread_mutex_t lock; /* guards what follows; after all others */
	pthread_cond_t wake;  /* of the tender */
	int64_t total;        /* bytes on the disk */
	struct {
		uint64_t ino;
		int64_t when;
	} used[256];          /* told to the store lately */
	struct inos unsynced; /* closed and not on stable storage */
	int64_t sync_at;      /* when they shall be; monotonic ns, 0 never */
	bool in_memory;       /* DIR/data: there is no stable storage */
	struct inos pins;
	int64_t pins_at; /* when they are looked through */
	bool stop;
	pthread_cond_t pin_wake;
	pthread_t tender, pinner;
	bool tending, pinning; /* the threads were started */
	struct neighbour {
		uint64_t parent, ino; /* a small file that was read last */
		int64_t when;
		unsigned read; /* so many, one shortly after another */
		uint64_t till; /* the last one that was begun ahead */
	} neighbour;
};

/* ---- content.c ----------------------------------------------------------- */
/* The data file of a number; `flags` as open(2): a descriptor, or -1, errno. */
int content_open_data(struct vfs *v, uint64_t ino, int flags);
/* Whether `have` is all; with c->lock. */
bool content_is_whole(const struct content *c);
/* What is here of a clean node goes; with v->lock. */
void content_drop(struct vfs *v, struct node *n);
/* Add to, or take from, the bytes that are on the disk; with v->lock. */
void content_count(struct vfs *v, int64_t bytes);
/* In use just now. Without locks, or with v->lock. */
void content_used(struct vfs *v, uint64_t ino, int64_t bytes, bool always);
/* Wait for c->changed, at most `ms`; with c->lock. */
void content_wait(struct content *c, unsigned ms);

/* ---- content_change.c ---------------------------------------------------- */
/* The folders that its data file is found through, onto stable storage. */
int content_sync_folder(struct vfs *v, uint64_t ino) MUST_CHECK;
int content_fallocate(struct vfs *v, struct op *op, struct content *c, int mode,
		      int64_t off, int64_t len) MUST_CHECK;

/* ---- tend.c: a thread that looks after what nobody waits for ------------- */
int tend_open(struct vfs *v, struct op *op) MUST_CHECK;
void tend_close(struct vfs *v);
/* Written, closed, and not on stable storage yet. */
void tend_unsynced(struct vfs *v, uint64_t ino);
/* Data files onto stable storage; those that are gone do not matter. */
int content_sync_all(struct vfs *v, struct op *op,
		     const struct inos *inos) MUST_CHECK;

/* ---- fetch.c ------------------------------------------------------------- */
/*
 * Who reads, as far as it tells what is read next: up to two places of a file
 * where reading goes on.  Guarded by the lock of the content.
 */
struct run {
	int64_t begin, end;
	unsigned reads; /* that were at its end; 0: not in use */
};

struct reader {
	struct run run[2];
	unsigned last; /* the one that was read last */
};

int fetch_open(struct vfs *v, struct op *op) MUST_CHECK;
void fetch_close(struct vfs *v);
/*
 * Have [off, off + len) here, as far as the file goes, and begin to fetch what
 * `r` (NULL: nobody) is likely to read next.  ERR_CONFLICT once the content is
 * gone.
 */
int fetch_need(struct vfs *v, struct op *op, struct content *c,
	       struct reader *r, int64_t off, int64_t len) MUST_CHECK;
/* Begin to fetch all of it. */
void fetch_begin(struct vfs *v, struct content *c);
/* `r` reads no more. */
void fetch_leave(struct content *c, const struct reader *r);
/* Nobody wants any more what is being fetched. */
void fetch_call_off(struct content *c);
/* Give a thread something to do; with c->lock. */
void fetch_queue(struct vfs *v, struct stream *s, bool first);
/* Others wait for a thread: who only waits for its reader gives way. */
bool fetch_is_short(struct vfs *v);

/* ---- stream.c ------------------------------------------------------------ */
/* One be_get(), on a thread of the fetcher. Guarded by content->lock. */
struct stream {
	struct content *content; /* in use */
	struct stream *next;     /* in content->streams */
	struct stream *queued;   /* in the fetcher's queue */
	const struct run *run;   /* it goes ahead of this one, or NULL */
	int64_t at, end;         /* what is to come */
	int64_t limit;           /* no further unless someone reads on */
	int64_t wake_at;         /* who waits wants to know when this is here */
	bool whole; /* all the file, shown when all of it is right */
	bool off;   /* called off */
	bool done;
	unsigned refs;    /* its list's, and of who waits for it */
	struct err error; /* when done; ERR_OK if all came */
	struct cancel cancel;
};

/* A new one in its list; with c->lock. */
struct stream *stream_new(struct content *c, int64_t at, int64_t end);
/* With c->lock. */
void stream_call_off(struct stream *s);
void stream_unref(struct stream *s);
/* Fetch it: the thread's part. */
void stream_run(struct vfs *v, struct stream *s);

/* ---- neighbours.c -------------------------------------------------------- */
/* A small file was read from its start: its neighbours may be next. */
void neighbours_hint(struct vfs *v, struct node *n);

/* ---- evict.c ------------------------------------------------------------- */
/* The disk is full: make room for so many bytes, whatever the budget. */
int evict_now(struct vfs *v, struct op *op, int64_t bytes) MUST_CHECK;

/* ---- pin.c --------------------------------------------------------------- */
int pins_open(struct vfs *v, struct op *op) MUST_CHECK;
void pins_close(struct vfs *v);
/* By itself or through a folder above; with v->lock. */
bool pin_covers(const struct node *n);

#endif
