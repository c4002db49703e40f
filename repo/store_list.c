/* Which files there are. */

#include "repo/store.h"

#include <string.h>

#include "backends/listing.h"
#include "lib/log.h"
#include "lib/pool.h"
#include "lib/vec.h"
#include "repo/store_file.h"

struct found {
	struct id id;
	int64_t size;
};

VEC(founds, struct found);

/* What a listing has brought so far; of packs by several threads. */
struct finder {
	struct store *store;
	pthread_mutex_t lock; /* guards all */
	struct founds all;
};

/* Folder names below data/. */
struct fan {
	char name[3];
};

VEC(fans, struct fan);

/*
 * Were it passed over, what lies behind it would count as missing: prune and
 * repair would take what needs it, or it needs, for lost.
 */
static int is_link(struct op *op, const char *dir, const char *name)
{
	return err_set(&op->err, ERR_CONFLICT,
		       "\"%s/%s\" is a symbolic link: put there what it leads "
		       "to",
		       dir, name);
}

/*
 * 1, or 0: what no file of the repository is called is somebody else's.
 */
static int is_ours(struct op *op, const struct entry *e, const char *dir,
		   const char *name, struct id *id)
{
	bool named = id_parse(name, strlen(name), id);

	if (named && e->kind == ENTRY_FILE)
		return 1;
	if (named && e->kind == ENTRY_LINK)
		return is_link(op, dir, e->name);
	log_debug(dir, "passed over: %s", name);
	return 0;
}

static void add(struct finder *f, const struct id *id, int64_t size)
{
	struct found *new;

	pthread_mutex_lock(&f->lock);
	new = founds_add(&f->all);
	new->id = *id;
	new->size = size;
	pthread_mutex_unlock(&f->lock);
}

/* A folder that is not there is an empty one. */
static int list(struct store *s, struct op *op, const char *dir,
		struct listing *out)
{
	if (be_list(store_backend(s), op, dir, out) == 0)
		return 0;
	if (op->err.kind != ERR_NO_DIR)
		return -1;
	err_clear(&op->err);
	listing_reset(out);
	return listing_sort(out, op);
}

/* The files in `dir`; those of data/21 must begin with "21". */
static int find_in(struct finder *f, struct op *op, const char *dir,
		   const char *prefix)
{
	struct listing l = LISTING_INIT;
	struct posix_meta meta;
	struct entry e;
	struct id id;
	int rc = list(f->store, op, dir, &l);

	while (rc == 0 && (rc = listing_next(&l, op, &e, &meta)) > 0) {
		rc = is_ours(op, &e, dir, e.name, &id);
		if (rc > 0 && strncmp(e.name, prefix, strlen(prefix)) == 0)
			add(f, &id, e.size);
		rc = rc < 0 ? -1 : 0;
	}
	listing_free(&l);
	return rc;
}

static bool is_fan(const char *name)
{
	return strlen(name) == 2 && strspn(name, "0123456789abcdef") == 2;
}

static int list_fans(struct finder *f, struct op *op, struct fans *out)
{
	struct listing l = LISTING_INIT;
	struct posix_meta meta;
	struct entry e;
	int rc = list(f->store, op, "data", &l);

	while (rc == 0 && (rc = listing_next(&l, op, &e, &meta)) > 0) {
		rc = 0;
		if (e.kind == ENTRY_DIR && is_fan(e.name))
			memcpy(fans_add(out)->name, e.name, 3);
		else if (e.kind == ENTRY_LINK && is_fan(e.name))
			rc = is_link(op, "data", e.name);
		else
			log_debug("data", "passed over: %s", e.name);
	}
	listing_free(&l);
	return rc;
}

struct fan_task {
	struct finder *finder;
	const struct fan *fan;
};

static int find_in_fan(struct op *op, void *arg)
{
	const struct fan_task *t = arg;
	char dir[] = "data/00";

	memcpy(dir + 5, t->fan->name, 2);
	return find_in(t->finder, op, dir, t->fan->name);
}

unsigned store_calls(struct store *s)
{
	struct backend *be = store_backend(s);
	unsigned n = be->calls ? be->calls : pool_fitting();

	if (be->max_calls && n > be->max_calls)
		n = be->max_calls;
	return n > 16 ? 16 : n;
}

