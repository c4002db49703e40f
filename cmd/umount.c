/* ferry umount DIR: wait for the queue, then unmount. */

#include <inttypes.h>
#include <string.h>

#include "cmd/globals.h"
#include "cmd/mount.h"
#include "cmd/out.h"
#include "lib/json_write.h"
#include "lib/log.h"
#include "lib/parse.h"
#include "mount/where.h"

struct umount_opts {
	bool now;
};

static const struct umount_opts defaults = { 0 };

static const struct opt flags[] = {
	OPT_AT(OPT_BOOL, 0, "now", NULL, struct umount_opts, now,
	       "do not wait: the next mount of the place sends what is left"),
	{ .type = OPT_END }
};

static const struct opt_group groups[] = { { "Flags", flags, 0 }, { 0 } };

static int say_left(struct cmd_ctx *cx, const char *dir,
		    const struct json_node *s)
{
	int64_t n = json_number(json_get(s, "queued"), 0);
	int64_t bytes = json_number(json_get(s, "queued_bytes"), 0);
	struct buf b = BUF_INIT;
	int rc = 0;

	if (cx->globals->json) {
		struct json j = JSON_INIT(&b);

		json_object(&j, NULL);
		json_path(&j, "dir", dir);
		json_int(&j, "queued", n);
		json_int(&j, "queued_bytes", bytes);
		json_end(&j);
		buf_adds(&b, "\n");
		rc = out_write(&cx->op, b.data, b.len);
	} else if (n) {
		show_size(&b, bytes);
		log_notice(dir,
			   "%" PRId64 " changes (%s) are left: the next mount "
			   "of \"%s\" sends them",
			   n, b.data, json_text(json_get(s, "place"), ""));
	}
	buf_free(&b);
	return rc;
}

/* Of another user, of another program, or without a process. */
static int unmount_any(struct cmd_ctx *cx, const char *dir)
{
	struct op *op = &cx->op;
	struct mounted m;
	bool dead = where_is_dead(dir);

	err_clear(&op->err);
	switch (where_find(op, dir, &m)) {
	case -1: return -1;
	case 0:
		return err_set(&op->err, ERR_NOT_FOUND,
			       "nothing is mounted at \"%s\"", dir);
	}
	if (strcmp(m.type, WHERE_TYPE) != 0)
		return err_set(&op->err, ERR_INVALID,
			       "\"%s\" is not ferry's: \"%s\" (%s)", dir,
			       m.source, m.type);
	if (dead)
		log_notice(dir, "its process is gone: unmounted");
	if (where_unmount(op, dir, dead) < 0)
		return -1;
	if (!dead)
		log_notice(dir,
			   "another user's: whatever it had not sent yet "
			   "the next mount of \"%s\" sends",
			   m.source);
	return 0;
}

static int unmount_ours(struct cmd_ctx *cx, struct client *c, bool now)
{
	const struct json_node *left;
	int rc;

	if (now)
		rc = client_ask(c, &cx->op, "unmount", NULL, true, NULL, NULL,
				&left);
	else
		rc = mount_ask_and_show(cx, c, "unmount", NULL, false, &left);
	if (rc < 0)
		return -1;
	/* the next mount of the place finds its files unlocked */
	if (client_wait(c, &cx->op) < 0)
		return -1;
	return say_left(cx, c->dir, left);
}

static int umount_run(struct cmd_ctx *cx)
{
	const struct umount_opts *o = cx->opts;
	struct op *op = &cx->op;
	const char *dir, *below;
	struct client c = CLIENT_INIT;
	int rc;

	if (where_resolve(op, cx->argv[0], &dir) < 0)
		return -1;
	rc = client_open(op, cx->remotes->state_dir, dir, &c, &below);
	if (rc < 0 && op->err.kind != ERR_NOT_FOUND)
		return -1;
	if (rc < 0 || *below)
		rc = unmount_any(cx, dir);
	else
		rc = unmount_ours(cx, &c, o->now);
	client_close(&c);
	return rc;
}

static const struct cmd_example examples[] = {
	{ "ferry umount ~/nas", "when all is sent" },
	{ "ferry umount --now ~/nas",
	  "at once; the next mount sends the rest" },
	{ NULL, NULL }
};

const struct cmd cmd_umount = {
	.name = "umount",
	.args = "DIR",
	.summary = "unmount, when all that was changed is sent",
	.about = "Waits until the place has all that was changed in the mount "
		 "at DIR, unmounts it and waits for its process to end. Who "
		 "is interrupted leaves it mounted. What a mount has left "
		 "behind whose process was killed is removed, too.\n\n"
		 "With --json: dir, and queued and queued_bytes, which are "
		 "left for the next mount.",
	.min_args = 1,
	.max_args = 1,
	.groups = groups,
	.opts_size = sizeof(struct umount_opts),
	.defaults = &defaults,
	.examples = examples,
	.run = umount_run,
};
