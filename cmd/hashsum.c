/* ferry hashsum TYPE PLACE, md5sum, sha1sum, sha256sum: hashes of files. */

#include "cmd/cmd.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd/globals.h"
#include "cmd/hash_many.h"
#include "cmd/list_common.h"
#include "cmd/out.h"
#include "cmd/sum_check.h"
#include "cmd/sum_file.h"

enum { CHECKERS_MAX = 256 };

struct hashsum_opts {
	struct filter_opts filter;
	bool copy_links;
	const char *output_file, *checkfile;
	int64_t checkers; /* 0: as suits the place */
	bool base64, download;
};

static const struct hashsum_opts defaults = { .filter = FILTER_OPTS_INIT };

#define FLAG(type, letter, name, arg, field, help) \
	OPT_AT(type, letter, name, arg, struct hashsum_opts, field, help)

static const struct opt flags[] = {
	FLAG(OPT_STR, 'C', "checkfile", "FILE", checkfile,
	     "compare with the hashes in FILE instead of printing them"),
	FLAG(OPT_STR, 0, "output-file", "FILE", output_file,
	     "write the hashes to FILE"),
	FLAG(OPT_BOOL, 0, "base64", NULL, base64,
	     "hashes in base64 instead of hexadecimal"),
	FLAG(OPT_BOOL, 0, "download", NULL, download,
	     "read all files now, trust no hash that is known already"),
	FLAG(OPT_INT, 0, "checkers", "N", checkers, "hash N files at once"),
	LIST_COPY_LINKS(struct hashsum_opts),
	{ .type = OPT_END }
};

static const struct opt_group groups[] = {
	{ "Flags", flags, 0 },
	{ "Filter flags", filter_flags, offsetof(struct hashsum_opts, filter) },
	{ 0 }
};

struct hashsum {
	const struct hashsum_opts *opts;
	enum hash_type type;
	bool json;
	FILE *file; /* --output-file, or NULL */
	struct list list;
	struct hash_many *many;
	struct sum_check *check; /* --checkfile, or NULL */
	struct buf hash, line;
};

/* RFC 4648's alphabet for file names, as rclone has it. */
static void add_base64(struct buf *b, const uint8_t *p, size_t n)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklm"
				     "nopqrstuvwxyz0123456789-_";

	for (size_t i = 0; i < n; i += 3) {
		uint32_t v = (uint32_t)p[i] << 16;

		if (i + 1 < n)
			v |= (uint32_t)p[i + 1] << 8;
		if (i + 2 < n)
			v |= p[i + 2];
		buf_addf(b, "%c%c%c%c", digits[v >> 18], digits[v >> 12 & 63],
			 i + 1 < n ? digits[v >> 6 & 63] : '=',
			 i + 2 < n ? digits[v & 63] : '=');
	}
}

/* A name may hold what a terminal would obey. */
static int show_line(struct hashsum *h, struct op *op)
{
	h->line.data[h->line.len - 1] = '\0'; /* the newline */
	buf_reset(&h->hash);
	out_add_name(&h->hash, h->line.data);
	return out_line(op, &h->hash);
}

static int write_line(struct hashsum *h, struct op *op)
{
	const struct buf *b = &h->line;

	if (!h->file && out_is_terminal())
		return show_line(h, op);
	if (!h->file)
		return out_write(op, b->data, b->len);
	if (fwrite(b->data, 1, b->len, h->file) != b->len)
		return err_sys(&op->err, "write \"%s\"", h->opts->output_file);
	return 0;
}

static int print(struct hashsum *h, struct op *op, const char *path,
		 const struct digests *d)
{
	struct json j = JSON_INIT(&h->line);

	buf_reset(&h->hash);
	buf_reset(&h->line);
	if (h->opts->base64)
		add_base64(&h->hash, digest_in(d, h->type), hash_len(h->type));
	else
		digest_hex(&h->hash, d, h->type);
	if (h->json) {
		json_object(&j, NULL);
		json_path(&j, "path", path);
		json_str(&j, hash_name(h->type), h->hash.data);
		json_end(&j);
		buf_add(&h->line, "\n", 1);
	} else {
		sum_line_add(&h->line, h->hash.data, path);
	}
	return write_line(h, op);
}

