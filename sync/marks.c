/*
 * Extended attributes cost a system call an entry on each side, which is as
 * much as all the rest of looking at an unchanged file.  But to set one changes
 * the file's ctime.  So when a run has ended with everything equal, the times
 * at its start and end are noted; in the next run of the same kind between the
 * same places, what has not changed on the source since that start, nor at
 * the destination since that end, need not be looked at again.
 *
 * The clock is the one that the kernel stamps files with; only for disks of
 * this machine.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "backends/hash_memory.h"
#include "lib/clock.h"
#include "sync/run.h"

static int64_t now_as_files(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME_COARSE, &t);
	return ns_of(t.tv_sec, (uint32_t)t.tv_nsec);
}

static bool can_mark(const struct sync_run *r)
{
	return r->memory && r->metadata && be_can(r->src, BE_OWN_CLOCK) &&
	       be_can(r->dst, BE_OWN_CLOCK);
}

static const char *key_of(struct sync_run *r, struct op *op)
{
	struct hasher *h = hasher_new(1u << HASH_SHA256);
	struct buf text = BUF_INIT, hex = BUF_INIT;
	struct digests d;
	const char *key;

	buf_addf(&text, "%s\n%s\n%" PRIu64 " %" PRIu64 " %d %d %u\n",
		 r->src->identity, r->dst->identity, r->src_root.ino,
		 r->dst_root.ino, r->opts.max_depth, r->opts.one_file_system,
		 r->dst->caps);
	filter_describe(r->opts.filter, &text);
	hasher_add(h, text.data, text.len);
	hasher_end(h, &d);
	hasher_free(h);
	digest_hex(&hex, &d, HASH_SHA256);
	key = arena_printf(&op->arena, "same:%s", hex.data);
	buf_free(&text);
	buf_free(&hex);
	return key;
}

void marks_read(struct sync_run *r, struct op *op)
{
	const char *value;
	char *end;

	r->began = now_as_files();
	if (!can_mark(r) || r->opts.checksum || !r->dst_root.ino ||
	    hash_memory_note_get(r->memory, op, key_of(r, op), &value) != 1)
		return;
	r->src_marked = strtoll(value, &end, 10);
	r->dst_marked = *end == ' ' ? strtoll(end + 1, NULL, 10) : 0;
}

void marks_write(struct sync_run *r, struct op *op)
{
	char value[64];

	if (!can_mark(r) || r->opts.dry_run || r->opts.ignore_existing ||
	    r->opts.update || r->opts.immutable || !r->dst_root.ino)
		return;
	snprintf(value, sizeof(value), "%" PRId64 " %" PRId64, r->began,
		 now_as_files());
	hash_memory_note_put(r->memory, key_of(r, op), value);
}

bool marks_cover(const struct sync_run *r, const struct entry *from,
		 const struct entry *to)
{
	return from->posix && to->posix && from->posix->ctime < r->src_marked &&
	       to->posix->ctime < r->dst_marked;
}
