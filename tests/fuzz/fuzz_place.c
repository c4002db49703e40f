#include "tests/fuzz/fuzz.h"

#include "backends/remote.h"

/* Nothing that a driver may not be given comes out of place_clean(). */
static void check_clean(const char *path)
{
	size_t n;

	if (*path == '\0')
		return;
	for (;; path += n + 1) {
		n = strcspn(path, "/");
		if (n == 0 || strncmp(path, "./", 2) == 0 ||
		    strncmp(path, "../", 3) == 0 || strcmp(path, ".") == 0 ||
		    strcmp(path, "..") == 0)
			abort();
		if (path[n] == '\0')
			return;
	}
}

/* What lies below a place is on the same remote, one level down. */
static void check_join(struct arena *a, const char *spec, const struct place *p)
{
	struct place below;
	const char *joined;
	struct err e;
	size_t n;

	if (place_join(a, spec, "x", &joined, &e) < 0 ||
	    place_parse(a, joined, &below, &e) < 0)
		abort();
	n = strlen(below.path);
	if (!p->remote != !below.remote || !p->driver != !below.driver ||
	    p->n_options != below.n_options || n == 0 ||
	    below.path[n - 1] != 'x' || below.dir_hint)
		abort();
	if (p->remote && strcmp(p->remote, below.remote) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena a = { 0 };
	char *spec = xcalloc(size + 1, 1);
	const char *path;
	struct place p;
	struct err e = { 0 };

	if (size)
		memcpy(spec, data, size);
	if (place_parse(&a, spec, &p, &e) < 0) {
		if (e.kind != ERR_INVALID || !*e.msg)
			abort();
	} else {
		if (p.remote && (p.driver || !remote_name_valid(p.remote)))
			abort();
		if (!p.remote && !p.driver && strcmp(p.path, spec) != 0)
			abort();
		check_join(&a, spec, &p);
		if (place_clean(&a, p.path, &path, &e) == 0)
			check_clean(path);
	}
	free(spec);
	arena_free(&a);
	return 0;
}
