/* ferry init: make a repository. */

#include "cmd/repo_open.h"

#include "cmd/globals.h"
#include "cmd/out.h"
#include "crypt/secret.h"
#include "lib/json_write.h"
#include "lib/parse.h"

struct init_opts {
	struct repo_flags repo;
	const char *version;
	struct repo_flags from; /* of these only place and password */
	bool copy_params;
	bool dry_run;
};

static const struct init_opts init_defaults = { 0 };

#define INIT(type, letter, name, arg, field, help) \
	OPT_AT(type, letter, name, arg, struct init_opts, field, help)

static const struct opt init_flags[] = {
	INIT(OPT_STR, 0, "repository-version", "N", version,
	     "1, or 2 (the default), which compresses"),
	INIT(OPT_BOOL, 0, "copy-chunker-params", NULL, copy_params,
	     "cut files as the repository --from-repo does, so that snapshots "
	     "copied between the two share their data"),
	INIT(OPT_STR, 0, "from-repo", "PLACE", from.repo,
	     "the repository to be like"),
	INIT(OPT_STR, 0, "from-password-file", "FILE", from.password_file,
	     "a file with its password"),
	INIT(OPT_STR, 0, "from-password-command", "COMMAND",
	     from.password_command, "a command that prints its password"),
	INIT(OPT_BOOL, 'n', "dry-run", NULL, dry_run,
	     "see whether one could be made, and make none"),
	{ .type = OPT_END }
};

static const struct opt_group init_groups[] = {
	{ "Flags", init_flags, 0 }, REPO_GROUP(struct init_opts, repo), { 0 }
};

static int parse_version(const struct init_opts *o, unsigned *out,
			 struct err *e)
{
	int64_t n = 2;

	if (o->version && strcmp(o->version, "stable") != 0 &&
	    strcmp(o->version, "latest") != 0 &&
	    (!parse_int(o->version, &n) || n < 1 || n > 2))
		return err_set(e, ERR_INVALID,
			       "--repository-version: \"%s\" is not 1 or 2",
			       o->version);
	*out = (unsigned)n;
	return 0;
}

/* ERR_EXISTS if there is a repository. */
static int check_new(struct cmd_ctx *cx, struct backend *be, const char *place)
{
	if (be_stat(be, &cx->op, "config", NULL) == 0)
		return err_set(&cx->op.err, ERR_EXISTS,
			       "%s: there is a repository already", place);
	if (cx->op.err.kind != ERR_NOT_FOUND && cx->op.err.kind != ERR_NO_DIR)
		return -1;
	err_clear(&cx->op.err);
	return 0;
}

static int print_made(struct cmd_ctx *cx, const struct repo *r,
		      const char *place)
{
	char hex[ID_HEX + 1], brief[9];
	struct buf b = BUF_INIT;
	int rc;

	if (cx->globals->json) {
		struct json j = JSON_INIT(&b);

		json_object(&j, NULL);
		json_str(&j, "message_type", "initialized");
		json_str(&j, "id", id_hex(&r->id, hex));
		json_path(&j, "repository", place);
		json_end(&j);
		buf_adds(&b, "\n");
	} else {
		buf_addf(&b, "repository %s made at ", id_short(&r->id, brief));
		out_add_name(&b, place);
		buf_adds(&b, "\nKeep its password: without it, nothing in "
			     "there can be read again.\n");
	}
	rc = out_write(&cx->op, b.data, b.len);
	buf_free(&b);
	return rc;
}

static int make(struct cmd_ctx *cx, struct backend *be, const char *place,
		unsigned version, const struct repo *like)
{
	const struct init_opts *o = cx->opts;
	struct repo *r = NULL;
	char *password;
	int rc;

	if (repo_password(cx, &o->repo, "Password of the new repository", true,
			  &password) < 0)
		return -1;
	rc = repo_init(&cx->op, be, password, version, like, &r);
	secret_free(password);
	if (rc == 0)
		rc = cx->globals->quiet && !cx->globals->json
			     ? 0
			     : print_made(cx, r, place);
	repo_close(r);
	return rc;
}

static int init_run(struct cmd_ctx *cx)
{
	const struct init_opts *o = cx->opts;
	struct repo_session like = { 0 };
	struct backend *be = NULL;
	const char *place;
	unsigned version = 2;
	int rc = -1;

	if (o->copy_params != !!o->from.repo)
		return err_set(&cx->op.err, ERR_INVALID,
			       "--copy-chunker-params and --from-repo belong "
			       "together");
	if (parse_version(o, &version, &cx->op.err) < 0 ||
	    repo_place(cx, &o->repo, &place) < 0 ||
	    remote_open(cx->remotes, place, &cx->op, &be) < 0 ||
	    check_new(cx, be, place) < 0)
		goto out;
	if (o->copy_params && repo_begin(cx, &o->from, REPO_NO_LOCK, &like) < 0)
		goto out;
	rc = o->dry_run ? 0 : make(cx, be, place, version, like.repo);
out:
	repo_end(&like);
	if (be)
		be_close(be);
	return rc;
}

static const struct cmd_example init_examples[] = {
	{ "ferry init -r /srv/backup", "ask for a password, make it" },
	{ "ferry init -r nas:backup --password-file ~/.backup-password",
	  "on a remote" },
	{ 0 }
};

#define INIT_COMMAND                                                           \
	.summary = "make a repository for snapshots",                          \
	.about =                                                               \
		"The repository is in restic's format (version 2), at any "    \
		"place: restic can\nread and write it, too.\n\nEverything in " \
		"it is encrypted with a key that only its password opens; "    \
		"there is\nno way in without.  `ferry repo key add` adds "     \
		"another password.",                                           \
	.groups = init_groups, .opts_size = sizeof(struct init_opts),          \
	.defaults = &init_defaults, .examples = init_examples, .run = init_run

const struct cmd cmd_init = { .name = "init", INIT_COMMAND };
const struct cmd cmd_repo_init = { .name = "repo init", INIT_COMMAND };
