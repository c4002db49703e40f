#include <errno.h>

#include "repo/repair_parts.h"
#include "tests/harness.h"

static bool goes_on(enum err_kind kind, int os)
{
	struct op op = op_begin(NULL);
	bool on;

	errno = os;
	if (os)
		err_sys(&op.err, "read");
	else
		err_set(&op.err, kind, "read");
	err_wrap(&op.err, "pack");
	on = repair_goes_on(&op);
	op_end(&op);
	return on;
}

static void what_is_damaged_or_lost_is_given_up(void)
{
	CHECK(goes_on(ERR_CORRUPT, 0));
	CHECK(goes_on(ERR_NOT_FOUND, 0));
	CHECK(goes_on(ERR_OK, ENOENT));
	CHECK(goes_on(ERR_OK, EIO));
	CHECK(goes_on(ERR_OK, EUCLEAN));
}

static void what_may_be_had_tomorrow_is_not_given_up(void)
{
	CHECK(!goes_on(ERR_OK, EMFILE));
	CHECK(!goes_on(ERR_OK, ENFILE));
	CHECK(!goes_on(ERR_OK, ENOMEM));
	CHECK(!goes_on(ERR_OK, ESTALE));
	CHECK(!goes_on(ERR_OK, EACCES));
	CHECK(!goes_on(ERR_OK, ETIMEDOUT));
	CHECK(!goes_on(ERR_IO, 0));
	CHECK(!goes_on(ERR_NETWORK, 0));
	CHECK(!goes_on(ERR_SERVER, 0));
	CHECK(!goes_on(ERR_DENIED, 0));
	CHECK(!goes_on(ERR_CANCELED, 0));
}

int main(void)
{
	RUN(what_is_damaged_or_lost_is_given_up);
	RUN(what_may_be_had_tomorrow_is_not_given_up);
	return 0;
}
