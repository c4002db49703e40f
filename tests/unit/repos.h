#ifndef TESTS_UNIT_REPOS_H
#define TESTS_UNIT_REPOS_H

#include "tests/unit/places.h"

#include "crypt/secret.h"
#include "repo/repo.h"

/*
 * A repository in memory whose key no password protects: what scrypt takes is
 * half a second a key.
 */
struct memory_repo {
	struct places places;
	struct backend *be;
	struct repo repo;
	struct coder *coder;
};

static inline void memory_repo_begin_at(struct memory_repo *m, const char *spec)
{
	*m = (struct memory_repo){ 0 };
	places_begin(&m->places);
	m->be = opened(&m->places, spec);
	m->repo = (struct repo){ .store = store_new(m->be, NULL),
				 .key = secret_alloc(sizeof(*m->repo.key)),
				 .version = 2 };
	random_bytes(m->repo.key, sizeof(*m->repo.key));
	m->coder = repo_coder(&m->repo);
}

static inline void memory_repo_begin(struct memory_repo *m)
{
	memory_repo_begin_at(m, ":mem:");
}

static inline void memory_repo_end(struct memory_repo *m)
{
	coder_free(m->coder);
	index_free(m->repo.index);
	secret_free(m->repo.key);
	store_free(m->repo.store);
	be_close(m->be);
	places_end(&m->places);
}

#endif