static int result(void *arg, struct op *op, const char *path,
		  const struct digests *d, const struct err *e)
{
	struct hashsum *h = arg;

	if (e) {
		op->err = *e;
		if (list_failed(&h->list, op) < 0)
			return -1;
		return h->check ? sum_check_file(h->check, op, path, NULL) : 0;
	}
	return h->check ? sum_check_file(h->check, op, path, d)
			: print(h, op, path, d);
}

static int each(void *arg, struct op *op, const char *path,
		const struct entry *e)
{
	struct hashsum *h = arg;

	return e->kind == ENTRY_FILE ? hash_many_add(h->many, op, path, e) : 0;
}

static int hash_tree(struct hashsum *h, struct op *op)
{
	struct hash_many_opt opt = {
		.want = 1u << h->type,
		.from = h->opts->download ? HASH_BYTES : HASH_CHEAPEST,
		.threads = h->opts->checkers ? (unsigned)h->opts->checkers
					     : list_threads(h->list.be),
		.done = result,
		.arg = h,
	};
	int rc;

	h->many = hash_many_new(h->list.be, &opt, op->cancel);
	rc = list_walk(&h->list, 1, each, h);
	return hash_many_end(h->many, op, rc);
}

static int hash_place(struct hashsum *h, struct cmd_ctx *cx, const char *place)
{
	struct op *op = &cx->op;
	struct sum_check check;
	int rc;

	cx->remotes->copy_links = h->opts->copy_links;
	rc = list_open(&h->list, cx, place, &h->opts->filter);

	if (rc == 0 && h->opts->checkfile) {
		h->check = &check;
		rc = sum_check_open(&check, &h->list, h->opts->checkfile,
				    h->type);
	}
	if (rc == 0)
		rc = hash_tree(h, op);
	if (rc == 0 && h->check)
		rc = sum_check_end(&check, op);
	if (h->check)
		sum_check_free(&check);
	return list_end(&h->list, rc);
}

static ssize_t read_stdin(struct source *src, struct op *op, void *buf,
			  size_t n)
{
	ssize_t got;

	(void)src;
	do {
		if (op_check(op) < 0)
			return -1;
		got = read(STDIN_FILENO, buf, n);
	} while (got < 0 && errno == EINTR);
	return got < 0 ? err_sys(&op->err, "standard input") : got;
}

static int hash_stdin(struct hashsum *h, struct op *op)
{
	struct source src = { .size = -1, .read = read_stdin };
	struct digests d;

	if (h->opts->checkfile)
		return err_set(&op->err, ERR_INVALID,
			       "--checkfile needs a place to check");
	if (hash_source(op, &src, 1u << h->type, &d) < 0)
		return -1;
	return print(h, op, "-", &d);
}

static int check_flags(const struct hashsum_opts *o, struct err *e)
{
	if (o->checkfile && (o->base64 || o->output_file))
		return err_set(e, ERR_INVALID,
			       "--checkfile cannot be used with --base64 or "
			       "--output-file");
	if (o->checkers < 0 || o->checkers > CHECKERS_MAX)
		return err_set(e, ERR_INVALID,
			       "--checkers: give a number from 1 to %d",
			       CHECKERS_MAX);
	return 0;
}

/* `place` NULL or "-": standard input. */
static int hash_all(struct cmd_ctx *cx, enum hash_type t, const char *place)
{
	struct op *op = &cx->op;
	struct hashsum h = { .opts = cx->opts,
			     .type = t,
			     .json = cx->globals->json,
			     .hash = BUF_INIT,
			     .line = BUF_INIT };
	const char *file = h.opts->output_file;
	int rc;

	if (check_flags(h.opts, &op->err) < 0)
		return -1;
	if (file && !(h.file = fopen(file, "we")))
		return err_sys(&op->err, "open \"%s\"", file);
	rc = place && strcmp(place, "-") != 0 ? hash_place(&h, cx, place)
					      : hash_stdin(&h, op);
	if (h.file && fclose(h.file) != 0 && rc == 0)
		rc = err_sys(&op->err, "write \"%s\"", file);
	buf_free(&h.hash);
	buf_free(&h.line);
	return rc;
}

