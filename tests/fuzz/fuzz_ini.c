#include "tests/fuzz/fuzz.h"

#include "lib/ini.h"

/* Every value that is there is found again after it was set. */
static void check_items(struct ini *ini)
{
	struct err e;

	for (size_t i = 0; i < ini_sections(ini) && i < 50; i++) {
		const char *section = ini_section(ini, i), *key, *value;

		CHECK(ini_has(ini, section));
		for (size_t k = 0; k < 50; k++) {
			char *was, *name;

			if (!ini_item(ini, section, k, &key, &value))
				break;
			CHECK_STR(ini_get(ini, section, key), value);
			was = xstrdup(value);
			name = xstrdup(key);
			if (ini_set(ini, section, name, was, &e) == 0)
				CHECK_STR(ini_get(ini, section, name), was);
			free(was);
			free(name);
		}
	}
}

/* What was set can be written and read again. */
static void check_set(struct ini *ini, const char *text)
{
	struct ini *again = ini_new();
	struct buf out = BUF_INIT;
	struct err e;

	if (ini_set(ini, "new", "key", text, &e) == 0) {
		ini_write(ini, &out);
		CHECK(ini_parse(again, out.data, out.len, &e) == 0);
		CHECK_STR(ini_get(again, "new", "key"), text);
		CHECK(ini_sections(again) == ini_sections(ini));
	} else {
		CHECK(strchr(text, '\n'));
	}
	if (ini_set(ini, text, text, text, &e) == 0) {
		buf_reset(&out);
		ini_write(ini, &out);
		CHECK(ini_parse(again, out.data, out.len, &e) == 0);
		CHECK_STR(ini_get(again, text, text), text);
		CHECK(ini_delete(ini, text) && !ini_has(ini, text));
	}
	buf_free(&out);
	ini_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ini *ini = ini_new();
	struct buf text = BUF_INIT, out = BUF_INIT;
	struct err e;

	buf_add(&text, data, size);
	if (ini_parse(ini, text.data, text.len, &e) == 0) {
		size_t mark = strncmp(text.data, "\xef\xbb\xbf", 3) ? 0 : 3;

		ini_write(ini, &out);
		CHECK_STR(out.data, text.data + mark);
		check_items(ini);
	}
	check_set(ini, text.data);
	buf_free(&text);
	buf_free(&out);
	ini_free(ini);
	return 0;
}
