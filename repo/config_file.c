#include "repo/config_file.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "lib/json_write.h"
#include "repo/polynomial.h"

enum { VERSION_MAX = 2 };

static bool parse_polynomial(const char *s, uint64_t *out)
{
	size_t n = strlen(s);

	if (n == 0 || n > 16 || strspn(s, "0123456789abcdefABCDEF") != n)
		return false;
	*out = strtoull(s, NULL, 16);
	return polynomial_irreducible(*out);
}

static int parse(const struct json_node *root, struct config_file *out,
		 struct err *e)
{
	int64_t version = json_number(json_get(root, "version"), -1);
	const char *id = json_text(json_get(root, "id"), "");
	const char *poly = json_text(json_get(root, "chunker_polynomial"), "");

	if (version > VERSION_MAX)
		return err_set(e, ERR_CORRUPT,
			       "config: the repository has version %lld of the "
			       "format, this ferry knows 1 and 2",
			       (long long)version);
	if (version < 1)
		return err_set(e, ERR_CORRUPT, "config: no version");
	out->version = (unsigned)version;
	if (!id_parse(id, strlen(id), &out->id))
		return err_set(e, ERR_CORRUPT, "config: no id");
	if (!parse_polynomial(poly, &out->polynomial))
		return err_set(e, ERR_CORRUPT,
			       "config: the chunker's polynomial is not an "
			       "irreducible one of degree 53");
	return 0;
}

int config_file_parse(const char *json, size_t n, struct config_file *out,
		      struct err *e)
{
	const struct json_node *root;
	struct arena a = { 0 };
	int rc = json_parse(&a, json, n, &root, e);

	if (rc < 0)
		err_wrap(e, "config");
	else
		rc = parse(root, out, e);
	arena_free(&a);
	return rc;
}

void config_file_write(struct buf *b, const struct config_file *c)
{
	struct json j = JSON_INIT(b);
	char text[ID_HEX + 1];

	json_object(&j, NULL);
	json_int(&j, "version", c->version);
	json_str(&j, "id", id_hex(&c->id, text));
	snprintf(text, sizeof(text), "%" PRIx64, c->polynomial);
	json_str(&j, "chunker_polynomial", text);
	json_end(&j);
}
