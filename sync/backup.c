/* --backup-dir and --suffix: where the old file goes. */

#include "sync/run.h"

const char *backup_path(struct sync_run *r, struct op *op, const char *path)
{
	if (!r->opts.backup && !r->opts.suffix)
		return NULL;
	return arena_printf(&op->arena, "%s%s", path,
			    r->opts.suffix ? r->opts.suffix : "");
}

void backup_opt(struct sync_run *r, struct op *op, const char *path,
		struct put_opt *opt)
{
	opt->keep_old = backup_path(r, op, path);
	opt->keep_in = r->opts.backup;
}
