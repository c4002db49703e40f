#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/mount.h"
#include "lib/clock.h"

enum { TRANSFERS_MAX = 1024 };

#define MIB (INT64_C(1) << 20)

/* Longer than any mount lasts, and still good to be added to a time. */
#define FOR_EVER (INT64_MAX / 4)

const struct mount_flags mount_defaults = {
	.cache_mode = "full",
	.cache_size = 10 * 1024 * MIB,
	.min_free = 1024 * MIB,
	.dir_time = 300 * NS_PER_SEC,
	.write_back = NS_PER_SEC,
	.read_ahead = 64 * MIB,
	.uid = MOUNT_UNSAID,
	.gid = MOUNT_UNSAID,
	.default_permissions = true,
};

#define FLAG(type, letter, name, arg, field, help) \
	OPT_AT(type, letter, name, arg, struct mount_flags, field, help)

/* What rclone calls it. */
#define THEIRS(type_, name_, arg_, field)                                 \
	{                                                                 \
		.type = (type_), .name = (name_), .arg = (arg_),          \
		.help = "as rclone",                                      \
		.at = offsetof(struct mount_flags, field), .hidden = true \
	}

#define USELESS(name) THEIRS(OPT_LIST, name, "VALUE", useless)

const struct opt mount_opts[] = {
	FLAG(OPT_STR, 0, "cache-mode", "MODE", cache_mode,
	     "full, writes (what is read is fetched each time) or off "
	     "(default full)"),
	FLAG(OPT_SIZE, 0, "cache-size", "SIZE", cache_size,
	     "keep so much of what was read; off: any (default 10G)"),
	FLAG(OPT_SIZE, 0, "cache-min-free", "SIZE", min_free,
	     "leave so much of the disk free (default 1G)"),
	FLAG(OPT_DURATION, 0, "dir-cache-time", "DURATION", dir_time,
	     "how long what is known of a folder is believed (default 5m)"),
	FLAG(OPT_DURATION, 0, "write-back", "DURATION", write_back,
	     "how long a closed file rests before it is sent (default 1s)"),
	FLAG(OPT_SIZE, 0, "read-ahead", "SIZE", read_ahead,
	     "fetch so much ahead of who reads in order (default 64M)"),
	FLAG(OPT_INT, 0, "transfers", "N", transfers,
	     "files sent at once (default: as fits the place)"),
	FLAG(OPT_BOOL, 0, "read-only", NULL, read_only,
	     "nothing can be changed"),
	FLAG(OPT_BOOL, 0, "allow-other", NULL, allow_other,
	     "other users may look, too, as the modes say"),
	FLAG(OPT_BOOL, 0, "allow-non-empty", NULL, allow_non_empty,
	     "mount over a folder that is not empty"),
	FLAG(OPT_STR, 0, "umask", "OCTAL", umask,
	     "taken from the modes of what the place tells none for"),
	FLAG(OPT_INT, 0, "uid", "N", uid, "all belongs to this user"),
	FLAG(OPT_INT, 0, "gid", "N", gid, "all belongs to this group"),
	FLAG(OPT_BOOL, 0, "daemon", NULL, daemon,
	     "go to the background as soon as it is mounted"),
	FLAG(OPT_BOOL, 0, "foreground", NULL, foreground,
	     "stay in the foreground; the default"),
	FLAG(OPT_BOOL, 0, "write-back-cache", NULL, kernel_write_back,
	     "let the kernel gather small writes; only where nobody else "
	     "changes files of the place"),
	FLAG(OPT_BOOL, 0, "lazy-close", NULL, lazy_close,
	     "close does not wait for the disk: a power cut may undo the last "
	     "3 seconds, but for what was synced"),
	FLAG(OPT_BOOL, 0, "debug-fuse", NULL, debug,
	     "log each request of the kernel (with -vv)"),
	THEIRS(OPT_STR, "vfs-cache-mode", "MODE", cache_mode),
	THEIRS(OPT_SIZE, "vfs-cache-max-size", "SIZE", cache_size),
	THEIRS(OPT_SIZE, "vfs-cache-min-free-space", "SIZE", min_free),
	THEIRS(OPT_DURATION, "vfs-write-back", "DURATION", write_back),
	THEIRS(OPT_SIZE, "vfs-read-ahead", "SIZE", read_ahead),
	THEIRS(OPT_BOOL, "default-permissions", NULL, default_permissions),
	USELESS("volname"),
	USELESS("devname"),
	USELESS("attr-timeout"),
	USELESS("poll-interval"),
	USELESS("daemon-timeout"),
	USELESS("dir-perms"),
	USELESS("file-perms"),
	USELESS("fuse-flag"),
	USELESS("max-read-ahead"),
	USELESS("vfs-cache-max-age"),
	USELESS("vfs-cache-poll-interval"),
	USELESS("vfs-read-chunk-size"),
	USELESS("vfs-read-chunk-size-limit"),
	USELESS("vfs-read-chunk-streams"),
	USELESS("vfs-read-wait"),
	USELESS("vfs-write-wait"),
	USELESS("vfs-disk-space-total-size"),
	{ .type = OPT_END }
};

