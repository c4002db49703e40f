/* A tree as a tar archive: POSIX.1-2017, pax, "pax Interchange Format". */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "lib/log.h"
#include "repo/dump.h"
#include "repo/walk.h"

enum { BLOCK = 512, RECORD = 20 * BLOCK };

/* One block, "ustar Interchange Format". */
struct ustar {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12];
	char sum[8], type, link[100], magic[6], version[2];
	char user[32], group[32], major[8], minor[8], prefix[155], rest[12];
};

/* Octal, or (as GNU and others do) in binary where that is too short. */
static void put_number(char *to, size_t n, uint64_t v)
{
	char text[32];

	if (v >> (3 * (n - 1)) == 0) {
		snprintf(text, sizeof(text), "%0*" PRIo64, (int)n - 1, v);
		memcpy(to, text, n - 1);
		return;
	}
	for (size_t i = n; i > 1; i--, v >>= 8)
		to[i - 1] = (char)(v & 0xff);
	to[0] = (char)0x80;
}

/* Whether the text has its place; what is cut is in the extended header. */
static bool put_text(char *to, size_t n, const char *s, size_t len)
{
	memcpy(to, s, len < n ? len : n);
	return len <= n;
}

/* A record of an extended header: "LENGTH KEY=VALUE\n". */
static void add_record(struct buf *b, const char *key, const void *value,
		       size_t n)
{
	size_t rest = strlen(key) + n + 3, len = rest + 1;
	char digits[24];

	/* the length counts its own digits, too */
	for (int i = 0; i < 3; i++) {
		snprintf(digits, sizeof(digits), "%zu", len);
		len = rest + strlen(digits);
	}
	buf_addf(b, "%zu %s=", len, key);
	buf_add(b, value, n);
	buf_adds(b, "\n");
}

static void add_number(struct buf *b, const char *key, uint64_t v)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, v);
	add_record(b, key, text, strlen(text));
}

static void add_time(struct buf *b, const char *key, struct node_time t)
{
	uint64_t sec = (uint64_t)t.sec;
	uint32_t ns = t.ns;
	struct buf text = BUF_INIT;

	/* -1.75 is "two before, and a quarter": -2 s and 250000000 ns */
	if (t.sec < 0) {
		sec = -(uint64_t)t.sec;
		if (ns) {
			ns = 1000000000 - ns;
			sec--;
		}
		buf_adds(&text, "-");
	}
	buf_addf(&text, "%" PRIu64, sec);
	if (ns)
		buf_addf(&text, ".%09" PRIu32, ns);
	add_record(b, key, text.data, text.len);
	buf_free(&text);
}

static uint32_t le(const uint8_t *p, size_t n)
{
	uint32_t v = 0;

	while (n--)
		v = v << 8 | p[n];
	return v;
}

bool acl_text(struct buf *b, const void *value, size_t n)
{
	const uint8_t *p = value;
	size_t was = b->len;

	if (n < 4 || (n - 4) % 8 || le(p, 4) != 2)
		return false;
	for (size_t i = 4; i < n; i += 8) {
		uint32_t tag = le(p + i, 2), perm = le(p + i + 2, 2);
		uint32_t id = le(p + i + 4, 4);

		buf_adds(b, i > 4 ? "," : "");
		switch (tag) {
		case 0x01: buf_adds(b, "user::"); break;
		case 0x02: buf_addf(b, "user:%" PRIu32 ":", id); break;
		case 0x04: buf_adds(b, "group::"); break;
		case 0x08: buf_addf(b, "group:%" PRIu32 ":", id); break;
		case 0x10: buf_adds(b, "mask::"); break;
		case 0x20: buf_adds(b, "other::"); break;
		default: buf_cut(b, was); return false;
		}
		buf_addf(b, "%c%c%c", perm & 4 ? 'r' : '-',
			 perm & 2 ? 'w' : '-', perm & 1 ? 'x' : '-');
	}
	return true;
}

