#include "cmd/repo_open.h"

#include <stdlib.h>
#include <string.h>

#include "cmd/dialog.h"
#include "cmd/globals.h"
#include "crypt/secret.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/vec.h"

enum { ATTEMPTS = 3, PLACE_MAX = 64 * 1024 };

#define REPO(type, letter, name, arg, field, help) \
	OPT_AT(type, letter, name, arg, struct repo_flags, field, help)

const struct opt repo_opts[] = {
	REPO(OPT_STR, 'r', "repo", "PLACE", repo,
	     "where the repository is [$FERRY_REPOSITORY, "
	     "$RESTIC_REPOSITORY]"),
	REPO(OPT_STR, 0, "repository-file", "FILE", repo_file,
	     "read the place from a file [$RESTIC_REPOSITORY_FILE]"),
	REPO(OPT_STR, 'p', "password-file", "FILE", password_file,
	     "read the password from a file [$FERRY_PASSWORD_FILE, "
	     "$RESTIC_PASSWORD_FILE]"),
	REPO(OPT_STR, 0, "password-command", "COMMAND", password_command,
	     "a command that prints the password [$FERRY_PASSWORD_COMMAND, "
	     "$RESTIC_PASSWORD_COMMAND]"),
	REPO(OPT_BOOL, 0, "insecure-no-password", NULL, no_password,
	     "the password is empty"),
	REPO(OPT_STR, 0, "key-hint", "ID", key_hint,
	     "the key to try first [$RESTIC_KEY_HINT]"),
	REPO(OPT_STR, 0, "compression", "MODE", compression,
	     "auto, off or max [$FERRY_COMPRESSION, $RESTIC_COMPRESSION]"),
	REPO(OPT_SIZE, 0, "pack-size", "SIZE", pack_size,
	     "close packs at this size, 4M to 128M (default 16M)"),
	REPO(OPT_DURATION, 0, "retry-lock", "DURATION", retry_lock,
	     "wait so long for a locked repository"),
	REPO(OPT_BOOL, 0, "no-lock", NULL, no_lock,
	     "do not lock the repository where that is only read"),
	REPO(OPT_BOOL, 0, "no-cache", NULL, no_cache,
	     "keep no copies of a remote repository's index on this machine"),
	{ .type = OPT_END }
};

#define FILTER(letter, name, arg, field, help) \
	OPT_AT(OPT_LIST, letter, name, arg, struct filter_flags, field, help)

const struct opt snapshot_filter_opts[] = {
	FILTER('H', "host", "HOST", hosts,
	       "only snapshots of this host; may come several times "
	       "[$RESTIC_HOST]"),
	FILTER(0, "path", "PATH", paths,
	       "only snapshots that have this path; of several, all"),
	FILTER(0, "tag", "TAG[,TAG...]", tags,
	       "only snapshots with all these tags; may come several times"),
	{ .type = OPT_END }
};

struct strings strings_of(struct arena *a, const struct opt_list *l)
{
	const char **at = arena_alloc(a, (l->n + 1) * sizeof(*at));

	for (size_t i = 0; i < l->n; i++)
		at[i] = l->at[i].value;
	return (struct strings){ .at = at, .n = l->n };
}

int snapshot_filter_of(struct cmd_ctx *cx, const struct filter_flags *f,
		       struct snapshot_filter *out)
{
	const char *host = f->hosts.n ? NULL : getenv("RESTIC_HOST");

	*out = (struct snapshot_filter){
		.hosts = strings_of(&cx->op.arena, &f->hosts),
		.paths = strings_of(&cx->op.arena, &f->paths),
		.tags = strings_of(&cx->op.arena, &f->tags),
	};
	if (host && *host) {
		const char **at = arena_alloc(&cx->op.arena, sizeof(*at));

		at[0] = host;
		out->hosts = (struct strings){ .at = at, .n = 1 };
	}
	return 0;
}

