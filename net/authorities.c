#include "net/authorities.h"

#include <ctype.h>
#include <dirent.h>
#include <string.h>
#include <unistd.h>

#include "lib/file.h"

enum { PEM_MAX = 8 << 20 };

/* Where the distributions keep them, as folders and as files. */
static const char *const folders[] = { "/etc/ssl/certs", "/etc/pki/tls/certs" };
static const char *const bundles[] = {
	"/etc/ssl/certs/ca-certificates.crt", /* Debian, Arch, Alpine */
	"/etc/pki/tls/certs/ca-bundle.crt",   /* Fedora */
	"/etc/ssl/ca-bundle.pem",             /* SUSE */
	"/etc/ssl/cert.pem",
};

/* Is there a file named by the hash of its authority, "5443e9e3.0"? */
static bool is_hashed(const char *path)
{
	DIR *dir = opendir(path);
	const struct dirent *d;
	bool found = false;

	if (!dir)
		return false;
	while (!found && (d = readdir(dir)) != NULL)
		found = strspn(d->d_name, "0123456789abcdef") == 8 &&
			d->d_name[8] == '.' &&
			isdigit((unsigned char)d->d_name[9]);
	closedir(dir);
	return found;
}

static void find_system(struct authorities *a)
{
	for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
		if (is_hashed(folders[i])) {
			a->folder = folders[i];
			return;
		}
	}
	for (size_t i = 0; i < ARRAY_LEN(bundles); i++) {
		if (access(bundles[i], R_OK) == 0) {
			a->file = bundles[i];
			return;
		}
	}
}

static int add_file(struct op *op, const char *path, struct buf *pem)
{
	size_t before = pem->len;

	if (file_read(op, path, PEM_MAX, pem) < 0) {
		if (op->err.kind != ERR_CANCELED)
			op->err.kind = ERR_INVALID;
		return err_wrap(&op->err, "certificate file \"%s\"", path);
	}
	if (!strstr(pem->data + before, "-----BEGIN "))
		return err_set(
			&op->err, ERR_INVALID,
			"certificate file \"%s\": no certificate in it (PEM)",
			path);
	buf_adds(pem, "\n");
	return 0;
}

int authorities_load(struct op *op, const char *const *files, size_t n,
		     struct authorities *out)
{
	*out = (struct authorities){ .pem = BUF_INIT };
	find_system(out);
	for (size_t i = 0; i < n; i++)
		if (files[i] && add_file(op, files[i], &out->pem) < 0)
			goto failed;
	if (out->pem.len > 0 && out->file) {
		/* libcurl takes one of the two only */
		if (file_read(op, out->file, PEM_MAX, &out->pem) < 0)
			goto failed;
		out->file = NULL;
	}
	return 0;
failed:
	authorities_free(out);
	return -1;
}

void authorities_free(struct authorities *a)
{
	buf_free(&a->pem);
}
