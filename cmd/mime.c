#include "cmd/mime.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Sorted by ending. */
/* clang-format off */
static const struct mime {
	const char *ending, *type;
} mimes[] = {
	{ "7z",    "application/x-7z-compressed" },
	{ "avi",   "video/x-msvideo" },
	{ "avif",  "image/avif" },
	{ "bmp",   "image/bmp" },
	{ "bz2",   "application/x-bzip2" },
	{ "c",     "text/x-csrc; charset=utf-8" },
	{ "css",   "text/css; charset=utf-8" },
	{ "csv",   "text/csv; charset=utf-8" },
	{ "doc",   "application/msword" },
	{ "docx",  "application/vnd.openxmlformats-officedocument."
		   "wordprocessingml.document" },
	{ "eml",   "message/rfc822" },
	{ "epub",  "application/epub+zip" },
	{ "flac",  "audio/flac" },
	{ "gif",   "image/gif" },
	{ "gz",    "application/gzip" },
	{ "h",     "text/x-chdr; charset=utf-8" },
	{ "heic",  "image/heic" },
	{ "htm",   "text/html; charset=utf-8" },
	{ "html",  "text/html; charset=utf-8" },
	{ "ico",   "image/vnd.microsoft.icon" },
	{ "ics",   "text/calendar; charset=utf-8" },
	{ "jpeg",  "image/jpeg" },
	{ "jpg",   "image/jpeg" },
	{ "js",    "text/javascript; charset=utf-8" },
	{ "json",  "application/json" },
	{ "m4a",   "audio/mp4" },
	{ "md",    "text/markdown; charset=utf-8" },
	{ "mkv",   "video/x-matroska" },
	{ "mov",   "video/quicktime" },
	{ "mp3",   "audio/mpeg" },
	{ "mp4",   "video/mp4" },
	{ "mpeg",  "video/mpeg" },
	{ "odp",   "application/vnd.oasis.opendocument.presentation" },
	{ "ods",   "application/vnd.oasis.opendocument.spreadsheet" },
	{ "odt",   "application/vnd.oasis.opendocument.text" },
	{ "ogg",   "audio/ogg" },
	{ "opus",  "audio/ogg" },
	{ "pdf",   "application/pdf" },
	{ "png",   "image/png" },
	{ "ppt",   "application/vnd.ms-powerpoint" },
	{ "pptx",  "application/vnd.openxmlformats-officedocument."
		   "presentationml.presentation" },
	{ "py",    "text/x-python; charset=utf-8" },
	{ "rtf",   "application/rtf" },
	{ "sh",    "application/x-sh" },
	{ "svg",   "image/svg+xml" },
	{ "tar",   "application/x-tar" },
	{ "tif",   "image/tiff" },
	{ "tiff",  "image/tiff" },
	{ "txt",   "text/plain; charset=utf-8" },
	{ "vcf",   "text/vcard; charset=utf-8" },
	{ "wav",   "audio/x-wav" },
	{ "webm",  "video/webm" },
	{ "webp",  "image/webp" },
	{ "xls",   "application/vnd.ms-excel" },
	{ "xlsx",  "application/vnd.openxmlformats-officedocument."
		   "spreadsheetml.sheet" },
	{ "xml",   "text/xml; charset=utf-8" },
	{ "xz",    "application/x-xz" },
	{ "zip",   "application/zip" },
	{ "zst",   "application/zstd" },
};
/* clang-format on */

static int by_ending(const void *key, const void *item)
{
	const struct mime *m = item;

	return strcasecmp(key, m->ending);
}

static const char *type_of_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *dot = strrchr(slash ? slash : path, '.');
	const struct mime *m = NULL;

	if (dot)
		m = bsearch(dot + 1, mimes, ARRAY_LEN(mimes), sizeof(*mimes),
			    by_ending);
	return m ? m->type : "application/octet-stream";
}

/* What there is besides files has freedesktop.org's names. */
const char *mime_type(const char *path, const struct entry *e)
{
	switch (e->kind) {
	case ENTRY_DIR: return "inode/directory";
	case ENTRY_LINK: return "inode/symlink";
	case ENTRY_SPECIAL: return "application/octet-stream";
	case ENTRY_FILE: break;
	}
	return e->mime ? e->mime : type_of_name(path);
}
