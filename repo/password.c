#include "repo/password.h"

#include <stdlib.h>
#include <string.h>

#include "crypt/secret.h"
#include "lib/command.h"
#include "lib/file.h"

enum { PASSWORD_MAX = 64 * 1024 };

const char *repo_env(const char *name)
{
	static const char *const prefixes[] = { "FERRY_", "RESTIC_" };

	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++) {
		struct buf b = BUF_INIT;
		const char *value;

		buf_addf(&b, "%s%s", prefixes[i], name);
		value = getenv(b.data);
		buf_free(&b);
		if (value && *value)
			return value;
	}
	return NULL;
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

/* What was read, without blanks around it, in secret memory; `b` is wiped. */
static char *keep_secret(struct buf *b)
{
	size_t begin, n = trimmed(b->data, b->len, &begin);
	char *secret = secret_alloc(n + 1);

	memcpy(secret, b->data + begin, n);
	explicit_bzero(b->data, b->len);
	buf_free(b);
	return secret;
}

int password_from_file(struct op *op, const char *file, char **out)
{
	struct buf b = BUF_INIT;

	buf_room(&b, PASSWORD_MAX);
	if (strcmp(file, "-") == 0)
		file = "/dev/stdin";
	if (file_read(op, file, PASSWORD_MAX, &b) < 0) {
		explicit_bzero(b.data, b.cap);
		buf_free(&b);
		return err_wrap(&op->err, "the password's file");
	}
	*out = keep_secret(&b);
	return 0;
}

static int from_command(struct op *op, const char *command, char **out)
{
	struct buf b = BUF_INIT;
	int rc = command_run(op, "password-command", command, &b);

	*out = keep_secret(&b);
	if (rc == 0)
		return 0;
	secret_free(*out);
	*out = NULL;
	return -1;
}

char *password_copy(const char *s)
{
	char *p = secret_alloc(strlen(s) + 1);

	memcpy(p, s, strlen(s));
	return p;
}

int password_check(struct op *op, const struct password_from *from,
		   char *password)
{
	if (from->empty || *password)
		return 0;
	secret_free(password);
	return err_set(&op->err, ERR_INVALID,
		       "the password is empty (--insecure-no-password if that "
		       "is meant)");
}

int password_given(struct op *op, const struct password_from *from, char **out)
{
	const char *file = from->file, *command = from->command;
	const char *plain = from->plain;

	*out = NULL;
	if (from->empty) {
		*out = password_copy("");
		return 1;
	}
	if (!file && !command && !plain) {
		file = repo_env("PASSWORD_FILE");
		command = file ? NULL : repo_env("PASSWORD_COMMAND");
		plain = file || command ? NULL : repo_env("PASSWORD");
	}
	if (file && password_from_file(op, file, out) < 0)
		return -1;
	if (!file && command && from_command(op, command, out) < 0)
		return -1;
	if (!file && !command && !plain)
		return 0;
	if (!file && !command)
		*out = password_copy(plain);
	if (password_check(op, from, *out) < 0) {
		*out = NULL;
		return -1;
	}
	return 1;
}
