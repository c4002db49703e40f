#include "lib/libraries.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <openssl/crypto.h>
#include <pcre2.h>
#include <sqlite3.h>

static void openssl_version(struct buf *out)
{
	buf_adds(out, OpenSSL_version(OPENSSL_VERSION_STRING));
}

static void pcre2_version(struct buf *out)
{
	char text[64]; /* "10.42 2022-12-11"; it needs 24 */

	if (pcre2_config(PCRE2_CONFIG_VERSION, text) > 0)
		buf_adds(out, text);
}

static void sqlite_version(struct buf *out)
{
	buf_adds(out, sqlite3_libversion());
}

static const struct {
	const char *name;
	void (*version)(struct buf *out);
} libraries[] = {
	{ "openssl", openssl_version },
	{ "pcre2", pcre2_version },
	{ "sqlite", sqlite_version },
};

const char *library_name(size_t i)
{
	return i < ARRAY_LEN(libraries) ? libraries[i].name : NULL;
}

void library_version(size_t i, struct buf *version)
{
	if (i >= ARRAY_LEN(libraries))
		BUG("library %zu", i);
	libraries[i].version(version);
}
