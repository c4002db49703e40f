#include "cmd/sync_flags.h"

#include <string.h>

enum { THREADS_MAX = 1024 };

#define FLAG(type, letter, name, arg, field, help) \
	OPT_AT(type, letter, name, arg, struct sync_flags, field, help)

const struct opt sync_compare_flags[] = {
	FLAG(OPT_BOOL, 'c', "checksum", NULL, checksum,
	     "compare size and hash instead of size and time"),
	FLAG(OPT_BOOL, 0, "size-only", NULL, size_only,
	     "compare the size alone"),
	FLAG(OPT_BOOL, 0, "ignore-size", NULL, ignore_size,
	     "compare the time, or with --checksum the hash, alone"),
	FLAG(OPT_BOOL, 'I', "ignore-times", NULL, ignore_times,
	     "compare nothing, copy all"),
	FLAG(OPT_BOOL, 'u', "update", NULL, update,
	     "leave files that are newer at the destination"),
	FLAG(OPT_BOOL, 0, "ignore-existing", NULL, ignore_existing,
	     "leave all that is at the destination as it is"),
	FLAG(OPT_BOOL, 0, "immutable", NULL, immutable,
	     "a file that would change is an error"),
	FLAG(OPT_DURATION, 0, "modify-window", "DURATION", modify_window,
	     "times that differ by less are equal"),
	{ .type = OPT_END }
};

const struct opt sync_run_flags[] = {
	FLAG(OPT_BOOL, 'n', "dry-run", NULL, dry_run,
	     "show what would be done, change nothing"),
	FLAG(OPT_BOOL, 'M', "metadata", NULL, metadata,
	     "keep mode, owner, times, links and attributes; the default, "
	     "--no-metadata is without"),
	FLAG(OPT_BOOL, 'L', "copy-links", NULL, copy_links,
	     "copy what a symbolic link names, not the link"),
	FLAG(OPT_BOOL, 'x', "one-file-system", NULL, one_file_system,
	     "do not cross into other file systems"),
	FLAG(OPT_STR, 0, "backup-dir", "DIR", backup_dir,
	     "move what is replaced or deleted to DIR, a place on the "
	     "destination's disk or account"),
	FLAG(OPT_STR, 0, "suffix", "TEXT", suffix,
	     "add this to the name of what is replaced or deleted"),
	FLAG(OPT_INT, 0, "max-delete", "N", max_delete,
	     "stop before more than N files are deleted"),
	FLAG(OPT_SIZE, 0, "max-transfer", "SIZE", max_transfer,
	     "stop after so many bytes; a bare number is KiB"),
	FLAG(OPT_DURATION, 0, "max-duration", "DURATION", max_duration,
	     "stop after this time"),
	FLAG(OPT_BOOL, 0, "force", NULL, force,
	     "let an empty source empty the destination"),
	FLAG(OPT_BOOL, 0, "inplace", NULL, inplace,
	     "write into files, not aside: a broken copy destroys them"),
	FLAG(OPT_BOOL, 0, "fsync", NULL, durable,
	     "each file is on stable storage before it replaces another"),
	FLAG(OPT_BOOL, 0, "no-verify", NULL, no_verify,
	     "do not read back what has been written"),
	FLAG(OPT_INT, 0, "transfers", "N", transfers,
	     "files copied at once (default: as fits the machine)"),
	FLAG(OPT_INT, 0, "checkers", "N", checkers,
	     "folders compared at once (default: as fits the machine)"),
	FLAG(OPT_INT, 0, "multi-thread-streams", "N", threads,
	     "parts of one large file copied at once"),
	{ .type = OPT_BOOL,
	  .name = "create-empty-src-dirs",
	  .help = "always so",
	  .at = offsetof(struct sync_flags, create_empty_src_dirs),
	  .hidden = true },
	{ .type = OPT_END }
};

const struct opt sync_delete_flags[] = {
	FLAG(OPT_BOOL, 0, "delete-excluded", NULL, delete_excluded,
	     "delete at the destination what the filter leaves out"),
	FLAG(OPT_BOOL, 0, "ignore-errors", NULL, ignore_errors,
	     "delete even if something could not be read or copied"),
	{ .type = OPT_END }
};

const struct opt sync_move_flags[] = {
	FLAG(OPT_BOOL, 0, "delete-empty-src-dirs", NULL, delete_empty_src_dirs,
	     "remove folders of the source that are empty then"),
	{ .type = OPT_END }
};

/* 0 is "not given": the machine decides. */
static int check_count(const char *flag, int64_t n, struct err *e)
{
	if (n >= 0 && n <= THREADS_MAX)
		return 0;
	return err_set(e, ERR_INVALID, "--%s: %lld is not from 1 to %d", flag,
		       (long long)n, THREADS_MAX);
}

/* Of two such flags only one can be meant. */
static int check_pairs(const struct sync_flags *f, struct err *e)
{
	const struct {
		bool a, b;
		const char *text;
	} pairs[] = {
		{ f->size_only, f->checksum, "--size-only and --checksum" },
		{ f->size_only, f->ignore_size,
		  "--size-only and --ignore-size" },
		{ f->ignore_existing, f->ignore_times,
		  "--ignore-existing and --ignore-times" },
	};

	for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
		if (pairs[i].a && pairs[i].b)
			return err_set(e, ERR_INVALID,
				       "%s contradict each other",
				       pairs[i].text);
	return 0;
}

static int check_flags(const struct sync_flags *f, struct err *e)
{
	if (f->suffix && (!*f->suffix || strchr(f->suffix, '/')))
		return err_set(e, ERR_INVALID,
			       "--suffix: \"%s\" cannot end a file's name",
			       f->suffix);
	if (check_count("transfers", f->transfers, e) < 0 ||
	    check_count("checkers", f->checkers, e) < 0 ||
	    check_count("multi-thread-streams", f->threads, e) < 0)
		return -1;
	return check_pairs(f, e);
}

int sync_flags_apply(const struct sync_flags *f, struct sync_opts *out,
		     struct err *e)
{
	if (check_flags(f, e) < 0)
		return -1;
	sync_opts_init(out);
	if (f->transfers)
		out->transfers = (unsigned)f->transfers;
	if (f->checkers)
		out->checkers = (unsigned)f->checkers;
	out->threads = (unsigned)f->threads;
	out->dry_run = f->dry_run;
	out->checksum = f->checksum;
	out->size_only = f->size_only;
	out->ignore_times = f->ignore_times;
	out->ignore_size = f->ignore_size;
	out->ignore_existing = f->ignore_existing;
	out->update = f->update;
	out->immutable = f->immutable;
	out->modify_window = f->modify_window;
	out->metadata = f->metadata;
	out->inplace = f->inplace;
	out->durable = f->durable;
	out->no_verify = f->no_verify;
	out->one_file_system = f->one_file_system;
	out->delete_excluded = f->delete_excluded;
	out->delete_empty_src_dirs = f->delete_empty_src_dirs;
	out->force = f->force;
	out->ignore_errors = f->ignore_errors;
	out->max_delete = f->max_delete;
	out->max_transfer = f->max_transfer;
	out->max_duration = f->max_duration;
	out->suffix = f->suffix;
	return 0;
}
