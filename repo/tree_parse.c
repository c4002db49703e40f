#include <string.h>

#include "lib/base64.h"
#include "repo/tree_scan.h"

enum {
	DEPTH_TREE = 1, /* in how many objects and arrays a member lies */
	DEPTH_NODE = 3,
	DEPTH_XATTR = 5
};

/* A node as far as it is read. */
struct parsed {
	struct node *n;
	bool has_name, has_type;
	bool raw_target; /* which then counts, whatever comes behind it */
};

typedef int read_fn(struct tree_reader *r, struct parsed *p, struct err *e);

/* The bytes that a string in base64 stands for, with a NUL behind them. */
static int read_base64(struct tree_reader *r, struct span *out, struct err *e)
{
	struct buf b = BUF_INIT;
	struct span text;
	char *copy;

	if (scan_string(r, &text, e) < 0)
		return -1;
	if (!base64_decode(&b, text.s, text.n)) {
		buf_free(&b);
		return scan_bad(r, e, "bad base64");
	}
	copy = arena_alloc(r->a, b.len + 1);
	memcpy(copy, b.data, b.len);
	*out = (struct span){ copy, b.len };
	buf_free(&b);
	return 0;
}

static bool key_is(const struct span *key, const char *name)
{
	return key->n == strlen(name) && memcmp(key->s, name, key->n) == 0;
}

static bool is_name(const char *s, size_t n)
{
	return n && !memchr(s, '/', n) && !memchr(s, '\0', n) &&
	       !(n == 1 && s[0] == '.') &&
	       !(n == 2 && s[0] == '.' && s[1] == '.');
}

static int read_name(struct tree_reader *r, struct parsed *p, struct err *e)
{
	struct span name;

	if (scan_text(r, &name, e) < 0)
		return -1;
	if (memchr(name.s, '\\', name.n) || memchr(name.s, '"', name.n)) {
		struct buf b = BUF_INIT;
		bool ok = quote_parse(&b, name.s, name.n);
		char *copy = arena_alloc(r->a, b.len + 1);

		memcpy(copy, b.data, b.len);
		name = (struct span){ copy, b.len };
		buf_free(&b);
		if (!ok)
			return scan_bad(r, e, "badly quoted name");
	}
	if (!is_name(name.s, name.n))
		return scan_bad(r, e, "a name that no file can have");
	p->n->name = name.s;
	p->n->name_len = name.n;
	p->has_name = true;
	return 0;
}

static int read_type(struct tree_reader *r, struct parsed *p, struct err *e)
{
	struct span type;
	struct node plain = { 0 };

	if (scan_text(r, &type, e) < 0)
		return -1;
	p->n->type_name = type.s;
	for (plain.type = 0; plain.type < NODE_IRREGULAR; plain.type++)
		if (strcmp(type.s, node_type_name(&plain)) == 0)
			break;
	p->n->type = plain.type;
	p->has_type = true;
	return 0;
}

static int read_time(struct tree_reader *r, struct node_time *out,
		     struct err *e)
{
	struct span text;

	if (scan_string(r, &text, e) < 0)
		return -1;
	return node_time_parse(text.s, text.n, out)
		       ? 0
		       : scan_bad(r, e, "bad time");
}

static int read_mtime(struct tree_reader *r, struct parsed *p, struct err *e)
{
	return read_time(r, &p->n->mtime, e);
}

static int read_atime(struct tree_reader *r, struct parsed *p, struct err *e)
{
	return read_time(r, &p->n->atime, e);
}

static int read_ctime(struct tree_reader *r, struct parsed *p, struct err *e)
{
	return read_time(r, &p->n->ctime, e);
}

static int read_u32(struct tree_reader *r, uint32_t *out, struct err *e)
{
	uint64_t n;

	if (scan_number(r, UINT32_MAX, &n, e) < 0)
		return -1;
	*out = (uint32_t)n;
	return 0;
}

static int read_mode(struct tree_reader *r, struct parsed *p, struct err *e)
{
	return read_u32(r, &p->n->mode, e);
}

static int read_uid(struct tree_reader *r, struct parsed *p, struct err *e)
{
	return read_u32(r, &p->n->uid, e);
}

static int read_gid(struct tree_reader *r, struct parsed *p, struct err *e)
{
	return read_u32(r, &p->n->gid, e);
}

static int read_inode(struct tree_reader *r, struct parsed *p, struct err *e)
{
	return scan_number(r, UINT64_MAX, &p->n->inode, e);
}

static int read_device_id(struct tree_reader *r, struct parsed *p,
			  struct err *e)
{
	return scan_number(r, UINT64_MAX, &p->n->device_id, e);
}

static int read_size(struct tree_reader *r, struct parsed *p, struct err *e)
{
	return scan_number(r, UINT64_MAX, &p->n->size, e);
}

static int read_links(struct tree_reader *r, struct parsed *p, struct err *e)
{
	return scan_number(r, UINT64_MAX, &p->n->links, e);
}

static int read_device(struct tree_reader *r, struct parsed *p, struct err *e)
{
	return scan_number(r, UINT64_MAX, &p->n->device, e);
}