/* ACLs have records of their own, in text. */
static bool add_acl(struct buf *b, const struct node_xattr *x)
{
	static const char *const names[][2] = {
		{ "system.posix_acl_access", "SCHILY.acl.access" },
		{ "system.posix_acl_default", "SCHILY.acl.default" },
	};
	struct buf text = BUF_INIT;
	bool is = false;

	for (size_t i = 0; i < ARRAY_LEN(names) && !is; i++) {
		if (strcmp(x->name, names[i][0]) != 0)
			continue;
		is = acl_text(&text, x->value, x->value ? x->len : 0);
		if (is)
			add_record(b, names[i][1], text.data, text.len);
	}
	buf_free(&text);
	return is;
}

/* "SCHILY.xattr.NAME"; a '=' would end the name, so it and '%' are escaped. */
static void add_xattr(struct buf *b, const struct node_xattr *x)
{
	struct buf key = BUF_INIT;

	buf_adds(&key, "SCHILY.xattr.");
	for (const char *p = x->name; *p; p++) {
		if (*p == '=' || *p == '%')
			buf_addf(&key, "%%%02X", (unsigned)*p);
		else
			buf_add(&key, p, 1);
	}
	add_record(b, key.data, x->value ? x->value : "",
		   x->value ? x->len : 0);
	buf_free(&key);
}

static char type_of(const struct node *n)
{
	switch (n->type) {
	case NODE_DIR: return '5';
	case NODE_SYMLINK: return '2';
	case NODE_CHARDEV: return '3';
	case NODE_DEV: return '4';
	case NODE_FIFO: return '6';
	default: return '0';
	}
}

static void end_header(struct buf *b, struct ustar *h)
{
	const unsigned char *p = (const unsigned char *)h;
	unsigned sum = 0;

	memcpy(h->magic, "ustar", 6);
	memcpy(h->version, "00", 2);
	memset(h->sum, ' ', sizeof(h->sum));
	for (size_t i = 0; i < sizeof(*h); i++)
		sum += p[i];
	snprintf(h->sum, sizeof(h->sum), "%06o", sum & 0777777);
	buf_add(b, h, sizeof(*h));
}

static void pad(struct buf *b, uint64_t n)
{
	static const char zero[BLOCK];

	buf_add(b, zero, (size_t)(-n % BLOCK));
}

/* What a header has room for; the rest goes into `more`. */
static void fill(struct ustar *h, struct buf *more, const char *path,
		 const struct node *n)
{
	uint64_t size = n->type == NODE_FILE ? n->size : 0;
	bool early = n->mtime.sec < 0 || n->mtime.sec > 077777777777;

	if (!put_text(h->name, sizeof(h->name), path, strlen(path)))
		add_record(more, "path", path, strlen(path));
	put_number(h->mode, sizeof(h->mode),
		   node_mode_to_unix(n->mode) & 07777);
	put_number(h->uid, sizeof(h->uid), n->uid);
	put_number(h->gid, sizeof(h->gid), n->gid);
	put_number(h->size, sizeof(h->size), size);
	if (size > 077777777777)
		add_number(more, "size", size);
	put_number(h->mtime, sizeof(h->mtime),
		   early ? 0 : (uint64_t)n->mtime.sec);
	if (early || n->mtime.ns)
		add_time(more, "mtime", n->mtime);
	h->type = type_of(n);
	if (n->target &&
	    !put_text(h->link, sizeof(h->link), n->target, n->target_len))
		add_record(more, "linkpath", n->target, n->target_len);
	if (!put_text(h->user, sizeof(h->user) - 1, n->user, strlen(n->user)))
		add_record(more, "uname", n->user, strlen(n->user));
	if (!put_text(h->group, sizeof(h->group) - 1, n->group,
		      strlen(n->group)))
		add_record(more, "gname", n->group, strlen(n->group));
	if (n->type == NODE_DEV || n->type == NODE_CHARDEV) {
		put_number(h->major, sizeof(h->major), major(n->device));
		put_number(h->minor, sizeof(h->minor), minor(n->device));
	}
	for (size_t i = 0; i < n->nxattrs; i++)
		if (!add_acl(more, &n->xattrs[i]))
			add_xattr(more, &n->xattrs[i]);
}

