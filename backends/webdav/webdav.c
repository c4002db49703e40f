/*
 * WebDAV: Nextcloud, ownCloud, and whatever else speaks it.
 */
#include "backends/webdav/webdav.h"

#include <stdlib.h>
#include <string.h>

#include "backends/webdav/multistatus.h"
#include "backends/webdav/token.h"
#include "lib/clock.h"
#include "lib/command.h"
#include "lib/vec.h"

VEC(headers, struct http_header);

static const struct backend_ops webdav_ops;

struct webdav *webdav_of(struct backend *be)
{
	return be->ops == &webdav_ops ? container_of(be, struct webdav, base)
				      : NULL;
}

struct webdav webdav_top(const struct webdav *w, char *none)
{
	return (struct webdav){ .service = w->service, .root = none };
}

const char *webdav_url(const struct webdav *w, struct op *op, const char *path,
		       bool dir)
{
	struct buf b = BUF_INIT;
	const char *url;

	url_text(&b, &w->service->url);
	url_encode_path(&b, w->root);
	if (*w->root && *path)
		buf_adds(&b, "/");
	url_encode_path(&b, path);
	if (dir && b.data[b.len - 1] != '/')
		buf_adds(&b, "/");
	url = arena_strdup(&op->arena, b.data);
	buf_free(&b);
	return url;
}

int webdav_fail(struct op *op, const struct http_answer *a)
{
	struct http_answer copy = *a;
	static const struct http_header none[] = { { NULL, NULL } };

	if (!copy.headers)
		copy.headers = none;
	http_fail(op, &copy);
	if (a->status == 409)
		op->err.kind = ERR_NO_DIR;
	return -1;
}

/* What a 207 says, where nobody has read it yet. */
static int check_parts(struct op *op, const struct http_answer *a)
{
	int status = multistatus_failure(op, a->body, a->body_len);

	if (status <= 0)
		return status;
	return webdav_fail(
		op, &(struct http_answer){ .status = status, .body = "" });
}

int webdav_ask_url(struct webdav *w, struct op *op, struct http_request *rq,
		   struct http_answer *out)
{
	struct http_answer answer;

	if (!out)
		out = &answer;
	if (http_do(w->service->http, op, rq, out) < 0)
		return -1;
	if (out->status < 200 || out->status > 299)
		return webdav_fail(op, out);
	if (out->status == 207 && !rq->sink)
		return check_parts(op, out);
	return 0;
}

int webdav_ask(struct webdav *w, struct op *op, const char *path, bool dir,
	       struct http_request *rq, struct http_answer *out)
{
	rq->url = webdav_url(w, op, path, dir);
	return webdav_ask_url(w, op, rq, out);
}

static void webdav_close(struct backend *be)
{
	struct webdav *w = webdav_of(be);

	buf_free(&w->strays);
	pthread_mutex_destroy(&w->lock);
	free(w->root);
	free(w);
}

static const struct backend_extra extra = {
	.cleanup = webdav_cleanup,
};

static const struct backend_ops webdav_ops = {
	.close = webdav_close,
	.list = webdav_list,
	.stat = webdav_stat,
	.get = webdav_get,
	.put = webdav_put,
	.mkdir = webdav_mkdir,
	.rmdir = webdav_rmdir,
	.unlink = webdav_unlink,
	.copy = webdav_copy,
	.move = webdav_move,
	.move_dir = webdav_move_dir,
	.purge = webdav_purge,
	.touch = webdav_touch,
	.hash = webdav_hash,
	.quota = webdav_quota,
	.strays = webdav_strays,
	.extra = &extra,
};

