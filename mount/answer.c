#include "mount/answer.h"

#include <string.h>
#include <unistd.h>

#include "mount/line.h"
#include "mount/where.h"

struct asked {
	int fd;
	const struct control_opt *opt;
	const char *path; /* "" is everything */
	bool now;
	struct json done; /* the last line, its object open */
};

static void add_status(struct json *j, const struct control_opt *opt)
{
	struct vfs_status s;

	vfs_status(opt->vfs, &s);
	line_put_path(j, "dir", opt->dir);
	json_str(j, "place", opt->place);
	json_int(j, "pid", getpid());
	json_bool(j, "online", s.online);
	json_int(j, "files", s.files);
	json_int(j, "dirs", s.dirs);
	json_int(j, "cached", s.cached);
	json_int(j, "queued", s.queued);
	json_int(j, "sending", s.sending);
	json_int(j, "queued_bytes", s.queued_bytes);
	json_int(j, "sent", s.sent);
	json_int(j, "sent_bytes", s.sent_bytes);
	json_int(j, "failed", s.failed);
	json_int(j, "conflicts", s.conflicts);
	if (s.last_error[0])
		json_str(j, "last_error", s.last_error);
}

static int ask_status(struct asked *a, struct op *op)
{
	(void)op;
	add_status(&a->done, a->opt);
	return 0;
}

static int tell_queued(void *arg, struct op *op, const struct vfs_queued *q)
{
	const struct asked *a = arg;
	struct buf line = BUF_INIT;
	struct json j = JSON_INIT(&line);
	int rc;

	json_object(&j, NULL);
	line_put_path(&j, "path", q->path);
	json_str(&j, "action", q->action);
	if (q->bytes >= 0)
		json_int(&j, "bytes", q->bytes);
	json_bool(&j, "sending", q->sending);
	json_int(&j, "wait_ms", q->wait / 1000000);
	if (q->error)
		json_str(&j, "error", q->error);
	json_end(&j);
	rc = line_write(a->fd, op, &line);
	buf_free(&line);
	return rc;
}

static int ask_queue(struct asked *a, struct op *op)
{
	return vfs_queue(a->opt->vfs, op, tell_queued, a);
}

static int ask_flush(struct asked *a, struct op *op)
{
	return vfs_flush(a->opt->vfs, op, a->path);
}

static int ask_pin(struct asked *a, struct op *op)
{
	return vfs_pin(a->opt->vfs, op, a->path);
}

static int ask_unpin(struct asked *a, struct op *op)
{
	return vfs_unpin(a->opt->vfs, op, a->path);
}

static int tell_pin(void *arg, struct op *op, const char *path, int64_t bytes,
		    int64_t missing)
{
	const struct asked *a = arg;
	struct buf line = BUF_INIT;
	struct json j = JSON_INIT(&line);
	int rc;

	json_object(&j, NULL);
	line_put_path(&j, "path", path);
	json_int(&j, "bytes", bytes);
	json_int(&j, "missing", missing);
	json_end(&j);
	rc = line_write(a->fd, op, &line);
	buf_free(&line);
	return rc;
}

static int ask_pins(struct asked *a, struct op *op)
{
	return vfs_pins(a->opt->vfs, op, tell_pin, a);
}

/*
 * What is written between the first flush and the unmounting is sent, too;
 * nobody can write after that, so there is an end to it.
 */
static int ask_unmount(struct asked *a, struct op *op)
{
	if (!a->now && vfs_flush(a->opt->vfs, op, "") < 0)
		return -1;
	if (where_unmount(op, a->opt->dir, false) < 0)
		return -1;
	if (!a->now && vfs_flush(a->opt->vfs, op, "") < 0)
		err_clear(&op->err); /* what is left is told below */
	add_status(&a->done, a->opt);
	return 0;
}

static const struct {
	const char *ask;
	int (*fn)(struct asked *a, struct op *op);
} questions[] = {
	{ "status", ask_status },   { "queue", ask_queue },
	{ "flush", ask_flush },     { "pin", ask_pin },
	{ "unpin", ask_unpin },     { "pins", ask_pins },
	{ "unmount", ask_unmount },
};

static int dispatch(struct asked *a, struct op *op, const char *ask)
{
	for (size_t i = 0; i < ARRAY_LEN(questions); i++)
		if (strcmp(questions[i].ask, ask) == 0)
			return questions[i].fn(a, op);
	return err_set(&op->err, ERR_UNSUPPORTED,
		       "this mount does not know \"%s\": is it of another "
		       "version?",
		       ask);
}

int answer(int fd, struct op *op, const struct control_opt *opt,
	   const struct json_node *request)
{
	struct buf line = BUF_INIT, failed = BUF_INIT;
	struct asked a = {
		.fd = fd,
		.opt = opt,
		.path = line_get_path(&op->arena, request, "path"),
		.now = json_truth(json_get(request, "now"), false),
		.done = JSON_INIT(&line),
	};
	struct json j = JSON_INIT(&failed);
	int rc;

	if (!a.path)
		a.path = "";
	json_object(&a.done, NULL);
	json_bool(&a.done, "done", true);
	rc = dispatch(&a, op, json_text(json_get(request, "ask"), ""));
	json_end(&a.done);
	if (rc < 0) {
		json_object(&j, NULL);
		json_str(&j, "kind", err_info(op->err.kind)->name);
		json_str(&j, "message", op->err.msg);
		json_end(&j);
	}
	/* who has hung up does not hear it */
	rc = line_write(fd, op, rc < 0 ? &failed : &line);
	buf_free(&line);
	buf_free(&failed);
	return rc;
}
