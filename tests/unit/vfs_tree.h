#ifndef TESTS_UNIT_VFS_TREE_H
#define TESTS_UNIT_VFS_TREE_H

#include "tests/unit/vfs_bed.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/stat.h>

/*
 * A model of a tree, and random steps that change it and a vfs alike.  What a
 * step does depends on the model alone, so `dry` steps give the same tree.
 */
enum { ITEMS = 64, NAMES = 4, DEPTH = 3, PATH_ROOM = 64 };

struct item {
	char path[PATH_ROOM]; /* "" if there is none */
	bool dir;
	uint64_t seed;
	int64_t size;
};

static struct bed b;
static struct item items[ITEMS];
static uint64_t state;
static bool dry;
static struct item *written; /* by the last step */

static uint64_t chance(uint64_t n)
{
	state = state * UINT64_C(6364136223846793005) +
		UINT64_C(1442695040888963407);
	return (state >> 33) % n;
}

static struct item *find(const char *path)
{
	for (size_t i = 0; i < ITEMS; i++)
		if (items[i].path[0] && strcmp(items[i].path, path) == 0)
			return &items[i];
	return NULL;
}

static bool is_below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return strncmp(path, dir, n) == 0 && path[n] == '/';
}

static bool is_empty(const char *dir)
{
	for (size_t i = 0; i < ITEMS; i++)
		if (is_below(items[i].path, dir))
			return false;
	return true;
}

static bool has_parent(const char *path)
{
	char dir[PATH_ROOM];
	const char *slash = strrchr(path, '/');
	const struct item *it;

	if (!slash)
		return true;
	snprintf(dir, sizeof(dir), "%.*s", (int)(slash - path), path);
	it = find(dir);
	return it && it->dir;
}

static struct item *add(const char *path, bool dir)
{
	for (size_t i = 0; i < ITEMS; i++) {
		if (items[i].path[0])
			continue;
		items[i] = (struct item){ .dir = dir };
		snprintf(items[i].path, PATH_ROOM, "%s", path);
		return &items[i];
	}
	return NULL;
}

static void random_path(char out[PATH_ROOM])
{
	size_t depth = 1 + chance(DEPTH), n = 0;

	for (size_t i = 0; i < depth; i++)
		n += (size_t)snprintf(out + n, PATH_ROOM - n, "%s%c",
				      i ? "/" : "",
				      (char)('a' + (int)chance(NAMES)));
}

/* ---- one step, here and in the model ------------------------------------- */

static void step_mkdir(void)
{
	char path[PATH_ROOM];
	bool may;

	random_path(path);
	may = has_parent(path) && !find(path);
	if (may && !add(path, true))
		return;
	CHECK(dry || (bed_mkdir(&b, path) == 0) == may);
}

static void write_file(struct vfs_file *f, uint64_t seed, int64_t size)
{
	uint8_t bytes[256];

	for (int64_t i = 0; i < size; i++)
		bytes[i] = bytes_at(seed, i);
	CHECK(vfs_write(b.v, &b.p.op, f, bytes, (size_t)size, 0) == 0);
	CHECK(vfs_flush_file(b.v, &b.p.op, f) == 0);
	vfs_release(b.v, f);
}

static void step_create(void)
{
	char path[PATH_ROOM];
	struct item *it;
	struct vfs_file *f;
	struct vfs_attr a;
	const char *name;
	uint64_t dir;
	int64_t size;

	random_path(path);
	it = find(path);
	if (!has_parent(path) || (it && it->dir) ||
	    (!it && !(it = add(path, false))))
		return;
	written = it;
	it->seed = state;
	size = 1 + (int64_t)chance(200);
	it->size = size + (size == it->size); /* tells it from the old one */
	if (dry)
		return;
	dir = bed_dir(&b, path, &name);
	CHECK(vfs_create(b.v, &b.p.op, dir, name, 0644, O_RDWR | O_TRUNC, &a,
			 &f) == 0);
	write_file(f, it->seed, it->size);
	vfs_forget(b.v, a.ino, 1);
}

static void step_remove(void)
{
	char path[PATH_ROOM];
	struct item *it;
	bool may;

	random_path(path);
	it = find(path);
	if (it && it->dir) {
		may = is_empty(path);
		CHECK(dry || (bed_rmdir(&b, path) == 0) == may);
	} else {
		may = it != NULL;
		CHECK(dry || (bed_unlink(&b, path) == 0) == may);
	}
	if (may)
		it->path[0] = '\0';
}

static void move_item(struct item *it, const char *from, const char *to)
{
	char path[PATH_ROOM];

	snprintf(path, sizeof(path), "%s%s", to, it->path + strlen(from));
	memcpy(it->path, path, sizeof(path));
}