static const struct driver_option options[] = {
	{ .name = "url",
	  .required = true,
	  .help = "the folder that is the remote's root: "
		  "https://example.com/remote.php/dav/files/USER/" },
	{ .name = "vendor",
	  .fallback = "other",
	  .help = "nextcloud, owncloud, fastmail, rclone, sharepoint or "
		  "other" },
	{ .name = "user", .help = "user name" },
	{ .name = "pass",
	  .secret = true,
	  .obscured = true,
	  .help = "password; an app password where the service has those" },
	{ .name = "bearer_token",
	  .secret = true,
	  .help = "token to sign in with instead of user and password" },
	{ .name = "bearer_token_command",
	  .help = "command that prints such a token; run anew when the token "
		  "is refused" },
	{ .name = "headers",
	  .secret = true,
	  .help = "headers for each request: name,value,name,value" },
	{ .name = "times",
	  .fallback = "auto",
	  .help = "where modification times are kept: auto (with the file if "
		  "the server takes them, else in a property) or memory (of "
		  "this machine: one request a file less on servers such as "
		  "Apache)" },
	{ .name = "piece_size",
	  .type = OPTION_SIZE,
	  .fallback = "64Mi",
	  .help = "larger files are sent in pieces of this size and more "
		  "where the server takes them, so that an upload which breaks "
		  "off goes on where it stopped; off: in one" },
	{ .name = "ca_cert",
	  .help = "PEM file of certificate authorities to trust besides the "
		  "system's" },
	{ .name = NULL },
};

static const struct vendor {
	const char *name;
	bool nextcloud;
	const char *unsupported; /* why, or NULL */
} vendors[] = {
	{ "other", false, NULL },
	{ "", false, NULL },
	{ "nextcloud", true, NULL },
	{ "owncloud", true, NULL },
	{ "infinitescale", false, NULL },
	{ "fastmail", false, NULL },
	{ "rclone", false, NULL },
	{ "sharepoint", false, NULL },
	{ "sharepoint-ntlm", false,
	  "signing in by NTLM is not supported; where the server allows it, "
	  "use \"vendor = sharepoint\" with Basic authentication" },
};

static int find_vendor(const struct remote_conf *conf, struct err *e,
		       const struct vendor **out)
{
	const char *name = conf_str(conf, "vendor");

	for (size_t i = 0; i < ARRAY_LEN(vendors); i++) {
		const struct vendor *v = &vendors[i];

		if (strcmp(v->name, name) != 0)
			continue;
		*out = v;
		if (v->unsupported)
			return err_set(e, ERR_UNSUPPORTED,
				       "%s: option \"vendor\": %s: %s",
				       conf->name, name, v->unsupported);
		return 0;
	}
	return err_set(e, ERR_INVALID,
		       "%s: option \"vendor\": \"%s\" is none of nextcloud, "
		       "owncloud, fastmail, rclone, sharepoint, other",
		       conf->name, name);
}

/* The next field of a line of CSV; false at its end or if it is none. */
static bool next_field(struct arena *a, const char **at, const char **field)
{
	const char *p = *at;
	char *out;
	size_t n = 0;

	if (!p)
		return false;
	out = arena_alloc(a, strlen(p) + 1);
	if (*p == '"') {
		for (p++; *p; out[n++] = *p++)
			if (*p == '"' && *++p != '"')
				break;
	} else {
		n = strcspn(p, ",");
		memcpy(out, p, n);
		p += n;
	}
	if (*p != ',' && *p != '\0')
		return false;
	*at = *p ? p + 1 : NULL;
	*field = out;
	return true;
}

/* A header's name is a token of RFC 9110, and no value ends its line. */
static bool is_header(const char *name, const char *value)
{
	static const char token[] = "!#$%&'*+-.^_`|~0123456789"
				    "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

	if (*name == '\0' || name[strspn(name, token)] != '\0')
		return false;
	for (; *value; value++)
		if (((unsigned char)*value < ' ' && *value != '\t') ||
		    *value == 0x7f)
			return false;
	return true;
}

/* "name,value,name,value", in the op's arena; never shown: it holds secrets. */
static int parse_headers(const struct remote_conf *conf, struct op *op,
			 const struct http_header **out)
{
	const char *at = conf_str(conf, "headers");
	struct headers v = { 0 };
	bool good = true;

	if (at && *at == '\0')
		at = NULL;
	while (good && at) {
		struct http_header h = { NULL, NULL };

		good = next_field(&op->arena, &at, &h.name) &&
		       next_field(&op->arena, &at, &h.value) &&
		       is_header(h.name, h.value);
		*headers_add(&v) = h;
	}
	*headers_add(&v) = (struct http_header){ NULL, NULL };
	*out = arena_memdup(&op->arena, v.at, v.n * sizeof(*v.at));
	headers_free(&v);
	if (!good)
		return err_set(&op->err, ERR_INVALID,
			       "%s: option \"headers\" must be pairs of a "
			       "header's name and its value, all with commas "
			       "between",
			       conf->name);
	return 0;
}

