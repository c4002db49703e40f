#ifndef TESTS_SUITE_SUITE_H
#define TESTS_SUITE_SUITE_H

#include <string.h>

#include "backends/backend.h"
#include "backends/listing.h"
#include "backends/remote.h"
#include "tests/bytes.h"

/*
 * What every driver must keep of backend.h, checked on a remote of any kind:
 *
 *	suite REMOTE
 *
 * All happens in a folder of its own below REMOTE, which is removed at the
 * end.  A test is skipped if the backend does not claim what it is about.
 * SUITE_STATE may name a folder for what is remembered between runs, which a
 * WebDAV server that keeps no times needs.
 */
struct suite {
	struct remotes *remotes;
	const char *spec;
	struct backend *be;
	struct cancel *cancel;
	struct op op;    /* reset after each test */
	const char *dir; /* the test's own folder; made already */
	bool failed;
	const char *skip; /* why, if it was */
};

struct suite_test {
	const char *name;
	void (*run)(struct suite *s);
	unsigned caps; /* what it needs */
};

#define TEST(fn, caps)        \
	{                     \
#fn, fn, caps \
	}

/* Each ended by a test without a name. */
extern const struct suite_test list_tests[];
extern const struct suite_test file_tests[];
extern const struct suite_test change_tests[];
extern const struct suite_test service_tests[];
extern const struct suite_test name_tests[];
extern const struct suite_test posix_tests[];
extern const struct suite_test thread_tests[];

/* In a test's own body: leave it unless `x` holds. */
#define WANT(x)                                                        \
	do {                                                           \
		if (!(x)) {                                            \
			suite_failed(s, __FILE__, __LINE__, #x, NULL); \
			return;                                        \
		}                                                      \
	} while (0)

/* The same, and with what name (of a table's row) it was. */
#define WANT_FOR(row, x)                                                \
	do {                                                            \
		if (!(x)) {                                             \
			suite_failed(s, __FILE__, __LINE__, #x, (row)); \
			return;                                         \
		}                                                       \
	} while (0)

/* `call` must fail, and so. */
#define WANT_ERR(call, want)                                                \
	do {                                                                \
		if ((call) == 0) {                                          \
			err_clear(&s->op.err);                              \
			suite_failed(s, __FILE__, __LINE__, #call " fails", \
				     NULL);                                 \
			return;                                             \
		}                                                           \
		if (s->op.err.kind != (want)) {                             \
			suite_failed(s, __FILE__, __LINE__,                 \
				     #call " is " #want, NULL);             \
			return;                                             \
		}                                                           \
		err_clear(&s->op.err);                                      \
	} while (0)

#define SKIP(why)                \
	do {                     \
		s->skip = (why); \
		return;          \
	} while (0)

void suite_failed(struct suite *s, const char *file, int line, const char *what,
		  const char *row);

/* "dir/name", in the op's arena; `name` itself may hold a '/'. */
const char *in(struct suite *s, const char *name);

/* Put file `seed` of `size` bytes there. */
int put(struct suite *s, const char *name, uint64_t seed, int64_t size);
int put_with(struct suite *s, const char *name, uint64_t seed, int64_t size,
	     const struct put_opt *opt);

/* Whether just these bytes are there, by stat and get. */
bool holds(struct suite *s, const char *name, uint64_t seed, int64_t size);

/* Whether there is nothing of that name, by stat and by its folder's list. */
bool is_gone(struct suite *s, const char *name);

bool is_dir(struct suite *s, const char *name);

/* All entries of a directory into the arena. */
int list_all(struct suite *s, const char *name, struct entry **out, size_t *n);

/* Whether two times are the same, as far as the backend can store them. */
bool same_time(struct suite *s, int64_t a, int64_t b);

/* The suite's place once more, with the test's folder as its root. */
int open_again(struct suite *s, struct backend **out);

/* Digests of file `seed`. */
struct digests digests_for(uint64_t seed, int64_t size, unsigned want);

static const struct put_opt put_plainly = { .mtime = MTIME_UNKNOWN };

#endif
