#include "repo/store_cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/vec.h"

/* Packs beyond this go, the one that was not used for longest first. */
#define PACKS_MAX ((int64_t)1 << 30)

/* How much is added between two looks at the limit. */
#define LOOK_EVERY ((int64_t)64 << 20)

/* No ferry takes so long to write a file aside. */
#define STRAY_NS (3600 * NS_PER_SEC)

enum { SEEN = 1024, UNFIT = 256, CHUNK = 64 * 1024 };

static const char tag[] =
	"Signature: 8a477f597d28d172789f06886806bc55\n"
	"# A cache of ferry; see https://bford.info/cachedir/\n";

static const char temp_prefix[] = ".tmp-";

static const char *const folders[FILE_TYPES] = {
	[FILE_SNAPSHOT] = "snapshots",
	[FILE_INDEX] = "index",
	[FILE_PACK] = "packs",
};

struct cache {
	char *dir;
	pthread_mutex_t lock; /* guards what follows */
	bool made;            /* the folders are there */
	bool off;             /* nothing more can be written: do without */
	int64_t added;        /* bytes of packs since the last look */
	bool looked;

	/* Packs that were found to be whole, by the beginning of the id. */
	struct id seen[SEEN];

	/* Packs that could not be kept: to fetch them whole again is no use. */
	struct id unfit[UNFIT];
};

struct cache *cache_new(const char *dir)
{
	struct cache *c = xcalloc(1, sizeof(*c));

	c->dir = xstrdup(dir);
	pthread_mutex_init(&c->lock, NULL);
	return c;
}

void cache_free(struct cache *c)
{
	if (!c)
		return;
	pthread_mutex_destroy(&c->lock);
	free(c->dir);
	free(c);
}

bool cache_takes(enum file_type t)
{
	return folders[t] != NULL;
}

/* "DIR/packs/HEX"; `name` NULL: the folder. The caller frees it. */
static char *path_of(const struct cache *c, enum file_type t, const char *name)
{
	struct buf b = BUF_INIT;

	buf_addf(&b, "%s/%s%s%s", c->dir, folders[t], name ? "/" : "",
		 name ? name : "");
	return b.data;
}

static char *path_of_id(const struct cache *c, enum file_type t,
			const struct id *id)
{
	char hex[ID_HEX + 1];

	return path_of(c, t, id_hex(id, hex));
}

static struct id *seen_slot(struct cache *c, const struct id *id)
{
	return &c->seen[(id->b[0] | id->b[1] << 8) % SEEN];
}

static bool was_seen(struct cache *c, const struct id *id)
{
	bool yes;

	pthread_mutex_lock(&c->lock);
	yes = id_equal(seen_slot(c, id), id);
	pthread_mutex_unlock(&c->lock);
	return yes;
}

static void set_seen(struct cache *c, const struct id *id, bool whole)
{
	pthread_mutex_lock(&c->lock);
	if (whole)
		*seen_slot(c, id) = *id;
	else if (id_equal(seen_slot(c, id), id))
		*seen_slot(c, id) = (struct id){ 0 };
	pthread_mutex_unlock(&c->lock);
}

static struct id *unfit_slot(struct cache *c, const struct id *id)
{
	return &c->unfit[id->b[2] % UNFIT];
}

static bool is_unfit(struct cache *c, const struct id *id)
{
	bool yes;

	pthread_mutex_lock(&c->lock);
	yes = id_equal(unfit_slot(c, id), id);
	pthread_mutex_unlock(&c->lock);
	return yes;
}

static void set_unfit(struct cache *c, const struct id *id)
{
	pthread_mutex_lock(&c->lock);
	*unfit_slot(c, id) = *id;
	pthread_mutex_unlock(&c->lock);
}

/* A full disk, most likely; what is there already is still read. */
static void switch_off(struct cache *c, const char *why)
{
	pthread_mutex_lock(&c->lock);
	if (!c->off)
		log_notice(c->dir, "nothing more is cached: %s", why);
	c->off = true;
	c->made = false;
	pthread_mutex_unlock(&c->lock);
}

static int make_tag(struct op *op, const char *dir)
{
	struct buf path = BUF_INIT;
	int rc = 0;

	buf_addf(&path, "%s/CACHEDIR.TAG", dir);
	if (access(path.data, F_OK) < 0)
		rc = file_write(op, path.data, tag, sizeof(tag) - 1);
	buf_free(&path);
	return rc;
}

static int make_folders(struct cache *c, struct op *op)
{
	if (file_make_dirs(op, c->dir) < 0 || make_tag(op, c->dir) < 0)
		return -1;
	for (enum file_type t = 0; t < FILE_TYPES; t++) {
		char *path;
		int rc;

		if (!folders[t])
			continue;
		path = path_of(c, t, NULL);
		rc = mkdir(path, 0700);
		if (rc < 0 && errno != EEXIST)
			err_sys(&op->err, "make \"%s\"", path);
		else
			rc = 0;
		free(path);
		if (rc < 0)
			return -1;
	}
	return 0;
}

