#include "tests/unit/vfs_tree.h"

/*
 * Random changes of names against a model of the tree, while the queue sends
 * them and every look lists anew; then the place must have the same tree.
 */

static void run(uint64_t seed, int64_t dir_time, int64_t write_back)
{
	memset(items, 0, sizeof(items));
	state = seed;
	bed_begin(&b, ":mem:");
	bed_close(&b);
	b.opt.dir_time = dir_time;
	b.opt.write_back = write_back;
	bed_open(&b);
	for (unsigned i = 0; i < 12; i++) {
		steps(40);
		if (i % 4 == 1)
			bed_reopen(&b);
		check_tree();
		arena_reset(&b.p.op.arena);
		b.opt.dir = scratch_path(&b.s, "vfs");
		if (i % 3 == 2) {
			bed_flush(&b);
			check_place();
		}
	}
	bed_end(&b);
}

static void names_are_as_in_a_model_when_all_is_sent_late(void)
{
	for (uint64_t seed = 1; seed <= 5; seed++)
		run(seed, BED_HOUR, BED_HOUR);
}

static void names_are_as_in_a_model_while_all_is_sent(void)
{
	for (uint64_t seed = 1; seed <= 5; seed++)
		run(seed, BED_HOUR, 0);
}

static void names_are_as_in_a_model_while_all_is_listed_and_sent(void)
{
	for (uint64_t seed = 1; seed <= 10; seed++)
		run(seed, 0, chance(2) ? 0 : NS_PER_SEC / 100);
}

int main(void)
{
	RUN(names_are_as_in_a_model_when_all_is_sent_late);
	RUN(names_are_as_in_a_model_while_all_is_sent);
	RUN(names_are_as_in_a_model_while_all_is_listed_and_sent);
	return 0;
}
