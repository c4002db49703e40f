#ifndef VFS_SENDING_H
#define VFS_SENDING_H

#include "vfs/parts.h"

/*
 * What the files of the queue share: queue.c (which node, and when),
 * queue_list.c (flushing, showing), online.c, send.c (what a node needs, and
 * what must come first), send_file.c, send_move.c and send_meta.c (doing it),
 * job.c (what came of it), unsure.c and unsure_kept.c (or did not),
 * send_look.c (what has), send_rest.c and send_copy.c (moves that the place
 * has done by half, or cannot do), same.c and conflict.c.
 */

enum action {
	ACT_NOTHING,
	ACT_MKDIR,
	ACT_PUT,
	ACT_LINK, /* make a symbolic link */
	ACT_MOVE,
	ACT_DELETE,
	ACT_META,
	ACT_LOOK /* for what an action has done that did not answer */
};

/*
 * One action under way.  What it was decided from is copied here with the
 * lock held, since all of it may change while the place is asked; what has
 * become of the place is then written into the node as it is by that time.
 */
struct job {
	struct vfs *v;
	struct op *op;
	struct node *n;
	enum action action;

	/* At the place: where it shall be (held), and where it is, or NULL. */
	struct node *to, *from;
	char *to_name, *from_name;
	struct buf to_path, from_path;

	/* A deleted file that still has the name there (held), or NULL. */
	struct node *over;

	/* As the place was last seen to have them; in op->arena; or NULL. */
	const struct entry *seen, *over_seen;

	/* `to` was listed a moment ago: what is not known is not there. */
	bool listed;
	bool known;  /* as far as anybody here may believe (opt.dir_time) */
	bool opened; /* unsure.opened */
	bool killed; /* something of it was under way at a kill */
	bool doubt;  /* it may have been done, whatever came of it */

	/* From job_promise() on: what may be at `to`; NULL of a folder. */
	bool promised;
	const struct entry *sent;
	bool circle; /* to a name of ours, and from there later */

	/* As it is here, and is to be there. */
	struct entry want;
	struct posix_meta meta;

	struct job *next; /* in sending.jobs */
};

struct wait {
	struct node *who, *whom; /* both held */
};
VEC(waits, struct wait);

/* `n` may have been brought there: the action has failed, but who knows. */
struct unsure {
	struct node *n, *to, *from; /* all held; from: or NULL */
	char *name;
	char *seen;  /* entry_pack() of what may be there, or NULL */
	bool opened; /* it was under way when an earlier run ended */
};
VEC(unsures, struct unsure);

/* All guarded by v->lock. */
struct sending {
	pthread_cond_t wake; /* of those that rest */
	pthread_cond_t tick; /* of the one among them that looks at the time */
	pthread_t *threads;
	unsigned n_threads, most, idle;
	bool stop, timing;
	/* changes of which each came shortly after the one before */
	int64_t burst_at, changed_at; /* the first, the last; monotonic ns */
	unsigned burst;               /* so many */
	struct job *jobs;             /* under way */
	struct waits waits;
	struct unsures unsure;
	struct inos kept; /* nodes of which the store has an unsure_pack() */
	int64_t opened;   /* monotonic ns */
};

/* ---- queue.c; all with v->lock held -------------------------------------- */

/* Whether the place has to be told of it. */
bool queue_wants(const struct node *n);
/* Earlier, if it is queued and nothing is wrong with it. */
void queue_hurry(struct vfs *v, struct node *n);
/* Whatever was wrong with it: try it now. */
void queue_now(struct vfs *v, struct node *n);
/* `who` is tried again when something has become of `whom`. */
void queue_wait_for(struct vfs *v, struct node *who, struct node *whom);
/* The place is in reach again, or a while is over: look at the time anew. */
void queue_kick(struct vfs *v);

/* ---- pin.c --------------------------------------------------------------- */
/* The node of a path in the mount, held; with v->lock, which is let go of
   meanwhile. NULL: op->err. */
