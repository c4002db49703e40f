/* ferry mount PLACE DIR, and what may be asked of a mount. */

#include "cmd/mount.h"

#include <string.h>

#include "cmd/commands.h"
#include "cmd/mount_ask.h"
#include "crypt/obscure.h"
#include "crypt/secret.h"
#include "lib/log.h"

/* In "" for a place made on the spot. */
static void add_quoted(struct buf *b, const char *s)
{
	buf_adds(b, "\"");
	for (; *s; s++) {
		if (*s == '"')
			buf_adds(b, "\"");
		buf_add(b, s, 1);
	}
	buf_adds(b, "\"");
}

/*
 * All snapshots of a repository as a place.  Its password is asked for now,
 * while there is somebody to answer.
 */
static int snapshots_place(struct cmd_ctx *cx, const struct repo_flags *f,
			   struct mount_what *out)
{
	struct buf spec = BUF_INIT, secret = BUF_INIT;
	const char *repo;
	char *password = NULL;
	int rc = repo_place(cx, f, &repo);

	if (rc == 0)
		rc = repo_password(cx, f, "Password of the repository", false,
				   &password);
	if (rc < 0)
		return -1;
	obscure(&secret, password);
	buf_adds(&spec, ":repo,view=tree,repository=");
	add_quoted(&spec, repo);
	if (*password)
		buf_addf(&spec, ",password=%s", secret.data);
	else
		buf_adds(&spec, ",insecure_no_password=true");
	if (f->no_lock)
		buf_adds(&spec, ",no_lock=true");
	if (f->no_cache)
		buf_adds(&spec, ",no_cache=true");
	buf_adds(&spec, ":");
	out->place = arena_strdup(&cx->op.arena, spec.data);
	/* a place with options may have secrets among them */
	out->name = arena_printf(&cx->op.arena,
				 "repo:%s:", strchr(repo, ',') ? "..." : repo);
	out->probe = "ids";
	explicit_bzero(spec.data, spec.len);
	explicit_bzero(secret.data, secret.len);
	buf_free(&spec);
	buf_free(&secret);
	secret_free(password);
	return 0;
}

/* "ferry mount --json queue DIR": the flags must come behind. */
static int check_word(struct cmd_ctx *cx, const char *place)
{
	for (size_t i = 0; cx->cmd->subs[i]; i++)
		if (strcmp(place, command_word(cx->cmd->subs[i])) == 0)
			return err_set(&cx->op.err, ERR_INVALID,
				       "\"ferry %s\" has its flags behind it; "
				       "the folder \"%s\" is written \"./%s\"",
				       cx->cmd->subs[i]->name, place, place);
	return 0;
}

static int mount_cmd_run(struct cmd_ctx *cx)
{
	const struct mount_flags *given = cx->opts;
	struct mount_flags f = *given;
	bool snapshots = f.repo.repo || f.repo.repo_file;
	struct mount_what what = { .place = cx->argv[0] };
	const char *dir = cx->argv[cx->argc - 1];

	if (cx->argc != (snapshots ? 1 : 2))
		return err_set(&cx->op.err, ERR_INVALID,
			       "usage: ferry mount PLACE DIR, or "
			       "ferry mount --repo REPO DIR");
	if (!snapshots && check_word(cx, what.place) < 0)
		return -1;
	if (snapshots) {
		if (snapshots_place(cx, &f.repo, &what) < 0)
			return -1;
		f.read_only = true;
	}
	return mount_serve(cx, &f, &what, dir);
}

static const struct opt_group groups[] = { { "Flags", mount_opts, 0 },
					   REPO_GROUP(struct mount_flags, repo),
					   { 0 } };

static const struct cmd *const subs[] = { &cmd_mount_queue,
					  &cmd_mount_flush,
					  &cmd_mount_status,
					  &cmd_mount_pin,
					  &cmd_mount_unpin,
					  &cmd_mount_pins,
					  NULL };

static const struct cmd_example examples[] = {
	{ "ferry mount nas:Documents ~/nas", "until Ctrl-C, or ferry umount" },
	{ "ferry mount --daemon jotta: ~/jotta", "in the background" },
	{ "ferry mount --repo nas:backup ~/then", "all snapshots, to be read" },
	{ "ferry mount status ~/nas", "is all sent?" },
	{ NULL, NULL }
};

const struct cmd cmd_mount = {
	.name = "mount",
	.args = "PLACE DIR",
	.summary = "show a place, or all snapshots, as a folder",
	.about = "Mounts PLACE at the empty folder DIR, or with --repo all "
		 "snapshots of a repository, and serves it until it is "
		 "unmounted (ferry umount, umount, Ctrl-C).\n\n"
		 "What is read is kept on this machine's disk as far as "
		 "--cache-size goes. What is written is there when close or "
		 "fsync returns, and is sent in the background; what has not "
		 "been sent when the mount ends is sent by the next one of "
		 "the same place. Until then these files may be the only "
		 "copies: do not delete ferry's state folder "
		 "(~/.local/state/ferry/mounts).\n\n"
		 "A file that was changed at the place meanwhile is not "
		 "overwritten: the one from here is stored beside it, under a "
		 "name with \"conflict\".\n\n"
		 "docs/mount.md tells more, and how to mount at boot.",
	.min_args = 1,
	.max_args = 2,
	.groups = groups,
	.opts_size = sizeof(struct mount_flags),
	.defaults = &mount_defaults,
	.examples = examples,
	.subs = subs,
	.own_signals = true,
	.run = mount_cmd_run,
};
