#include "repo/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/clock.h"
#include "repo/store_cache.h"
#include "repo/store_file.h"

static const struct {
	const char *name, *folder;
} types[FILE_TYPES] = {
	[FILE_CONFIG] = { "config", NULL },
	[FILE_KEY] = { "key", "keys" },
	[FILE_LOCK] = { "lock", "locks" },
	[FILE_SNAPSHOT] = { "snapshot", "snapshots" },
	[FILE_INDEX] = { "index", "index" },
	[FILE_PACK] = { "pack", "data" },
};

const char *file_type_name(enum file_type t)
{
	return types[t].name;
}

const char *store_folder(enum file_type t)
{
	return types[t].folder;
}

/* A pack on its way into the cache, for one thread on behalf of all. */
struct fetch {
	struct id pack;
	struct fetch *next;
};

struct store {
	struct backend *be;
	struct cache *cache;  /* or NULL */
	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t fetched;
	struct fetch *fetching;
	uint32_t mode;     /* of new files; 0 not known yet */
	bool dry_run;      /* set before there are threads */
	struct acct *acct; /* of who opened it, or NULL: set once */
};

void store_dry_run(struct store *s)
{
	s->dry_run = true;
}

/*
 * What moves between here and the place counts, and is slowed down, for him who
 * opened the repository, on whatever thread it moves.  Undo by giving op->acct
 * what is returned.
 */
static struct acct *count_for_opener(const struct store *s, struct op *op)
{
	struct acct *was = op->acct;

	if (!was)
		op->acct = s->acct;
	return was;
}

static int get(struct store *s, struct op *op, const char *path,
	       const struct get_opt *opt, struct sink *dst)
{
	struct acct *was = count_for_opener(s, op);
	int rc = be_get(s->be, op, path, opt, dst);

	op->acct = was;
	return rc;
}

void store_count_for(struct store *s, struct acct *acct)
{
	s->acct = acct;
}

struct store *store_new(struct backend *be, const char *cache)
{
	struct store *s = xcalloc(1, sizeof(*s));

	s->be = be;
	s->cache = cache ? cache_new(cache) : NULL;
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->fetched, NULL);
	return s;
}

