#include "tests/fuzz/fuzz.h"

#include "lib/buf.h"
#include "lib/pattern.h"

/* A pattern up to the first newline, then a path. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf input = BUF_INIT, literal = BUF_INIT;
	struct pattern *p;
	const char *path, *end;
	char *newline;
	struct err e;

	buf_add(&input, data, size);
	end = input.data + input.len;
	newline = memchr(input.data, '\n', input.len);
	path = newline ? newline + 1 : end;
	if (newline)
		*newline = '\0';
	for (int ignore_case = 0; ignore_case < 2; ignore_case++) {
		p = pattern_new(input.data, ignore_case, &e);
		if (p)
			(void)pattern_match(p, path, (size_t)(end - path));
		else
			CHECK(e.kind == ERR_INVALID);
		pattern_free(p);
	}
	/* with a backslash before each byte, anything fits itself */
	buf_adds(&literal, "/");
	for (const char *c = path; *c; c++)
		buf_addf(&literal, "\\%c", *c);
	p = pattern_new(literal.data, false, &e);
	if (p)
		CHECK(pattern_match(p, path, strlen(path)));
	pattern_free(p);
	buf_free(&input);
	buf_free(&literal);
	return 0;
}
