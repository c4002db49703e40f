#include "lib/whoami.h"

#include <pwd.h>
#include <unistd.h>

const char *whoami_host(struct arena *a)
{
	char name[256];

	if (gethostname(name, sizeof(name) - 1) < 0)
		return "";
	name[sizeof(name) - 1] = '\0';
	return arena_strdup(a, name);
}

const char *whoami_user(struct arena *a)
{
	struct passwd entry, *found = NULL;
	char text[4096];

	if (getpwuid_r(geteuid(), &entry, text, sizeof(text), &found) != 0 ||
	    !found)
		return "";
	return arena_strdup(a, found->pw_name);
}
