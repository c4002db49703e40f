#include "tests/fuzz/fuzz.h"

#include "lib/clock.h"
#include "lib/date.h"

/* What was read is, to the second, what is read again once written. */
static void check(const char *text, bool parse(const char *, int64_t *),
		  void write(struct buf *, int64_t))
{
	struct buf b = BUF_INIT;
	int64_t ns, again;

	if (!parse(text, &ns))
		return;
	write(&b, ns);
	if (parse(b.data, &again)) /* an offset may lead out of the years */
		CHECK(again <= ns && ns - again < NS_PER_SEC);
	buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf text = BUF_INIT;

	buf_add(&text, data, size);
	check(text.data, date_parse_http, date_http);
	check(text.data, date_parse_rfc3339, date_rfc3339);
	check(text.data, date_parse_jfs, date_jfs);
	buf_free(&text);
	return 0;
}