static int hashsum_run(struct cmd_ctx *cx)
{
	enum hash_type t;

	if (cx->argc == 0)
		return out_str(&cx->op, "Supported hashes are:\n  * md5\n"
					"  * sha1\n  * sha256\n");
	if (!hash_find(cx->argv[0], &t))
		return err_set(&cx->op.err, ERR_INVALID,
			       "there is no hash \"%s\"; those known are md5, "
			       "sha1 and sha256",
			       cx->argv[0]);
	return hash_all(cx, t, cx->argc > 1 ? cx->argv[1] : NULL);
}

static int md5sum_run(struct cmd_ctx *cx)
{
	return hash_all(cx, HASH_MD5, cx->argc ? cx->argv[0] : NULL);
}

static int sha1sum_run(struct cmd_ctx *cx)
{
	return hash_all(cx, HASH_SHA1, cx->argc ? cx->argv[0] : NULL);
}

static int sha256sum_run(struct cmd_ctx *cx)
{
	return hash_all(cx, HASH_SHA256, cx->argc ? cx->argv[0] : NULL);
}

#define ABOUT                                                                 \
	"Prints a line with the hash and the path of each file below PLACE, " \
	"in the order of the paths and in the form of coreutils: in the "     \
	"folder itself, \"md5sum -c\" and its like accept it. Without PLACE " \
	"or with \"-\", standard input is hashed.\n\n"                        \
	"A hash that the place knows or that is remembered of an unchanged "  \
	"local file is taken from there; else the file is read, and with "    \
	"--download always.\n\n"                                              \
	"With --checkfile a line is printed for each file of either side: "   \
	"\"=\" the hashes are equal, \"*\" they differ, \"-\" the file is "   \
	"not in the list, \"+\" it is only in the list, \"!\" it could not "  \
	"be read. If there is a difference, the exit status is 1."

static const struct cmd_example examples[] = {
	{ "ferry hashsum sha256 nas:Photos --output-file photos.sha256",
	  "a list to keep" },
	{ "ferry hashsum sha256 nas:Photos -C photos.sha256",
	  "what has changed since" },
	{ "ferry hashsum md5 --download nas:Photos",
	  "read every byte, trust nothing" },
	{ 0 }
};

const struct cmd cmd_hashsum = {
	.name = "hashsum",
	.args = "[TYPE [PLACE]]",
	.summary = "print or check hashes of files",
	.about = "TYPE is md5, sha1 or sha256; without one, these are "
		 "listed.\n\n" ABOUT,
	.min_args = 0,
	.max_args = 2,
	.groups = groups,
	.opts_size = sizeof(struct hashsum_opts),
	.defaults = &defaults,
	.examples = examples,
	.run = hashsum_run,
};

/* The same under the names of the usual programs. */
#define ALIAS(type)                                                            \
	const struct cmd cmd_##type##sum = {                                   \
		.name = #type "sum",                                           \
		.args = "[PLACE]",                                             \
		.summary = "print or check " #type " hashes of files",         \
		.about = "The same as \"ferry hashsum " #type "\".\n\n" ABOUT, \
		.min_args = 0,                                                 \
		.max_args = 1,                                                 \
		.groups = groups,                                              \
		.opts_size = sizeof(struct hashsum_opts),                      \
		.defaults = &defaults,                                         \
		.examples =                                                    \
			(const struct cmd_example[]){                          \
				{ "ferry " #type "sum nas:Photos",             \
				  "the hashes of all files" },                 \
				{ "ferry " #type                               \
				  "sum nas:Photos -C photos." #type,           \
				  "compare with a list made before" },         \
				{ 0 } },                                       \
		.run = type##sum_run,                                          \
	}

ALIAS(md5);
ALIAS(sha1);
ALIAS(sha256);
