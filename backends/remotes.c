#include "backends/remote.h"

#include <stdlib.h>
#include <string.h>

#include "backends/hash_memory.h"
#include "lib/ini_file.h"
#include "lib/log.h"

struct remotes_shared {
	struct remotes_shared *next;
	char *key;
	void *data;
	void (*drop)(void *);
};

void *remotes_share(struct remotes *r, const char *key, void *(*make)(void),
		    void (*drop)(void *))
{
	struct remotes_shared *s;

	pthread_mutex_lock(&r->lock);
	for (s = r->shared; s && strcmp(s->key, key) != 0; s = s->next)
		;
	if (!s) {
		s = xcalloc(1, sizeof(*s));
		s->key = xstrdup(key);
		s->data = make();
		s->drop = drop;
		s->next = r->shared;
		r->shared = s;
	}
	pthread_mutex_unlock(&r->lock);
	return s->data;
}

static int load(const char *path, struct op *op, struct ini **out)
{
	struct ini *ini = ini_new();

	if (path && ini_load(op, path, ini) < 0) {
		ini_free(ini);
		return -1;
	}
	*out = ini;
	return 0;
}

int remotes_config(struct remotes *r, struct op *op, struct ini **out)
{
	int rc = 0;

	pthread_mutex_lock(&r->lock);
	if (!r->config)
		rc = load(r->config_path, op, &r->config);
	*out = r->config;
	pthread_mutex_unlock(&r->lock);
	return rc;
}

/* With r->lock held.  No memory costs time, so it is no error of `op`. */
static void open_memory(struct remotes *r, struct op *op)
{
	struct err before = op->err;
	char *path = arena_printf(&op->arena, "%s/hashes.db", r->state_dir);

	if (hash_memory_open(op, path, &r->memory) < 0)
		log_info(path, "hashes are not remembered: %s", op->err.msg);
	op->err = before;
}

struct hash_memory *remotes_memory(struct remotes *r, struct op *op)
{
	struct hash_memory *memory;

	pthread_mutex_lock(&r->lock);
	if (!r->memory && !r->no_memory && r->state_dir)
		open_memory(r, op);
	memory = r->no_memory ? NULL : r->memory;
	pthread_mutex_unlock(&r->lock);
	return memory;
}

void remotes_free(struct remotes *r)
{
	while (r->shared) {
		struct remotes_shared *s = r->shared;

		r->shared = s->next;
		s->drop(s->data);
		free(s->key);
		free(s);
	}
	hash_memory_close(r->memory);
	r->memory = NULL;
	ini_free(r->config);
	r->config = NULL;
}