static size_t trimmed(const char *s, size_t n, size_t *begin)
{
	static const char blanks[] = " \t\r\n";
	size_t at = 0;

	while (at < n && strchr(blanks, s[at]) && s[at])
		at++;
	while (n > at && strchr(blanks, s[n - 1]) && s[n - 1])
		n--;
	*begin = at;
	return n - at;
}

/* What the flags say of it. */
static int password_flags(struct cmd_ctx *cx, const struct repo_flags *f,
			  struct password_from *out)
{
	*out = (struct password_from){ .file = f->password_file,
				       .command = f->password_command,
				       .plain = f->password,
				       .empty = f->no_password };
	if (f->no_password && (out->file || out->command))
		return err_set(&cx->op.err, ERR_INVALID,
			       "--insecure-no-password and a password");
	if (out->file && out->command)
		return err_set(&cx->op.err, ERR_INVALID,
			       "--password-file and --password-command: only "
			       "one of them");
	return 0;
}

static int nobody(struct op *op)
{
	return err_set(&op->err, ERR_INVALID,
		       "a password is needed: give --password-file or "
		       "--password-command, or set FERRY_PASSWORD");
}

/* From the terminal, into secret memory. */
static int ask(struct cmd_ctx *cx, struct cmd_dialog *d, const char *question,
	       char **out)
{
	const char *answer, *line;
	size_t n;

	line = arena_printf(&cx->op.arena, "%s: ", question);
	if (dialog_ask(d, &cx->op, line, true, &answer) < 0)
		return -1;
	n = strlen(answer);
	*out = password_copy(answer);
	explicit_bzero((void *)(uintptr_t)answer, n);
	return 0;
}

static int from_terminal(struct cmd_ctx *cx, const char *question, bool confirm,
			 char **out)
{
	struct cmd_dialog d;
	char *again = NULL;
	int rc = -1;

	dialog_init(&d, cx->term);
	dialog_look(&d);
	if (!d.base.interactive)
		nobody(&cx->op);
	else
		rc = ask(cx, &d, question, out);
	if (rc == 0 && confirm) {
		rc = ask(cx, &d, "The same again", &again);
		if (rc == 0 && strcmp(*out, again) != 0)
			rc = err_set(&cx->op.err, ERR_INVALID,
				     "the two passwords differ");
		if (rc < 0)
			secret_free(*out);
	}
	secret_free(again);
	dialog_free(&d);
	return rc;
}

int repo_password(struct cmd_ctx *cx, const struct repo_flags *f,
		  const char *question, bool confirm, char **out)
{
	struct password_from from;
	int given = password_flags(cx, f, &from);

	if (given == 0 &&
	    (!f->fresh || from.file || from.command || from.empty))
		given = password_given(&cx->op, &from, out);
	if (given != 0)
		return given < 0 ? -1 : 0;
	if (from_terminal(cx, question, confirm, out) < 0)
		return -1;
	return password_check(&cx->op, &from, *out);
}

struct asker {
	struct repo_password base;
	struct cmd_ctx *cx;
	const struct repo_flags *flags;
	bool given;
};

static int ask_again(struct repo_password *base, struct op *op,
		     unsigned attempt, char **out)
{
	struct asker *a = container_of(base, struct asker, base);
	struct password_from from;
	int given;

	(void)op; /* it is the command's own */
	*out = NULL;
	if (attempt == 0) {
		given = password_flags(a->cx, a->flags, &from);
		if (given == 0)
			given = password_given(&a->cx->op, &from, out);
		if (given < 0)
			return -1;
		a->given = given > 0;
		if (given)
			return 0;
	}
	if (a->given || attempt == ATTEMPTS)
		return 0;
	if (attempt > 0)
		term_print(a->cx->term, "That is not the password.\n");
	return from_terminal(a->cx, "Password of the repository", false, out);
}

/* "rclone:nas:backup" and "local:/x" are how restic names these. */
static const char *as_place(const char *s)
{
	static const char *const prefixes[] = { "rclone:", "local:" };

	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
		if (strncmp(s, prefixes[i], strlen(prefixes[i])) == 0)
			return s + strlen(prefixes[i]);
	return s;
}

