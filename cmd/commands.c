#include "cmd/commands.h"

#include <string.h>

#include "cmd/opt.h"

const struct cmd *const commands[] = {
	&cmd_copy,    &cmd_copyto,  &cmd_move,
	&cmd_moveto,  &cmd_sync,    &cmd_check,
	&cmd_ls,      &cmd_lsd,     &cmd_lsf,
	&cmd_lsjson,  &cmd_size,    &cmd_about,
	&cmd_cat,     &cmd_link,    &cmd_hashsum,
	&cmd_md5sum,  &cmd_sha1sum, &cmd_sha256sum,
	&cmd_mkdir,   &cmd_touch,   &cmd_rmdir,
	&cmd_rmdirs,  &cmd_delete,  &cmd_deletefile,
	&cmd_purge,   &cmd_trash,   &cmd_versions,
	&cmd_init,    &cmd_backup,  &cmd_snapshots,
	&cmd_restore, &cmd_forget,  &cmd_prune,
	&cmd_repo,    &cmd_mount,   &cmd_umount,
	&cmd_cleanup, &cmd_config,  &cmd_listremotes,
	&cmd_obscure, &cmd_reveal,  &cmd_completion,
	&cmd_man,     &cmd_help,    &cmd_version,
	NULL
};

const char *command_word(const struct cmd *c)
{
	const char *space = strrchr(c->name, ' ');

	return space ? space + 1 : c->name;
}

int command_find(const struct cmd *const *list, const char *name,
		 const struct cmd **out, struct err *e)
{
	const char *best = NULL;
	unsigned nearest = OPT_FAR;

	for (; *list; list++) {
		const char *word = command_word(*list);
		unsigned d;

		if (strcmp(word, name) == 0) {
			*out = *list;
			return 0;
		}
		d = opt_distance(name, word);
		if (!(*list)->hidden && d < nearest) {
			nearest = d;
			best = (*list)->name;
		}
	}
	if (best)
		return err_set(e, ERR_INVALID,
			       "unknown command \"%s\", did you mean \"%s\"?",
			       name, best);
	return err_set(e, ERR_INVALID,
		       "unknown command \"%s\", see \"ferry help\"", name);
}
