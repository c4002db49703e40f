#ifndef MOUNT_CONTROL_H
#define MOUNT_CONTROL_H

#include "vfs/vfs.h"

/*
 * What other processes of this user may ask of a mount: over the socket
 * "control" in a folder that only he may enter.
 *
 *	ask		answer
 *	status		pid, dir, place, and what vfs_status() says
 *	queue		an item for each thing that the place has to be told
 *	flush  path	when the place has it
 *	pin    path
 *	unpin  path
 *	pins		an item for each
 *	unmount  now	flush (unless now), unmount, flush again; what is left
 *
 * Who hangs up calls off what he has asked for.
 */
struct control;

struct control_opt {
	const char *folder; /* of the socket; is there, and locked by us */
	const char *dir;    /* where it is mounted */
	const char *place;  /* what is: without secrets */
	struct vfs *vfs;
};

int control_start(struct op *op, const struct control_opt *opt,
		  struct control **out) MUST_CHECK;

/* Call off whatever is under way, of which control_stop() would wait. */
void control_cancel(struct control *c);

/*
 * When nothing is mounted any more: wait for those who asked to unmount, call
 * off the others, end the threads.  Their connections end with the process,
 * which is how they know that the next one can begin.
 */
void control_stop(struct control *c);

/*
 * An attribute of the root of a mount, not listed: the folder of its socket,
 * for who does not know its state folder.
 */
#define CONTROL_XATTR "ferry.control"

/*
 * The record by which a mount is found: STATE/mounts/X/mount.json says where
 * it is mounted and in which folder its socket is.
 */
int control_record(struct op *op, const struct control_opt *opt) MUST_CHECK;
void control_forget(const struct control_opt *opt);

#endif
