/* ferry mount queue, flush, status, pin, unpin, pins. */

#include "cmd/mount_ask.h"

#include <inttypes.h>
#include <string.h>

#include "backends/remote.h"
#include "cmd/globals.h"
#include "cmd/list_common.h"
#include "cmd/mount.h"
#include "cmd/out.h"
#include "cmd/progress.h"
#include "lib/clock.h"
#include "lib/parse.h"
#include "mount/where.h"

int mount_find(struct cmd_ctx *cx, const char *dir, struct client *out,
	       const char **below)
{
	struct op *op = &cx->op;
	const char *real;

	*out = (struct client)CLIENT_INIT;
	if (where_resolve(op, dir, &real) < 0)
		return -1;
	return client_open(op, cx->remotes->state_dir, real, out, below);
}

/* ---- the queue, as progress ---------------------------------------------- */

struct watch {
	struct op op; /* the display's thread's */
	struct client client;
	int64_t first, first_bytes; /* sent before we looked */
	bool begun;
};

static int64_t number(const struct json_node *n, const char *key)
{
	return json_number(json_get(n, key), 0);
}

static void sample(void *arg, struct progress_view *v)
{
	struct watch *w = arg;
	const struct json_node *s;

	arena_reset(&w->op.arena);
	if (client_ask(&w->client, &w->op, "status", NULL, false, NULL, NULL,
		       &s) < 0)
		return;
	if (!w->begun) {
		w->first = number(s, "sent");
		w->first_bytes = number(s, "sent_bytes");
		w->begun = true;
	}
	v->files_done = number(s, "sent") - w->first;
	v->files_total = v->files_done + number(s, "queued");
	v->bytes_done = v->moved = number(s, "sent_bytes") - w->first_bytes;
	v->bytes_total = v->bytes_done + number(s, "queued_bytes");
	v->failed = number(s, "failed");
}

int mount_ask_and_show(struct cmd_ctx *cx, struct client *c, const char *ask,
		       const char *path, bool now,
		       const struct json_node **done)
{
	struct watch w = { .op = op_begin(cx->op.cancel) };
	struct progress p;
	const char *below;
	int rc;

	/* a line of its own: the other one waits for its answer */
	rc = client_open(&w.op, cx->remotes->state_dir, c->dir, &w.client,
			 &below);
	if (rc == 0)
		progress_start(&p, cx, sample, &w, cx->globals->json);
	if (client_ask(c, &cx->op, ask, path, now, NULL, NULL, done) < 0) {
		if (rc == 0)
			progress_stop(&p);
		client_close(&w.client);
		op_end(&w.op);
		return -1;
	}
	if (rc == 0)
		progress_stop(&p);
	client_close(&w.client);
	op_end(&w.op);
	return 0;
}

/* ---- commands ------------------------------------------------------------ */

/* `path` in the mount: below DIR, which may itself be a folder in it. */
static int path_in(struct cmd_ctx *cx, const char *below, const char *path,
		   const char **out)
{
	const char *clean;

	if (place_clean(&cx->op.arena, path, &clean, &cx->op.err) < 0)
		return -1;
	if (!*below || !*clean)
		*out = *below ? below : clean;
	else
		*out = arena_printf(&cx->op.arena, "%s/%s", below, clean);
	return 0;
}

/* A path as it came, its very bytes. */
static const char *item_path(struct op *op, const struct json_node *item)
{
	const char *path = line_get_path(&op->arena, item, "path");

	return path ? path : "";
}

struct show {
	struct cmd_ctx *cx;
	int64_t n;
};

static int show_queued(void *arg, struct op *op, const struct json_node *item)
{
	struct show *s = arg;
	const char *path = item_path(op, item);
	const char *action = json_text(json_get(item, "action"), "");
	const char *error = json_text(json_get(item, "error"), NULL);
	bool sending = json_truth(json_get(item, "sending"), false);
	int64_t bytes = json_number(json_get(item, "bytes"), -1);
	int64_t wait = json_number(json_get(item, "wait_ms"), 0);
	struct buf b = BUF_INIT;
	struct json j = JSON_INIT(&b);
	int rc;

	if (s->cx->globals->json) {
		json_object(&j, NULL);
		json_path(&j, "path", path);
		json_str(&j, "action", action);
		if (bytes >= 0)
			json_int(&j, "bytes", bytes);
		json_bool(&j, "sending", sending);
		json_int(&j, "wait_ms", wait);
		if (error)
			json_str(&j, "error", error);
		json_end(&j);
	} else {
		struct buf size = BUF_INIT, when = BUF_INIT;

		if (bytes >= 0)
			show_size(&size, bytes);
		if (wait > 0)
			show_duration(&when, wait * 1000000);
		buf_addf(&b, "%-7s %10s %8s  ", action, size.data,
			 sending ? "now" : when.data);
		out_add_name(&b, path);
		if (error)
			buf_addf(&b, " (%s)", error);
		buf_free(&size);
		buf_free(&when);
	}
	rc = out_line(op, &b);
	buf_free(&b);
	s->n++;
	return rc;
}