struct node *path_node(struct vfs *v, struct op *op,
		       const char *path) MUST_CHECK;

/* ---- online.c; with v->lock held ----------------------------------------- */
bool may_ask_locked(struct vfs *v);

/* ---- send.c -------------------------------------------------------------- */
/*
 * With the lock, before and after something is done in a folder at the place:
 * what lists it meanwhile does not believe what it sees.
 */
void act_on(struct node *dir, int more);

/* ---- job.c --------------------------------------------------------------- */

/*
 * After each be_*() call, which gave `rc`: vfs_heard().  Returns rc.
 */
int job_heard(struct job *j, int rc) MUST_CHECK;
/* As the place has it at a path; 1 there, 0 not, -1. */
int job_look(struct job *j, const char *path, struct entry *out) MUST_CHECK;
/*
 * Before the place is changed, without the lock: what is known, and what may be
 * at j->to from now on (`sent`, which lasts as long as the job, or NULL), is on
 * the disk, for the run after a kill.
 */
int job_promise(struct job *j, const struct entry *sent) MUST_CHECK;
/* With the lock: `j->over` is no more, since something took its place. */
void job_consume(struct job *j);
/* With the lock: the place has changed a folder on its own. */
void job_stale(struct job *j, struct node *dir);
/* With the lock: at the place it is where the job was to bring it. */
void job_arrived(struct job *j, const struct entry *now);
/* With the lock: what was moved is still at j->from, too, as `now`: a service
   that copies and then deletes was interrupted. */
void job_leave_source(struct job *j, const struct entry *now);
/* With the lock: it is still where, and what, the job was made for. */
bool job_is_there(const struct job *j);
/* Where it may go at the place: put_opt's mode, over and listed. */
void job_put_opt(const struct job *j, struct put_opt *opt);
/* With the lock: nothing of `j->want` has changed here meanwhile. */
bool job_told(const struct job *j);
/* With the lock: all of the content is on this disk. */
bool all_here(const struct node *n);
/* With the lock: it is nowhere at the place, and to be made of what is here. */
int job_set_new(struct job *j) MUST_CHECK;
/* Nowhere is the rest of what was written here; -1. */
int job_not_whole(struct job *j);
/* The folder it goes to is no more: that is made first.  As send_node(). */
int job_folder_is_missing(struct job *j) MUST_CHECK;
/* Whether both are the same content, as far as can be told without reading. */
bool same_seen(const struct vfs *v, const struct entry *a,
	       const struct entry *b);
/* Not there: no such file, or no such folder. */
bool is_missing(const struct err *e);

/* ---- unsure.c ------------------------------------------------------------ */
/* With the lock: after the action, which gave `rc`. */
void job_outcome(struct job *j, int rc);
/* With the lock: `e` (or NULL) may be there; of several any may have arrived.
 */
void unsure_remember(struct vfs *v, struct node *n, struct node *from,
		     struct node *to, const char *name, const struct entry *e,
		     bool opened);
/* With the lock: where it may be at the place, if that is not where it is to
   be brought next; else NULL. */
const struct unsure *unsure_elsewhere(struct vfs *v, const struct node *n);
/* With the lock: which node, but for `but`, may be there, or under any name
   (NULL); or NULL. */
struct node *unsure_at(struct vfs *v, const struct node *dir, const char *name,
		       const struct node *but);
/* With the lock: whether its move from there to there may be done, or half. */
bool unsure_is_move(struct vfs *v, const struct node *n,
		    const struct node *from, const struct node *to,
		    const char *name);
/* With the lock: whether a kill came while something was done with it. */
bool unsure_was_opened(struct vfs *v, const struct node *n);
/* With the lock: it is dropped; what may be of it is to be deleted. */
void unsure_dropped(struct vfs *v, struct node *n);
/* With the lock: the node of that kind is no more, and may be there: what is
   to be deleted there, or NULL. */
