#include "mount/client.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "lib/file.h"
#include "mount/control.h"
#include "mount/socket.h"
#include "mount/where.h"

enum { RECORD_MAX = 16 * 1024 };

const char *client_recorded(struct op *op, const char *folder)
{
	const char *path = arena_printf(&op->arena, "%s/mount.json", folder);
	const struct json_node *record;
	struct buf text = BUF_INIT;
	const char *dir = NULL;

	if (file_read(op, path, RECORD_MAX, &text) == 0 &&
	    json_parse(&op->arena, text.data, text.len, &record, &op->err) == 0)
		dir = line_get_path(&op->arena, record, "dir");
	buf_free(&text);
	return dir ? arena_strdup(&op->arena, dir) : NULL;
}

/* The innermost mount that has `dir` and answers. */
static int find(struct op *op, DIR *d, const char *mounts, const char *dir,
		struct client *out, const char **below)
{
	const struct dirent *e;
	size_t longest = 0;

	while ((e = readdir(d))) {
		const char *folder, *at, *rest;
		int fd;

		if (e->d_name[0] == '.')
			continue;
		folder = arena_printf(&op->arena, "%s/%s", mounts, e->d_name);
		at = client_recorded(op, folder);
		if (!at || !where_is_below(dir, at, &rest) ||
		    strlen(at) < longest)
			continue;
		fd = socket_connect(op, folder);
		if (fd < 0)
			continue; /* of one that was killed */
		client_close(out);
		out->reader.fd = fd;
		out->dir = at;
		longest = strlen(at);
		*below = rest;
	}
	err_clear(&op->err);
	return out->reader.fd;
}

static bool is_served_by(int fd, unsigned owner)
{
	struct ucred who;
	socklen_t n = sizeof(who);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &n) == 0 &&
	       who.uid == owner;
}

/*
 * One that has its record elsewhere (another --state-dir, another $HOME) says
 * itself where its socket is.  It may be anybody's: only what the system says
 * of who serves it is believed.
 */
static int find_by_asking(struct op *op, const char *dir, struct client *out,
			  const char **below)
{
	char folder[PATH_MAX];
	struct mounted m;
	ssize_t n;
	int fd = -1;

	if (where_find_ours(op, dir, &m) != 1 || where_is_dead(m.dir))
		goto out;
	n = lgetxattr(m.dir, CONTROL_XATTR, folder, sizeof(folder) - 1);
	if (n <= 0)
		goto out;
	folder[n] = '\0';
	fd = socket_connect(op, folder);
	if (fd >= 0 && !is_served_by(fd, m.owner)) {
		close(fd);
		fd = -1;
	}
	if (fd < 0 || !where_is_below(dir, m.dir, below))
		goto out;
	out->reader.fd = fd;
	out->dir = m.dir;
out:
	err_clear(&op->err);
	return fd;
}

int client_open(struct op *op, const char *state_dir, const char *dir,
		struct client *out, const char **below)
{
	const char *mounts = arena_printf(&op->arena, "%s/mounts", state_dir);
	DIR *d = opendir(mounts);
	int fd = -1;

	*out = (struct client)CLIENT_INIT;
	if (!d && errno != ENOENT)
		return err_sys(&op->err, "\"%s\"", mounts);
	if (d) {
		fd = find(op, d, mounts, dir, out, below);
		closedir(d);
	}
	if (fd < 0)
		fd = find_by_asking(op, dir, out, below);
	if (fd < 0)
		return err_set(&op->err, ERR_NOT_FOUND,
			       "no ferry of yours has mounted anything at "
			       "\"%s\"",
			       dir);
	return 0;
}

void client_close(struct client *c)
{
	if (c->reader.fd >= 0)
		close(c->reader.fd);
	c->reader.fd = -1;
	buf_free(&c->reader.bytes);
}

static enum err_kind kind_of(const char *name)
{
	for (unsigned k = 1; k < ERR_KINDS; k++)
		if (strcmp(err_info((enum err_kind)k)->name, name) == 0)
			return (enum err_kind)k;
	return ERR_IO;
}

static int send_request(struct client *c, struct op *op, const char *ask,
			const char *path, bool now)
{
	struct buf line = BUF_INIT;
	struct json j = JSON_INIT(&line);
	int rc;

	json_object(&j, NULL);
	json_str(&j, "ask", ask);
	if (path)
		line_put_path(&j, "path", path);
	if (now)
		json_bool(&j, "now", true);
	json_end(&j);
	rc = line_write(c->reader.fd, op, &line);
	buf_free(&line);
	return rc;
}

int client_ask(struct client *c, struct op *op, const char *ask,
	       const char *path, bool now, client_fn *fn, void *arg,
	       const struct json_node **done)
{
	const struct json_node *line;
	const char *kind;
	int rc;

	if (send_request(c, op, ask, path, now) < 0)
		return -1;
	while ((rc = line_read(&c->reader, op, &line)) > 0) {
		kind = json_text(json_get(line, "kind"), NULL);
		if (kind)
			return err_set(
				&op->err, kind_of(kind), "%s",
				json_text(json_get(line, "message"), "failed"));
		if (json_get(line, "done")) {
			if (done)
				*done = line;
			return 0;
		}
		if (fn && fn(arg, op, line) < 0)
			return -1;
	}
	if (rc == 0)
		return err_set(&op->err, ERR_IO,
			       "the mount has ended meanwhile");
	return -1;
}

int client_wait(struct client *c, struct op *op)
{
	const struct json_node *line;
	int rc;

	while ((rc = line_read(&c->reader, op, &line)) > 0)
		;
	return rc;
}
