#include "backends/jotta/jfs.h"

#include <stdlib.h>
#include <string.h>

#include "lib/date.h"
#include "lib/parse.h"
#include "net/xml.h"

/*
 * What of a file's older revisions is handed out (the service keeps five), and
 * how many nodes are read on behind one whose document is a folder.
 */
enum { REVISIONS_MAX = 64, READ_ON_MAX = 500 };

/* A node under way: its strings are in the arena. */
struct frame {
	struct jfs_node node;
	struct arena arena;
	struct jfs_node revisions[REVISIONS_MAX];
	size_t n_revisions;
};

enum revision_kind { REVISION_NONE, REVISION_CURRENT, REVISION_OTHER };

struct parsing {
	jfs_fn *fn;
	void *arg;
	unsigned depth;
	struct frame self, child;
	bool given;   /* `self` has been handed out */
	bool in_list; /* in <folders>, <files>, ... of `self` */
	bool in_child;

	/* The revision under way, and the depth of its element. */
	enum revision_kind revision_kind;
	unsigned revision_depth;
	struct jfs_node revision;
	bool revision_done; /* its state is COMPLETED */
};

/* Elements that are nodes. */
static bool find_kind(const char *name, enum jfs_kind *out)
{
	static const char *const folders[] = { "folder", "mountPoint", "device",
					       "user" };

	*out = JFS_FILE;
	if (strcmp(name, "file") == 0)
		return true;
	*out = JFS_FOLDER;
	for (size_t i = 0; i < ARRAY_LEN(folders); i++)
		if (strcmp(name, folders[i]) == 0)
			return true;
	return false;
}

static bool is_list(const char *name)
{
	static const char *const lists[] = { "folders", "files", "devices",
					     "mountPoints" };

	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		if (strcmp(name, lists[i]) == 0)
			return true;
	return false;
}

static struct jfs_node blank_node(enum jfs_kind kind)
{
	return (struct jfs_node){ .kind = kind,
				  .name = "",
				  .size = SIZE_UNKNOWN,
				  .mtime = MTIME_UNKNOWN,
				  .created = MTIME_UNKNOWN };
}

static void frame_begin(struct frame *f, enum jfs_kind kind,
			const char *const *attrs)
{
	const char *name = xml_attr(attrs, "name");
	const char *uuid = xml_attr(attrs, "uuid");

	arena_reset(&f->arena);
	f->n_revisions = 0;
	f->node = blank_node(kind);
	f->node.deleted = xml_attr(attrs, "deleted") != NULL;
	if (name)
		f->node.name = arena_strdup(&f->arena, name);
	if (uuid)
		f->node.uuid = arena_strdup(&f->arena, uuid);
}

/* Revisions come after the file that they belong to. */
static int frame_give(struct parsing *p, struct op *op, struct frame *f)
{
	if (p->fn(p->arg, op, &f->node) < 0)
		return -1;
	for (size_t i = 0; i < f->n_revisions; i++)
		if (p->fn(p->arg, op, &f->revisions[i]) < 0)
			return -1;
	f->n_revisions = 0;
	return 0;
}

static int give_self(struct parsing *p, struct op *op)
{
	p->given = true;
	return frame_give(p, op, &p->self);
}

static int begin_root(struct parsing *p, struct op *op, const char *name,
		      const char *const *attrs)
{
	enum jfs_kind kind;

	if (!find_kind(name, &kind)) {
		bool page = strcasecmp(name, "html") == 0;

		return err_set(&op->err, page ? ERR_SERVER : ERR_CORRUPT,
			       "the service's answer is %s",
			       page ? "a web page" : "no JFS document");
	}
	frame_begin(&p->self, kind, attrs);
	p->self.node.self = true;
	return 0;
}

static void begin_revision(struct parsing *p, const char *name)
{
	if (!p->in_child && p->self.node.kind != JFS_FILE)
		return;
	if (strcmp(name, "currentRevision") == 0)
		p->revision_kind = REVISION_CURRENT;
	else if (strcmp(name, "revision") == 0)
		p->revision_kind = REVISION_OTHER;
	else
		return; /* a latestRevision is an upload that is not done */
	p->revision_depth = p->depth - 1;
	p->revision = blank_node(JFS_REVISION);
	p->revision_done = false;
}

