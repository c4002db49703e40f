#ifndef BACKENDS_JOTTA_CONF_H
#define BACKENDS_JOTTA_CONF_H

#include "backends/jotta/jotta.h"

/* Between jotta.c and setup.c. */

/* The text of an option; as in rclone "key =" stands for the default. */
const char *jotta_option(const struct remote_conf *conf, const char *key);

/* Where the service's interfaces are, each with '/' at its end. */
struct jotta_roots {
	const char *api_url, *jfs_url, *www_url;
};

void jotta_set_roots(struct jotta_account *a, const struct jotta_roots *r);

/*
 * Whether the options, but for the login, are such that a remote with them can
 * be opened.  Strings in the op's arena, or as long as `conf`.
 */
int jotta_check_options(const struct remote_conf *conf, struct op *op,
			struct jotta_roots *out) MUST_CHECK;

/* ERR_INVALID for a login with a password, as old versions of rclone made. */
int jotta_check_login(const struct remote_conf *conf, struct op *op) MUST_CHECK;

#endif
