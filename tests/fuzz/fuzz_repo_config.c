#include "tests/fuzz/fuzz.h"

#include "repo/config_file.h"
#include "repo/lock_file.h"

/* The two small files: config and lock. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct config_file c, again;
	struct buf b = BUF_INIT;
	struct arena a = { 0 };
	struct lock_file l, twin;
	struct err e;

	if (config_file_parse(text, size, &c, &e) == 0) {
		CHECK(c.version == 1 || c.version == 2);
		CHECK(c.polynomial >> 53 == 1);
		config_file_write(&b, &c);
		CHECK(config_file_parse(b.data, b.len, &again, &e) == 0);
		CHECK(c.polynomial == again.polynomial);
		CHECK(id_equal(&c.id, &again.id));
	} else {
		CHECK(e.kind == ERR_CORRUPT);
	}
	buf_reset(&b);
	if (lock_file_parse(&a, text, size, &l, &e) == 0) {
		lock_file_write(&b, &l);
		CHECK(lock_file_parse(&a, b.data, b.len, &twin, &e) == 0);
		CHECK(l.time == twin.time && l.pid == twin.pid);
		(void)lock_file_is_stale(&l, 0, "somewhere else");
	} else {
		CHECK(e.kind == ERR_CORRUPT);
	}
	buf_free(&b);
	arena_free(&a);
	return 0;
}