void tar_header(struct buf *b, const char *path, const struct node *n)
{
	static const char name[] = "PaxHeaders/x";
	struct ustar h = { 0 }, x = { 0 };
	struct buf more = BUF_INIT;

	fill(&h, &more, path, n);
	if (more.len) {
		memcpy(x.name, name, sizeof(name));
		x.type = 'x';
		put_number(x.mode, sizeof(x.mode), 0644);
		put_number(x.uid, sizeof(x.uid), 0);
		put_number(x.gid, sizeof(x.gid), 0);
		put_number(x.size, sizeof(x.size), more.len);
		put_number(x.mtime, sizeof(x.mtime), 0);
		end_header(b, &x);
		buf_add(b, more.data, more.len);
		pad(b, more.len);
	}
	end_header(b, &h);
	buf_free(&more);
}

struct tarring {
	struct flow *d;
	struct buf bytes; /* not yet given to it: headers, padding */
	uint64_t written;
};

static int give(struct tarring *t, struct op *op)
{
	int rc = t->bytes.len
			 ? flow_bytes(t->d, op, t->bytes.data, t->bytes.len)
			 : 0;

	t->written += t->bytes.len;
	buf_reset(&t->bytes);
	return rc;
}

/* `path` may begin with a '/'. */
static int add_node(struct tarring *t, struct op *op, const char *path,
		    const struct node *n)
{
	struct buf name = BUF_INIT;

	if (n->type == NODE_SOCKET || n->type == NODE_IRREGULAR) {
		log_notice(path, "a %s: tar has no such type",
			   node_type_name(n));
		return 0;
	}
	buf_adds(&name, path + (*path == '/'));
	buf_adds(&name, n->type == NODE_DIR ? "/" : "");
	tar_header(&t->bytes, name.data, n);
	buf_free(&name);
	if (n->type != NODE_FILE)
		return t->bytes.len > RECORD ? give(t, op) : 0;
	if (give(t, op) < 0)
		return -1;
	if (flow_file(t->d, op, n) < 0)
		return err_wrap(&op->err, "%s", path);
	t->written += n->size;
	pad(&t->bytes, n->size);
	return 0;
}

static enum walk_next visit(void *arg, struct op *op, const struct walk_node *w)
{
	return add_node(arg, op, w->path, w->node) < 0 ? WALK_FAIL : WALK_ON;
}

static int end_archive(struct tarring *t, struct op *op)
{
	static const char zero[RECORD];

	buf_add(&t->bytes, zero, (size_t)2 * BLOCK);
	buf_add(&t->bytes, zero,
		(size_t)(-(t->written + t->bytes.len) % RECORD));
	return give(t, op);
}

int dump_tar(struct repo *r, struct op *op, const struct id *tree,
	     const char *path, const struct node *top, struct sink *to)
{
	struct tarring t = { .d = flow_new(r, op, to), .bytes = BUF_INIT };
	struct coder *c = repo_coder(r);
	struct buf under = BUF_INIT;
	int rc = 0;

	buf_addf(&under, "%s%s", *path ? "/" : "", path);
	if (*path)
		rc = add_node(&t, op, path, top);
	if (rc == 0)
		rc = trees_walk(r, op, c, tree, under.data, NULL, visit, &t);
	if (rc == 0)
		rc = end_archive(&t, op);
	if (rc == 0)
		rc = flow_drain(t.d, op);
	flow_free(t.d);
	coder_free(c);
	buf_free(&under);
	buf_free(&t.bytes);
	return rc;
}
