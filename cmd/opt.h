#ifndef CMD_OPT_H
#define CMD_OPT_H

#include "cmd/cmd.h"

/* A table of flags and the structure that their values go into. */
struct opt_set {
	const struct opt *opts; /* NULL ends an array of sets */
	void *base;
};

/*
 * Parse the flags among argv[0..*argc-1] and move the other arguments to the
 * front; `*argc` becomes their number.  Flags may stand anywhere before "--",
 * unless `leading`: then the first argument that is no flag ends them.
 *
 *	--name=value  --name value  -n  -nv  -nVALUE  -n VALUE  --no-name
 *
 * Lists are kept in `a`; all texts are those of `argv`.
 */
int opt_parse(const struct opt_set *sets, struct arena *a, int *argc,
	      char **argv, bool leading, struct err *e) MUST_CHECK;

/* One flag's value from text, as for "--name=text"; NULL: given without. */
int opt_store(const struct opt *o, void *base, struct arena *a,
	      const char *text, struct err *e) MUST_CHECK;

/* Whether the flag cannot be given without a value. */
bool opt_takes_value(const struct opt *o);

/*
 * Of two candidates for a mistyped word the lower one is nearer: the number of
 * letters to be changed, OPT_FAR if it is not like it at all.
 */
enum { OPT_FAR = 1000 };
unsigned opt_distance(const char *typed, const char *candidate);

#endif