/* Once; false if nothing can be kept. */
static bool is_made(struct cache *c, struct op *op)
{
	bool made;

	pthread_mutex_lock(&c->lock);
	if (!c->made && !c->off) {
		struct err why = op->err;

		c->made = make_folders(c, op) == 0;
		if (!c->made) {
			c->off = true;
			log_notice(c->dir, "no cache: %s", op->err.msg);
		}
		op->err = why;
	}
	made = c->made;
	pthread_mutex_unlock(&c->lock);
	return made;
}

void cache_drop(struct cache *c, enum file_type t, const struct id *id)
{
	char *path = path_of_id(c, t, id);

	if (unlink(path) < 0 && errno != ENOENT)
		log_debug(path, "cannot be removed: %s", strerror(errno));
	free(path);
	set_seen(c, id, false);
}

bool cache_has(struct cache *c, enum file_type t, const struct id *id)
{
	char *path = path_of_id(c, t, id);
	bool yes = access(path, F_OK) == 0;

	free(path);
	return yes;
}

static int open_file(struct cache *c, enum file_type t, const struct id *id)
{
	char *path = path_of_id(c, t, id);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0 && errno != ENOENT)
		log_debug(path, "cannot be opened: %s", strerror(errno));
	free(path);
	return fd;
}

/* Bytes at `off` appended to `out`; false if there are fewer. */
static bool read_at(int fd, int64_t off, size_t len, struct buf *out)
{
	size_t start = out->len;

	buf_room(out, len);
	while (out->len - start < len) {
		size_t done = out->len - start;
		ssize_t n = pread(fd, out->data + out->len, len - done,
				  off + (int64_t)done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			buf_cut(out, start);
			return false;
		}
		out->len += (size_t)n;
	}
	out->data[out->len] = '\0';
	return true;
}

bool cache_read(struct cache *c, struct op *op, enum file_type t,
		const struct id *id, size_t max, struct buf *out)
{
	size_t start = out->len;
	int fd = open_file(c, t, id);
	struct stat st;
	struct id is;
	bool good;

	(void)op;
	if (fd < 0)
		return false;
	good = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	       (uint64_t)st.st_size <= max &&
	       read_at(fd, 0, (size_t)st.st_size, out);
	close(fd);
	if (good) {
		id_of(out->data + start, out->len - start, &is);
		good = id_equal(&is, id);
	}
	if (!good) {
		buf_cut(out, start);
		cache_drop(c, t, id);
	}
	return good;
}

static bool hashes_to(int fd, const struct id *id)
{
	struct hasher *h = hasher_new(1u << HASH_SHA256);
	struct digests d = { 0 };
	struct buf chunk = BUF_INIT;
	int64_t off = 0;
	ssize_t n;

	buf_room(&chunk, CHUNK);
	while ((n = pread(fd, chunk.data, CHUNK, off)) > 0) {
		hasher_add(h, chunk.data, (size_t)n);
		off += n;
	}
	hasher_end(h, &d);
	hasher_free(h);
	buf_free(&chunk);
	return n == 0 && memcmp(d.sha256, id->b, ID_LEN) == 0;
}

bool cache_read_part(struct cache *c, enum file_type t, const struct id *id,
		     int64_t off, size_t len, struct buf *out)
{
	const struct timespec now[2] = { { .tv_nsec = UTIME_NOW },
					 { .tv_nsec = UTIME_OMIT } };
	int fd = open_file(c, t, id);
	bool whole, good = false;

	if (fd < 0)
		return false;
	whole = was_seen(c, id) || hashes_to(fd, id);
	if (whole) {
		set_seen(c, id, true);
		good = read_at(fd, off, len, out);
		/* For the choice of what goes; file systems forget to. */
		(void)!futimens(fd, now);
	}
	close(fd);
	if (!whole)
		cache_drop(c, t, id);
	return good;
}

struct cached {
	char name[ID_HEX + 1];
	int64_t size, used;
};

VEC(cached_list, struct cached);

static int by_use(const void *a, const void *b)
{
	const struct cached *x = a, *y = b;

	return (x->used > y->used) - (x->used < y->used);
}

/* What a killed run left; another one may be writing what is younger. */
static void drop_stray(int dir, const char *name, const struct stat *st)
{
	int64_t age = clock_wall() -
		      ns_of(st->st_mtim.tv_sec, (uint32_t)st->st_mtim.tv_nsec);

	if (strncmp(name, temp_prefix, strlen(temp_prefix)) == 0 &&
	    age > STRAY_NS)
		(void)!unlinkat(dir, name, 0);
}

