/* The services beyond files: backend_extra, called as be_*() calls are. */

#include "backends/call.h"

static const struct backend_extra none = { 0 };

static const struct backend_extra *extra_of(const struct backend *be)
{
	return be->ops->extra ? be->ops->extra : &none;
}

static int begin(struct backend *be, struct op *op, const char *path, bool has)
{
	if (!has)
		return err_set(&op->err, ERR_UNSUPPORTED,
			       "%s: this kind of remote has no such service",
			       be->name);
	return call_enter(be, op, path, 0);
}

int be_link(struct backend *be, struct op *op, const char *path,
	    const struct link_opt *opt, struct link *out)
{
	const struct backend_extra *x = extra_of(be);

	if (begin(be, op, path, x->link) < 0)
		return -1;
	for (unsigned n = 1; x->link(be, op, path, opt, out) < 0; n++)
		if (!call_again(be, op, n))
			return call_fail(be, op, "link", path);
	return 0;
}

/* Not again once something has been given out. */
struct given {
	void *arg;
	link_fn *link;
	version_fn *version;
	entry_fn *entry;
	about_fn *about;
	bool any;
};

static int give_link(void *arg, struct op *op, const struct link *l)
{
	struct given *g = arg;

	g->any = true;
	return g->link(g->arg, op, l);
}

static int give_version(void *arg, struct op *op, const struct version *v)
{
	struct given *g = arg;

	g->any = true;
	return g->version(g->arg, op, v);
}

static int give_entry(void *arg, struct op *op, const struct entry *e)
{
	struct given *g = arg;

	g->any = true;
	return g->entry(g->arg, op, e);
}

static int give_about(void *arg, struct op *op, const char *key,
		      const char *value)
{
	struct given *g = arg;

	g->any = true;
	return g->about(g->arg, op, key, value);
}

int be_links(struct backend *be, struct op *op, link_fn *fn, void *arg)
{
	const struct backend_extra *x = extra_of(be);
	struct given g = { .arg = arg, .link = fn };

	if (begin(be, op, "", x->links) < 0)
		return -1;
	for (unsigned n = 1; x->links(be, op, give_link, &g) < 0; n++)
		if (g.any || !call_again(be, op, n))
			return call_fail(be, op, "list the links of", "");
	return 0;
}

bool be_has_versions(const struct backend *be)
{
	return extra_of(be)->versions;
}

int be_versions(struct backend *be, struct op *op, const char *path,
		version_fn *fn, void *arg)
{
	const struct backend_extra *x = extra_of(be);
	struct given g = { .arg = arg, .version = fn };

	if (begin(be, op, path, x->versions) < 0)
		return -1;
	for (unsigned n = 1; x->versions(be, op, path, give_version, &g) < 0;
	     n++)
		if (g.any || !call_again(be, op, n))
			return call_fail(be, op, "list the versions of", path);
	return 0;
}

int be_version_restore(struct backend *be, struct op *op, const char *path,
		       const char *version)
{
	const struct backend_extra *x = extra_of(be);

	if (begin(be, op, path, x->version_restore) < 0)
		return -1;
	for (unsigned n = 1; x->version_restore(be, op, path, version) < 0; n++)
		if (!call_again(be, op, n))
			return call_fail(be, op, "restore", path);
	return 0;
}

int be_trash_list(struct backend *be, struct op *op, const char *dir,
		  entry_fn *fn, void *arg)
{
	const struct backend_extra *x = extra_of(be);
	struct given g = { .arg = arg, .entry = fn };

	if (begin(be, op, dir, x->trash_list) < 0)
		return -1;
	for (unsigned n = 1; x->trash_list(be, op, dir, give_entry, &g) < 0;
	     n++)
		if (g.any || !call_again(be, op, n))
			return call_fail(be, op, "list the trash of", dir);
	return 0;
}

int be_trash_restore(struct backend *be, struct op *op, const char *path,
		     bool overwrite, struct tidied *out)
{
	const struct backend_extra *x = extra_of(be);

	if (begin(be, op, path, x->trash_restore) < 0)
		return -1;
	for (unsigned n = 1; x->trash_restore(be, op, path, overwrite, out) < 0;
	     n++)
		if (!call_again(be, op, n))
			return call_fail(be, op, "restore", path);
	return 0;
}

int be_trash_empty(struct backend *be, struct op *op, struct tidied *out)
{
	const struct backend_extra *x = extra_of(be);

	if (begin(be, op, "", x->trash_empty) < 0)
		return -1;
	for (unsigned n = 1; x->trash_empty(be, op, out) < 0; n++)
		if (!call_again(be, op, n))
			return call_fail(be, op, "empty the trash of", "");
	return 0;
}

int be_cleanup(struct backend *be, struct op *op, struct tidied *out)
{
	const struct backend_extra *x = extra_of(be);

	if (begin(be, op, "", x->cleanup) < 0)
		return -1;
	for (unsigned n = 1; x->cleanup(be, op, out) < 0; n++)
		if (!call_again(be, op, n))
			return call_fail(be, op, "clean up", "");
	return 0;
}

int be_userinfo(struct backend *be, struct op *op, about_fn *fn, void *arg)
{
	const struct backend_extra *x = extra_of(be);
	struct given g = { .arg = arg, .about = fn };

	if (begin(be, op, "", x->userinfo) < 0)
		return -1;
	for (unsigned n = 1; x->userinfo(be, op, give_about, &g) < 0; n++)
		if (g.any || !call_again(be, op, n))
			return call_fail(be, op, "ask who owns", "");
	return 0;
}
