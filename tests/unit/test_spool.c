#include "tests/harness.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/spool.h"

static struct op op_of(struct cancel *c)
{
	cancel_init(c);
	return op_begin(c);
}

static void fill(struct spool *s, struct op *op, int n, size_t step)
{
	struct buf b = BUF_INIT;

	for (int i = 0; i < n; i++) {
		size_t len = (size_t)i * step % 3000;

		buf_reset(&b);
		memset(buf_room(&b, len), 'a' + i % 26, len);
		CHECK(spool_add(s, op, b.data, len) == 0);
	}
	buf_free(&b);
	CHECK(s->count == (size_t)n);
}

static void check_record(int i, size_t step, const char *p, size_t n)
{
	CHECK(n == (size_t)i * step % 3000);
	CHECK((uintptr_t)p % _Alignof(max_align_t) == 0);
	for (size_t k = 0; k < n; k++)
		CHECK(p[k] == 'a' + i % 26);
}

static void check_both_ways(int count, size_t step, bool file)
{
	struct cancel c;
	struct op op = op_of(&c);
	struct spool s;
	const char *p;
	size_t n;

	spool_init(&s);
	fill(&s, &op, count, step);
	CHECK((s.fd >= 0) == file);
	CHECK(s.tail.len <= SPOOL_MEMORY);
	for (int round = 0; round < 2; round++) {
		spool_rewind_first(&s);
		for (int i = 0; i < count; i++) {
			CHECK(spool_next(&s, &op, &p, &n) == 1);
			check_record(i, step, p, n);
		}
		CHECK(spool_next(&s, &op, &p, &n) == 0);
		spool_rewind_last(&s);
		for (int i = count; i-- > 0;) {
			CHECK(spool_prev(&s, &op, &p, &n) == 1);
			check_record(i, step, p, n);
		}
		CHECK(spool_prev(&s, &op, &p, &n) == 0);
	}
	spool_free(&s);
	op_end(&op);
	cancel_free(&c);
}

static void an_empty_list_ends_at_once(void)
{
	check_both_ways(0, 1, false);
}

static void a_short_list_stays_in_memory(void)
{
	check_both_ways(1, 0, false);
	check_both_ways(100, 7, false);
}

static void a_long_list_comes_back_both_ways(void)
{
	check_both_ways(5000, 1, true);
	check_both_ways(100000, 0, true); /* empty records */
}

static void one_can_turn_around_in_the_middle(void)
{
	struct cancel c;
	struct op op = op_of(&c);
	struct spool s;
	const char *p;
	size_t n;

	spool_init(&s);
	fill(&s, &op, 3000, 1);
	spool_rewind_first(&s);
	for (int i = 0; i < 1500; i++)
		CHECK(spool_next(&s, &op, &p, &n) == 1);
	for (int i = 1500; i-- > 0;) {
		CHECK(spool_prev(&s, &op, &p, &n) == 1);
		check_record(i, 1, p, n);
	}
	spool_free(&s);
	op_end(&op);
	cancel_free(&c);
}

static void the_largest_record_fits_and_no_larger(void)
{
	const size_t max = 1024 * 1024;
	struct cancel c;
	struct op op = op_of(&c);
	char *big = calloc(max + 1, 1);
	struct spool s;
	const char *p;
	size_t n;

	CHECK(big);
	big[max - 1] = 'z';
	spool_init(&s);
	CHECK(spool_add(&s, &op, "x", 1) == 0);
	CHECK(spool_add(&s, &op, big, max) == 0);
	CHECK(spool_add(&s, &op, big, max + 1) == -1);
	CHECK(op.err.kind == ERR_UNSUPPORTED);
	CHECK(spool_add(&s, &op, "y", 1) == 0);
	spool_rewind_last(&s);
	CHECK(spool_prev(&s, &op, &p, &n) == 1 && n == 1 && *p == 'y');
	CHECK(spool_prev(&s, &op, &p, &n) == 1 && n == max);
	CHECK(memcmp(p, big, max) == 0);
	CHECK(spool_prev(&s, &op, &p, &n) == 1 && n == 1 && *p == 'x');
	spool_free(&s);
	free(big);
	op_end(&op);
	cancel_free(&c);
}

struct adder {
	struct spool *s;
	struct cancel *c;
	int id;
};

static void *add_many(void *arg)
{
	const struct adder *a = arg;
	struct op op = op_begin(a->c);

	for (int i = 0; i < 20000; i++) {
		int record[2] = { a->id, i };

		CHECK(spool_add(a->s, &op, record, sizeof(record)) == 0);
	}
	op_end(&op);
	return NULL;
}

static void threads_may_append_at_once(void)
{
	struct cancel c;
	struct op op = op_of(&c);
	int next[4] = { 0 };
	struct adder adders[4];
	pthread_t threads[4];
	struct spool s;
	const char *p;
	size_t n;

	spool_init(&s);
	for (int i = 0; i < 4; i++) {
		adders[i] = (struct adder){ &s, &c, i };
		CHECK(!pthread_create(&threads[i], NULL, add_many, &adders[i]));
	}
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	CHECK(s.count == 80000);
	spool_rewind_first(&s);
	while (spool_next(&s, &op, &p, &n) == 1) {
		int record[2];

		CHECK(n == sizeof(record));
		memcpy(record, p, n);
		CHECK(next[record[0]]++ == record[1]);
	}
	for (int i = 0; i < 4; i++)
		CHECK(next[i] == 20000);
	spool_free(&s);
	op_end(&op);
	cancel_free(&c);
}

static void a_cut_file_is_an_error_not_an_end(void)
{
	struct cancel c;
	struct op op = op_of(&c);
	struct spool s;
	const char *p;
	size_t n;
	int rc;

	spool_init(&s);
	fill(&s, &op, 5000, 1);
	CHECK(ftruncate(s.fd, 100000) == 0);
	spool_rewind_first(&s);
	while ((rc = spool_next(&s, &op, &p, &n)) == 1)
		;
	CHECK(rc == -1 && op.err.kind == ERR_IO);
	spool_free(&s);
	op_end(&op);
	cancel_free(&c);
}

static void a_temporary_file_has_no_name_and_is_private(void)
{
	struct cancel c;
	struct op op = op_of(&c);
	struct stat st;
	int fd = temp_file(&op);

	CHECK(fd >= 0 && fstat(fd, &st) == 0);
	CHECK(st.st_nlink == 0 && (st.st_mode & 0777) == 0600);
	CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	close(fd);
	CHECK(setenv("TMPDIR", "/no/such/folder", 1) == 0);
	CHECK(temp_file(&op) == -1 && op.err.kind == ERR_NOT_FOUND);
	CHECK(strstr(op.err.msg, "/no/such/folder"));
	CHECK(unsetenv("TMPDIR") == 0);
	op_end(&op);
	cancel_free(&c);
}

int main(void)
{
	RUN(an_empty_list_ends_at_once);
	RUN(a_short_list_stays_in_memory);
	RUN(a_long_list_comes_back_both_ways);
	RUN(one_can_turn_around_in_the_middle);
	RUN(the_largest_record_fits_and_no_larger);
	RUN(threads_may_append_at_once);
	RUN(a_cut_file_is_an_error_not_an_end);
	RUN(a_temporary_file_has_no_name_and_is_private);
	return 0;
}
