#include "repo/who.h"

#include <pwd.h>
#include <stdio.h>
#include <unistd.h>

void who_am_i(struct who *out)
{
	char text[4096];
	struct passwd pw, *found = NULL;

	*out = (struct who){ .uid = getuid(), .gid = getgid() };
	if (gethostname(out->host, sizeof(out->host) - 1) < 0)
		out->host[0] = '\0';
	if (getpwuid_r(out->uid, &pw, text, sizeof(text), &found) == 0 && found)
		snprintf(out->user, sizeof(out->user), "%s", pw.pw_name);
}