/* Ask for a list, each item of which `fn` shows. */
static int ask_list(struct cmd_ctx *cx, const char *ask, client_fn *fn)
{
	struct show s = { .cx = cx };
	struct client c;
	const char *below;
	int rc = mount_find(cx, cx->argv[0], &c, &below);

	if (rc == 0)
		rc = client_ask(&c, &cx->op, ask, NULL, false, fn, &s, NULL);
	client_close(&c);
	return rc;
}

static int queue_run(struct cmd_ctx *cx)
{
	return ask_list(cx, "queue", show_queued);
}

static int flush_run(struct cmd_ctx *cx)
{
	const char *below, *path;
	struct client c;
	int rc = mount_find(cx, cx->argv[0], &c, &below);

	if (rc == 0)
		rc = path_in(cx, below, cx->argc > 1 ? cx->argv[1] : "", &path);
	if (rc == 0)
		rc = mount_ask_and_show(cx, &c, "flush", path, false, NULL);
	client_close(&c);
	return rc;
}

/* clang-format off */
static const struct {
	const char *key, *label;
	bool size;
} counts[] = {
	{ "queued",       "To be sent:",    false },
	{ "queued_bytes", "  bytes:",       true },
	{ "sending",      "  under way:",   false },
	{ "failed",       "  failed so far:", false },
	{ "sent",         "Sent:",          false },
	{ "sent_bytes",   "  bytes:",       true },
	{ "conflicts",    "Conflicts:",     false },
	{ "cached",       "Kept here:",     true },
	{ "files",        "Files known:",   false },
	{ "dirs",         "Folders known:", false },
};
/* clang-format on */

static void add_status_text(struct buf *b, const struct json_node *s)
{
	const char *error = json_text(json_get(s, "last_error"), NULL);

	buf_addf(b, "%-17s", "Place:");
	out_add_name(b, json_text(json_get(s, "place"), ""));
	buf_addf(b, "\n%-17s%" PRId64 "\n%-17s%s\n",
		 "Process:", number(s, "pid"), "Place answers:",
		 json_truth(json_get(s, "online"), false) ? "yes" : "no");
	for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
		buf_addf(b, "%-17s", counts[i].label);
		if (counts[i].size)
			show_size(b, number(s, counts[i].key));
		else
			buf_addf(b, "%" PRId64, number(s, counts[i].key));
		buf_adds(b, "\n");
	}
	if (error) {
		buf_addf(b, "%-17s", "Last error:");
		out_add_name(b, error);
		buf_adds(b, "\n");
	}
}

static void add_status_json(struct buf *b, struct op *op,
			    const struct json_node *s)
{
	const char *dir = line_get_path(&op->arena, s, "dir");
	const char *error = json_text(json_get(s, "last_error"), NULL);
	struct json j = JSON_INIT(b);

	json_object(&j, NULL);
	json_path(&j, "dir", dir ? dir : "");
	json_str(&j, "place", json_text(json_get(s, "place"), ""));
	json_int(&j, "pid", number(s, "pid"));
	json_bool(&j, "online", json_truth(json_get(s, "online"), false));
	for (size_t i = 0; i < ARRAY_LEN(counts); i++)
		json_int(&j, counts[i].key, number(s, counts[i].key));
	if (error)
		json_str(&j, "last_error", error);
	json_end(&j);
	buf_adds(b, "\n");
}

static int status_run(struct cmd_ctx *cx)
{
	const struct json_node *s;
	struct buf b = BUF_INIT;
	struct client c;
	const char *below;
	int rc = mount_find(cx, cx->argv[0], &c, &below);

	if (rc == 0)
		rc = client_ask(&c, &cx->op, "status", NULL, false, NULL, NULL,
				&s);
	if (rc == 0 && cx->globals->json)
		add_status_json(&b, &cx->op, s);
	else if (rc == 0)
		add_status_text(&b, s);
	if (rc == 0)
		rc = out_write(&cx->op, b.data, b.len);
	buf_free(&b);
	client_close(&c);
	return rc;
}

static int ask_paths(struct cmd_ctx *cx, const char *ask)
{
	struct client c;
	const char *below, *path;
	int rc = mount_find(cx, cx->argv[0], &c, &below);

	for (int i = 1; i < cx->argc && rc == 0; i++) {
		rc = path_in(cx, below, cx->argv[i], &path);
		if (rc == 0)
			rc = client_ask(&c, &cx->op, ask, path, false, NULL,
					NULL, NULL);
	}
	client_close(&c);
	return rc;
}

static int pin_run(struct cmd_ctx *cx)
{
	return ask_paths(cx, "pin");
}

static int unpin_run(struct cmd_ctx *cx)
{
	return ask_paths(cx, "unpin");
}

