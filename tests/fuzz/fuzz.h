#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

#include "tests/harness.h"

/*
 * One target a file: fuzz_NAME.c.  Linked with libFuzzer it is fuzzed; linked
 * with replay.c, by any compiler, it runs over the files of corpus/NAME.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