int repo_place(struct cmd_ctx *cx, const struct repo_flags *f, const char **out)
{
	const char *place = f->repo, *file = f->repo_file;
	struct buf b = BUF_INIT;
	size_t begin, n;

	if (place && file)
		return err_set(&cx->op.err, ERR_INVALID,
			       "--repo and --repository-file: only one of "
			       "them");
	if (!place && !file)
		place = repo_env("REPOSITORY");
	if (!place && !file)
		file = repo_env("REPOSITORY_FILE");
	if (!place && !file)
		return err_set(&cx->op.err, ERR_INVALID,
			       "which repository? Give -r PLACE or set "
			       "FERRY_REPOSITORY");
	if (place) {
		*out = as_place(place);
		return 0;
	}
	if (file_read(&cx->op, file, PLACE_MAX, &b) < 0) {
		buf_free(&b);
		return err_wrap(&cx->op.err, "--repository-file");
	}
	n = trimmed(b.data, b.len, &begin);
	*out = as_place(
		arena_printf(&cx->op.arena, "%.*s", (int)n, b.data + begin));
	buf_free(&b);
	return 0;
}

int parse_compression(const struct repo_flags *f, enum compression *out,
		      struct err *e)
{
	static const char *const names[] = {
		[COMPRESS_AUTO] = "auto",
		[COMPRESS_OFF] = "off",
		[COMPRESS_MAX] = "max",
	};
	const char *text = f->compression;

	*out = COMPRESS_AUTO;
	if (!text)
		text = repo_env("COMPRESSION");
	if (!text)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strcmp(text, names[i]) == 0) {
			*out = (enum compression)i;
			return 0;
		}
	return err_set(e, ERR_INVALID,
		       "--compression: \"%s\" is not auto, off or max", text);
}

static int open_repo(struct cmd_ctx *cx, const struct repo_flags *f,
		     struct repo_session *s)
{
	struct asker a = { .base = { .ask = ask_again }, .cx = cx, .flags = f };
	struct repo_open_opt opt = {
		.password = &a.base,
		.key_hint = f->key_hint ? f->key_hint : repo_env("KEY_HINT"),
		.cache_dir = f->no_cache ? NULL : cx->remotes->cache_dir,
	};

	if (parse_compression(f, &opt.compression, &cx->op.err) < 0 ||
	    repo_place(cx, f, &s->place) < 0 ||
	    remote_open(cx->remotes, s->place, &cx->op, &s->be) < 0)
		return -1;
	return repo_open(&cx->op, s->be, &opt, &s->repo);
}

int repo_begin(struct cmd_ctx *cx, const struct repo_flags *f,
	       enum repo_need need, struct repo_session *out)
{
	struct repo_session *s = out;
	bool lock =
		need == REPO_EXCLUSIVE || (need == REPO_SHARED && !f->no_lock);

	*s = (struct repo_session){ 0 };
	if (f->pack_size &&
	    (f->pack_size < 4 << 20 || f->pack_size > PACK_SIZE_MAX))
		return err_set(&cx->op.err, ERR_INVALID,
			       "--pack-size: from 4M to 128M");
	if (open_repo(cx, f, s) < 0)
		return -1;
	s->coder = repo_coder(s->repo);
	if (lock && lock_take(s->repo, &cx->op, need == REPO_EXCLUSIVE,
			      f->retry_lock, &s->stale, &s->lock) < 0)
		return -1;
	if (f->dry_run) {
		store_dry_run(s->repo->store);
		log_notice(NULL, "a dry run: nothing is changed");
	}
	return 0;
}

void repo_end(struct repo_session *s)
{
	lock_release(s->lock);
	coder_free(s->coder);
	repo_close(s->repo);
	if (s->be)
		be_close(s->be);
	*s = (struct repo_session){ 0 };
}