struct node *unsure_left(struct vfs *v, struct node *to, const char *name,
			 enum entry_kind kind, const char *seen);
/* With the lock: nothing is known of it any more. */
void unsure_forget(struct vfs *v, struct node *n);
/* With the lock, at the end of the run: the store keeps what it has. */
void unsure_close(struct vfs *v);

/* ---- unsure_kept.c; with the lock ---------------------------------------- */
/* What may be of `n` is saved, or that there is no such thing. */
void unsure_keep(struct vfs *v, const struct node *n);
/* What an earlier run has left. */
int unsure_open(struct vfs *v, struct op *op) MUST_CHECK;

/* ---- send_look.c; without the lock --------------------------------------- */
/*
 * Whether `now`, seen at `path`, which is `name` in `dir`, is of an earlier try
 * with `who` (NULL: with any): 1, 0, -1.
 */
int unsure_arrived(struct job *j, const struct node *who,
		   const struct node *dir, const char *name, const char *path,
		   const struct entry *now) MUST_CHECK;
/* `now` is what an earlier try has brought where the job goes: noted; 1, 0,
   -1. */
int unsure_is(struct job *j, const struct entry *now) MUST_CHECK;
int send_look(struct job *j) MUST_CHECK;

/* ---- each as send_node(); without the lock ------------------------------- */
int send_put(struct job *j) MUST_CHECK;  /* send_file.c */
int send_link(struct job *j) MUST_CHECK; /* send_meta.c */
int send_meta(struct job *j) MUST_CHECK;
int send_mkdir(struct job *j) MUST_CHECK; /* send_move.c */
int send_move(struct job *j) MUST_CHECK;
int send_delete(struct job *j) MUST_CHECK;

/* ---- send_rest.c; without the lock --------------------------------------- */
/* Both folders of a move are there: were they left so by a try of ours? */
bool rest_is_ours(struct job *j);
/* Then it is brought to its end; and noted. */
int send_rest(struct job *j) MUST_CHECK;
/* The place cannot move the folder `src`, and nothing is at j->to_path: each
   entry on its own, and noted. */
int carry_folder(struct job *j, const struct entry *src) MUST_CHECK;

/* ---- send_copy.c; without the lock --------------------------------------- */
/* Anything but a folder, with its metadata, to another path of the place, on
   which the source may be deleted. */
int copy_at_place(struct job *j, const char *src, const struct entry *e,
		  const char *dst, const struct put_opt *opt,
		  struct entry *out) MUST_CHECK;

/* ---- conflict.c ---------------------------------------------------------- */
/* "a.txt" -> "a.conflict-HOST-DATE.txt", another one for each `tries`. */
void conflict_name(const char *name, unsigned tries, struct buf *out);
/*
 * `now` stands where the job was to bring its node, and is somebody else's: it
 * is shown there, and the node goes aside.
 */
int job_conflict(struct job *j, const struct entry *now) MUST_CHECK;

/* ---- same.c -------------------------------------------------------------- */
/* Whether the place's file `now` at j->to_path has just the bytes of `c`. */
int same_bytes(struct job *j, struct content *c, const struct entry *now,
	       bool *same) MUST_CHECK;
/* Those of the digests `want` (bits) that can be had of the place's file `now`
   at `path`, if it has to be read for them; none if it is another by then. */
int place_hash(struct job *j, const char *path, const struct entry *now,
	       unsigned want, struct digests *out) MUST_CHECK;
/* Whether two files of the place, at `a` and `b`, have the same bytes; both are
   read if no hash tells.  1, 0, -1. */
int same_at_place(struct job *j, const char *a, const struct entry *ea,
		  const char *b, const struct entry *eb) MUST_CHECK;
/* The digests `want` (bits) of what is here. */
int content_hash(struct content *c, struct op *op, unsigned want,
		 struct digests *out) MUST_CHECK;

#endif
