#include "lib/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/*
 * Exit statuses are those of docs/exit-codes.md; 10 to 12 are restic's.
 */
/* clang-format off */
static const struct err_info infos[ERR_KINDS] = {
	/*                    name          retry  fatal  errno       exit */
	[ERR_OK]          = { "ok",          false, false, 0,            0 },
	[ERR_INVALID]     = { "invalid",     false, true,  EINVAL,       2 },
	[ERR_LIMIT]       = { "limit",       false, true,  EIO,          6 },
	[ERR_PARTIAL]     = { "partial",     false, false, EIO,          3 },
	[ERR_UNSUPPORTED] = { "unsupported", false, false, EOPNOTSUPP,   1 },
	[ERR_NOT_FOUND]   = { "not-found",   false, false, ENOENT,       4 },
	[ERR_NO_DIR]      = { "no-dir",      false, false, ENOENT,       4 },
	[ERR_NO_REPO]     = { "no-repo",     false, true,  ENOENT,      10 },
	[ERR_EXISTS]      = { "exists",      false, false, EEXIST,       1 },
	[ERR_NOT_EMPTY]   = { "not-empty",   false, false, ENOTEMPTY,    1 },
	[ERR_IS_DIR]      = { "is-dir",      false, false, EISDIR,       1 },
	[ERR_NOT_DIR]     = { "not-dir",     false, false, ENOTDIR,      1 },
	[ERR_DENIED]      = { "denied",      false, false, EACCES,       1 },
	[ERR_AUTH]        = { "auth",        false, true,  EACCES,       5 },
	[ERR_PASSWORD]    = { "password",    false, true,  EACCES,      12 },
	[ERR_NO_SPACE]    = { "no-space",    false, true,  ENOSPC,       1 },
	[ERR_CONFLICT]    = { "conflict",    false, false, EBUSY,        1 },
	[ERR_CORRUPT]     = { "corrupt",     false, false, EIO,          1 },
	[ERR_NETWORK]     = { "network",     true,  false, EIO,          1 },
	[ERR_TIMEOUT]     = { "timeout",     true,  false, ETIMEDOUT,    1 },
	[ERR_BUSY]        = { "busy",        true,  false, EAGAIN,       1 },
	[ERR_LOCKED]      = { "locked",      false, true,  EBUSY,       11 },
	[ERR_SERVER]      = { "server",      true,  false, EIO,          1 },
	[ERR_IO]          = { "io",          false, false, EIO,          1 },
	[ERR_CANCELED]    = { "canceled",    false, true,  EINTR,      130 },
};
/* clang-format on */

const struct err_info *err_info(enum err_kind kind)
{
	if ((unsigned)kind >= ERR_KINDS)
		BUG("error kind %d", (int)kind);
	return &infos[kind];
}

static enum err_kind kind_of_errno(int os)
{
	switch (os) {
	case ENOENT: return ERR_NOT_FOUND;
	case EEXIST: return ERR_EXISTS;
	case ENOTEMPTY: return ERR_NOT_EMPTY;
	case EISDIR: return ERR_IS_DIR;
	case ENOTDIR: return ERR_NOT_DIR;
	case EACCES:
	case EPERM:
	case EROFS: return ERR_DENIED;
	case ENOSPC:
	case EDQUOT: return ERR_NO_SPACE;
	case EAGAIN: return ERR_BUSY;
	case EBUSY:
	case ETXTBSY:
	case ELOOP: /* a link where none was */
	case ESTALE: return ERR_CONFLICT;
	case ETIMEDOUT: return ERR_TIMEOUT;
	case EINVAL:
	case ENAMETOOLONG:
	case EXDEV:
	case EFBIG:
	case EOPNOTSUPP:
	case ENOSYS: return ERR_UNSUPPORTED;
	default: return ERR_IO;
	}
}

int err_set(struct err *e, enum err_kind kind, const char *fmt, ...)
{
	va_list ap;

	e->kind = kind;
	e->code = 0;
	e->retry_after = 0;
	va_start(ap, fmt);
	vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
	va_end(ap);
	return -1;
}

/* msg = front + ": " + reason, cutting the front if need be. */
static void join(struct err *e, const char *front, const char *reason)
{
	size_t f = strlen(front), r = strlen(reason);
	size_t room = sizeof(e->msg) - 1;
	const char *between = f + 2 + r <= room ? ": " : "...: ";
	size_t m = strlen(between);

	if (r + m >= room)
		f = m = 0;
	else if (f > room - r - m)
		f = room - r - m;
	memcpy(e->msg, front, f);
	memcpy(e->msg + f, between, m);
	memcpy(e->msg + f + m, reason, r + 1);
}

int err_sys(struct err *e, const char *fmt, ...)
{
	int os = errno;
	char front[sizeof(e->msg)], why[128];
	va_list ap;

	e->kind = kind_of_errno(os);
	e->code = os;
	e->retry_after = 0;
	va_start(ap, fmt);
	vsnprintf(front, sizeof(front), fmt, ap);
	va_end(ap);
	join(e, front, strerror_r(os, why, sizeof(why)));
	return -1;
}

int err_wrap(struct err *e, const char *fmt, ...)
{
	char front[sizeof(e->msg)], inner[sizeof(e->msg)];
	va_list ap;

	memcpy(inner, e->msg, sizeof(inner));
	va_start(ap, fmt);
	vsnprintf(front, sizeof(front), fmt, ap);
	va_end(ap);
	join(e, front, inner);
	return -1;
}

void err_clear(struct err *e)
{
	e->kind = ERR_OK;
	e->code = 0;
	e->retry_after = 0;
	e->msg[0] = '\0';
}

bool err_names(const struct err *e, const char *path)
{
	size_t n = strlen(path);

	for (const char *p = e->msg; n && (p = strstr(p, path)); p++)
		if ((p == e->msg || strchr(" :/\"", p[-1])) &&
		    (p[n] == ':' || p[n] == '"' || p[n] == '\0'))
			return true;
	return false;
}