/* Remove the packs that are too many. */
static void evict(struct cache *c)
{
	char *path = path_of(c, FILE_PACK, NULL);
	struct cached_list all = { 0 };
	DIR *d = opendir(path);
	int64_t total = 0;
	struct id id;

	free(path);
	if (!d)
		return;
	for (const struct dirent *e; (e = readdir(d));) {
		struct cached *f;
		struct stat st;

		if (fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) <
			    0 ||
		    !S_ISREG(st.st_mode))
			continue;
		if (!id_parse(e->d_name, strlen(e->d_name), &id)) {
			drop_stray(dirfd(d), e->d_name, &st);
			continue;
		}
		f = cached_list_add(&all);
		id_hex(&id, f->name);
		f->size = st.st_size;
		f->used =
			ns_of(st.st_atim.tv_sec, (uint32_t)st.st_atim.tv_nsec);
		total += f->size;
	}
	if (all.n)
		qsort(all.at, all.n, sizeof(*all.at), by_use);
	for (size_t i = 0; i < all.n && total > PACKS_MAX; i++) {
		(void)!unlinkat(dirfd(d), all.at[i].name, 0);
		total -= all.at[i].size;
	}
	closedir(d);
	cached_list_free(&all);
}

static void note_added(struct cache *c, int64_t size)
{
	bool look;

	pthread_mutex_lock(&c->lock);
	c->added += size;
	look = !c->looked || c->added > LOOK_EVERY;
	if (look) {
		c->looked = true;
		c->added = 0;
	}
	pthread_mutex_unlock(&c->lock);
	if (look)
		evict(c);
}

static int sink_write(struct sink *dst, struct op *op, const void *p, size_t n)
{
	struct cache_sink *s = container_of(dst, struct cache_sink, base);

	if (s->fd < 0)
		return 0;
	hasher_add(s->hasher, p, n);
	s->size += (int64_t)n;
	if (write_all(s->fd, p, n) == 0)
		return 0;
	switch_off(s->cache, strerror(errno));
	close(s->fd);
	s->fd = -1;
	return err_set(&op->err, ERR_NO_SPACE, "the cache cannot be written");
}

void cache_open(struct cache *c, struct op *op, enum file_type t,
		const struct id *id, struct cache_sink *out)
{
	struct buf name = BUF_INIT;

	*out = (struct cache_sink){ .base.write = sink_write,
				    .cache = c,
				    .type = t,
				    .id = *id,
				    .fd = -1 };
	if (is_unfit(c, id) || !is_made(c, op))
		return;
	buf_addf(&name, "%s/%s/%sXXXXXX", c->dir, folders[t], temp_prefix);
	out->temp = name.data;
	out->fd = mkostemp(out->temp, O_CLOEXEC);
	if (out->fd < 0)
		log_debug(out->temp, "cannot be made: %s", strerror(errno));
	out->hasher = hasher_new(1u << HASH_SHA256);
}

bool cache_close(struct cache_sink *s, bool keep)
{
	struct digests d = { 0 };
	char *path;

	if (!s->temp)
		return false;
	hasher_end(s->hasher, &d);
	hasher_free(s->hasher);
	keep = keep && s->fd >= 0 && memcmp(d.sha256, s->id.b, ID_LEN) == 0;
	if (s->fd >= 0)
		close(s->fd);
	path = path_of_id(s->cache, s->type, &s->id);
	keep = keep && rename(s->temp, path) == 0;
	if (!keep) {
		(void)!unlink(s->temp);
		set_unfit(s->cache, &s->id);
	}
	free(path);
	free(s->temp);
	if (keep && s->type == FILE_PACK) {
		set_seen(s->cache, &s->id, true);
		note_added(s->cache, s->size);
	}
	return keep;
}

void cache_write(struct cache *c, struct op *op, enum file_type t,
		 const struct id *id, const void *p, size_t n)
{
	struct err why = op->err;
	struct cache_sink s;

	cache_open(c, op, t, id, &s);
	cache_close(&s, s.base.write(&s.base, op, p, n) == 0);
	op->err = why;
}

void cache_sweep(struct cache *c, enum file_type t,
		 bool (*have)(void *arg, const struct id *id), void *arg)
{
	char *path = path_of(c, t, NULL);
	DIR *d = opendir(path);
	struct id id;

	free(path);
	if (!d)
		return;
	for (const struct dirent *e; (e = readdir(d));)
		if (id_parse(e->d_name, strlen(e->d_name), &id) &&
		    !have(arg, &id))
			(void)!unlinkat(dirfd(d), e->d_name, 0);
	closedir(d);
}
