#include "backends/webdav/journal.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backends/webdav/write.h"
#include "lib/file.h"
#include "lib/log.h"

enum { JOURNAL_MAX = 4096, NAMES_MAX = 1024 * 1024 };

/* No server keeps what it has not been asked about for so long. */
#define FORGOTTEN_SEC (30 * 24 * 60 * 60)

static const char *folder(const struct webdav *w, struct op *op)
{
	const char *state = w->service->remotes->state_dir;

	return state ? arena_printf(&op->arena, "%s/webdav-uploads", state)
		     : NULL;
}

/* A name of 64 digits for the place on that server. */
static const char *place_digits(const struct webdav *w, struct op *op,
				const char *path)
{
	const char *key = arena_printf(&op->arena, "%s\n%s", w->service->key,
				       webdav_full_path(w, op, path));
	struct hasher *h = hasher_new(1u << HASH_SHA256);
	struct digests d = { 0 };
	struct buf b = BUF_INIT;
	const char *digits;

	hasher_add(h, key, strlen(key));
	hasher_end(h, &d);
	hasher_free(h);
	digest_hex(&b, &d, HASH_SHA256);
	digits = arena_strdup(&op->arena, b.data);
	buf_free(&b);
	return digits;
}

/*
 * One file for all, with a byte for each journal: it needs no removal.  The
 * lock is of the open file, so that it works between threads, too.
 */
static int lock_place(struct op *op, const char *dir, const char *digits)
{
	const char *path = arena_printf(&op->arena, "%s/lock", dir);
	const char *first = arena_printf(&op->arena, "%.15s", digits);
	struct flock one = {
		.l_type = F_WRLCK,
		.l_whence = SEEK_SET,
		.l_start = (off_t)strtoull(first, NULL, 16),
		.l_len = 1,
	};
	int fd;

	if (file_make_dirs(op, dir) < 0)
		return -1;
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(&op->err, "\"%s\"", path);
	if (fcntl(fd, F_OFD_SETLK, &one) == 0)
		return fd;
	err_sys(&op->err, "lock \"%s\"", path);
	close(fd);
	return -1;
}

void webdav_journal_open(struct webdav_journal *j, struct webdav *w,
			 struct op *op, const char *path,
			 const struct source *src, const struct put_opt *opt,
			 int64_t part)
{
	const char *dir = folder(w, op), *digits;
	const char *sum = webdav_checksum(op, &opt->hash);

	*j = WEBDAV_NO_JOURNAL;
	if (!dir || !src->stable || !src->seek || opt->mtime == MTIME_UNKNOWN)
		return;
	digits = place_digits(w, op, path);
	j->lock = lock_place(op, dir, digits);
	if (j->lock < 0) {
		log_debug(path, "no journal: %s", op->err.msg);
		err_clear(&op->err);
		return;
	}
	j->path = arena_printf(&op->arena, "%s/%s", dir, digits);
	j->source = arena_printf(&op->arena,
				 "%" PRId64 " %" PRId64 " %" PRId64 " %s",
				 src->size, opt->mtime, part, sum ? sum : "-");
}

const char *webdav_journal_words(struct arena *a, const char *text,
				 bool (*is_id)(const char *text),
				 const char *source, bool *same)
{
	size_t n = strcspn(text, " \n");
	char *id = arena_memdup(a, text, n + 1);

	id[n] = '\0';
	*same = text[n] == ' ' &&
		strncmp(text + n + 1, source, strlen(source)) == 0 &&
		strcmp(text + n + 1 + strlen(source), "\n") == 0;
	return is_id(id) ? id : NULL;
}

const char *webdav_journal_read(const struct webdav_journal *j, struct op *op,
				bool (*is_id)(const char *text), bool *same)
{
	struct buf text = BUF_INIT;
	const char *id = NULL;

	*same = false;
	if (!j->path)
		return NULL;
	if (file_read(op, j->path, JOURNAL_MAX, &text) == 0)
		id = webdav_journal_words(&op->arena, text.data, is_id,
					  j->source, same);
	else
		err_clear(&op->err);
	buf_free(&text);
	return id;
}

void webdav_journal_note(struct webdav_journal *j, struct op *op,
			 const char *id)
{
	const char *text;

	if (!j->path)
		return;
	text = arena_printf(&op->arena, "%s %s\n", id, j->source);
	if (file_write(op, j->path, text, strlen(text)) == 0)
		return;
	log_debug(NULL, "no journal: %s", op->err.msg);
	err_clear(&op->err);
	j->path = NULL;
}

void webdav_journal_forget(const struct webdav_journal *j)
{
	if (j->path && unlink(j->path) < 0)
		log_debug(NULL, "the journal \"%s\" stays", j->path);
}

void webdav_journal_close(struct webdav_journal *j)
{
	if (j->lock >= 0)
		close(j->lock);
	*j = WEBDAV_NO_JOURNAL;
}

bool webdav_journal_is_worth(const struct webdav_journal *j,
			     const struct err *why)
{
	return j->path &&
	       (err_info(why->kind)->retry || why->kind == ERR_CANCELED);
}

static void read_name(struct op *op, const char *path, struct buf *out)
{
	struct buf text = BUF_INIT;

	if (file_read(op, path, JOURNAL_MAX, &text) == 0 && text.len)
		buf_add(out, text.data, strcspn(text.data, " \n"));
	else
		err_clear(&op->err);
	buf_add(out, "", 1);
	buf_free(&text);
}

void webdav_journal_names(struct webdav *w, struct op *op, struct buf *out)
{
	const int64_t now = webdav_seconds(clock_wall());
	const char *dir = folder(w, op);
	DIR *d = dir ? opendir(dir) : NULL;
	struct dirent *e;

	while (d && out->len < NAMES_MAX && (e = readdir(d))) {
		const char *path;
		struct stat st;

		if (strspn(e->d_name, "0123456789abcdef") != 64)
			continue;
		path = arena_printf(&op->arena, "%s/%s", dir, e->d_name);
		if (stat(path, &st) == 0 &&
		    now - (int64_t)st.st_mtime > FORGOTTEN_SEC)
			unlink(path);
		else
			read_name(op, path, out);
	}
	if (d)
		closedir(d);
}