static int show_pin(void *arg, struct op *op, const struct json_node *item)
{
	const struct show *s = arg;
	const char *path = item_path(op, item);
	struct buf b = BUF_INIT;
	struct json j = JSON_INIT(&b);
	int rc;

	if (s->cx->globals->json) {
		json_object(&j, NULL);
		json_path(&j, "path", path);
		json_int(&j, "bytes", number(item, "bytes"));
		json_int(&j, "missing", number(item, "missing"));
		json_end(&j);
	} else {
		struct buf size = BUF_INIT, missing = BUF_INIT;

		show_size(&size, number(item, "bytes"));
		if (number(item, "missing") > 0) {
			buf_adds(&missing, ", to be fetched: ");
			show_size(&missing, number(item, "missing"));
		}
		out_add_name(&b, *path ? path : ".");
		buf_addf(&b, " (%s%s)", size.data, missing.data);
		buf_free(&size);
		buf_free(&missing);
	}
	rc = out_line(op, &b);
	buf_free(&b);
	return rc;
}

static int pins_run(struct cmd_ctx *cx)
{
	return ask_list(cx, "pins", show_pin);
}

static const struct cmd_example queue_examples[] = {
	{ "ferry mount queue ~/nas", "what has not been sent yet" },
	{ NULL, NULL }
};

static const struct cmd_example flush_examples[] = {
	{ "ferry mount flush ~/nas", "before the lid is closed" },
	{ "ferry mount flush ~/nas report.pdf", "this file alone" },
	{ NULL, NULL }
};

static const struct cmd_example status_examples[] = {
	{ "ferry mount status ~/nas", "how much is kept, queued, sent" },
	{ NULL, NULL }
};

static const struct cmd_example pin_examples[] = {
	{ "ferry mount pin ~/nas Music", "to be heard on the train" },
	{ NULL, NULL }
};

static const struct cmd_example unpin_examples[] = {
	{ "ferry mount unpin ~/nas Music", "no longer" }, { NULL, NULL }
};

static const struct cmd_example pins_examples[] = {
	{ "ferry mount pins ~/nas", "what is always kept" }, { NULL, NULL }
};

const struct cmd cmd_mount_queue = {
	.name = "mount queue",
	.args = "DIR",
	.summary = "list what the mount has not sent yet",
	.about = "Lists what was changed in the mount at DIR and is not at "
		 "its place yet: what is to be done, how many bytes, in what "
		 "time it is tried (again), the path, and why the last try "
		 "failed.\n\n"
		 "With --json: path, action (upload, mkdir, move, delete or "
		 "times), bytes, sending, wait_ms, error.",
	.min_args = 1,
	.max_args = 1,
	.examples = queue_examples,
	.run = queue_run,
};

const struct cmd cmd_mount_flush = {
	.name = "mount flush",
	.args = "DIR [PATH]",
	.summary = "wait until the place has what was changed",
	.about = "Sends what was changed in the mount at DIR, or at PATH in "
		 "it and below, now, and waits until the place has it. Who is "
		 "interrupted only waits no longer. A PATH that is neither "
		 "there nor to be deleted is an error (exit 4).",
	.min_args = 1,
	.max_args = 2,
	.examples = flush_examples,
	.run = flush_run,
};

const struct cmd cmd_mount_status = {
	.name = "mount status",
	.args = "DIR",
	.summary = "show how a mount does",
	.about = "Shows what is mounted at DIR, whether the place answers, "
		 "what is to be sent and was sent, and how much is kept here."
		 "\n\n"
		 "With --json: dir, place, pid, online, queued, queued_bytes, "
		 "sending, failed, sent, sent_bytes, conflicts, cached, files, "
		 "dirs, last_error.",
	.min_args = 1,
	.max_args = 1,
	.examples = status_examples,
	.run = status_run,
};

const struct cmd cmd_mount_pin = {
	.name = "mount pin",
	.args = "DIR PATH...",
	.summary = "keep files and folders here always",
	.about = "Keeps each PATH of the mount at DIR, and all below it, on "
		 "this machine: it is fetched in the background and never "
		 "makes room for something else, so that it can be read "
		 "without a network. It stays pinned in later mounts.",
	.min_args = 2,
	.max_args = -1,
	.examples = pin_examples,
	.run = pin_run,
};

const struct cmd cmd_mount_unpin = {
	.name = "mount unpin",
	.args = "DIR PATH...",
	.summary = "no longer keep them always",
	.about = "Takes back \"ferry mount pin\". What is here stays until "
		 "its room is needed.",
	.min_args = 2,
	.max_args = -1,
	.examples = unpin_examples,
	.run = unpin_run,
};

const struct cmd cmd_mount_pins = {
	.name = "mount pins",
	.args = "DIR",
	.summary = "list what is always kept here",
	.about = "Lists what \"ferry mount pin\" was given, with its size and "
		 "how much of it is still to be fetched.\n\n"
		 "With --json: path, bytes, missing.",
	.min_args = 1,
	.max_args = 1,
	.examples = pins_examples,
	.run = pins_run,
};
