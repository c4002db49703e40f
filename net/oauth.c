#include "net/oauth.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/file.h"
#include "lib/ini_file.h"
#include "lib/log.h"
#include "net/oauth_token.h"

enum {
	MARGIN_S = 60,          /* a good token has that long to live, ... */
	MARGIN_PART = 2,        /* ... or this part of a short life */
	AGAIN_S = 5,            /* between two tries while there is time */
	YOUNG_S = 10,           /* a token refused so soon is strange ... */
	YOUNG_REFUSED_MAX = 20, /* ... and this often, hopeless */
	ROUNDS_MAX = 3,         /* others' newer tokens tried */
	TOKEN_LOCK_MS = 120000, /* one who refreshes may take a while */
	CONFIG_LOCK_MS = 60000, /* held for moments only */
	NAME_MAX_LEN = 100
};

struct oauth {
	struct http *http;
	char *name, *config_path, *lock_path, *token_url;
	char *client_id, *client_secret, *remedy;

	pthread_mutex_t lock; /* guards what follows, for moments */
	bool busy;            /* a thread reads the file or refreshes */
	char *access, *refresh, *type;
	int64_t expiry, life;

	/* From here on: of the thread that has set `busy`. */
	bool unsaved;  /* the token is newer than the file's */
	int held;      /* the token lock, kept as long as that, or -1 */
	int64_t given; /* monotonic, when we refreshed; 0 never */
	int64_t again; /* monotonic, not to be tried before */
	unsigned young_refused;
};

static void wipe_text(char *s)
{
	if (s)
		explicit_bzero(s, strlen(s));
	free(s);
}

static char *copy_or_null(const char *s)
{
	return s && *s ? xstrdup(s) : NULL;
}

struct store {
	const char *name, *json;
};

static int set_token(void *arg, struct op *op, struct ini *ini)
{
	const struct store *s = arg;

	/* Not again what somebody has just deleted, without its other keys. */
	if (!ini_has(ini, s->name))
		return err_set(&op->err, ERR_AUTH,
			       "it is no longer in the configuration");
	return ini_set(ini, s->name, "token", s->json, &op->err);
}

int oauth_store(struct op *op, const char *config_path, const char *name,
		const struct oauth_token *t)
{
	struct buf json = BUF_INIT;
	struct cancel never;
	struct store store;
	struct op own;
	int rc;

	cancel_init(&never);
	own = op_begin(&never);
	oauth_token_write(&json, t);
	store = (struct store){ name, json.data };
	rc = ini_change(&own, config_path, CONFIG_LOCK_MS, set_token, &store);
	if (rc < 0)
		op->err = own.err;
	explicit_bzero(json.data, json.len);
	buf_free(&json);
	op_end(&own);
	cancel_free(&never);
	return rc;
}

/* PATH.NAME.token, whatever signs the name is made of. */
static char *lock_path_of(const char *config_path, const char *name)
{
	struct buf b = BUF_INIT;

	buf_addf(&b, "%s.", config_path);
	for (size_t i = 0; name[i] && i < NAME_MAX_LEN; i++)
		buf_addf(&b, "%c",
			 isalnum((unsigned char)name[i]) ||
					 strchr("_-.", name[i])
				 ? name[i]
				 : '_');
	buf_adds(&b, ".token");
	return b.data;
}

int oauth_lock(struct op *op, const char *config_path, const char *name)
{
	char *path = lock_path_of(config_path, name);
	int fd = file_lock(op, path, TOKEN_LOCK_MS);

	free(path);
	return fd;
}

struct oauth *oauth_new(struct http *h, const struct oauth_conf *conf)
{
	struct oauth *o = xcalloc(1, sizeof(*o));

	*o = (struct oauth){
		.http = h,
		.name = xstrdup(conf->name),
		.config_path = xstrdup(conf->config_path),
		.lock_path = lock_path_of(conf->config_path, conf->name),
		.token_url = xstrdup(conf->token_url),
		.client_id = xstrdup(conf->client_id),
		.client_secret = copy_or_null(conf->client_secret),
		.remedy = xstrdup(conf->remedy),
		.held = -1,
	};
	pthread_mutex_init(&o->lock, NULL);
	return o;
}

static void forget(struct oauth *o)
{
	wipe_text(o->access);
	wipe_text(o->refresh);
	free(o->type);
	o->access = o->refresh = o->type = NULL;
}

static void adopt(struct oauth *o, const struct oauth_token *t, bool unsaved)
{
	pthread_mutex_lock(&o->lock);
	forget(o);
	o->access = copy_or_null(t->access);
	o->refresh = copy_or_null(t->refresh);
	o->type = copy_or_null(t->type);
	o->expiry = t->expiry;
	o->life = t->life;
	o->unsaved = unsaved;
	pthread_mutex_unlock(&o->lock);
}

