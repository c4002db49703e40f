/*
 * Writing: the service is told size and MD5, says what of the content it lacks
 * and is sent that.
 */
#include "backends/jotta/jotta.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "backends/jotta/change.h"
#include "lib/clock.h"
#include "lib/date.h"
#include "lib/json.h"
#include "lib/json_write.h"
#include "net/url.h"

/*
 * The statuses for bytes of another MD5, for those of another place, and where
 * an upload has ended: by another process that had the same file to send.
 */
enum { BAD_CONTENT = 421, BAD_RANGE = 416, NO_UPLOAD = 404, GONE = 410 };

static void add_md5(struct buf *b, const struct digests *d)
{
	digest_hex(b, d, HASH_MD5);
}

/* Whether a node is a file with this very content. */
static bool holds(const struct jfs_node *n, int64_t size,
		  const struct digests *hash)
{
	return n->kind == JFS_FILE && jotta_lives(n) && n->size == size &&
	       digests_compare(&n->hash, hash) == 1;
}

/* The file in an answer; its texts are not needed. */
struct answered {
	struct jfs_node node;
	bool any;
};

static int keep_file(void *arg, struct op *op, const struct jfs_node *n)
{
	struct answered *a = arg;

	(void)op;
	if (n->kind == JFS_FILE && !a->any) {
		a->node = *n;
		a->any = true;
	}
	return 0;
}

int jotta_file_after(struct jotta *j, struct op *op, const char *path,
		     const struct http_answer *answer, struct jfs_node *out)
{
	struct answered a = { .any = false };

	if (jfs_parse(op, answer->body, answer->body_len, keep_file, &a) < 0) {
		a.any = false;
		err_clear(&op->err);
	}
	*out = a.node;
	return a.any && a.node.complete ? 0 : jotta_node(j, op, path, out);
}

int jotta_by_hash(struct jotta *j, struct op *op, const char *path,
		  const struct jfs_node *n)
{
	int64_t mtime = n->mtime == MTIME_UNKNOWN ? clock_wall() : n->mtime;
	int64_t created = n->created == MTIME_UNKNOWN ? mtime : n->created;
	struct buf size = BUF_INIT, md5 = BUF_INIT, made = BUF_INIT,
		   changed = BUF_INIT;
	struct http_answer answer;
	struct jfs_node now;
	int rc = -1;

	if (n->size < 0 || !(n->hash.have & 1u << HASH_MD5))
		return err_set(&op->err, ERR_CORRUPT,
			       "the service names no size or MD5 of it");
	buf_addf(&size, "%" PRId64, n->size);
	add_md5(&md5, &n->hash);
	date_jfs(&made, created);
	date_jfs(&changed, mtime);
	const struct http_header headers[] = { { "JSize", size.data },
					       { "JMd5", md5.data },
					       { "JCreated", made.data },
					       { "JModified", changed.data },
					       { NULL, NULL } };
	struct http_request rq = { .method = "POST", .headers = headers };

	if (jotta_jfs(j, op, path, "cphash=true", &rq, &answer) < 0 ||
	    jotta_file_after(j, op, path, &answer, &now) < 0)
		goto out;
	rc = 0;
	if (!holds(&now, n->size, &n->hash) ||
	    (now.mtime != MTIME_UNKNOWN && now.mtime != jotta_kept_time(mtime)))
		rc = err_set(&op->err, ERR_CORRUPT,
			     "the service says that it is done, but the file "
			     "has other content or another time");
out:
	buf_free(&size);
	buf_free(&md5);
	buf_free(&made);
	buf_free(&changed);
	return rc;
}

int jotta_touch(struct backend *be, struct op *op, const char *path,
		int64_t mtime)
{
	struct jotta *j = jotta_of(be);
	struct jfs_node n;

	if (jotta_file(j, op, path, &n) < 0)
		return -1;
	n.mtime = mtime;
	if (jotta_by_hash(j, op, path, &n) == 0)
		return 0;
	/* With its own size and MD5 it would be found: they have changed. */
	if (op->err.kind == ERR_NOT_FOUND)
		op->err.kind = ERR_CONFLICT;
	return -1;
}

/* One file on its way up. */
struct upload {
	struct jotta *j;
	const char *path;
	struct source *src;
	const struct digests *hash;
	int64_t size, mtime;
	int64_t read; /* of src */
};

/* What allocate() has said. */
struct allocated {
	bool complete;
	const char *url;
	int64_t resume;
};

