/* The repository behind its snapshots: opened when first needed, shared. */

#include <stdlib.h>
#include <string.h>

#include "crypt/secret.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "repo/password.h"
#include "repo/snapfs.h"

/* Between two looks at whether the work was called off. */
#define WAIT_NS (NS_PER_SEC / 4)

/* Between two looks for index files, when a blob is missed. */
#define NEWS_NS (5 * NS_PER_SEC)

void *snap_repo_new(void)
{
	struct snap_repo *s = xcalloc(1, sizeof(*s));

	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->changed, NULL);
	return s;
}

static void open_free(struct snap_open *o)
{
	pool_free(o->pool);
	lock_release(o->lock);
	for (size_t i = 0; i < o->folders.n; i++)
		folder_free(o->folders.at[i]);
	folders_free(&o->folders);
	kepts_drop(&o->kept);
	trieds_free(&o->tried);
	for (size_t i = 0; i < o->coders.n; i++)
		coder_free(o->coders.at[i]);
	coders_free(&o->coders);
	for (size_t i = 0; i < o->snaps.n; i++)
		free(o->snaps.at[i].name);
	snaps_free(&o->snaps);
	view_drop(o->view);
	ids_free(&o->indexes);
	repo_close(o->repo);
	be_close(o->be);
}

void snap_repo_drop(void *arg)
{
	struct snap_repo *s = arg;

	open_free(&s->open);
	secret_free(s->key);
	pthread_cond_destroy(&s->changed);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

void snap_repo_enter(struct snap_repo *s, struct backend *be)
{
	pthread_mutex_lock(&s->lock);
	s->users++;
	if (!s->open.be) {
		s->open.be = be;
		be = NULL;
	}
	pthread_mutex_unlock(&s->lock);
	be_close(be);
}

void snap_repo_leave(struct snap_repo *s)
{
	struct snap_open last = { 0 };

	pthread_mutex_lock(&s->lock);
	if (--s->users == 0) {
		last = s->open;
		s->open = (struct snap_open){ 0 };
		s->ready = false;
	}
	pthread_mutex_unlock(&s->lock);
	open_free(&last);
}

struct asked {
	struct repo_password base;
	const struct snap_conf *conf;
};

static int ask(struct repo_password *base, struct op *op, unsigned attempt,
	       char **out)
{
	struct asked *a = container_of(base, struct asked, base);
	const struct password_from from = {
		.file = a->conf->password_file,
		.command = a->conf->password_command,
		.plain = a->conf->password,
		.empty = a->conf->empty_password,
	};
	int given;

	*out = NULL;
	if (attempt > 0)
		return 0; /* it would be the same again */
	given = password_given(op, &from, out);
	if (given == 0)
		return err_set(&op->err, ERR_INVALID,
			       "the repository's password is needed: set "
			       "FERRY_PASSWORD or FERRY_PASSWORD_FILE, or one "
			       "of the options password, password_file and "
			       "password_command");
	return given < 0 ? -1 : 0;
}

/* What such an index names may still be known from another one. */
static int pass_over(void *arg, struct op *op, const struct id *id)
{
	(void)arg;
	(void)id;
	log_error(NULL, "passed over: %s", op->err.msg);
	err_clear(&op->err);
	return 0;
}

/* Whoever may not write there can still read, as long as nobody prunes. */
static int take_lock(struct repo *r, struct op *op, struct lock **out)
{
	if (lock_take(r, op, false, 0, NULL, out) == 0)
		return 0;
	if (op->err.kind != ERR_DENIED && op->err.kind != ERR_UNSUPPORTED)
		return -1;
	log_notice(NULL, "the repository is read without a lock: %s",
		   op->err.msg);
	err_clear(&op->err);
	return 0;
}

/* By the one thread that s->busy is set for. */
static int open_all(struct snapfs *f, struct op *op, struct repo **repo,
		    struct lock **lock)
{
	struct snap_repo *s = f->shared;
	struct asked asked = { .base.ask = ask, .conf = &f->conf };
	const struct repo_open_opt opt = {
		.password = &asked.base,
		.key_hint = repo_env("KEY_HINT"),
		.cache_dir = f->conf.cache_dir,
		.known = s->key,
		.known_id = s->key_id,
	};

	*lock = NULL;
	s->open.indexed = clock_mono();
	if (repo_open(op, s->open.be, &opt, repo) < 0)
		return -1;
	if ((f->conf.no_lock || take_lock(*repo, op, lock) == 0) &&
	    (f->conf.tree || /* it is loaded when the snapshots are known */
	     repo_load_new_index(*repo, op, &s->open.indexes, pass_over,
				 NULL) == 0))
		return 0;
	lock_release(*lock);
	repo_close(*repo);
	return -1;
}

/* With s->lock held, which it lets go of: -1 once it is called off. */
static int wait_a_while(struct snap_repo *s, struct op *op)
{
	struct timespec end = timespec_of(clock_wall() + WAIT_NS);

	pthread_cond_timedwait(&s->changed, &s->lock, &end);
	return op_check(op);
}

int snapfs_claim(struct snap_repo *s, struct op *op, bool *busy)
{
	int rc = 0;

	while (*busy && rc == 0)
		rc = wait_a_while(s, op);
	if (rc == 0)
		*busy = true;
	return rc;
}

/* 1: it is open; 0: the caller is to open it, s->busy is set; -1. */
static int enter(struct snap_repo *s, struct op *op)
{
	int rc;

	pthread_mutex_lock(&s->lock);
	rc = snapfs_claim(s, op, &s->busy);
	if (rc == 0 && s->ready) {
		s->busy = false;
		rc = 1;
	}
	pthread_mutex_unlock(&s->lock);
	return rc;
}

static void leave(struct snap_repo *s, struct repo *repo, struct lock *lock)
{
	pthread_mutex_lock(&s->lock);
	s->busy = false;
	if (repo) {
		s->open.repo = repo;
		s->open.lock = lock;
		s->ready = true;
	}
	if (repo && !s->key) {
		s->key = secret_alloc(sizeof(*s->key));
		*s->key = *repo->key;
		s->key_id = repo->key_id;
	}
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
}

int snapfs_ready(struct snapfs *f, struct op *op)
{
	struct acct *acct = op->acct;
	struct repo *repo = NULL;
	struct lock *lock;
	int rc = enter(f->shared, op);

	if (rc != 0)
		return rc < 0 ? -1 : 0;
	op->acct = NULL; /* none of this is what the user moves */
	rc = open_all(f, op, &repo, &lock);
	op->acct = acct;
	leave(f->shared, rc == 0 ? repo : NULL, lock);
	return rc;
}

int snapfs_reindex(struct snap_repo *s, struct op *op, int64_t age, bool *news)
{
	struct repo *r = s->open.repo;
	struct acct *acct = op->acct;
	int64_t now = clock_mono();
	size_t known;
	int rc;

	pthread_mutex_lock(&s->lock);
	rc = snapfs_claim(s, op, &s->open.indexing);
	*news = s->open.indexed > now; /* somebody else did, meanwhile */
	if (rc == 0 && (*news || now - s->open.indexed < age)) {
		s->open.indexing = false;
		rc = 1;
	}
	pthread_mutex_unlock(&s->lock);
	if (rc != 0)
		return rc < 0 ? -1 : 0;
	known = r->index ? index_entries(r->index) : 0;
	op->acct = NULL;
	rc = repo_load_new_index(r, op, &s->open.indexes, pass_over, NULL);
	op->acct = acct;
	*news = rc == 0 && index_entries(r->index) > known;
	pthread_mutex_lock(&s->lock);
	s->open.indexing = false;
	if (rc == 0)
		s->open.indexed = clock_mono();
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
	return rc;
}

bool snapfs_learned(struct snap_repo *s, struct op *op)
{
	struct err why = op->err;
	bool news = false;

	if (why.kind != ERR_CORRUPT && why.kind != ERR_NOT_FOUND)
		return false;
	(void)!snapfs_reindex(s, op, NEWS_NS, &news);
	op->err = why;
	return news;
}

struct coder *snapfs_coder(struct snap_repo *s)
{
	struct coder *c = NULL;

	pthread_mutex_lock(&s->lock);
	if (s->open.coders.n)
		c = s->open.coders.at[--s->open.coders.n];
	pthread_mutex_unlock(&s->lock);
	return c ? c : repo_coder(s->open.repo);
}

void snapfs_coder_back(struct snap_repo *s, struct coder *c)
{
	pthread_mutex_lock(&s->lock);
	*coders_add(&s->open.coders) = c;
	pthread_mutex_unlock(&s->lock);
}

int snapfs_blob(struct snap_repo *s, struct op *op, enum blob_type t,
		const struct id *id, struct buf *out)
{
	struct coder *c = snapfs_coder(s);
	struct acct *acct = op->acct;
	int rc;

	op->acct = NULL;
	rc = repo_load_blob(s->open.repo, op, c, t, id, out);
	if (rc < 0 && snapfs_learned(s, op))
		rc = repo_load_blob(s->open.repo, op, c, t, id, out);
	op->acct = acct;
	snapfs_coder_back(s, c);
	return rc;
}