/* Write the token that is not in the file yet; then others may go on, too. */
static int save(struct oauth *o, struct op *op)
{
	const struct oauth_token t = { .access = o->access,
				       .refresh = o->refresh,
				       .type = o->type,
				       .expiry = o->expiry,
				       .life = o->life };

	if (oauth_store(op, o->config_path, o->name, &t) < 0)
		return err_wrap(&op->err,
				"%s: the new token could not be written",
				o->name);
	pthread_mutex_lock(&o->lock);
	o->unsaved = false;
	pthread_mutex_unlock(&o->lock);
	if (o->held >= 0)
		close(o->held);
	o->held = -1;
	return 0;
}

void oauth_free(struct oauth *o)
{
	struct cancel never;
	struct op op;

	if (!o)
		return;
	cancel_init(&never);
	op = op_begin(&never);
	if (o->unsaved && save(o, &op) < 0) {
		log_error(NULL, "%s; %s", op.err.msg, o->remedy);
		close(o->held);
	}
	op_end(&op);
	cancel_free(&never);
	forget(o);
	wipe_text(o->client_secret);
	free(o->name);
	free(o->config_path);
	free(o->lock_path);
	free(o->token_url);
	free(o->client_id);
	free(o->remedy);
	pthread_mutex_destroy(&o->lock);
	free(o);
}

static bool is_stale(const char *access, const char *stale)
{
	return stale && strncmp(stale, "Bearer ", 7) == 0 &&
	       strcmp(stale + 7, access) == 0;
}

/* It becomes a line of a request. */
static bool can_be_sent(const char *access)
{
	for (; access && *access; access++)
		if (*access <= ' ' || *access > '~')
			return false;
	return access;
}

/* It was not refused, and lives for more than `margin` ns. */
static bool good_for(const char *access, int64_t expiry, const char *stale,
		     int64_t margin)
{
	if (!can_be_sent(access) || is_stale(access, stale))
		return false;
	return !expiry || expiry > clock_wall() + margin;
}

/* Where tokens live for seconds, one is not renewed before each request. */
static int64_t margin_of(int64_t life)
{
	const int64_t most = MARGIN_S * NS_PER_SEC;

	return life && life / MARGIN_PART < most ? life / MARGIN_PART : most;
}

/* The one in memory, and one that was read. */
static bool holds(const struct oauth *o, const char *stale)
{
	return good_for(o->access, o->expiry, stale, margin_of(o->life));
}

static bool is_good(const struct oauth_token *t, const char *stale)
{
	return good_for(t->access, t->expiry, stale, margin_of(t->life));
}

/* What stands in the file now. */
static int read_token(struct oauth *o, struct op *op, struct oauth_token *t)
{
	struct ini *ini = ini_new();
	const char *json;
	int rc = -1;

	if (ini_load(op, o->config_path, ini) < 0)
		goto out;
	json = ini_get(ini, o->name, "token");
	if (!json || !*json) {
		err_set(&op->err, ERR_AUTH, "%s: not signed in; %s", o->name,
			o->remedy);
		goto out;
	}
	if (oauth_token_parse(&op->arena, json, t, &op->err) < 0) {
		err_set(&op->err, ERR_AUTH,
			"%s: the token in the configuration is damaged; %s",
			o->name, o->remedy);
		goto out;
	}
	rc = 0;
out:
	ini_free(ini);
	return rc;
}

static int change_nothing(void *arg, struct op *op, struct ini *ini)
{
	(void)arg;
	(void)op;
	(void)ini;
	return 0;
}

/*
 * Write the file as it is: where that cannot be done (read-only, a full disk, a
 * single file mounted into a container) the next token would be lost, and the
 * login with it.
 */
static int rehearse(struct oauth *o, struct op *op)
{
	if (ini_change(op, o->config_path, CONFIG_LOCK_MS, change_nothing,
		       NULL) == 0)
		return 0;
	if (op->err.kind == ERR_CANCELED)
		return -1;
	return err_wrap(&op->err,
			"%s: the access token has expired, and a new one could "
			"not be kept",
			o->name);
}

static int login_lost(struct oauth *o, struct op *op)
{
	int code = op->err.code;

	err_set(&op->err, ERR_AUTH,
		"%s: the sign-in has expired or was used elsewhere (by a copy "
		"of the configuration?); %s",
		o->name, o->remedy);
	op->err.code = code;
	return -1;
}

static int take_new(struct oauth *o, struct op *op, const char *old_refresh,
		    struct oauth_token *fresh)
{
	if (!fresh->refresh) /* not every service changes it */
		fresh->refresh = old_refresh;
	o->given = clock_mono();
	adopt(o, fresh, true);
	return save(o, op);
}

/* With the token lock held; `t` is what the file holds. */
static int exchange(struct oauth *o, struct op *op, const char *stale,
		    struct oauth_token *t)
{
	const struct oauth_endpoint at = { .http = o->http,
					   .token_url = o->token_url,
					   .client_id = o->client_id,
					   .client_secret = o->client_secret };

