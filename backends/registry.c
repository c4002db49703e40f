#include "backends/driver.h"

#include <string.h>

static const struct driver *const drivers[] = {
	&driver_local, &driver_webdav, &driver_jotta, &driver_repo,
	&driver_mem,   &driver_fault,  NULL,
};

/* What rclone calls them, so that its sections can be pasted over. */
static const struct {
	const char *theirs;
	const struct driver *driver;
} aliases[] = {
	{ "memory", &driver_mem },
};

const struct driver *driver_find(const char *name)
{
	for (size_t i = 0; drivers[i]; i++)
		if (strcmp(drivers[i]->name, name) == 0)
			return drivers[i];
	for (size_t i = 0; i < ARRAY_LEN(aliases); i++)
		if (strcmp(aliases[i].theirs, name) == 0)
			return aliases[i].driver;
	return NULL;
}

const struct driver_option *driver_option_find(const struct driver *d,
					       const char *name)
{
	for (const struct driver_option *o = d ? d->options : NULL;
	     o && o->name; o++)
		if (strcmp(o->name, name) == 0)
			return o;
	return NULL;
}

const struct driver *const *driver_all(void)
{
	return drivers;
}