static void make_request(const struct upload *u, struct op *op, struct buf *b)
{
	struct json json = JSON_INIT(b);
	struct buf time = BUF_INIT, md5 = BUF_INIT;

	date_rfc3339(&time, u->mtime);
	add_md5(&md5, u->hash);
	json_object(&json, NULL);
	json_int(&json, "bytes", u->size);
	json_str(&json, "created", time.data);
	json_str(&json, "modified", time.data);
	json_str(&json, "md5", md5.data);
	json_str(&json, "path",
		 arena_printf(&op->arena, "/jfs/%s",
			      jotta_raw(u->j, op, u->path)));
	json_end(&json);
	buf_free(&time);
	buf_free(&md5);
}

/*
 * The address is the service's choice and is given the credentials, so it must
 * not be one that a listener on the way could read.
 */
static int check_url(const struct upload *u, struct op *op, const char *text)
{
	struct url up, jfs;

	if (!text)
		return err_set(&op->err, ERR_CORRUPT,
			       "the service names no address to upload to");
	if (url_parse(&op->arena, text, &up, &op->err) < 0 ||
	    url_parse(&op->arena, u->j->account->jfs_url, &jfs, &op->err) < 0)
		return err_wrap(&op->err, "the address to upload to");
	if (jfs.tls && !up.tls)
		return err_set(&op->err, ERR_DENIED,
			       "the service wants the upload without TLS, at "
			       "%s",
			       up.host);
	return 0;
}

/* Sizes and hashes that an answer may name: right or left out. */
static bool agrees(const struct json_node *answer, const struct upload *u)
{
	const char *md5 = json_text(json_get(answer, "md5"), NULL);
	struct buf want = BUF_INIT;
	bool same;

	add_md5(&want, u->hash);
	same = (!md5 || strcasecmp(md5, want.data) == 0) &&
	       json_number(json_get(answer, "bytes"), u->size) == u->size;
	buf_free(&want);
	return same;
}

static int check_stored(struct upload *u, struct op *op)
{
	struct jfs_node n;

	if (jotta_node(u->j, op, u->path, &n) < 0)
		return -1;
	if (holds(&n, u->size, u->hash))
		return 0;
	return err_set(&op->err, ERR_CORRUPT,
		       "the service says that it has the file, but another "
		       "one is there");
}

static int read_allocated(struct upload *u, struct op *op,
			  const struct http_answer *answer,
			  struct allocated *out)
{
	const struct json_node *root;
	const char *state;

	if (json_parse(&op->arena, answer->body, answer->body_len, &root,
		       &op->err) < 0)
		return err_wrap(&op->err, "the answer to allocate");
	state = json_text(json_get(root, "state"), "");
	*out = (struct allocated){
		.complete = strcmp(state, "COMPLETED") == 0,
		.url = json_text(json_get(root, "upload_url"), NULL),
		.resume = json_number(json_get(root, "resume_pos"), 0),
	};
	if (out->complete)
		return agrees(root, u) ? 0 : check_stored(u, op);
	if (strcmp(state, "INCOMPLETE") != 0 && strcmp(state, "CORRUPT") != 0)
		return err_set(&op->err, ERR_CORRUPT,
			       "the answer to allocate has the unknown state "
			       "\"%.40s\"",
			       state);
	/* All of it there and yet not complete: then it is not what it was. */
	if (out->resume < 0 || out->resume >= u->size || state[0] == 'C')
		out->resume = 0;
	return check_url(u, op, out->url);
}

/* Something else has the place: a folder, or above it a file. */
static int in_the_way(struct upload *u, struct op *op)
{
	struct jfs_node n;

	if (jotta_node(u->j, op, u->path, &n) == 0 && n.kind == JFS_FOLDER &&
	    !n.deleted)
		return err_set(&op->err, ERR_IS_DIR, "a folder is there");
	return err_set(&op->err, ERR_NOT_DIR,
		       "a file is where one of its folders should be");
}

static int ask_allocate(struct upload *u, struct op *op,
			struct http_answer *answer)
{
	static const struct http_header headers[] = {
		{ "Content-Type", "application/json" }, { NULL, NULL }
	};
	struct http_request rq = { .method = "POST", .headers = headers };
	struct buf body = BUF_INIT;
	int rc;

	rq.url = arena_printf(&op->arena, "%sfiles/v1/allocate",
			      u->j->account->api_url);
	make_request(u, op, &body);
	rq.body = body.data;
	rq.body_len = body.len;
	rc = jotta_ask(u->j, op, &rq, answer);
	buf_free(&body);
	return rc;
}

