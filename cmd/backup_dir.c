#include "cmd/backup_dir.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backends/remote.h"

static bool is_local(const struct place *p)
{
	return !p->remote && !p->driver;
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_remote(const struct place *a, const struct place *b)
{
	if (!same_text(a->remote, b->remote) ||
	    !same_text(a->driver, b->driver) || a->n_options != b->n_options)
		return false;
	for (size_t i = 0; i < a->n_options; i++)
		if (strcmp(a->options[i].key, b->options[i].key) != 0 ||
		    strcmp(a->options[i].value, b->options[i].value) != 0)
			return false;
	return true;
}

/* From the root, so that two paths of this machine can be compared. */
static int full_path(struct op *op, const struct place *p, const char **out)
{
	const char *path = p->path;

	if (is_local(p) && *path != '/') {
		char *here = getcwd(NULL, 0);

		if (!here)
			return err_sys(&op->err, "working directory");
		path = arena_printf(&op->arena, "%s/%s", here, path);
		free(here);
	}
	return place_clean(&op->arena, path, out, &op->err);
}

int backup_dir_find(struct op *op, const char *dest, const char *dir,
		    const char **out)
{
	struct place to, backup;
	const char *root, *path;
	size_t n;

	if (place_parse(&op->arena, dest, &to, &op->err) < 0)
		return -1;
	if (place_parse(&op->arena, dir, &backup, &op->err) < 0 ||
	    full_path(op, &to, &root) < 0 || full_path(op, &backup, &path) < 0)
		return err_wrap(&op->err, "--backup-dir");
	n = strlen(root);
	if (!same_remote(&to, &backup) || strncmp(path, root, n) != 0 ||
	    (n && path[n] != '/') || path[n] == '\0')
		return err_set(&op->err, ERR_INVALID,
			       "--backup-dir: \"%s\" is not a folder below "
			       "the destination \"%s\"",
			       dir, dest);
	*out = path + n + (n > 0);
	return 0;
}