static int on_start(void *arg, struct op *op, const char *name,
		    const char *const *attrs)
{
	struct parsing *p = arg;
	unsigned depth = p->depth++;
	enum jfs_kind kind;

	if (depth == 0)
		return begin_root(p, op, name, attrs);
	if (depth == 1 && p->self.node.kind == JFS_FOLDER) {
		p->in_list = is_list(name);
		return p->in_list && !p->given ? give_self(p, op) : 0;
	}
	if (depth == 2 && p->in_list) {
		p->in_child = find_kind(name, &kind);
		if (p->in_child)
			frame_begin(&p->child, kind, attrs);
		return 0;
	}
	if (p->revision_kind == REVISION_NONE)
		begin_revision(p, name);
	return 0;
}

static int64_t time_of(const char *text)
{
	int64_t ns;

	if (date_parse_jfs(text, &ns) || date_parse_rfc3339(text, &ns))
		return ns;
	return MTIME_UNKNOWN;
}

/* Digits alone, and not too many. */
static bool parse_count(const char *text, int64_t *out)
{
	return *text && text[strspn(text, "0123456789")] == '\0' &&
	       parse_int(text, out);
}

static bool parse_md5(const char *text, struct digests *out)
{
	static const char digits[] = "0123456789abcdef0123456789ABCDEF";

	if (strlen(text) != 2 * sizeof(out->md5) ||
	    text[strspn(text, digits)] != '\0')
		return false;
	for (size_t i = 0; i < 2 * sizeof(out->md5); i++) {
		unsigned digit = (unsigned)(strchr(digits, text[i]) - digits);

		digit = (unsigned)out->md5[i / 2] << 4 | (digit & 15);
		out->md5[i / 2] = (uint8_t)digit;
	}
	out->have |= 1u << HASH_MD5;
	return true;
}

bool jfs_fact(struct jfs_node *n, const char *name, const char *text)
{
	if (strcmp(name, "size") == 0)
		return parse_count(text, &n->size);
	if (strcmp(name, "number") == 0)
		return parse_count(text, &n->number);
	if (strcmp(name, "modified") == 0)
		n->mtime = time_of(text);
	else if (strcmp(name, "created") == 0)
		n->created = time_of(text);
	else if (strcmp(name, "md5") == 0)
		(void)parse_md5(text, &n->hash);
	return true;
}

static int revision_field(struct parsing *p, struct op *op, struct frame *f,
			  const char *name, const char *text)
{
	if (strcmp(name, "state") == 0)
		p->revision_done = strcmp(text, "COMPLETED") == 0;
	else if (strcmp(name, "mime") == 0)
		p->revision.mime = arena_strdup(&f->arena, text);
	else if (!jfs_fact(&p->revision, name, text) && *text)
		return err_set(&op->err, ERR_CORRUPT,
			       "the service's answer has an impossible %s",
			       name);
	return 0;
}

static void end_revision(struct parsing *p, struct frame *f)
{
	struct jfs_node *r = &p->revision, *n = &f->node;

	r->complete = p->revision_done;
	if (p->revision_kind == REVISION_OTHER) {
		if (f->n_revisions < REVISIONS_MAX)
			f->revisions[f->n_revisions++] = *r;
	} else if (r->complete) {
		n->complete = true;
		n->number = r->number;
		n->size = r->size;
		n->mtime = r->mtime;
		n->created = r->created;
		n->hash = r->hash;
		n->mime = r->mime;
	}
	p->revision_kind = REVISION_NONE;
}

/* Of a folder that was handed out already: it is handed out again. */
static void node_field(struct parsing *p, struct frame *f, const char *name,
		       const char *text)
{
	struct jfs_node *n = &f->node;

	if (*text == '\0')
		return;
	if ((strcmp(name, "name") == 0 || strcmp(name, "username") == 0) &&
	    *n->name == '\0')
		n->name = arena_strdup(&f->arena, text);
	else if (strcmp(name, "publicURI") == 0)
		n->public_uri = arena_strdup(&f->arena, text);
	else if (strcmp(name, "publicSharePath") == 0)
		n->public_path = arena_strdup(&f->arena, text);
	else
		return;
	if (f == &p->self)
		p->given = false;
}

static int on_end(void *arg, struct op *op, const char *name, const char *text)
{
	struct parsing *p = arg;
	unsigned depth = --p->depth;
	struct frame *f = p->in_child ? &p->child : &p->self;
	unsigned own = p->in_child ? 2 : 0; /* of the node's element */

	if (p->revision_kind && depth == p->revision_depth + 1)
		return revision_field(p, op, f, name, text);
	if (p->revision_kind && depth == p->revision_depth)
		end_revision(p, f);
	else if (depth == own + 1 && !(p->in_list && depth == 1))
		node_field(p, f, name, text);
	if (depth == 1)
		p->in_list = false;
	if (depth == 2 && p->in_child) {
		p->in_child = false;
		return frame_give(p, op, f);
	}
	return depth == 0 && !p->given ? give_self(p, op) : 0;
}