static int read_user(struct tree_reader *r, struct parsed *p, struct err *e)
{
	struct span text;

	if (scan_text(r, &text, e) < 0)
		return -1;
	p->n->user = text.s;
	return 0;
}

static int read_group(struct tree_reader *r, struct parsed *p, struct err *e)
{
	struct span text;

	if (scan_text(r, &text, e) < 0)
		return -1;
	p->n->group = text.s;
	return 0;
}

static int read_error(struct tree_reader *r, struct parsed *p, struct err *e)
{
	struct span text;

	if (scan_text(r, &text, e) < 0)
		return -1;
	p->n->error = text.n ? text.s : NULL;
	return 0;
}

static void set_target(struct node *n, const struct span *text)
{
	n->target = text->n ? text->s : NULL;
	n->target_len = text->n;
}

static int read_target(struct tree_reader *r, struct parsed *p, struct err *e)
{
	struct span text;

	if (scan_text(r, &text, e) < 0)
		return -1;
	if (!p->raw_target)
		set_target(p->n, &text);
	return 0;
}

static int read_raw_target(struct tree_reader *r, struct parsed *p,
			   struct err *e)
{
	struct span text;

	if (read_base64(r, &text, e) < 0)
		return -1;
	if (memchr(text.s, '\0', text.n))
		return scan_bad(r, e, "NUL in a link's target");
	set_target(p->n, &text);
	p->raw_target = true;
	return 0;
}

static int read_xattr(struct tree_reader *r, struct node_xattr *x,
		      struct err *e)
{
	struct span key, text;
	bool first = true;
	int more;

	*x = (struct node_xattr){ .name = "" };
	if (!scan_take(r, '{'))
		return scan_bad(r, e, "no extended attribute");
	while ((more = scan_key(r, &first, &key, e)) > 0) {
		int rc = 0;

		if (scan_null(r))
			continue;
		if (key_is(&key, "name")) {
			rc = scan_text(r, &text, e);
			if (rc == 0)
				x->name = text.s;
		} else if (key_is(&key, "value")) {
			rc = read_base64(r, &text, e);
			if (rc == 0) {
				x->value = text.s;
				x->len = text.n;
			}
		} else {
			rc = scan_skip(r, DEPTH_XATTR, e);
		}
		if (rc < 0)
			return -1;
	}
	return more;
}

static int read_xattrs(struct tree_reader *r, struct parsed *p, struct err *e)
{
	struct node_xattr *all = NULL;
	size_t n = 0, room = 0;
	bool first = true;
	int more;

	if (!scan_take(r, '['))
		return scan_bad(r, e, "no list of extended attributes");
	while ((more = scan_more(r, ']', &first, e)) > 0) {
		if (n == room) {
			struct node_xattr *wider;

			room = room ? room * 2 : 4;
			wider = arena_alloc(r->a, room * sizeof(*wider));
			if (n)
				memcpy(wider, all, n * sizeof(*all));
			all = wider;
		}
		if (read_xattr(r, &all[n++], e) < 0)
			return -1;
	}
	p->n->xattrs = n ? all : NULL;
	p->n->nxattrs = n;
	return more;
}

static int read_generic(struct tree_reader *r, struct parsed *p, struct err *e)
{
	const char *start;
	size_t n;
	char *copy;

	p->n->generic = NULL;
	if (!scan_take(r, '{'))
		return scan_bad(r, e, "no object");
	start = r->at - 1;
	if (scan_take(r, '}'))
		return 0;
	r->at = start;
	if (scan_skip(r, DEPTH_NODE, e) < 0)
		return -1;
	n = (size_t)(r->at - start);
	copy = arena_alloc(r->a, n + 1);
	memcpy(copy, start, n);
	p->n->generic = copy;
	return 0;
}

static int read_id(struct tree_reader *r, struct id *out, struct err *e)
{
	const char *s;

	/* as it stands: nobody escapes a digit */
	if (scan_peek(r) != '"' || r->end - r->at < ID_HEX + 2)
		return scan_bad(r, e, "no id");
	s = r->at + 1;
	if (s[ID_HEX] != '"' || !id_parse(s, ID_HEX, out))
		return scan_bad(r, e, "bad id");
	r->at = s + ID_HEX + 1;
	return 0;
}

static int read_content(struct tree_reader *r, struct parsed *p, struct err *e)
{
	struct id *all;
	const char *close;
	size_t n = 0, room;
	bool first = true;
	int more;

	if (!scan_take(r, '['))
		return scan_bad(r, e, "no list of content");
	/* no id holds a ']', so this many is the most that can come */
	close = memchr(r->at, ']', (size_t)(r->end - r->at));
	if (!close)
		return scan_bad(r, e, "content without end");
	room = (size_t)(close - r->at) / (ID_HEX + 2) + 1;
	all = room > 1 || close > r->at ? arena_alloc(r->a, room * sizeof(*all))
					: NULL;
	while ((more = scan_more(r, ']', &first, e)) > 0) {
		struct id id;

		if (read_id(r, &id, e) < 0)
			return -1;
		if (n == room)
			BUG("more ids than there is room for");
		all[n++] = id;
	}
	p->n->has_content = true;
	p->n->content = n ? all : NULL;
	p->n->ncontent = n;
	return more;
}