/* Folders are made by the way, a backup device's mountpoint is not. */
static int allocate(struct upload *u, struct op *op, struct allocated *out)
{
	struct http_answer answer;
	int rc = ask_allocate(u, op, &answer);

	if (rc < 0 && op->err.kind == ERR_NOT_FOUND) {
		if (jotta_make_mountpoint(u->j, op) < 0)
			return -1;
		rc = ask_allocate(u, op, &answer);
	}
	if (rc == 0)
		return read_allocated(u, op, &answer, out);
	return op->err.kind == ERR_EXISTS ? in_the_way(u, op) : -1;
}

/* Bytes that are there already: counted, but no rate waits for them. */
static void count_resumed(struct op *op, int64_t n)
{
	for (struct acct *a = op->acct; a; a = a->parent)
		atomic_fetch_add(&a->bytes, n);
	acct_resumed(op, n);
}

/*
 * The source as it is sent: what was read from its very beginning is hashed
 * again, so that a file which has changed since its MD5 was made is not sent
 * to its end, and no wrong content appears.
 */
struct sending {
	struct source base;
	struct upload *upload;
	struct hasher *hasher; /* NULL: not from the beginning */
	int64_t at;
};

static int check_hash(struct sending *s, struct op *op)
{
	struct digests d = { 0 };

	if (!s->hasher)
		return 0;
	hasher_end(s->hasher, &d);
	if (digests_compare(&d, s->upload->hash) == 1)
		return 0;
	return err_set(&op->err, ERR_CONFLICT,
		       "it has changed while it was read");
}

static ssize_t sending_read(struct source *src, struct op *op, void *buf,
			    size_t n)
{
	struct sending *s = container_of(src, struct sending, base);
	struct upload *u = s->upload;
	ssize_t got = u->src->read(u->src, op, buf, n);

	if (got <= 0)
		return got;
	if (got > u->size - s->at)
		return err_set(&op->err, ERR_CONFLICT,
			       "it has grown while it was read");
	if (s->hasher)
		hasher_add(s->hasher, buf, (size_t)got);
	s->at += got;
	u->read = s->at;
	return s->at == u->size && check_hash(s, op) < 0 ? -1 : got;
}

/* Of a source whose bytes come only once: read over what is not wanted. */
static int skip(struct upload *u, struct op *op, int64_t to)
{
	enum { CHUNK = 64 * 1024 };
	struct buf b = BUF_INIT;
	char *p = buf_room(&b, CHUNK);
	ssize_t got = 1;

	while (u->read < to && got > 0) {
		int64_t rest = to - u->read;

		got = u->src->read(u->src, op, p,
				   rest < CHUNK ? (size_t)rest : CHUNK);
		if (got > 0)
			u->read += got;
	}
	buf_free(&b);
	if (got > 0)
		return 0;
	return got < 0 ? -1
		       : err_set(&op->err, ERR_CONFLICT,
				 "it has shrunk while it was read");
}

static int go_to(struct upload *u, struct op *op, int64_t off)
{
	if (u->read == off)
		return 0;
	if (u->src->seek) {
		if (u->src->seek(u->src, op, off) < 0)
			return -1;
		u->read = off;
		return 0;
	}
	if (u->read < off)
		return skip(u, op, off);
	return err_set(&op->err, ERR_CONFLICT,
		       "it must be sent again and can be read only once");
}

static int sending_seek(struct source *src, struct op *op, int64_t off)
{
	struct sending *s = container_of(src, struct sending, base);

	if (go_to(s->upload, op, off) < 0)
		return -1;
	hasher_free(s->hasher);
	s->hasher = off == 0 ? hasher_new(1u << HASH_MD5) : NULL;
	s->at = off;
	return 0;
}

/*
 * Post the content from `a->resume` on.  ERR_CORRUPT if other bytes have
 * arrived than were sent.
 */
static int post(struct upload *u, struct op *op, const struct allocated *a)
{
	struct sending s = { .base = { .size = u->size,
				       .stable = u->src->stable,
				       .read = sending_read,
				       .seek = sending_seek },
			     .upload = u };
	struct http_header headers[3] = { { "Content-Type",
					    "application/octet-stream" } };
	struct http_request rq = { .method = "POST",
				   .url = a->url,
				   .headers = headers,
				   .source = &s.base,
				   .source_at = a->resume,
				   .size = u->size - a->resume };
	const struct json_node *root;
	struct http_answer answer;
	int rc;

	if (a->resume)
		headers[1] = (struct http_header){
			"Range",
			arena_printf(&op->arena, "bytes=%" PRId64 "-%" PRId64,
				     a->resume, u->size - 1)
		};
	rc = sending_seek(&s.base, op, a->resume);
	if (rc == 0)
		rc = jotta_ask(u->j, op, &rq, &answer);
	hasher_free(s.hasher);
	if (rc < 0) {
		if (op->err.code == BAD_CONTENT)
			op->err.kind = ERR_CORRUPT;
		/* allocate() knows better */
		if (op->err.code == BAD_RANGE || op->err.code == NO_UPLOAD ||
		    op->err.code == GONE)
			op->err.kind = ERR_BUSY;
		return -1;
	}
	if (json_parse(&op->arena, answer.body, answer.body_len, &root,
		       &op->err) < 0 ||
	    !json_get(root, "md5")) {
		err_clear(&op->err); /* a proxy's word: see what is there */
		return check_stored(u, op);
	}
	if (agrees(root, u))
		return 0;
	return err_set(&op->err, ERR_CORRUPT,
		       "other bytes have arrived than were sent");
}