static int find_in_fans(struct finder *f, struct op *op,
			const struct fans *fans)
{
	struct fan_task *tasks = xcalloc(fans->n + 1, sizeof(*tasks));
	int rc = 0;

	for (size_t i = 0; i < fans->n; i++)
		tasks[i] = (struct fan_task){ f, &fans->at[i] };
	if (be_can(store_backend(f->store), BE_REMOTE) && fans->n > 1) {
		struct pool *p =
			pool_new(store_calls(f->store), 16, op->cancel);
		struct group *g = group_new(p);

		for (size_t i = 0; rc == 0 && i < fans->n; i++)
			rc = group_add(g, op, find_in_fan, &tasks[i]);
		if (group_wait(g, op) < 0)
			rc = -1;
		pool_free(p);
	} else {
		for (size_t i = 0; rc == 0 && i < fans->n; i++)
			rc = find_in_fan(op, &tasks[i]);
	}
	free(tasks);
	return rc;
}

static int tree_entry(void *arg, struct op *op, const struct entry *e)
{
	struct finder *f = arg;
	const char *name = e->name;
	struct id id;
	int rc;

	if (e->kind == ENTRY_DIR)
		return 0;
	if (e->kind == ENTRY_LINK && is_fan(name))
		return is_link(op, "data", name);
	/* "21/2159dd48..." and nothing else is where a pack is looked for */
	if (strlen(name) == 3 + ID_HEX && name[2] == '/' &&
	    strncmp(name, name + 3, 2) == 0)
		name += 3;
	rc = is_ours(op, e, "data", name, &id);
	if (rc > 0 && name != e->name)
		add(f, &id, e->size);
	return rc < 0 ? -1 : 0;
}

static void tree_reset(void *arg)
{
	struct finder *f = arg;

	f->all.n = 0;
}

static int find_packs(struct finder *f, struct op *op)
{
	struct backend *be = store_backend(f->store);
	struct fans fans = { 0 };
	int rc;

	if (be_can(be, BE_LIST_TREE)) {
		rc = be_list_tree(be, op, "data", tree_entry, tree_reset, f);
		if (rc == 0 || op->err.kind == ERR_NO_DIR)
			return 0;
		if (op->err.kind != ERR_UNSUPPORTED)
			return -1;
		tree_reset(f);
	}
	rc = list_fans(f, op, &fans);
	if (rc == 0)
		rc = find_in_fans(f, op, &fans);
	fans_free(&fans);
	return rc;
}

int store_list(struct store *s, struct op *op, enum file_type t, store_fn *fn,
	       void *arg)
{
	struct finder f = { .store = s };
	struct op own = store_op(op);
	int rc;

	if (t == FILE_CONFIG)
		BUG("a list of configs");
	pthread_mutex_init(&f.lock, NULL);
	if (t == FILE_PACK)
		rc = find_packs(&f, &own);
	else
		rc = find_in(&f, &own, store_folder(t), "");
	rc = store_op_end(&own, op, rc);
	for (size_t i = 0; rc == 0 && i < f.all.n; i++)
		rc = fn(arg, op, &f.all.at[i].id, f.all.at[i].size);
	founds_free(&f.all);
	pthread_mutex_destroy(&f.lock);
	return rc;
}

struct match {
	const char *prefix;
	size_t n;
	struct id id;
};

static int match(void *arg, struct op *op, const struct id *id, int64_t size)
{
	struct match *m = arg;
	char hex[ID_HEX + 1];

	(void)op;
	(void)size;
	if (strncmp(id_hex(id, hex), m->prefix, strlen(m->prefix)) == 0) {
		m->n++;
		m->id = *id;
	}
	return 0;
}

int store_find(struct store *s, struct op *op, enum file_type t,
	       const char *prefix, struct id *out)
{
	struct match m = { .prefix = prefix };
	int64_t size;

	if (id_parse(prefix, strlen(prefix), out)) {
		if (store_size(s, op, t, out, &size) == 0)
			return 0;
		if (op->err.kind != ERR_NOT_FOUND)
			return -1;
	} else if (strspn(prefix, "0123456789abcdef") == strlen(prefix) &&
		   *prefix) {
		if (store_list(s, op, t, match, &m) < 0)
			return -1;
	}
	if (m.n == 0)
		return err_set(&op->err, ERR_NOT_FOUND, "no %s \"%s\"",
			       file_type_name(t), prefix);
	if (m.n > 1)
		return err_set(&op->err, ERR_INVALID,
			       "\"%s\" is the beginning of %zu %ss", prefix,
			       m.n, file_type_name(t));
	*out = m.id;
	return 0;
}

void store_sweep(struct store *s, struct op *op)
{
	struct backend *be = store_backend(s);
	struct err before = op->err;
	unsigned removed = 0;

	if (!be_can(be, BE_STRAYS))
		return;
	if (be_strays(be, op, &removed) < 0)
		log_info(be->name, "%s", op->err.msg);
	else if (removed)
		log_info(be->name,
			 "%u unfinished files of a killed run removed",
			 removed);
	op->err = before;
}
