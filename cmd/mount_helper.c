#include "cmd/mount_helper.h"

#include <string.h>

#include "lib/vec.h"

VEC(words, char *);

bool mount_helper_is(const char *argv0)
{
	const char *slash = strrchr(argv0, '/');

	return strcmp(slash ? slash + 1 : argv0, "mount.ferry") == 0;
}

/* For mount(8) and systemd, or what is so in any case. */
static bool is_for_others(const char *option)
{
	static const char *const known[] = {
		"rw",         "defaults",    "auto",     "noauto",
		"user",       "nouser",      "users",    "owner",
		"group",      "nofail",      "_netdev",  "async",
		"dev",        "nodev",       "suid",     "nosuid",
		"exec",       "atime",       "noatime",  "relatime",
		"norelatime", "strictatime", "diratime", "nodiratime",
	};

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (strcmp(known[i], option) == 0)
			return true;
	return strncmp(option, "x-", 2) == 0 || strncmp(option, "X-", 2) == 0 ||
	       strncmp(option, "comment=", 8) == 0;
}

/* "cache_size=5G" is --cache-size=5G. */
static char *as_flag(struct arena *a, const char *option)
{
	char *flag = arena_printf(a, "--%s", option);

	for (char *p = flag; *p && *p != '='; p++)
		if (*p == '_')
			*p = '-';
	return flag;
}

static int add_option(struct cmd_ctx *cx, struct words *w, const char *option,
		      bool *repo)
{
	struct arena *a = &cx->op.arena;

	if (*option == '\0' || is_for_others(option))
		return 0;
	if (strcmp(option, "remount") == 0)
		return err_set(&cx->op.err, ERR_UNSUPPORTED,
			       "a mount cannot be changed: unmount it, and "
			       "mount it again");
	if (strcmp(option, "repo") == 0)
		*repo = true;
	else if (strcmp(option, "ro") == 0)
		*words_add(w) = arena_strdup(a, "--read-only");
	else
		*words_add(w) = as_flag(a, option);
	return 0;
}

/* Those between commas; one in "" may hold some. */
static int add_options(struct cmd_ctx *cx, struct words *w, const char *text,
		       bool *repo)
{
	struct buf one = BUF_INIT;
	bool quoted = false;
	int rc = 0;

	for (; rc == 0; text++) {
		if (*text == '"') {
			quoted = !quoted;
		} else if (*text == '\0' || (*text == ',' && !quoted)) {
			rc = add_option(cx, w, one.data, repo);
			buf_reset(&one);
			if (*text == '\0')
				break;
		} else {
			buf_add(&one, text, 1);
		}
	}
	buf_free(&one);
	return rc;
}

/* The place and the folder; what is between and behind them is options. */
struct called {
	char *names[2];
	size_t n;
	bool repo, fake;
};

static int read_args(struct cmd_ctx *cx, struct words *w, struct called *out)
{
	for (int i = 0; i < cx->argc; i++) {
		char *arg = cx->argv[i];
		bool valued = arg[0] == '-' && arg[1] &&
			      strchr("oNt", arg[1]) && !arg[2];

		if (valued && i + 1 == cx->argc)
			return err_set(&cx->op.err, ERR_INVALID,
				       "%s needs a value", arg);
		if (valued) {
			i++;
			if (arg[1] == 'o' &&
			    add_options(cx, w, cx->argv[i], &out->repo) < 0)
				return -1;
		} else if (arg[0] == '-' && arg[1] == 'f') {
			out->fake = true;
		} else if (arg[0] != '-' && out->n < ARRAY_LEN(out->names)) {
			out->names[out->n++] = arg;
		} else if (arg[0] != '-') {
			return err_set(&cx->op.err, ERR_INVALID,
				       "\"%s\" is one argument too many", arg);
		}
	}
	return 0;
}

int mount_helper_args(struct cmd_ctx *cx)
{
	struct arena *a = &cx->op.arena;
	struct words w = { 0 };
	struct called c = { 0 };
	int rc = -1;

	*words_add(&w) = arena_strdup(a, "mount");
	*words_add(&w) = arena_strdup(a, "--daemon");
	if (read_args(cx, &w, &c) < 0)
		goto out;
	if (c.n != ARRAY_LEN(c.names)) {
		err_set(&cx->op.err, ERR_INVALID,
			"usage: mount.ferry PLACE DIR [-o OPTION,...]");
		goto out;
	}
	if (c.repo)
		*words_add(&w) = arena_strdup(a, "--repo");
	else
		*words_add(&w) = arena_strdup(a, "--");
	*words_add(&w) = c.names[0];
	*words_add(&w) = c.names[1];
	cx->argc = (int)w.n;
	if (c.fake) { /* mount -f: do all but that */
		w.at[0] = arena_strdup(a, "version");
		cx->argc = 1;
	}
	cx->argv = arena_memdup(a, w.at, w.n * sizeof(*w.at));
	rc = 0;
out:
	words_free(&w);
	return rc;
}