/*
 * After bytes that arrived wrong the service says CORRUPT, and they are sent
 * once more from the beginning.  What breaks off otherwise is for be_put(): in
 * its next try, or in another run, allocate() tells what has arrived.
 */
static int upload(struct upload *u, struct op *op)
{
	struct allocated a = { 0 };
	bool again = false;

	for (;;) {
		if (allocate(u, op, &a) < 0)
			return -1;
		if (a.complete) {
			count_resumed(op, u->size);
			atomic_fetch_add(&u->j->base.already, 1);
			return 0;
		}
		if (again)
			a.resume = 0;
		else if (a.resume)
			count_resumed(op, a.resume);
		if (post(u, op, &a) == 0)
			return 0;
		if (op->err.kind != ERR_CORRUPT || again ||
		    (u->read && !u->src->seek))
			return -1;
		err_clear(&op->err);
		again = true;
	}
}

/*
 * Whether the file may go where it is to, and what is there kept.  1 if it is
 * there already: an earlier try had arrived, and only its answer was lost.
 */
static int prepare(struct upload *u, struct op *op, const struct put_opt *opt)
{
	bool changed, arrived;
	struct jfs_node n;

	/*
	 * To look again would double the requests that a folder of small files
	 * takes.  Nothing can be lost: a file made since the listing, by
	 * somebody else, stays as a revision of this one.
	 */
	if (opt->mode == PUT_CREATE && opt->listed)
		return 0;
	if (jotta_file(u->j, op, u->path, &n) < 0) {
		if (op->err.kind != ERR_NOT_FOUND && op->err.kind != ERR_NO_DIR)
			return -1;
		err_clear(&op->err);
		return 0;
	}
	changed = opt->mode == PUT_OVER && opt->over &&
		  !jotta_is_same(op, &n, opt->over);
	arrived = holds(&n, u->size, u->hash) && n.mtime == u->mtime;
	if (arrived && (changed || opt->keep_old))
		return 1;
	if (opt->mode == PUT_CREATE)
		return err_set(&op->err, ERR_EXISTS, "something is there");
	if (changed)
		return err_set(&op->err, ERR_CONFLICT,
			       "what it would replace has changed");
	return opt->keep_old ? jotta_keep_old(u->j, op, u->path, opt) : 0;
}

int jotta_put(struct backend *be, struct op *op, const char *path,
	      struct source *src, const struct put_opt *opt, struct entry *out)
{
	int64_t mtime = opt->meta && opt->meta->mtime != MTIME_UNKNOWN
				? opt->meta->mtime
				: opt->mtime;
	struct upload u = { .j = jotta_of(be),
			    .path = path,
			    .src = src,
			    .hash = &opt->hash,
			    .size = src->size };
	struct jfs_node n;
	int rc;

	if (src->size < 0 || !(opt->hash.have & 1u << HASH_MD5))
		BUG("%s: put of \"%s\" without size or MD5", be->name, path);
	if (*path == '\0' && *u.j->root == '\0')
		return err_set(&op->err, ERR_IS_DIR, "it is a folder");
	u.mtime =
		jotta_kept_time(mtime == MTIME_UNKNOWN ? clock_wall() : mtime);
	rc = prepare(&u, op, opt);
	if (rc < 0 || (rc == 0 && upload(&u, op) < 0))
		return -1;
	if (!out)
		return 0;
	n = (struct jfs_node){ .kind = JFS_FILE,
			       .self = true,
			       .complete = true,
			       .size = u.size,
			       .mtime = u.mtime,
			       .created = u.mtime };
	n.hash.have = 1u << HASH_MD5;
	memcpy(n.hash.md5, opt->hash.md5, sizeof(n.hash.md5));
	jotta_entry(op, &n, strrchr(path, '/') ? strrchr(path, '/') + 1 : path,
		    out);
	return 0;
}
