#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/file.h"
#include "mount/control.h"
#include "mount/line.h"

static const char *record_path(struct op *op, const struct control_opt *opt)
{
	return arena_printf(&op->arena, "%s/mount.json", opt->folder);
}

int control_record(struct op *op, const struct control_opt *opt)
{
	struct buf text = BUF_INIT;
	struct json j = JSON_INIT(&text);
	int rc;

	json_object(&j, NULL);
	json_int(&j, "pid", getpid());
	line_put_path(&j, "dir", opt->dir);
	json_str(&j, "place", opt->place);
	json_end(&j);
	buf_adds(&text, "\n");
	rc = file_write(op, record_path(op, opt), text.data, text.len);
	buf_free(&text);
	return rc;
}

void control_forget(const struct control_opt *opt)
{
	struct buf path = BUF_INIT;

	buf_addf(&path, "%s/mount.json", opt->folder);
	unlink(path.data);
	buf_reset(&path);
	buf_addf(&path, "%s/control", opt->folder);
	unlink(path.data);
	buf_free(&path);
}