/* Why there is no such thing here, and what to do instead. */
static const struct {
	const char *flag, *why;
} reasons[] = {
	{ "volname", "it is for other systems than Linux" },
	{ "devname", "what is mounted goes by its place" },
	{ "attr-timeout", "the kernel is told when something changes" },
	{ "poll-interval", "--dir-cache-time says how long is believed" },
	{ "daemon-timeout", "it is for other systems than Linux" },
	{ "dir-perms", "--umask says it" },
	{ "file-perms", "--umask says it" },
	{ "vfs-cache-max-age", "what is kept goes when --cache-size or "
			       "--cache-min-free asks for its room" },
	{ "vfs-disk-space-total-size", "the place says it" },
};

static int refuse(const struct opt_item *i, struct err *e)
{
	const char *why = "ferry finds out by itself what suits";

	for (size_t k = 0; k < ARRAY_LEN(reasons); k++)
		if (strcmp(reasons[k].flag, i->flag) == 0)
			why = reasons[k].why;
	return err_set(e, ERR_INVALID,
		       "--%s is rclone's and means nothing here: %s", i->flag,
		       why);
}

static int parse_mode(const char *text, enum vfs_cache_mode *out, struct err *e)
{
	static const struct {
		const char *name;
		enum vfs_cache_mode mode;
	} modes[] = {
		{ "off", VFS_CACHE_OFF },
		{ "minimal", VFS_CACHE_WRITES },
		{ "writes", VFS_CACHE_WRITES },
		{ "full", VFS_CACHE_FULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(modes); i++)
		if (strcmp(modes[i].name, text) == 0) {
			*out = modes[i].mode;
			return 0;
		}
	return err_set(e, ERR_INVALID,
		       "--cache-mode: \"%s\" is not off, writes or full", text);
}

static int parse_umask(const char *text, uint32_t *out, struct err *e)
{
	char *end;
	unsigned long n;

	if (!text) {
		mode_t mask = umask(0);

		umask(mask);
		*out = mask;
		return 0;
	}
	n = strtoul(text, &end, 8);
	if (*text < '0' || *text > '7' || *end || n > 0777)
		return err_set(
			e, ERR_INVALID,
			"--umask: \"%s\" is not an octal number like 022",
			text);
	*out = (uint32_t)n;
	return 0;
}

static int check(const char *flag, int64_t n, int64_t max, struct err *e)
{
	if (n >= 0 && n <= max)
		return 0;
	return err_set(e, ERR_INVALID, "--%s: %lld is out of range", flag,
		       (long long)n);
}

static int check_id(const char *flag, int64_t n, struct err *e)
{
	/* the last one is (uid_t)-1 */
	return n == MOUNT_UNSAID ? 0 : check(flag, n, UINT32_MAX - 1, e);
}

/* `off`: what -1 means. */
static int64_t duration(int64_t ns, int64_t off)
{
	if (ns < 0)
		return off;
	return ns < FOR_EVER ? ns : FOR_EVER;
}

int mount_flags_apply(const struct mount_flags *f, struct vfs_opt *out,
		      struct err *e)
{
	*out = (struct vfs_opt){
		.cache_size = f->cache_size,
		.min_free = f->min_free < 0 ? 0 : f->min_free,
		.dir_time = duration(f->dir_time, FOR_EVER),
		.write_back = duration(f->write_back, 0),
		.read_ahead = f->read_ahead < 0 ? 0 : f->read_ahead,
		.transfers = (unsigned)f->transfers,
		.read_only = f->read_only,
		.own_ids = f->uid >= 0 || f->gid >= 0,
		.uid = f->uid >= 0 ? (uint32_t)f->uid : geteuid(),
		.gid = f->gid >= 0 ? (uint32_t)f->gid : getegid(),
		.local_modes = true,
		.lazy_close = f->lazy_close,
	};
	if (f->useless.n)
		return refuse(&f->useless.at[0], e);
	if (f->daemon && f->foreground)
		return err_set(e, ERR_INVALID,
			       "--daemon and --foreground contradict each "
			       "other");
	if (!f->default_permissions)
		return err_set(e, ERR_INVALID,
			       "--default-permissions=false is not to be had: "
			       "the modes that a mount shows are always what "
			       "decides");
	if (check_id("uid", f->uid, e) < 0 || check_id("gid", f->gid, e) < 0 ||
	    check("transfers", f->transfers, TRANSFERS_MAX, e) < 0 ||
	    parse_mode(f->cache_mode, &out->cache_mode, e) < 0)
		return -1;
	return parse_umask(f->umask, &out->umask, e);
}