/* The URL in one spelling: decoded, encoded again, with a '/' at its end. */
static int parse_url(const struct remote_conf *conf, struct op *op,
		     struct url *out)
{
	struct buf path = BUF_INIT, again = BUF_INIT;
	const char *text = conf_str(conf, "url"), *clean;
	int rc = -1;

	if (url_parse(&op->arena, text, out, &op->err) < 0) {
		err_wrap(&op->err, "%s: option \"url\"", conf->name);
		goto out;
	}
	if (out->query || !url_decode(&path, out->path, strlen(out->path))) {
		err_set(&op->err, ERR_INVALID,
			"%s: option \"url\": \"%s\" must be the address of a "
			"folder",
			conf->name, text);
		goto out;
	}
	if (place_clean(&op->arena, path.data, &clean, &op->err) < 0) {
		err_wrap(&op->err, "%s: option \"url\"", conf->name);
		goto out;
	}
	buf_adds(&again, "/");
	url_encode_path(&again, clean);
	if (*clean)
		buf_adds(&again, "/");
	out->path = arena_strdup(&op->arena, again.data);
	rc = 0;
out:
	buf_free(&path);
	buf_free(&again);
	return rc;
}

static void *service_new(void)
{
	struct webdav_service *s = xcalloc(1, sizeof(*s));
	pthread_condattr_t attr;

	pthread_mutex_init(&s->lock, NULL);
	pthread_mutex_init(&s->token_lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&s->settled, &attr);
	pthread_condattr_destroy(&attr);
	return s;
}

static void free_secret(char *text)
{
	if (text)
		explicit_bzero(text, strlen(text));
	free(text);
}

static void service_free(void *service)
{
	struct webdav_service *s = service;

	http_free(s->http);
	free_secret(s->bearer);
	free_secret(s->token);
	arena_free(&s->arena);
	pthread_cond_destroy(&s->settled);
	pthread_mutex_destroy(&s->token_lock);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

/* All that decides who we are to the server, as a digest. */
static void add_digest(struct buf *b, const struct remote_conf *conf)
{
	static const char *const keys[] = {
		"vendor",  "times",        "user",
		"pass",    "bearer_token", "bearer_token_command",
		"headers", "ca_cert",      "piece_size",
	};
	struct hasher *h = hasher_new(1u << HASH_SHA256);
	struct digests d = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		const char *value = conf_str(conf, keys[i]);

		value = value ? value : "";
		hasher_add(h, value, strlen(value) + 1);
	}
	hasher_end(h, &d);
	hasher_free(h);
	digest_hex(b, &d, HASH_SHA256);
}

/* "https://user@host:443/path/": one text for one place. */
static void add_place(struct buf *b, const struct remote_conf *conf,
		      const struct url *url)
{
	const char *user = conf_str(conf, "user");
	bool v6 = strchr(url->host, ':');

	buf_adds(b, url->tls ? "https://" : "http://");
	if (user && *user) {
		url_encode(b, user);
		buf_adds(b, "@");
	}
	buf_addf(b, v6 ? "[%s]:%u%s" : "%s:%u%s", url->host, url->port,
		 url->path);
}

static const char *not_empty(const char *text)
{
	return text && *text ? text : NULL;
}

