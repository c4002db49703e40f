#include "lib/ini_file.h"

#include <string.h>
#include <unistd.h>

#include "lib/file.h"

enum { INI_FILE_MAX = 16 * 1024 * 1024 };

static void wipe(struct buf *b)
{
	explicit_bzero(b->data, b->len); /* tokens and passwords */
	buf_free(b);
}

int ini_load(struct op *op, const char *path, struct ini *ini)
{
	struct buf text = BUF_INIT;
	int rc = -1;

	if (file_read(op, path, INI_FILE_MAX, &text) < 0) {
		if (op->err.kind != ERR_NOT_FOUND)
			goto out;
		err_clear(&op->err);
	}
	if (ini_parse(ini, text.data, text.len, &op->err) < 0) {
		err_wrap(&op->err, "%s", path);
		goto out;
	}
	rc = 0;
out:
	wipe(&text);
	return rc;
}

int ini_change(struct op *op, const char *path, unsigned wait_ms,
	       ini_change_fn *fn, void *arg)
{
	int rc = -1, lock = file_lock(op, path, wait_ms);
	struct ini *ini = ini_new();
	struct buf text = BUF_INIT;

	if (lock < 0) {
		if (op->err.kind == ERR_LOCKED) /* that is a repository's */
			op->err.kind = ERR_BUSY;
		goto out;
	}
	if (ini_load(op, path, ini) < 0 || fn(arg, op, ini) < 0)
		goto out;
	ini_write(ini, &text);
	rc = file_write(op, path, text.data, text.len);
out:
	if (lock >= 0)
		close(lock);
	wipe(&text);
	ini_free(ini);
	return rc;
}