static const struct xml_handler handler = { .start = on_start, .end = on_end };

static struct parsing *parsing_new(jfs_fn *fn, void *arg)
{
	struct parsing *p = xcalloc(1, sizeof(*p));

	p->fn = fn;
	p->arg = arg;
	return p;
}

static void parsing_free(struct parsing *p)
{
	arena_free(&p->self.arena);
	arena_free(&p->child.arena);
	free(p);
}

/* A document that stops is as good as a connection that did. */
static int end_document(struct xml *x, struct op *op)
{
	int rc = xml_end(x, op);

	if (rc < 0 && op->err.kind == ERR_CORRUPT)
		op->err.kind = ERR_NETWORK;
	return rc;
}

int jfs_get(struct jotta *j, struct op *op, const char *path, jfs_fn *fn,
	    void *arg)
{
	struct parsing *p = parsing_new(fn, arg);
	struct xml x;
	struct http_request rq = { .method = "GET", .gzip = true };
	int rc;

	xml_init(&x, &handler, p, 0);
	rq.sink = &x.sink;
	rc = jotta_jfs(j, op, path, NULL, &rq, NULL);
	if (rc == 0)
		rc = end_document(&x, op);
	xml_free(&x);
	parsing_free(p);
	return rc;
}

int jfs_parse(struct op *op, const char *text, size_t len, jfs_fn *fn,
	      void *arg)
{
	struct parsing *p = parsing_new(fn, arg);
	struct xml x;
	int rc;

	xml_init(&x, &handler, p, 0);
	rc = x.sink.write(&x.sink, op, text, len);
	if (rc == 0)
		rc = end_document(&x, op);
	xml_free(&x);
	parsing_free(p);
	return rc;
}

struct look {
	struct jfs_node *out;
	bool found, enough;
	unsigned n;
};

static const char *keep(struct op *op, const char *text)
{
	return text ? arena_strdup(&op->arena, text) : NULL;
}

/*
 * The node itself is all that is wanted of a folder.  A long listing behind it
 * costs more than the connection that breaking off does.
 */
static int look_at(void *arg, struct op *op, const struct jfs_node *n)
{
	struct look *l = arg;

	if (!n->self || n->kind == JFS_REVISION) {
		if (++l->n < READ_ON_MAX)
			return 0;
		l->enough = true;
		return err_set(&op->err, ERR_CANCELED, "enough was read");
	}
	l->found = true;
	*l->out = *n;
	l->out->name = keep(op, n->name);
	l->out->mime = keep(op, n->mime);
	l->out->uuid = keep(op, n->uuid);
	l->out->public_uri = keep(op, n->public_uri);
	l->out->public_path = keep(op, n->public_path);
	return 0;
}

int jotta_node(struct jotta *j, struct op *op, const char *path,
	       struct jfs_node *out)
{
	struct look l = { .out = out };

	if (jfs_get(j, op, path, look_at, &l) < 0) {
		if (l.found && l.enough) {
			err_clear(&op->err);
			return 0;
		}
		if (op->err.kind == ERR_NOT_FOUND && *path == '\0')
			err_set(&op->err, ERR_NO_DIR, "no such directory");
		return -1;
	}
	if (l.found)
		return 0;
	return err_set(&op->err, ERR_CORRUPT,
		       "the service's answer has nothing in it");
}

bool jotta_lives(const struct jfs_node *n)
{
	return !n->deleted && (n->kind != JFS_FILE || n->complete);
}

int jotta_no_file(struct op *op)
{
	return err_set(&op->err, ERR_NOT_FOUND, "no such file");
}

int jotta_file(struct jotta *j, struct op *op, const char *path,
	       struct jfs_node *out)
{
	if (jotta_node(j, op, path, out) < 0)
		return -1;
	if (!jotta_lives(out))
		return jotta_no_file(op);
	if (out->kind != JFS_FILE)
		return err_set(&op->err, ERR_IS_DIR, "is a directory");
	return 0;
}

int jotta_check_dir(struct op *op, const struct jfs_node *n)
{
	if (!jotta_lives(n))
		return err_set(&op->err, ERR_NO_DIR, "no such directory");
	if (n->kind == JFS_FILE)
		return err_set(&op->err, ERR_NOT_DIR, "not a directory");
	return 0;
}