/* With the service's lock held. */
static int fill(struct webdav_service *s, const struct remote_conf *conf,
		const struct url *url, const char *place, struct op *op)
{
	const char *command = not_empty(conf_str(conf, "bearer_token_command"));
	const char *bearer = not_empty(conf_str(conf, "bearer_token"));
	struct http_conf http = {
		.name = conf->name,
		.ca_cert = not_empty(conf_str(conf, "ca_cert")),
		.user = not_empty(conf_str(conf, "user")),
		.arg = s,
	};
	const char *times = conf_str(conf, "times");
	const struct vendor *vendor = NULL;
	char **words;

	if (strcmp(times, "auto") != 0 && strcmp(times, "memory") != 0)
		return err_set(&op->err, ERR_INVALID,
			       "%s: option \"times\": \"%s\" is neither auto "
			       "nor memory",
			       conf->name, times);
	if (find_vendor(conf, &op->err, &vendor) < 0 ||
	    parse_headers(conf, op, &http.headers) < 0 ||
	    conf_password(conf, "pass", op, &http.pass) < 0)
		return -1;
	if (http.pass && !http.user)
		return err_set(&op->err, ERR_INVALID,
			       "%s: option \"pass\" is of no use without "
			       "\"user\"",
			       conf->name);
	if (command && bearer)
		return err_set(&op->err, ERR_INVALID,
			       "%s: \"bearer_token\" and "
			       "\"bearer_token_command\" exclude each other",
			       conf->name);
	if (command && command_split(&op->arena, "bearer_token_command",
				     command, &words, &op->err) < 0)
		return err_wrap(&op->err, "%s", conf->name);
	if (bearer && !is_header("Authorization", bearer))
		return err_set(&op->err, ERR_INVALID,
			       "%s: option \"bearer_token\" is no token",
			       conf->name);
	if (command || bearer) {
		http.user = http.pass = NULL;
		http.authorize = webdav_authorize;
	}
	s->nextcloud = vendor->nextcloud;
	s->times_here = strcmp(times, "memory") == 0;
	s->piece_size = conf_int(conf, "piece_size");
	s->remotes = conf->remotes;
	s->key = arena_strdup(&s->arena, place);
	s->url = *url;
	s->url.host = arena_strdup(&s->arena, url->host);
	s->url.path = arena_strdup(&s->arena, url->path);
	if (command)
		s->bearer_command = arena_strdup(&s->arena, command);
	else if (bearer)
		s->bearer =
			xstrdup(arena_printf(&op->arena, "Bearer %s", bearer));
	s->http = http_new(&conf->remotes->http, &http);
	return 0;
}

static int find_service(const struct remote_conf *conf, struct op *op,
			struct webdav_service **out)
{
	struct buf place = BUF_INIT, key = BUF_INIT;
	struct webdav_service *s;
	struct url url;
	int rc = -1;

	if (parse_url(conf, op, &url) < 0)
		goto out;
	add_place(&place, conf, &url);
	buf_addf(&key, "webdav %s ", place.data);
	add_digest(&key, conf);
	s = remotes_share(conf->remotes, key.data, service_new, service_free);
	pthread_mutex_lock(&s->lock);
	rc = s->http ? 0 : fill(s, conf, &url, place.data, op);
	pthread_mutex_unlock(&s->lock);
	*out = s;
out:
	buf_free(&place);
	buf_free(&key);
	return rc;
}

static int webdav_open(const struct remote_conf *conf, const char *root,
		       struct op *op, struct backend **out)
{
	const unsigned caps = BE_RANGE | BE_PUT_ATOMIC | BE_SET_MTIME |
			      BE_EMPTY_DIR | BE_KEEP_OLD | BE_REMOTE;
	struct webdav_service *s;
	struct buf identity = BUF_INIT;
	struct webdav *w;

	if (find_service(conf, op, &s) < 0)
		return -1;
	buf_addf(&identity, "webdav:%s", s->key);
	url_encode_path(&identity, root);
	if (identity.data[identity.len - 1] == '/')
		buf_cut(&identity, identity.len - 1);
	w = xcalloc(1, sizeof(*w));
	w->service = s;
	w->root = xstrdup(root);
	w->strays = (struct buf)BUF_INIT;
	pthread_mutex_init(&w->lock, NULL);
	backend_init(&w->base, &webdav_ops, conf->name, identity.data, caps);
	buf_free(&identity);
	w->base.mtime_step = NS_PER_SEC;
	w->base.calls = 64;
	/* A file has those that it was uploaded with, so none is `listed`. */
	if (s->nextcloud)
		w->base.asked = 1u << HASH_SHA1;
	if (s->nextcloud)
		w->base.hashes = 1u << HASH_SHA1 | 1u << HASH_MD5;
	else
		w->base.caps &= ~(unsigned)BE_HASH;
	*out = &w->base;
	return 0;
}

const struct driver driver_webdav = {
	.name = "webdav",
	.summary = "WebDAV: Nextcloud, ownCloud and others",
	.options = options,
	.open = webdav_open,
};
