#include "cmd/dirs.h"

#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

static const char *environment(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

static const char *home(struct arena *a)
{
	const char *dir = environment("HOME");
	struct passwd entry, *found = NULL;
	char text[4096];

	if (dir)
		return dir;
	if (getpwuid_r(geteuid(), &entry, text, sizeof(text), &found) == 0 &&
	    found)
		return arena_strdup(a, found->pw_dir);
	return "";
}

/* The XDG specification: a path that is not absolute is none. */
static const char *base(struct arena *a, const char *name, const char *below)
{
	const char *dir = environment(name);

	if (dir && *dir == '/')
		return dir;
	return arena_printf(a, "%s/%s", home(a), below);
}

static const char *dir_of(const char *flag, const char *own, const char *xdg,
			  const char *below, struct arena *a)
{
	if (flag)
		return flag;
	flag = environment(own);
	return flag ? flag : arena_printf(a, "%s/ferry", base(a, xdg, below));
}

void dirs_find(const struct globals *g, struct arena *a, struct remotes *out)
{
	const char *config =
		g->config ? g->config : environment("FERRY_CONFIG");

	if (!config)
		config = arena_printf(a, "%s/ferry/ferry.conf",
				      base(a, "XDG_CONFIG_HOME", ".config"));
	out->config_path = config;
	out->state_dir = dir_of(g->state_dir, "FERRY_STATE_DIR",
				"XDG_STATE_HOME", ".local/state", a);
	out->cache_dir = dir_of(g->cache_dir, "FERRY_CACHE_DIR",
				"XDG_CACHE_HOME", ".cache", a);
}
