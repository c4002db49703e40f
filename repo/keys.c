#include "repo/keys.h"

#include <stdlib.h>
#include <string.h>

#include "crypt/secret.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/parse.h"
#include "repo/each.h"
#include "repo/key_file.h"
#include "repo/who.h"

/*
 * Each try is half a second of work; and no more files than these are read to
 * see which ones are worth a try.
 */
enum { TRIES_MAX = 20, FILES_MAX = 1000 };

/*
 * What is needed of it.  Its JSON takes fifty times the memory, and anybody
 * who may write to the place can put a thousand files there.
 */
static void keep(struct arena *a, const struct key_file *k,
		 struct key_file *out)
{
	*out = (struct key_file){
		.hostname = arena_strdup(a, k->hostname),
		.username = arena_strdup(a, k->username),
		.created = arena_strdup(a, k->created),
		.cost = k->cost,
		.salt = arena_memdup(a, k->salt, k->salt_len),
		.salt_len = k->salt_len,
		.data = arena_memdup(a, k->data, k->data_len),
		.data_len = k->data_len,
	};
}

/*
 * One key file, in `a`: 1, or 0 if it cannot be used, which is logged; -1: the
 * place cannot be read.
 */
static int load(struct store *s, struct op *op, struct arena *a,
		const struct id *id, struct key_file *out)
{
	struct buf text = BUF_INIT;
	struct arena json = { 0 };
	struct key_file k;
	char hex[9];
	int rc = store_read(s, op, FILE_KEY, id, KEY_FILE_MAX, &text);

	if (rc == 0)
		rc = key_file_parse(&json, text.data, text.len, &k, &op->err);
	if (rc == 0)
		keep(a, &k, out);
	arena_free(&json);
	buf_free(&text);
	if (rc == 0)
		return 1;
	if (op->err.kind != ERR_CORRUPT && op->err.kind != ERR_NOT_FOUND)
		return -1;
	log_notice(NULL, "key %s cannot be used: %s", id_short(id, hex),
		   op->err.msg);
	err_clear(&op->err);
	return 0;
}

int keys_each(struct store *s, struct op *op, key_fn *fn, void *arg)
{
	struct ids ids = { 0 };
	int rc = ids_list(s, op, FILE_KEY, &ids);

	for (size_t i = 0; rc == 0 && i < ids.n; i++) {
		struct key_file k;

		rc = load(s, op, &op->arena, &ids.at[i], &k);
		if (rc > 0) {
			const struct key_info info = {
				.id = ids.at[i],
				.hostname = k.hostname,
				.username = k.username,
				.created = k.created,
			};

			rc = fn(arg, op, &info);
		}
	}
	ids_free(&ids);
	return rc;
}

struct candidate {
	struct id id;
	struct key_file file;
	unsigned rank; /* lower ones first */
};

VEC(candidates, struct candidate);

static int by_rank(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	return memcmp(&x->id, &y->id, sizeof(x->id));
}

static unsigned rank_of(const struct candidate *c, const struct who *me,
			const char *hint)
{
	char hex[ID_HEX + 1];

	if (hint && strncmp(id_hex(&c->id, hex), hint, strlen(hint)) == 0)
		return 0;
	return 1u + (strcmp(c->file.hostname, me->host) != 0 ? 1 : 0) +
	       (strcmp(c->file.username, me->user) != 0 ? 1 : 0);
}

static int find_candidates(struct store *s, struct op *op, struct arena *a,
			   const char *hint, struct candidates *out)
{
	struct ids ids = { 0 };
	struct who me;
	int rc = ids_list(s, op, FILE_KEY, &ids);

	who_am_i(&me);
	for (size_t i = 0; rc == 0 && i < ids.n && i < FILES_MAX; i++) {
		struct candidate c = { .id = ids.at[i] };

		rc = load(s, op, a, &c.id, &c.file);
		if (rc > 0) {
			rc = 0;
			c.rank = rank_of(&c, &me, hint);
			*candidates_add(out) = c;
		}
	}
	if (rc == 0 && ids.n == 0)
		rc = err_set(&op->err, ERR_CORRUPT,
			     "the repository has no keys");
	else if (rc == 0 && out->n == 0)
		rc = err_set(&op->err, ERR_CORRUPT,
			     "none of the repository's %zu keys can be used",
			     ids.n);
	if (out->n)
		qsort(out->at, out->n, sizeof(*out->at), by_rank);
	ids_free(&ids);
	return rc;
}

/* 1, or 0 if this one does not fit. */
static int try(struct op *op, const struct candidate *c, const char *password,
	       struct envelope_key *out)
{
	char hex[9];
	int rc;

	if (op_check(op) < 0)
		return -1;
	rc = key_file_open(&c->file, password, out, &op->err);
	if (rc < 0) {
		log_notice(NULL, "key %s cannot be used: %s",
			   id_short(&c->id, hex), op->err.msg);
		err_clear(&op->err);
		rc = 0;
	}
	return rc;
}

int keys_open(struct store *s, struct op *op, const char *password,
	      const char *hint, struct envelope_key *out, struct id *id)
{
	struct candidates all = { 0 };
	struct arena a = { 0 };
	int rc = find_candidates(s, op, &a, hint, &all);
	size_t n = all.n < TRIES_MAX ? all.n : TRIES_MAX;
	bool found = false;

	for (size_t i = 0; rc == 0 && !found && i < n; i++) {
		rc = try(op, &all.at[i], password, out);
		found = rc > 0;
		if (found)
			*id = all.at[i].id;
		rc = rc < 0 ? -1 : 0;
	}
	if (rc == 0 && !found)
		rc = err_set(&op->err, ERR_PASSWORD,
			     "the password fits none of %zu keys%s", n,
			     n < all.n ? " that were tried (--key-hint ID "
					 "names another)"
				       : "");
	candidates_free(&all);
	arena_free(&a);
	return rc;
}

int keys_add(struct store *s, struct op *op, const struct envelope_key *master,
	     const char *password, const char *hostname, const char *username,
	     struct id *id)
{
	struct buf json = BUF_INIT, now = BUF_INIT;
	struct arena a = { 0 };
	struct key_file k = { 0 };
	struct who me;
	int rc;

	who_am_i(&me);
	show_time_utc(&now, clock_wall());
	k.created = now.data;
	k.hostname = hostname ? hostname : me.host;
	k.username = username ? username : me.user;
	rc = key_file_seal(&a, &k, password, master, &op->err);
	if (rc == 0) {
		key_file_write(&json, &k);
		id_of(json.data, json.len, id);
		rc = store_write(s, op, FILE_KEY, id, json.data, json.len);
	}
	buf_free(&json);
	buf_free(&now);
	arena_free(&a);
	return rc;
}
