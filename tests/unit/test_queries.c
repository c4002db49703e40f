/* What the commands rest on that ask a repository something. */

#include "repo/copy.h"
#include "repo/diff.h"
#include "repo/digest_set.h"
#include "repo/dump.h"
#include "tests/harness.h"

static void a_digest_set_keeps_what_is_added(void)
{
	struct digest_set s = { 0 };
	struct id id;

	id_of("x", 1, &id);
	CHECK(!digest_set_has(&s, &id));
	for (uint32_t i = 0; i < 5000; i++) {
		id_of(&i, sizeof(i), &id);
		CHECK(digest_set_add(&s, &id));
	}
	for (uint32_t i = 0; i < 5000; i++) {
		id_of(&i, sizeof(i), &id);
		CHECK(digest_set_has(&s, &id));
		CHECK(!digest_set_add(&s, &id));
	}
	CHECK(s.n == 5000);
	digest_set_free(&s);
}

static void an_id_of_zeros_can_be_in_a_digest_set(void)
{
	struct digest_set s = { 0 };
	struct id zero = { 0 };

	CHECK(!digest_set_has(&s, &zero));
	CHECK(digest_set_add(&s, &zero));
	CHECK(digest_set_has(&s, &zero));
	CHECK(!digest_set_add(&s, &zero));
	digest_set_free(&s);
}

static void an_acl_becomes_text(void)
{
	static const uint8_t acl[] = {
		2,    0,    0,   0,    0x01, 0,    6,    0,   255, 255,  255,
		255,  0x02, 0,   5,    0,    0xd2, 4,    0,   0,   0x04, 0,
		4,    0,    255, 255,  255,  255,  0x08, 0,   1,   0,    77,
		0,    0,    0,   0x10, 0,    7,    0,    255, 255, 255,  255,
		0x20, 0,    0,   0,    255,  255,  255,  255,
	};
	struct buf b = BUF_INIT;

	CHECK(acl_text(&b, acl, sizeof(acl)));
	CHECK(strcmp(b.data, "user::rw-,user:1234:r-x,group::r--,group:77:--x,"
			     "mask::rwx,other::---") == 0);
	buf_free(&b);
}

static void what_is_no_acl_leaves_no_text(void)
{
	static const uint8_t bad[] = { 2, 0, 0,    0, 0x01, 0, 6, 0, 0, 0,
				       0, 0, 0x40, 0, 6,    0, 0, 0, 0, 0 };
	struct buf b = BUF_INIT;

	buf_adds(&b, "a");
	CHECK(!acl_text(&b, bad, sizeof(bad)));
	CHECK(!acl_text(&b, bad, 11));
	CHECK(!acl_text(&b, bad, 3));
	CHECK(!acl_text(&b, NULL, 0));
	CHECK(strcmp(b.data, "a") == 0);
	buf_free(&b);
}

/* The value of a record of the extended header that `b` begins with. */
static bool has_record(const struct buf *b, const char *record)
{
	return b->len > 512 && b->data[156] == 'x' &&
	       memmem(b->data + 512, b->len - 512, record, strlen(record));
}

static struct node plain(void)
{
	return (struct node){ .name = "a",
			      .name_len = 1,
			      .type = NODE_FILE,
			      .mode = 0644,
			      .user = "me",
			      .group = "us" };
}

static void a_plain_file_needs_no_extended_header(void)
{
	struct node n = plain();
	struct buf b = BUF_INIT;

	tar_header(&b, "a/b", &n);
	CHECK(b.len == 512);
	CHECK(strcmp(b.data, "a/b") == 0);
	CHECK(memcmp(b.data + 257,
		     "ustar\0"
		     "00",
		     8) == 0);
	CHECK(b.data[156] == '0');
	buf_free(&b);
}

