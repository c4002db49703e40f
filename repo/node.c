#include <string.h>
#include <sys/stat.h>

#include "repo/tree.h"

/* Go's fs.FileMode. */
#define MODE_DIR       (UINT32_C(1) << 31)
#define MODE_SYMLINK   (UINT32_C(1) << 27)
#define MODE_DEVICE    (UINT32_C(1) << 26)
#define MODE_FIFO      (UINT32_C(1) << 25)
#define MODE_SOCKET    (UINT32_C(1) << 24)
#define MODE_SETUID    (UINT32_C(1) << 23)
#define MODE_SETGID    (UINT32_C(1) << 22)
#define MODE_CHAR      (UINT32_C(1) << 21)
#define MODE_STICKY    (UINT32_C(1) << 20)
#define MODE_IRREGULAR (UINT32_C(1) << 19)
#define MODE_PERM      UINT32_C(0777)

static const struct {
	uint32_t go, posix;
} formats[] = {
	{ 0, S_IFREG },
	{ MODE_DIR, S_IFDIR },
	{ MODE_SYMLINK, S_IFLNK },
	{ MODE_DEVICE, S_IFBLK },
	{ MODE_DEVICE | MODE_CHAR, S_IFCHR },
	{ MODE_FIFO, S_IFIFO },
	{ MODE_SOCKET, S_IFSOCK },
};

static const struct {
	uint32_t go, posix;
} flags[] = {
	{ MODE_SETUID, S_ISUID },
	{ MODE_SETGID, S_ISGID },
	{ MODE_STICKY, S_ISVTX },
};

uint32_t node_mode_from_unix(uint32_t st_mode)
{
	uint32_t mode = MODE_IRREGULAR;

	for (size_t i = 0; i < ARRAY_LEN(formats); i++)
		if ((st_mode & S_IFMT) == formats[i].posix)
			mode = formats[i].go;
	for (size_t i = 0; i < ARRAY_LEN(flags); i++)
		if (st_mode & flags[i].posix)
			mode |= flags[i].go;
	return mode | (st_mode & MODE_PERM);
}

uint32_t node_mode_to_unix(uint32_t go_mode)
{
	const uint32_t all = MODE_DIR | MODE_SYMLINK | MODE_DEVICE | MODE_FIFO |
			     MODE_SOCKET | MODE_CHAR | MODE_IRREGULAR;
	uint32_t mode = go_mode & MODE_PERM;

	for (size_t i = 0; i < ARRAY_LEN(formats); i++)
		if ((go_mode & all) == formats[i].go)
			mode |= formats[i].posix;
	for (size_t i = 0; i < ARRAY_LEN(flags); i++)
		if (go_mode & flags[i].go)
			mode |= flags[i].posix;
	return mode;
}

void node_mode_text(struct buf *b, uint32_t go_mode)
{
	static const char high[] = "dalTLDpSugct?"; /* from bit 31 down */
	static const char low[] = "rwxrwxrwx";
	size_t start = b->len;

	for (unsigned i = 0; i < sizeof(high) - 1; i++)
		if (go_mode & UINT32_C(1) << (31 - i))
			buf_add(b, &high[i], 1);
	if (b->len == start)
		buf_adds(b, "-");
	for (unsigned i = 0; i < sizeof(low) - 1; i++)
		buf_add(b, go_mode & 1u << (8 - i) ? &low[i] : "-", 1);
}

const char *node_type_name(const struct node *n)
{
	static const char *const names[NODE_TYPES] = {
		[NODE_FILE] = "file",       [NODE_DIR] = "dir",
		[NODE_SYMLINK] = "symlink", [NODE_DEV] = "dev",
		[NODE_CHARDEV] = "chardev", [NODE_FIFO] = "fifo",
		[NODE_SOCKET] = "socket",   [NODE_IRREGULAR] = "irregular",
	};

	return n->type_name ? n->type_name : names[n->type];
}

static const char *copy_text(struct arena *a, const char *s)
{
	return s ? arena_strdup(a, s) : NULL;
}

/* With a NUL behind it. */
static char *copy_bytes(struct arena *a, const char *s, size_t n)
{
	char *copy = arena_alloc(a, n + 1);

	memcpy(copy, s, n);
	return copy;
}

static const struct node_xattr *copy_xattrs(struct arena *a,
					    const struct node *n)
{
	struct node_xattr *all;

	if (n->nxattrs == 0)
		return NULL;
	all = arena_alloc(a, n->nxattrs * sizeof(*all));
	for (size_t i = 0; i < n->nxattrs; i++) {
		const struct node_xattr *x = &n->xattrs[i];

		all[i].name = arena_strdup(a, x->name);
		all[i].len = x->len;
		all[i].value =
			x->value ? arena_memdup(a, x->value, x->len) : NULL;
	}
	return all;
}

struct node node_copy(struct arena *a, const struct node *n)
{
	struct node copy = *n;

	copy.name = copy_bytes(a, n->name, n->name_len);
	copy.type_name = copy_text(a, n->type_name);
	copy.user = copy_text(a, n->user);
	copy.group = copy_text(a, n->group);
	if (n->target)
		copy.target = copy_bytes(a, n->target, n->target_len);
	copy.xattrs = copy_xattrs(a, n);
	copy.content = NULL;
	if (n->ncontent)
		copy.content = arena_memdup(a, n->content,
					    n->ncontent * sizeof(*n->content));
	copy.error = copy_text(a, n->error);
	copy.generic = copy_text(a, n->generic);
	return copy;
}
