#ifndef BACKENDS_CONF_H
#define BACKENDS_CONF_H

#include "backends/driver.h"

/*
 * Between remote.c, conf.c and cmd/config*.c.
 *
 * ERR_INVALID unless the driver has all the options in `c`, each with a value
 * of its type.
 */
int conf_check_values(const struct remote_conf *c, struct err *e) MUST_CHECK;

/*
 * The same before it is opened: none that it requires may be missing, and none
 * be there that is for setup() alone.  `section` is the remote's in the
 * configuration, or NULL.
 */
int conf_check(const struct remote_conf *c, const char *section,
	       struct err *e) MUST_CHECK;

/* Its value is shown as ***. */
bool conf_is_secret(const struct driver_option *o);

/* The place as the user wrote it, at `path`, with *** for what is secret. */
const char *conf_place_name(struct arena *a, const struct driver *driver,
			    const struct place *place, const char *path);

#endif