static void times_before_1970_are_told_with_their_fraction(void)
{
	struct node n = plain();
	struct buf b = BUF_INIT;

	n.mtime = (struct node_time){ .sec = -2, .ns = 250000000 };
	tar_header(&b, "a", &n);
	CHECK(has_record(&b, "22 mtime=-1.750000000\n"));
	buf_reset(&b);
	n.mtime = (struct node_time){ .sec = -1, .ns = 999999999 };
	tar_header(&b, "a", &n);
	CHECK(has_record(&b, " mtime=-0.000000001\n"));
	buf_reset(&b);
	n.mtime = (struct node_time){ .sec = -5 };
	tar_header(&b, "a", &n);
	CHECK(has_record(&b, "12 mtime=-5\n"));
	buf_free(&b);
}

static void a_record_counts_its_own_length(void)
{
	struct node n = plain();
	struct buf b = BUF_INIT;
	char path[1100];

	/* around the lengths where one more digit makes one more digit */
	for (size_t len = 101; len < sizeof(path); len++) {
		const char *at;
		int said;

		memset(path, 'x', len);
		path[len] = '\0';
		buf_reset(&b);
		tar_header(&b, path, &n);
		CHECK(b.data[156] == 'x');
		at = b.data + 512;
		CHECK(sscanf(at, "%d path=", &said) == 1);
		CHECK(said == (int)(strchr(at, '\n') - at) + 1);
		CHECK(b.len % 512 == 0);
	}
	buf_free(&b);
}

static void large_sizes_and_odd_attributes_have_records(void)
{
	static const struct node_xattr x[] = {
		{ .name = "user.a=b%", .value = "v", .len = 1 },
		{ .name = "user.none" },
	};
	struct node n = plain();
	struct buf b = BUF_INIT;

	n.size = UINT64_C(1) << 40;
	n.xattrs = x;
	n.nxattrs = 2;
	tar_header(&b, "a", &n);
	CHECK(has_record(&b, " size=1099511627776\n"));
	CHECK(has_record(&b, " SCHILY.xattr.user.a%3Db%25=v\n"));
	CHECK(has_record(&b, " SCHILY.xattr.user.none=\n"));
	buf_free(&b);
}

static void nodes_are_equal_in_whatever_zone(void)
{
	struct node a = plain(), b = plain();

	b.mtime.zone = 3600;
	CHECK(node_equal(&a, &b, true));
	b.mtime.ns = 1;
	CHECK(!node_equal(&a, &b, true));
}

static void content_can_be_left_out_of_a_comparison(void)
{
	struct id x, y;
	struct node a = plain(), b = plain();

	id_of("x", 1, &x);
	id_of("y", 1, &y);
	a.content = &x;
	b.content = &y;
	a.ncontent = b.ncontent = 1;
	CHECK(!node_equal(&a, &b, true));
	CHECK(node_equal(&a, &b, false));
}

static void a_copy_is_known_by_its_original(void)
{
	struct snapshot s = { .hostname = "h", .username = "u" }, t;
	struct snapshots there = { 0 };

	id_of("s", 1, &s.id);
	t = s;
	id_of("t", 1, &t.id);
	t.original = s.id;
	t.has_original = true;
	CHECK(!copy_find(&there, &s));
	*snapshots_add(&there) = t;
	CHECK(copy_find(&there, &s) == there.at);
	CHECK(copy_find(&there, &t) == there.at);
	s.hostname = "other"; /* it was changed since then */
	CHECK(!copy_find(&there, &s));
	snapshots_free(&there);
}

int main(void)
{
	RUN(a_digest_set_keeps_what_is_added);
	RUN(an_id_of_zeros_can_be_in_a_digest_set);
	RUN(an_acl_becomes_text);
	RUN(what_is_no_acl_leaves_no_text);
	RUN(a_plain_file_needs_no_extended_header);
	RUN(times_before_1970_are_told_with_their_fraction);
	RUN(a_record_counts_its_own_length);
	RUN(large_sizes_and_odd_attributes_have_records);
	RUN(nodes_are_equal_in_whatever_zone);
	RUN(content_can_be_left_out_of_a_comparison);
	RUN(a_copy_is_known_by_its_original);
	return 0;
}
