/* Files read back and compared with what the snapshot says. */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "repo/restore_parts.h"

int blob_length(struct restore *rs, struct op *op, const struct id *id,
		size_t *len)
{
	char hex[ID_HEX + 1];
	struct blob_at at;

	if (!index_find(rs->repo->index, BLOB_DATA, id, &at))
		return err_set(&op->err, ERR_CORRUPT,
			       "no index names the data blob %s",
			       id_hex(id, hex));
	*len = pack_blob_text_len(&at.blob);
	if (at.blob.len < ENVELOPE_EXTRA || *len > BLOB_LEN_MAX ||
	    at.blob.len > BLOB_LEN_MAX + ENVELOPE_EXTRA)
		return err_set(&op->err, ERR_CORRUPT,
			       "data blob %s has %u bytes", id_hex(id, hex),
			       at.blob.len);
	return 0;
}

bool blob_is_there(struct kit *k, int fd, const struct id *id, size_t len,
		   int64_t at)
{
	size_t got = 0;
	struct stat st;
	struct id is;

	/* Nothing is allocated for what cannot be there. */
	if (len > 8 << 20 &&
	    (fstat(fd, &st) < 0 || st.st_size - at < (int64_t)len))
		return false;
	buf_reset(&k->text);
	buf_room(&k->text, len);
	while (got < len) {
		ssize_t n = pread(fd, k->text.data + got, len - got,
				  at + (int64_t)got);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		got += (size_t)n;
	}
	id_of(k->text.data, len, &is);
	return id_equal(&is, id);
}

static int verify_open(struct restore *rs, struct op *op, struct kit *k,
		       const struct item *it, int fd)
{
	int64_t at = 0;
	struct stat st;
	size_t len;

	if (fstat(fd, &st) < 0)
		return err_sys(&op->err, "stat");
	if (!S_ISREG(st.st_mode))
		return err_set(&op->err, ERR_CONFLICT,
			       "verify: it is no regular file");
	if ((uint64_t)st.st_size != it->size)
		return err_set(&op->err, ERR_CORRUPT,
			       "verify: it has %lld bytes, not %llu",
			       (long long)st.st_size,
			       (unsigned long long)it->size);
	for (uint32_t i = 0; i < it->ncontent; i++, at += (int64_t)len) {
		if (op_check(op) < 0 ||
		    blob_length(rs, op, &it->content[i], &len) < 0)
			return -1;
		if (!blob_is_there(k, fd, &it->content[i], len, at))
			return err_set(&op->err, ERR_CORRUPT,
				       "verify: what was read back from byte "
				       "%lld on is not what was written",
				       (long long)at);
	}
	return 0;
}

int item_verify(struct restore *rs, struct op *op, struct kit *k,
		struct item *it)
{
	bool own;
	int dirfd = dest_open(op, it->dir, &own), fd, rc = -1;

	if (dirfd >= 0) {
		fd = openat(dirfd, it->name,
			    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
		rc = fd < 0 ? err_sys(&op->err, "verify")
			    : verify_open(rs, op, k, it, fd);
		if (fd >= 0)
			close(fd);
		dest_close(dirfd, own);
	}
	it->finished = true;
	if (rc < 0)
		return restore_tell(rs, op, it->dir, it->name);
	atomic_fetch_add(&rs->verified, 1);
	return 0;
}