static void exchange(const char *from, const char *to)
{
	for (size_t i = 0; i < ITEMS; i++) {
		struct item *it = &items[i];

		if (strcmp(it->path, from) == 0 || is_below(it->path, from))
			move_item(it, from, to);
		else if (strcmp(it->path, to) == 0 || is_below(it->path, to))
			move_item(it, to, from);
	}
}

static void step_rename(void)
{
	static const unsigned kinds[] = { 0, 0, RENAME_NOREPLACE,
					  RENAME_EXCHANGE };
	unsigned flags = kinds[chance(ARRAY_LEN(kinds))];
	char from[PATH_ROOM], to[PATH_ROOM];
	struct item *a, *o;
	bool may;
	int os;

	random_path(from);
	random_path(to);
	a = find(from);
	o = find(to);
	may = a && has_parent(to) && !is_below(to, from);
	if (flags == RENAME_EXCHANGE)
		may = may && o && !is_below(from, to);
	else if (flags == RENAME_NOREPLACE)
		may = may && !o;
	else if (o && a && o != a)
		may = may && o->dir == a->dir && !is_below(from, to) &&
		      (!o->dir || is_empty(to));
	os = dry ? (may ? 0 : EPERM) : bed_rename(&b, from, to, flags);
	if ((os == 0) != may)
		fprintf(stderr, "rename %s to %s, %u: %s\n", from, to, flags,
			strerror(os));
	CHECK((os == 0) == may);
	if (!may || a == o)
		return;
	if (flags == RENAME_EXCHANGE) {
		exchange(from, to);
		return;
	}
	if (o)
		o->path[0] = '\0';
	for (size_t i = 0; i < ITEMS; i++)
		if (strcmp(items[i].path, from) == 0 ||
		    is_below(items[i].path, from))
			move_item(&items[i], from, to);
}

static void steps(unsigned n)
{
	static void (*const step[])(void) = { step_mkdir,  step_create,
					      step_remove, step_rename,
					      step_rename, step_create };

	while (n--) {
		written = NULL;
		step[chance(ARRAY_LEN(step))]();
	}
}

/* ---- comparing ----------------------------------------------------------- */

static void check_names(const char *dir)
{
	struct buf got = BUF_INIT;
	size_t n = 0, names = 0;

	bed_list(&b, dir, &got);
	for (size_t i = 0; i < got.len; i++)
		names += got.data[i] == ' ';
	for (size_t i = 0; i < ITEMS; i++) {
		const char *path = items[i].path;
		const char *slash = strrchr(path, '/');
		size_t len = slash ? (size_t)(slash - path) : 0;

		n += *path && len == strlen(dir) &&
		     strncmp(path, dir, len) == 0;
	}
	if (n != names)
		fprintf(stderr, "in \"%s\": %s\n", dir, got.data);
	CHECK(n == names);
	buf_free(&got);
}

static void check_tree(void)
{
	check_names("");
	for (size_t i = 0; i < ITEMS; i++) {
		const struct item *it = &items[i];
		struct vfs_attr a;

		if (!it->path[0])
			continue;
		a = bed_attr(&b, it->path);
		CHECK(S_ISDIR(a.mode) == it->dir);
		if (it->dir)
			check_names(it->path);
		else
			CHECK(a.size == it->size);
	}
}

static int count_there(const char *dir)
{
	struct listing l = LISTING_INIT;
	struct posix_meta m;
	struct entry e;
	int n = 0;

	CHECK(be_list(b.be, &b.p.op, dir, &l) == 0);
	while (listing_next(&l, &b.p.op, &e, &m) == 1) {
		char path[PATH_ROOM];

		n++;
		snprintf(path, sizeof(path), "%s%s%s", dir, *dir ? "/" : "",
			 e.name);
		if (!find(path))
			fprintf(stderr, "too many: %s\n", path);
		CHECK(find(path));
		if (e.kind == ENTRY_DIR)
			n += count_there(path);
	}
	listing_free(&l);
	return n;
}

static void check_place(void)
{
	int n = 0;

	for (size_t i = 0; i < ITEMS; i++) {
		const struct item *it = &items[i];
		struct entry e;

		if (!it->path[0])
			continue;
		n++;
		if (be_stat(b.be, &b.p.op, it->path, &e) < 0)
			fprintf(stderr, "%s\n", b.p.op.err.msg);
		else
			CHECK((e.kind == ENTRY_DIR) == it->dir);
		if (!it->dir)
			CHECK(gets_bytes(&b.p, b.be, it->path, it->seed,
					 it->size));
	}
	CHECK(count_there("") == n);
}

#endif