static int read_subtree(struct tree_reader *r, struct parsed *p, struct err *e)
{
	if (read_id(r, &p->n->subtree, e) < 0)
		return -1;
	p->n->has_subtree = true;
	return 0;
}

/* In restic's order, so that the next one is nearly always the right one. */
static const struct {
	const char *name;
	read_fn *read;
} members[] = {
	{ "name", read_name },
	{ "type", read_type },
	{ "mode", read_mode },
	{ "mtime", read_mtime },
	{ "atime", read_atime },
	{ "ctime", read_ctime },
	{ "uid", read_uid },
	{ "gid", read_gid },
	{ "user", read_user },
	{ "group", read_group },
	{ "inode", read_inode },
	{ "device_id", read_device_id },
	{ "size", read_size },
	{ "links", read_links },
	{ "linktarget", read_target },
	{ "linktarget_raw", read_raw_target },
	{ "extended_attributes", read_xattrs },
	{ "generic_attributes", read_generic },
	{ "device", read_device },
	{ "content", read_content },
	{ "subtree", read_subtree },
	{ "error", read_error },
};

/* Its number in the table, looked for from `at` on; or ARRAY_LEN(members). */
static size_t find_member(const struct span *key, size_t at)
{
	for (size_t i = 0; i < ARRAY_LEN(members); i++, at++) {
		if (at >= ARRAY_LEN(members))
			at = 0;
		if (key_is(key, members[at].name))
			return at;
	}
	return ARRAY_LEN(members);
}

static int read_node(struct tree_reader *r, struct node *n, struct err *e)
{
	/* where Go's time.Time begins: what it has if nothing is said */
	static const struct node_time zero = { .sec = INT64_C(-62135596800) };
	struct parsed p = { .n = n };
	struct span key;
	size_t at = 0;
	bool first = true;
	int more;

	*n = (struct node){ .mtime = zero,
			    .atime = zero,
			    .ctime = zero,
			    .user = "",
			    .group = "" };
	if (!scan_take(r, '{'))
		return scan_bad(r, e, "no node");
	while ((more = scan_key(r, &first, &key, e)) > 0) {
		size_t i = find_member(&key, at);
		int rc;

		at = i + 1;
		if (scan_null(r))
			continue; /* to Go as if it were not there */
		rc = i < ARRAY_LEN(members) ? members[i].read(r, &p, e)
					    : scan_skip(r, DEPTH_NODE, e);
		if (rc < 0)
			return -1;
	}
	if (more == 0 && (!p.has_name || !p.has_type))
		return scan_bad(r, e, "a node without name or type");
	return more;
}

int tree_read_begin(struct tree_reader *r, struct arena *a, const char *text,
		    size_t n, struct err *e)
{
	struct span key;
	bool first = true;
	int more;

	*r = (struct tree_reader){
		.a = a, .text = text, .at = text, .end = text + n
	};
	if (!scan_take(r, '{'))
		return scan_bad(r, e, "no object");
	while ((more = scan_key(r, &first, &key, e)) > 0) {
		if (key_is(&key, "nodes")) {
			r->empty = scan_null(r);
			if (r->empty || scan_take(r, '['))
				return 0;
			return scan_bad(r, e, "no list of nodes");
		}
		if (scan_skip(r, DEPTH_TREE, e) < 0)
			return -1;
	}
	return more < 0 ? -1 : scan_bad(r, e, "no nodes");
}

/* Behind the nodes. */
static int read_end(struct tree_reader *r, struct err *e)
{
	struct span key;
	bool first = false;
	int more;

	while ((more = scan_key(r, &first, &key, e)) > 0) {
		if (key_is(&key, "nodes"))
			return scan_bad(r, e, "nodes a second time");
		if (scan_skip(r, DEPTH_TREE, e) < 0)
			return -1;
	}
	if (more < 0)
		return -1;
	scan_peek(r);
	if (r->at != r->end)
		return scan_bad(r, e, "something behind the tree");
	r->over = true;
	return 0;
}

int tree_read_next(struct tree_reader *r, struct node *out, struct err *e)
{
	bool first = !r->begun;
	int more;

	if (r->over)
		return 0;
	more = r->empty ? 0 : scan_more(r, ']', &first, e);
	if (more < 0)
		return -1;
	if (more == 0)
		return read_end(r, e);
	r->begun = true;
	scan_peek(r);
	r->raw = r->at;
	return read_node(r, out, e) < 0 ? -1 : 1;
}

int tree_parse(struct arena *a, const char *text, size_t n, node_fn *fn,
	       void *arg, struct err *e)
{
	struct tree_reader r;
	struct node node;
	int rc;

	if (tree_read_begin(&r, a, text, n, e) < 0)
		return -1;
	while ((rc = tree_read_next(&r, &node, e)) > 0) {
		if (fn(arg, &node, r.raw, (size_t)(r.at - r.raw)) < 0)
			return -1;
		arena_reset(a);
	}
	return rc;
}