	for (unsigned round = 0; round < ROUNDS_MAX; round++) {
		const char *sent = t->refresh;
		struct oauth_token fresh;
		bool lost;

		if (!sent)
			return err_set(&op->err, ERR_AUTH,
				       "%s: the sign-in has expired; %s",
				       o->name, o->remedy);
		if (oauth_ask_surely(&at, op, sent, &fresh, &lost) == 0)
			return take_new(o, op, sent, &fresh);
		if (!lost && err_info(op->err.kind)->retry &&
		    good_for(t->access, t->expiry, stale, 0)) {
			log_debug(o->name, "%s", op->err.msg);
			o->again = clock_mono() + AGAIN_S * NS_PER_SEC;
			adopt(o, t, false);
			return 0;
		}
		if (!lost)
			return err_wrap(&op->err, "%s", o->name);
		/* rclone, for one, does not know our lock */
		if (read_token(o, op, t) < 0)
			return -1;
		if (!t->refresh || strcmp(t->refresh, sent) == 0)
			return login_lost(o, op);
		if (is_good(t, stale)) {
			adopt(o, t, false);
			return 0;
		}
	}
	return login_lost(o, op);
}

static int refresh_locked(struct oauth *o, struct op *op, const char *stale)
{
	struct oauth_token t;

	if (read_token(o, op, &t) < 0)
		return -1;
	if (is_good(&t, stale)) {
		adopt(o, &t, false); /* another process was faster */
		return 0;
	}
	if (rehearse(o, op) < 0 || op_check(op) < 0)
		return -1;
	return exchange(o, op, stale, &t);
}

/* A service that refuses what it has just given is not asked for ever. */
static int check_refusals(struct oauth *o, struct op *op, const char *stale)
{
	if (!o->given || !o->access || !is_stale(o->access, stale))
		return 0;
	if (clock_mono() - o->given > YOUNG_S * NS_PER_SEC) {
		o->young_refused = 0;
		return 0;
	}
	if (++o->young_refused <= YOUNG_REFUSED_MAX)
		return 0;
	return err_set(&op->err, ERR_AUTH,
		       "%s: the service refuses the tokens that it has just "
		       "given; %s",
		       o->name, o->remedy);
}

/* By the thread that has set `busy`: see to it that there is a good token. */
static int renew(struct oauth *o, struct op *op, const char *stale)
{
	struct oauth_token t;
	int lock, rc;

	if (o->unsaved && save(o, op) < 0)
		return -1;
	if (holds(o, stale))
		return 0;
	if (clock_mono() < o->again && good_for(o->access, o->expiry, stale, 0))
		return 0;
	if (check_refusals(o, op, stale) < 0 || read_token(o, op, &t) < 0)
		return -1;
	if (is_good(&t, stale)) {
		adopt(o, &t, false);
		return 0;
	}
	lock = file_lock(op, o->lock_path, TOKEN_LOCK_MS);
	if (lock < 0) {
		if (op->err.kind == ERR_LOCKED)
			op->err.kind = ERR_BUSY;
		return op->err.kind == ERR_CANCELED
			       ? -1
			       : err_wrap(&op->err, "%s", o->name);
	}
	o->held = lock;
	rc = refresh_locked(o, op, stale);
	if (!o->unsaved && o->held >= 0) {
		close(o->held);
		o->held = -1;
	}
	return rc;
}

/* One thread at a time; the others wait here, and may be called off. */
static int enter(struct oauth *o, struct op *op)
{
	pthread_mutex_lock(&o->lock);
	while (o->busy) {
		pthread_mutex_unlock(&o->lock);
		if (op_sleep(op, 20) < 0)
			return -1;
		pthread_mutex_lock(&o->lock);
	}
	o->busy = true;
	pthread_mutex_unlock(&o->lock);
	return 0;
}

static void leave(struct oauth *o)
{
	pthread_mutex_lock(&o->lock);
	o->busy = false;
	pthread_mutex_unlock(&o->lock);
}

/* What is in memory, if it is good and on disk. */
static bool at_hand(struct oauth *o, struct op *op, const char *stale,
		    const char **value)
{
	bool good;

	pthread_mutex_lock(&o->lock);
	good = !o->unsaved && holds(o, stale);
	if (good)
		*value = arena_printf(&op->arena, "Bearer %s", o->access);
	pthread_mutex_unlock(&o->lock);
	return good;
}

int oauth_authorize(void *arg, struct op *op, const char *stale,
		    const char **value)
{
	struct oauth *o = arg;
	int rc = -1;

	if (at_hand(o, op, stale, value))
		return 0;
	if (enter(o, op) < 0)
		return -1;
	if (renew(o, op, stale) < 0)
		goto out;
	if (!can_be_sent(o->access)) {
		err_set(&op->err, ERR_AUTH,
			"%s: the access token has letters that none may have; "
			"%s",
			o->name, o->remedy);
		goto out;
	}
	*value = arena_printf(&op->arena, "Bearer %s", o->access);
	rc = 0;
out:
	leave(o);
	return rc;
}
