#ifndef REPO_TREE_H
#define REPO_TREE_H

#include "lib/arena.h"
#include "lib/err.h"
#include "repo/id.h"

/*
 * Nodes and trees (doc/design.rst, "Trees and Data"), whose bytes are restic's
 * byte for byte: what Go's encoding/json makes of its structures, and a '\n'
 * behind the whole.
 */
enum node_type {
	NODE_FILE,
	NODE_DIR,
	NODE_SYMLINK,
	NODE_DEV, /* block */
	NODE_CHARDEV,
	NODE_FIFO,
	NODE_SOCKET,
	NODE_IRREGULAR, /* "irregular", or a type that we do not know */
	NODE_TYPES
};

struct node_xattr {
	const char *name;
	const void *value; /* NULL: JSON's null, which Go writes for nil */
	size_t len;
};

/*
 * A time as a tree has it: the instant, and how far the zone that it was
 * written in was from UTC then (restic writes the machine's local zone, and
 * the bytes are the tree's identity).
 */
struct node_time {
	int64_t sec; /* since 1970 */
	uint32_t ns;
	int32_t zone; /* seconds east of UTC; 0 is "Z".  The text has whole
			 minutes, but its clock is by the seconds, too */
};

struct node {
	const char *name; /* the file's own bytes, not quoted */
	size_t name_len;  /* may hold any byte; checked by who makes files */
	enum node_type type;
	const char *type_name; /* as it stands; NULL when made by us */
	uint32_t mode;         /* Go's fs.FileMode */
	struct node_time mtime, atime, ctime;
	uint32_t uid, gid;
	const char *user, *group; /* "" unknown */
	uint64_t inode, device_id;
	uint64_t size, links;
	const char *target; /* linktarget, the link's own bytes; or NULL */
	size_t target_len;
	uint64_t device;
	const struct node_xattr *xattrs;
	size_t nxattrs;

	/* The member "content": NULL unless has_content, then any number. */
	bool has_content;
	const struct id *content;
	size_t ncontent;

	bool has_subtree;
	struct id subtree;
	const char *error;   /* or NULL */
	const char *generic; /* generic_attributes: its JSON, verbatim; NULL */
};

/* st_mode to and from Go's fs.FileMode. */
uint32_t node_mode_from_unix(uint32_t st_mode);
uint32_t node_mode_to_unix(uint32_t go_mode);

/* The nine letters and their prefix as Go's FileMode.String(): "-rwxr-xr-x",
   "urwxr-xr-x" (setuid), "Lrwxrwxrwx", "dtrwxrwxrwx" (a sticky folder). */
void node_mode_text(struct buf *b, uint32_t go_mode);

/* "file", "dir", "symlink", ... */
const char *node_type_name(const struct node *n);

/*
 * ns to a node's time in the local zone; and back (clamped to int64_t).  With
 * node_time_at() a file may be of any year; those before 0 and after 9999
 * become these, as with restic.
 */
struct node_time node_time_local(int64_t ns);
struct node_time node_time_at(int64_t sec, uint32_t ns);
int64_t node_time_ns(struct node_time t);
/* RFC 3339 as Go's time.RFC3339Nano, "2014-12-22T14:47:59.9124187+01:00". */
void node_time_text(struct buf *b, struct node_time t);
bool node_time_parse(const char *s, size_t n, struct node_time *out);

/*
 * Go's strconv.Quote() without its quotation marks, and back.  Valid UTF-8
 * that Go takes as printable stays (unicode.IsPrint).
 */
void quote_add(struct buf *b, const char *s, size_t n);
bool quote_parse(struct buf *b, const char *s, size_t n);

/* A JSON string as Go's encoding/json writes it (HTML escaped). */
void json_go_string(struct buf *b, const char *s, size_t n);

/*
 * Writing: tree_begin(), tree_add() for each node in order of name (bytewise;
 * the same name twice or an earlier one is a BUG()), tree_end(); then `b` holds
 * the tree's text.
 */
struct tree_writer {
	struct buf *out;
	size_t n;
	struct buf last; /* the last name, to see that they rise */
};
void tree_begin(struct tree_writer *w, struct buf *out);
void tree_add(struct tree_writer *w, const struct node *n);
/* The same for a node whose text is known: of a reader, or node_write()'s. */
void tree_add_raw(struct tree_writer *w, const char *name, size_t name_len,
		  const char *raw, size_t raw_len);
void tree_end(struct tree_writer *w); /* frees what `w` holds */

/* One node's JSON object alone, as in a tree. */
void node_write(struct buf *b, const struct node *n);

/*
 * Reading, by a parser of its own that allocates nothing but the node at hand:
 * trees have up to millions of nodes.  Calls `fn` for each node, which lasts
 * until it returns (everything is in `a`, which is reset to what it was
 * after each: so give an arena of its own); -1 from it ends the parsing.
 * `raw` is the node's own JSON text within `text`.
 *
 * ERR_CORRUPT: bad JSON, a node without name or type, a name that is "", ".",
 * ".." or holds '/' or NUL; names not rising are accepted.  Unknown members
 * are skipped; known ones with a wrong type are corrupt.  Nesting deeper than
 * 16 is corrupt.
 */
typedef int node_fn(void *arg, const struct node *n, const char *raw,
		    size_t raw_len);
int tree_parse(struct arena *a, const char *text, size_t n, node_fn *fn,
	       void *arg, struct err *e) MUST_CHECK;

/*
 * The same node by node, for walking two trees in step or a tree of trees:
 * tree_parse() is a loop around it.  Nodes are in `a`, which is never reset
 * here: the caller does when it needs no earlier node any more.
 */
struct tree_reader {
	struct arena *a;
	const char *text, *at, *end;
	const char *raw; /* the text of the node at hand; it ends at `at` */
	bool empty;      /* "nodes":null */
	bool begun;      /* there was a node */
	bool over;
};
int tree_read_begin(struct tree_reader *r, struct arena *a, const char *text,
		    size_t n, struct err *e) MUST_CHECK;
/* 1 with a node, 0 at the end (and nothing is behind it), -1. */
int tree_read_next(struct tree_reader *r, struct node *out,
		   struct err *e) MUST_CHECK;

/* Copy a node and all it points at. */
struct node node_copy(struct arena *a, const struct node *n);

#endif