void store_free(struct store *s)
{
	if (!s)
		return;
	cache_free(s->cache);
	pthread_cond_destroy(&s->fetched);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

struct backend *store_backend(struct store *s)
{
	return s->be;
}

void store_cache_in(struct store *s, const char *dir, const struct id *repo)
{
	struct buf path = BUF_INIT;
	char hex[ID_HEX + 1];

	buf_addf(&path, "%s/%s", dir, id_hex(repo, hex));
	cache_free(s->cache);
	s->cache = cache_new(path.data);
	buf_free(&path);
}

void store_path(enum file_type t, const struct id *id, char out[STORE_PATH])
{
	char hex[ID_HEX + 1];

	if ((t == FILE_CONFIG) != !id)
		BUG("a %s %s an id", types[t].name, id ? "with" : "without");
	if (t == FILE_CONFIG)
		snprintf(out, STORE_PATH, "config");
	else if (t == FILE_PACK)
		snprintf(out, STORE_PATH, "data/%.2s/%s", id_hex(id, hex), hex);
	else
		snprintf(out, STORE_PATH, "%s/%s", types[t].folder,
			 id_hex(id, hex));
}

struct op store_op(const struct op *op)
{
	struct op own = op_begin(op->cancel);

	own.acct = op->acct;
	own.grace = op->grace;
	own.called_off = op->called_off;
	return own;
}

int store_op_end(struct op *own, struct op *op, int rc)
{
	op->called_off = own->called_off;
	if (rc < 0)
		op->err = own->err;
	op_end(own);
	return rc;
}

/* Bytes [skip, skip + max) of what comes, appended to a buffer. */
struct part_sink {
	struct sink base;
	struct buf *out;
	size_t start, max;
	int64_t skip;
	bool full; /* more than that has come */
};

static int part_write(struct sink *dst, struct op *op, const void *p, size_t n)
{
	struct part_sink *s = container_of(dst, struct part_sink, base);
	const char *at = p;
	size_t room = s->max - (s->out->len - s->start);

	if (s->skip >= (int64_t)n) {
		s->skip -= (int64_t)n;
		return 0;
	}
	at += s->skip;
	n -= (size_t)s->skip;
	s->skip = 0;
	s->full = n > room;
	buf_add(s->out, at, s->full ? room : n);
	if (s->full)
		return err_set(&op->err, ERR_CORRUPT, "longer than %zu bytes",
			       s->max);
	return 0;
}

/*
 * A file is never another under the same name: so, unlike be_get() without a
 * tag, go on where it broke off, as long as something comes.
 */
static int get_part(struct store *s, struct op *op, const char *path,
		    int64_t off, int64_t len, struct part_sink *dst)
{
	bool range = be_can(s->be, BE_RANGE);

	for (unsigned n = 1;; n++) {
		size_t before = dst->out->len, done = before - dst->start;
		struct get_opt opt = { .len = -1, .own_check = true };

		if (range) {
			opt.off = off + (int64_t)done;
			opt.len = len < 0 ? -1 : len - (int64_t)done;
		} else {
			dst->skip = off + (int64_t)done;
			opt.len = len < 0 ? -1 : off + len;
		}
		if (get(s, op, path, &opt, &dst->base) == 0)
			return 0;
		if (dst->full || !err_info(op->err.kind)->retry ||
		    dst->out->len == before || n >= s->be->tries)
			return -1;
		if (op_sleep(op, 250) < 0)
			return -1;
	}
}

/* The whole file, as it lies there. */
static int get_whole(struct store *s, struct op *op, enum file_type t,
		     const struct id *id, size_t max, struct buf *out)
{
	struct part_sink dst = { .base.write = part_write,
				 .out = out,
				 .start = out->len,
				 .max = max };
	struct op own = store_op(op);
	char path[STORE_PATH];
	int rc;

	store_path(t, id, path);
	rc = get_part(s, &own, path, 0, -1, &dst);
	if (rc < 0) {
		buf_cut(out, dst.start);
		if (own.err.kind == ERR_NO_DIR)
			own.err.kind = ERR_NOT_FOUND;
	}
	return store_op_end(&own, op, rc);
}

int store_read(struct store *s, struct op *op, enum file_type t,
	       const struct id *id, size_t max, struct buf *out)
{
	bool cached = s->cache && cache_takes(t);
	size_t start = out->len;
	char hex[ID_HEX + 1];
	struct id is;

	if (t == FILE_CONFIG)
		return get_whole(s, op, t, NULL, max, out);
	if (cached && cache_read(s->cache, op, t, id, max, out))
		return 0;
	for (int tries = 0; tries < 2; tries++) {
		if (get_whole(s, op, t, id, max, out) < 0)
			return -1;
		id_of(out->data + start, out->len - start, &is);
		if (id_equal(&is, id)) {
			if (cached && t != FILE_PACK)
				cache_write(s->cache, op, t, id,
					    out->data + start,
					    out->len - start);
			return 0;
		}
		buf_cut(out, start);
	}
	return err_set(&op->err, ERR_CORRUPT,
		       "%s %s is damaged: its SHA-256 is not its name",
		       types[t].name, id_hex(id, hex));
}

/* True if this thread is to fetch the pack, false once another one has. */
static bool fetch_begin(struct store *s, struct fetch *mine)
{
	struct fetch *f;
	bool waited = false;

	pthread_mutex_lock(&s->lock);
	for (;;) {
		for (f = s->fetching; f; f = f->next)
			if (id_equal(&f->pack, &mine->pack))
				break;
		if (!f)
			break;
		waited = true; /* it ends at the latest when called off */
		pthread_cond_wait(&s->fetched, &s->lock);
	}
	if (!waited) {
		mine->next = s->fetching;
		s->fetching = mine;
	}
	pthread_mutex_unlock(&s->lock);
	return !waited;
}

static void fetch_end(struct store *s, struct fetch *mine)
{
	struct fetch **link = &s->fetching;

	pthread_mutex_lock(&s->lock);
	while (*link != mine)
		link = &(*link)->next;
	*link = mine->next;
	pthread_cond_broadcast(&s->fetched);
	pthread_mutex_unlock(&s->lock);
}

/* A whole pack into the cache, past memory; whether it is there now. */
static bool fetch(struct store *s, struct op *op, const struct id *pack)
{
	const struct get_opt all = { .len = -1 };
	struct fetch mine = { .pack = *pack };
	struct cache_sink dst;
	char path[STORE_PATH];
	struct op own;
	bool kept;

	if (!fetch_begin(s, &mine))
		return true;
	/* another one may have ended just before */
	if (cache_has(s->cache, FILE_PACK, pack)) {
		fetch_end(s, &mine);
		return true;
	}
	own = store_op(op);
	store_path(FILE_PACK, pack, path);
	cache_open(s->cache, &own, FILE_PACK, pack, &dst);
	kept = dst.fd >= 0 && get(s, &own, path, &all, &dst.base) == 0;
	kept = cache_close(&dst, kept);
	op_end(&own);
	fetch_end(s, &mine);
	return kept;
}

bool store_would_fetch(struct store *s, const struct id *pack)
{
	return s->cache && !cache_has(s->cache, FILE_PACK, pack);
}

int store_read_part(struct store *s, struct op *op, const struct id *pack,
		    int64_t off, size_t len, bool trees, struct buf *out)
{
	struct part_sink dst = { .base.write = part_write,
				 .out = out,
				 .start = out->len,
				 .max = len };
	struct op own;
	char path[STORE_PATH];
	int rc;

	if (trees && s->cache &&
	    (cache_read_part(s->cache, FILE_PACK, pack, off, len, out) ||
	     (fetch(s, op, pack) &&
	      cache_read_part(s->cache, FILE_PACK, pack, off, len, out))))
		return 0;
	own = store_op(op);
	store_path(FILE_PACK, pack, path);
	rc = get_part(s, &own, path, off, (int64_t)len, &dst);
	if (rc < 0 && own.err.kind == ERR_NO_DIR)
		own.err.kind = ERR_NOT_FOUND;
	if (rc == 0 && out->len - dst.start < len)
		rc = err_set(&own.err, ERR_CORRUPT, "%s ends before byte %lld",
			     path, (long long)off + (long long)len);
	if (rc < 0)
		buf_cut(out, dst.start);
	return store_op_end(&own, op, rc);
}

/* Bytes in memory, on their way up. */
enum { GIVE_BACK = 1 << 20 };

struct memory_source {
	struct source base;
	const char *p;
	size_t n, at;
	uint8_t *mapped; /* what is left of it, if it may go; else NULL */
};

/* The system gets back what has been read. */
static void give_back(struct memory_source *m)
{
	const char *at = m->p + m->at;
	size_t n = (size_t)(at - (const char *)m->mapped);

	if (n < GIVE_BACK && m->at < m->n)
		return;
	n -= n % GIVE_BACK;
	(void)!madvise(m->mapped, n, MADV_DONTNEED);
	m->mapped += n;
}

static ssize_t memory_read(struct source *src, struct op *op, void *buf,
			   size_t n)
{
	struct memory_source *m = container_of(src, struct memory_source, base);

	if (n > m->n - m->at)
		n = m->n - m->at;
	if (acct_add(op, (int64_t)n) < 0)
		return -1;
	if (n)
		memcpy(buf, m->p + m->at, n);
	m->at += n;
	if (m->mapped)
		give_back(m);
	return (ssize_t)n;
}

static int memory_seek(struct source *src, struct op *op, int64_t off)
{
	struct memory_source *m = container_of(src, struct memory_source, base);

	(void)op;
	m->at = (size_t)off;
	return 0;
}

/* What the driver wants to be told of the bytes, so that it need not spool. */
static void digests_for(struct backend *be, const struct id *id, const void *p,
			size_t n, struct digests *out)
{
	unsigned want = be->asked;

	if (be_can(be, BE_PUT_MD5))
		want |= 1u << HASH_MD5;
	want &= ~(1u << HASH_SHA256);
	if (want) {
		struct hasher *h = hasher_new(want);

		hasher_add(h, p, n);
		hasher_end(h, out);
		hasher_free(h);
	}
	if (id) {
		memcpy(out->sha256, id->b, ID_LEN);
		out->have |= 1u << HASH_SHA256;
	}
}

/*
 * As restic does it: read by nobody else, but for the group where the config
 * shows that the repository is shared with it; and written by nobody.
 */
static uint32_t file_mode(struct store *s, struct op *op)
{
	struct err why = op->err;
	struct entry e;
	uint32_t mode;

	pthread_mutex_lock(&s->lock);
	mode = s->mode;
	pthread_mutex_unlock(&s->lock);
	if (mode)
		return mode;
	mode = 0400;
	if (be_stat(s->be, op, "config", &e) < 0)
		op->err = why; /* a new repository */
	else if (e.posix)
		mode |= e.posix->mode & 0040;
	pthread_mutex_lock(&s->lock);
	s->mode = mode;
	pthread_mutex_unlock(&s->lock);
	return mode;
}

static int put(struct store *s, struct op *op, const char *path,
	       struct memory_source *src, struct put_opt *opt)
{
	struct posix_meta posix = { .uid = geteuid(), .gid = getegid() };
	struct entry meta = { .kind = ENTRY_FILE,
			      .size = src->base.size,
			      .mtime = clock_wall(),
			      .posix = &posix };
	struct acct *was;
	int rc;

	if (be_can(s->be, BE_POSIX)) {
		posix.mode = S_IFREG | file_mode(s, op);
		opt->meta = &meta;
	}
	was = count_for_opener(s, op);
	rc = be_put(s->be, op, path, &src->base, opt, NULL);
	op->acct = was;
	return rc;
}

static int write_source(struct store *s, struct op *op, enum file_type t,
			const struct id *id, struct memory_source *src)
{
	struct put_opt opt = { .mtime = MTIME_UNKNOWN,
			       .mode = PUT_CREATE,
			       .listed = id != NULL,
			       .durable = true };
	struct op own = store_op(op);
	char path[STORE_PATH];
	struct entry e;
	int rc;

	if (s->dry_run && t != FILE_LOCK)
		return store_op_end(&own, op, 0);
	store_path(t, id, path);
	digests_for(s->be, id, src->p, src->n, &opt.hash);
	rc = put(s, &own, path, src, &opt);
	if (rc < 0 && own.err.kind == ERR_EXISTS && id) {
		/* The same bytes, unless what wrote them was cut short. */
		rc = be_stat(s->be, &own, path, &e);
		if (rc == 0 &&
		    (e.kind != ENTRY_FILE || e.size != (int64_t)src->n)) {
			if (src->mapped)
				err_set(&own.err, ERR_CORRUPT,
					"a damaged file has its place");
			src->at = 0;
			opt.mode = PUT_ANY;
			rc = src->mapped ? -1 : put(s, &own, path, src, &opt);
		}
	}
	if (rc == 0 && s->cache && cache_takes(t) && t != FILE_PACK)
		cache_write(s->cache, &own, t, id, src->p, src->n);
	return store_op_end(&own, op, rc);
}

int store_write(struct store *s, struct op *op, enum file_type t,
		const struct id *id, const void *p, size_t n)
{
	struct memory_source src = {
		.base = { .size = (int64_t)n,
			  .stable = true,
			  .read = memory_read,
			  .seek = memory_seek },
		.p = p,
		.n = n,
	};

	return write_source(s, op, t, id, &src);
}

int store_write_mapped(struct store *s, struct op *op, const struct id *pack,
		       uint8_t *p, size_t n)
{
	struct memory_source src = {
		.base = { .size = (int64_t)n, .read = memory_read },
		.p = (const char *)p,
		.n = n,
		.mapped = p,
	};

	/* What may have to be sent again must stay. */
	if (be_can(s->be, BE_REMOTE))
		return store_write(s, op, FILE_PACK, pack, p, n);
	return write_source(s, op, FILE_PACK, pack, &src);
}

int store_replace_config(struct store *s, struct op *op, const void *p,
			 size_t n)
{
	struct memory_source src = {
		.base = { .size = (int64_t)n,
			  .stable = true,
			  .read = memory_read,
			  .seek = memory_seek },
		.p = p,
		.n = n,
	};
	struct put_opt opt = { .mtime = MTIME_UNKNOWN,
			       .mode = PUT_ANY,
			       .durable = true };
	struct op own;

	if (s->dry_run)
		return 0;
	if (!be_can(s->be, BE_PUT_ATOMIC))
		return err_set(&op->err, ERR_UNSUPPORTED,
			       "%s: a config cannot be replaced safely there",
			       s->be->name);
	own = store_op(op);
	digests_for(s->be, NULL, p, n, &opt.hash);
	return store_op_end(&own, op, put(s, &own, "config", &src, &opt));
}

int store_remove(struct store *s, struct op *op, enum file_type t,
		 const struct id *id)
{
	struct op own = store_op(op);
	char path[STORE_PATH];
	int rc;

	if (s->dry_run && t != FILE_LOCK)
		return store_op_end(&own, op, 0);
	store_path(t, id, path);
	rc = be_unlink(s->be, &own, path);
	if (rc < 0 &&
	    (own.err.kind == ERR_NOT_FOUND || own.err.kind == ERR_NO_DIR))
		rc = 0;
	if (rc == 0 && id && s->cache && cache_takes(t))
		cache_drop(s->cache, t, id);
	return store_op_end(&own, op, rc);
}

int store_flush(struct store *s, struct op *op)
{
	struct op own = store_op(op);
	int rc = 0;

	if (!s->dry_run && be_can(s->be, BE_FLUSH))
		rc = be_flush(s->be, &own);
	return store_op_end(&own, op, rc);
}

int store_size(struct store *s, struct op *op, enum file_type t,
	       const struct id *id, int64_t *size)
{
	struct op own = store_op(op);
	char path[STORE_PATH];
	struct entry e;
	int rc;

	store_path(t, id, path);
	rc = be_stat(s->be, &own, path, &e);
	if (rc == 0 && e.kind != ENTRY_FILE)
		rc = err_set(&own.err, ERR_NOT_FOUND, "%s is no file", path);
	else if (rc < 0 && own.err.kind == ERR_NO_DIR)
		own.err.kind = ERR_NOT_FOUND;
	if (rc == 0)
		*size = e.size;
	return store_op_end(&own, op, rc);
}

/* Nobody else may look at the folders that we make. */
static int make_folder(struct store *s, struct op *op, const char *path)
{
	struct posix_meta posix = { .mode = S_IFDIR | 0700,
				    .uid = geteuid(),
				    .gid = getegid() };
	struct entry meta = { .kind = ENTRY_DIR,
			      .size = SIZE_UNKNOWN,
			      .mtime = clock_wall(),
			      .posix = &posix };

	if (be_mkdir(s->be, op, path) < 0)
		return -1;
	if (!be_can(s->be, BE_POSIX | BE_SET_META))
		return 0;
	return be_set_meta(s->be, op, path, &meta, NULL);
}

int store_init(struct store *s, struct op *op)
{
	struct op own = store_op(op);
	struct entry e;
	int rc = 0;

	if (be_stat(s->be, &own, "", &e) < 0)
		rc = own.err.kind == ERR_NOT_FOUND || own.err.kind == ERR_NO_DIR
			     ? make_folder(s, &own, "")
			     : -1;
	for (enum file_type t = 0; rc == 0 && t < FILE_TYPES; t++)
		if (types[t].folder)
			rc = make_folder(s, &own, types[t].folder);
	/* Over a network 256 requests; there they come with the packs. */
	for (unsigned i = 0; rc == 0 && !be_can(s->be, BE_REMOTE) && i < 256;
	     i++) {
		char path[16];

		snprintf(path, sizeof(path), "data/%02x", i);
		rc = make_folder(s, &own, path);
	}
	return store_op_end(&own, op, rc);
}

int store_cache_sweep(struct store *s, struct op *op, enum file_type t,
		      bool (*have)(void *arg, const struct id *id), void *arg)
{
	if (op_check(op) < 0)
		return -1;
	if (s->cache && cache_takes(t))
		cache_sweep(s->cache, t, have, arg);
	return 0;
}
