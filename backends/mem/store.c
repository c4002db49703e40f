#include "backends/mem/store.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/clock.h"

static struct mem_store *new_store(bool no_case)
{
	struct mem_store *s = xcalloc(1, sizeof(*s));

	pthread_mutex_init(&s->lock, NULL);
	s->no_case = no_case;
	s->root.mtime = clock_wall();
	return s;
}

void *mem_store_new(void)
{
	return new_store(false);
}

void *mem_store_new_no_case(void)
{
	return new_store(true);
}

static void free_kids(struct mem_store *s, struct mem_node *node)
{
	for (size_t i = 0; i < node->n; i++)
		mem_node_free(s, node->kids[i]);
	free(node->kids);
}

void mem_store_free(void *store)
{
	struct mem_store *s = store;

	free_kids(s, &s->root);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

struct mem_data *mem_data_new(char *at, size_t len, const struct digests *hash)
{
	struct mem_data *data = xcalloc(1, sizeof(*data));

	*data = (struct mem_data){
		.refs = 1, .len = len, .at = at, .hash = *hash
	};
	return data;
}

void mem_data_drop(struct mem_data *data)
{
	if (!data || --data->refs)
		return;
	free(data->at);
	free(data);
}

/* `n` bytes at `name` against the name of a node. */
static int compare(const struct mem_store *s, const char *name, size_t n,
		   const char *other)
{
	int c = s->no_case ? strncasecmp(name, other, n)
			   : strncmp(name, other, n);

	if (c != 0)
		return c;
	return other[n] == '\0' ? 0 : -1;
}

/* Where `name` is in `dir`, or where it belongs. */
static size_t slot(const struct mem_store *s, const struct mem_node *dir,
		   const char *name, size_t n, bool *found)
{
	size_t low = 0, high = dir->n;

	*found = false;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int c = compare(s, name, n, dir->kids[mid]->name);

		if (c == 0) {
			*found = true;
			return mid;
		}
		if (c < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return low;
}

static struct mem_node *child(const struct mem_store *s,
			      const struct mem_node *dir, const char *name,
			      size_t n)
{
	bool found;
	size_t i = slot(s, dir, name, n, &found);

	return found ? dir->kids[i] : NULL;
}

struct mem_node *mem_find(struct mem_store *s, const char *path)
{
	struct mem_node *node = &s->root;

	while (node && *path) {
		size_t n = strcspn(path, "/");

		node = node->data ? NULL : child(s, node, path, n);
		path += n;
		path += *path == '/';
	}
	return node;
}

void mem_attach(struct mem_store *s, struct mem_node *dir, const char *name,
		struct mem_node *node)
{
	char *copy = xstrdup(name); /* `name` may be the node's own */
	bool found;
	size_t i = slot(s, dir, copy, strlen(copy), &found);

	if (found || node->parent)
		BUG("\"%s\" is in the tree already", copy);
	if (dir->n == dir->cap) {
		dir->cap = dir->cap ? dir->cap * 2 : 8;
		dir->kids = xrealloc(dir->kids, dir->cap, sizeof(*dir->kids));
	}
	memmove(dir->kids + i + 1, dir->kids + i,
		(dir->n - i) * sizeof(*dir->kids));
	dir->kids[i] = node;
	dir->n++;
	free(node->name);
	node->name = copy;
	node->parent = dir;
}

void mem_detach(struct mem_node *node)
{
	struct mem_node *dir = node->parent;
	size_t i = 0;

	while (dir->kids[i] != node)
		i++;
	dir->n--;
	memmove(dir->kids + i, dir->kids + i + 1,
		(dir->n - i) * sizeof(*dir->kids));
	node->parent = NULL;
}

static struct mem_node *new_node(struct mem_store *s)
{
	struct mem_node *node = xcalloc(1, sizeof(*node));

	node->mtime = clock_wall();
	node->id = ++s->counter;
	return node;
}

/* Directories below `dir` for the first `n` bytes of `path`. */
static struct mem_node *make_dirs(struct mem_store *s, const char *path,
				  size_t n, struct err *e)
{
	struct mem_node *dir = &s->root;
	const char *end = path + n;

	while (path < end) {
		size_t len = strcspn(path, "/");
		struct mem_node *next;

		next = child(s, dir, path, len);
		if (next && next->data) {
			err_set(e, ERR_NOT_DIR, "\"%s\" is a file", next->name);
			return NULL;
		}
		if (!next) {
			char *name = xcalloc(len + 1, 1);

			memcpy(name, path, len);
			next = new_node(s);
			mem_attach(s, dir, name, next);
			free(name);
		}
		dir = next;
		path += len;
		path += *path == '/';
	}
	return dir;
}

struct mem_node *mem_make_dir(struct mem_store *s, const char *path,
			      struct err *e)
{
	return make_dirs(s, path, strlen(path), e);
}

struct mem_node *mem_make_parent(struct mem_store *s, const char *path,
				 struct err *e)
{
	return make_dirs(s, path, (size_t)(mem_leaf(path) - path), e);
}

const char *mem_leaf(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

struct mem_node *mem_file_new(struct mem_store *s, struct mem_data *data)
{
	struct mem_node *node = new_node(s);

	node->data = data;
	node->version = ++s->counter;
	s->used += (int64_t)data->len;
	return node;
}

void mem_node_free(struct mem_store *s, struct mem_node *node)
{
	free_kids(s, node);
	if (node->data)
		s->used -= (int64_t)node->data->len;
	mem_data_drop(node->data);
	free(node->mime);
	free(node->name);
	free(node);
}

void mem_replace(struct mem_store *s, struct mem_node *node,
		 struct mem_data *data)
{
	s->used += (int64_t)data->len - (int64_t)node->data->len;
	mem_data_drop(node->data);
	node->data = data;
	node->version = ++s->counter;
}
