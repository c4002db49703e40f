#ifndef BACKENDS_CONF_H
#define BACKENDS_CONF_H

#include "backends/driver.h"

/*
 * Between remote.c and conf.c.
 *
 * ERR_INVALID unless the driver has all the options in `c`, each with a value
 * of its type, and none that it requires is missing.  `section` is the
 * remote's in the configuration, or NULL.
 */
int conf_check(const struct remote_conf *c, const char *section,
	       struct err *e) MUST_CHECK;

/* The place as the user wrote it, at `path`, with *** for what is secret. */
const char *conf_place_name(struct arena *a, const struct driver *driver,
			    const struct place *place, const char *path);

#endif
