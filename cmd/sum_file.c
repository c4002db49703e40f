#include "cmd/sum_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/parse.h"

enum { LINE_MAX_BYTES = 256 * 1024 };

/* The bytes that coreutils escapes, and the letters it does it with. */
static const char escaped[] = "\n\r\\";
static const char letters[] = "nr\\";

void sum_line_add(struct buf *b, const char *hash, const char *path)
{
	bool escape = path[strcspn(path, escaped)] != '\0';

	buf_addf(b, "%s%s  ", escape ? "\\" : "", hash);
	for (; *path; path++) {
		const char *at = strchr(escaped, *path);

		if (at)
			buf_addf(b, "\\%c", letters[at - escaped]);
		else
			buf_add(b, path, 1);
	}
	buf_add(b, "\n", 1);
}

/* In place; false if there is anything else after a backslash. */
static bool unescape(char *s)
{
	char *to = s;

	for (; *s; s++) {
		if (*s == '\\') {
			const char *at = *++s ? strchr(letters, *s) : NULL;

			if (!at)
				return false;
			*to++ = escaped[at - letters];
		} else {
			*to++ = *s;
		}
	}
	*to = '\0';
	return true;
}

/*
 * A folder's content comes right after it, before "folder.txt": so '/' must be
 * the least of all bytes.  It becomes 1; 1 and 2 become 2 1 and 2 2.
 */
void sum_key_add(struct buf *b, const char *path)
{
	for (; *path; path++) {
		if (*path == '/')
			buf_add(b, "\1", 1);
		else if (*path == '\1' || *path == '\2')
			buf_addf(b, "\2%c", *path);
		else
			buf_add(b, path, 1);
	}
}

void sum_key_path(struct buf *b, const char *key)
{
	for (; *key; key++) {
		if (*key == '\1') {
			buf_add(b, "/", 1);
			continue;
		}
		if (*key == '\2')
			key++;
		buf_add(b, key, 1);
	}
}

static bool read_hex(const char *s, uint8_t *out, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int high = parse_hex_digit(s[2 * i]);
		int low = high < 0 ? -1 : parse_hex_digit(s[2 * i + 1]);

		if (low < 0)
			return false;
		out[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

/* One line without its newline: false if it is none. */
static bool read_line(char *line, enum hash_type t, struct digests *d,
		      const char **path)
{
	bool escape = line[0] == '\\';
	size_t n = hash_len(t);
	char *name;

	line += escape;
	*d = (struct digests){ .have = 1u << t };
	if (!read_hex(line, digest_of(d, t), n))
		return false;
	name = line + 2 * n;
	if (name[0] != ' ' || (name[1] != ' ' && name[1] != '*'))
		return false;
	name += 2;
	if (escape && !unescape(name))
		return false;
	while (name[0] == '.' && name[1] == '/') /* "find ." gives these */
		name += 2 + strspn(name + 2, "/");
	*path = name;
	return *name != '\0';
}

static int read_all(struct op *op, FILE *f, const char *file, enum hash_type t,
		    struct listing *out)
{
	char *line = xcalloc(1, LINE_MAX_BYTES);
	struct buf key = BUF_INIT;
	int rc = -1;

	for (size_t number = 1; fgets(line, LINE_MAX_BYTES, f); number++) {
		struct entry e = { .kind = ENTRY_FILE,
				   .size = SIZE_UNKNOWN,
				   .mtime = MTIME_UNKNOWN };
		size_t n = strlen(line);
		const char *path;

		if (n && line[n - 1] == '\n')
			line[--n] = '\0';
		if (n == 0 || line[0] == '#')
			continue;
		if (n == LINE_MAX_BYTES - 1 ||
		    !read_line(line, t, &e.hash, &path)) {
			err_set(&op->err, ERR_INVALID,
				"\"%s\", line %zu: no %s hash with a path",
				file, number, hash_name(t));
			goto out;
		}
		buf_reset(&key);
		sum_key_add(&key, path);
		e.name = key.data;
		if (listing_add(out, op, &e) < 0)
			goto out;
	}
	if (ferror(f)) {
		err_sys(&op->err, "read \"%s\"", file);
		goto out;
	}
	rc = listing_sort(out, op);
out:
	buf_free(&key);
	free(line);
	return rc;
}

int sum_file_read(struct op *op, const char *file, enum hash_type t,
		  struct listing *out)
{
	bool standard = strcmp(file, "-") == 0;
	FILE *f = standard ? stdin : fopen(file, "re");
	int rc;

	if (!f)
		return err_sys(&op->err, "open \"%s\"", file);
	rc = read_all(op, f, file, t, out);
	if (!standard)
		fclose(f);
	return rc;
}
