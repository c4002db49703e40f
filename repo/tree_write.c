#include <string.h>

#include "lib/base64.h"
#include "lib/utf8.h"
#include "repo/tree.h"

#define ADD(b, literal) buf_add((b), (literal), sizeof(literal) - 1)

static void add_number(struct buf *b, uint64_t n)
{
	char text[20], *at = text + sizeof(text);

	do {
		*--at = (char)('0' + n % 10);
		n /= 10;
	} while (n);
	buf_add(b, at, (size_t)(text + sizeof(text) - at));
}

/* `key` is with its comma and colon: `,"uid":`. */
static void add_key_number(struct buf *b, const char *key, uint64_t n)
{
	buf_adds(b, key);
	add_number(b, n);
}

static void add_nonzero(struct buf *b, const char *key, uint64_t n)
{
	if (n)
		add_key_number(b, key, n);
}

static void add_text(struct buf *b, const char *key, const char *s)
{
	if (!s || !*s)
		return;
	buf_adds(b, key);
	json_go_string(b, s, strlen(s));
}

static void add_time(struct buf *b, const char *key, struct node_time t)
{
	buf_adds(b, key);
	node_time_text(b, t);
	ADD(b, "\"");
}

static void add_name(struct buf *b, const struct node *n)
{
	struct buf quoted = BUF_INIT;
	size_t plain = 0;

	ADD(b, "{\"name\":");
	while (plain < n->name_len && n->name[plain] >= ' ' &&
	       n->name[plain] < 0x7f && n->name[plain] != '"' &&
	       n->name[plain] != '\\')
		plain++;
	if (plain == n->name_len) {
		json_go_string(b, n->name, n->name_len);
		return;
	}
	quote_add(&quoted, n->name, n->name_len);
	json_go_string(b, quoted.data, quoted.len);
	buf_free(&quoted);
}

/* What is not UTF-8 cannot be in JSON; newer readers take the raw one. */
static void add_target(struct buf *b, const struct node *n)
{
	if (!n->target || n->target_len == 0)
		return;
	ADD(b, ",\"linktarget\":");
	json_go_string(b, n->target, n->target_len);
	if (utf8_valid(n->target, n->target_len))
		return;
	ADD(b, ",\"linktarget_raw\":\"");
	base64_encode(b, n->target, n->target_len, false);
	ADD(b, "\"");
}

static void add_xattrs(struct buf *b, const struct node *n)
{
	if (n->nxattrs == 0)
		return;
	ADD(b, ",\"extended_attributes\":");
	for (size_t i = 0; i < n->nxattrs; i++) {
		const struct node_xattr *x = &n->xattrs[i];

		buf_adds(b, i ? ",{\"name\":" : "[{\"name\":");
		json_go_string(b, x->name, strlen(x->name));
		if (!x->value) {
			ADD(b, ",\"value\":null}");
			continue;
		}
		ADD(b, ",\"value\":\"");
		base64_encode(b, x->value, x->len, false);
		ADD(b, "\"}");
	}
	ADD(b, "]");
}

static void add_content(struct buf *b, const struct node *n)
{
	if (!n->has_content) {
		ADD(b, ",\"content\":null");
		return;
	}
	ADD(b, ",\"content\":[");
	for (size_t i = 0; i < n->ncontent; i++) {
		buf_adds(b, i ? ",\"" : "\"");
		id_add_hex(b, &n->content[i]);
		ADD(b, "\"");
	}
	ADD(b, "]");
}

void node_write(struct buf *b, const struct node *n)
{
	const char *type = node_type_name(n);

	add_name(b, n);
	ADD(b, ",\"type\":");
	json_go_string(b, type, strlen(type));
	add_nonzero(b, ",\"mode\":", n->mode);
	add_time(b, ",\"mtime\":\"", n->mtime);
	add_time(b, ",\"atime\":\"", n->atime);
	add_time(b, ",\"ctime\":\"", n->ctime);
	add_key_number(b, ",\"uid\":", n->uid);
	add_key_number(b, ",\"gid\":", n->gid);
	add_text(b, ",\"user\":", n->user);
	add_text(b, ",\"group\":", n->group);
	add_nonzero(b, ",\"inode\":", n->inode);
	add_nonzero(b, ",\"device_id\":", n->device_id);
	add_nonzero(b, ",\"size\":", n->size);
	add_nonzero(b, ",\"links\":", n->links);
	add_target(b, n);
	add_xattrs(b, n);
	if (n->generic) {
		ADD(b, ",\"generic_attributes\":");
		buf_adds(b, n->generic);
	}
	add_nonzero(b, ",\"device\":", n->device);
	add_content(b, n);
	if (n->has_subtree) {
		ADD(b, ",\"subtree\":\"");
		id_add_hex(b, &n->subtree);
		ADD(b, "\"");
	}
	add_text(b, ",\"error\":", n->error);
	ADD(b, "}");
}

void tree_begin(struct tree_writer *w, struct buf *out)
{
	*w = (struct tree_writer){ .out = out, .last = BUF_INIT };
	ADD(out, "{\"nodes\":[");
}

/* strcmp() of names that may hold any byte. */
static int compare(const struct buf *last, const char *name, size_t len)
{
	size_t common = last->len < len ? last->len : len;
	int order = memcmp(last->data, name, common);

	if (order)
		return order;
	return (last->len > len) - (last->len < len);
}

/* What is before a node. */
static void begin_node(struct tree_writer *w, const char *name, size_t len)
{
	if (w->n && compare(&w->last, name, len) >= 0)
		BUG("tree: \"%.*s\" behind \"%s\"", (int)len, name,
		    w->last.data);
	buf_reset(&w->last);
	buf_add(&w->last, name, len);
	if (w->n++)
		ADD(w->out, ",");
}

void tree_add(struct tree_writer *w, const struct node *n)
{
	begin_node(w, n->name, n->name_len);
	node_write(w->out, n);
}

void tree_add_raw(struct tree_writer *w, const char *name, size_t name_len,
		  const char *raw, size_t raw_len)
{
	begin_node(w, name, name_len);
	buf_add(w->out, raw, raw_len);
}

void tree_end(struct tree_writer *w)
{
	ADD(w->out, "]}\n");
	buf_free(&w->last);
}
