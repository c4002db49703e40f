/*
 * What is known of a server: found out by probe.c when it is first needed,
 * shared by all threads, and noted for the next runs.
 */
#include <inttypes.h>
#include <string.h>

#include "backends/hash_memory.h"
#include "backends/webdav/write.h"
#include "lib/log.h"
#include "lib/parse.h"

#define GOOD_FOR_SEC INT64_C(2592000) /* 30 days */

static const struct {
	size_t at; /* in struct webdav_facts */
} flags[] = {
	{ offsetof(struct webdav_facts, if_match) },
	{ offsetof(struct webdav_facts, if_none_match) },
	{ offsetof(struct webdav_facts, stable_etag) },
	{ offsetof(struct webdav_facts, move_over) },
	{ offsetof(struct webdav_facts, if_header) },
	{ offsetof(struct webdav_facts, time_moves) },
	{ offsetof(struct webdav_facts, clock) },
	{ offsetof(struct webdav_facts, pieces) },
	{ offsetof(struct webdav_facts, all) },
};

/* "1 <seconds> 110101101 3": form, when, flags, time. */
void facts_text(struct buf *b, const struct webdav_facts *f, int64_t now)
{
	buf_addf(b, "1 %" PRId64 " ", webdav_seconds(now));
	for (size_t i = 0; i < ARRAY_LEN(flags); i++)
		buf_adds(b, *(const bool *)((const char *)f + flags[i].at)
				    ? "1"
				    : "0");
	buf_addf(b, " %d", (int)f->time);
}

bool facts_parse(const char *text, int64_t now, struct webdav_facts *f)
{
	int64_t when, age;
	const char *p;
	size_t n;

	*f = (struct webdav_facts){ .if_match = false };
	if (strncmp(text, "1 ", 2) != 0)
		return false;
	p = text + 2;
	n = strcspn(p, " ");
	if (p[n] == '\0' || !parse_int_n(p, n, &when) ||
	    __builtin_sub_overflow(webdav_seconds(now), when, &age) ||
	    age < 0 || age > GOOD_FOR_SEC)
		return false;
	p += n + 1;
	if (strspn(p, "01") != ARRAY_LEN(flags) ||
	    strlen(p) != ARRAY_LEN(flags) + 2 || p[ARRAY_LEN(flags)] != ' ')
		return false;
	for (size_t i = 0; i < ARRAY_LEN(flags); i++)
		*(bool *)((char *)f + flags[i].at) = p[i] == '1';
	p += ARRAY_LEN(flags) + 1;
	if (*p < '0' || *p > '0' + WEBDAV_TIME_MEMORY)
		return false;
	f->time = (enum webdav_time)(*p - '0');
	return true;
}

/* Sabre and the storage beneath it do all this; chunks.c moves into place. */
static const struct webdav_facts nextcloud_facts = {
	.if_match = true,
	.if_none_match = true,
	.stable_etag = true,
	.move_over = true,
	.time_moves = true,
	.all = true,
	.time = WEBDAV_TIME_HEADER,
};

static const char *note_key(const struct webdav_service *s, struct op *op)
{
	return arena_printf(&op->arena, "webdav-facts %s", s->key);
}

static bool recall(struct webdav_service *s, struct op *op,
		   struct webdav_facts *out)
{
	struct hash_memory *memory = remotes_memory(s->remotes, op);
	const char *text;

	return memory &&
	       hash_memory_note_get(memory, op, note_key(s, op), &text) &&
	       facts_parse(text, clock_wall(), out);
}

static void remember(struct webdav_service *s, struct op *op,
		     const struct webdav_facts *f)
{
	struct hash_memory *memory = remotes_memory(s->remotes, op);
	struct buf b = BUF_INIT;

	facts_text(&b, f, clock_wall());
	log_debug(NULL, "webdav: what %s can do: %s", s->url.host, b.data);
	if (memory)
		hash_memory_note_put(memory, note_key(s, op), b.data);
	buf_free(&b);
}

void webdav_forget_facts(struct webdav *w, struct op *op)
{
	struct webdav_service *s = w->service;
	struct hash_memory *memory = remotes_memory(s->remotes, op);

	if (memory)
		hash_memory_note_put(memory, note_key(s, op), NULL);
}

/* With the lock held. */
static bool is_enough(const struct webdav_service *s, bool all)
{
	return s->probed && (s->facts.all || !all);
}

/* With the lock held: wait till nobody probes; whether the facts are there. */
static bool await(struct webdav_service *s, struct op *op, bool all)
{
	while (s->probing && op_check(op) == 0) {
		struct timespec until = timespec_of(clock_mono() + NS_PER_SEC);

		pthread_cond_timedwait(&s->settled, &s->lock, &until);
	}
	return is_enough(s, all);
}

/* `basic`: those that a new small file needs are in `out` already. */
static int find_out(struct webdav *w, struct op *op, bool basic, bool all,
		    struct webdav_facts *out)
{
	struct webdav_service *s = w->service;

	if (s->nextcloud) {
		*out = nextcloud_facts;
		return 0;
	}
	if (!basic)
		basic = recall(s, op, out);
	if (basic && (out->all || !all))
		return 0;
	if (webdav_probe(w, op, !basic, all, out) < 0)
		return -1;
	remember(s, op, out);
	return 0;
}

/* With the lock held. */
static void give(const struct webdav_service *s, struct webdav_facts *out)
{
	*out = s->facts;
	if (s->times_here)
		out->time = WEBDAV_TIME_MEMORY;
}

static int get_facts(struct webdav *w, struct op *op, bool all,
		     struct webdav_facts *out)
{
	struct webdav_service *s = w->service;
	unsigned failures;
	bool basic;
	int rc;

	pthread_mutex_lock(&s->lock);
	failures = s->probe_failures;
	if (is_enough(s, all) || await(s, op, all)) {
		give(s, out);
		pthread_mutex_unlock(&s->lock);
		return 0;
	}
	if (s->probing) { /* the work was called off */
		pthread_mutex_unlock(&s->lock);
		return op_check(op);
	}
	if (s->probe_failures != failures) { /* not each after the other */
		op->err = s->probe_error;
		pthread_mutex_unlock(&s->lock);
		return -1;
	}
	s->probing = true;
	basic = s->probed;
	*out = s->facts;
	pthread_mutex_unlock(&s->lock);
	rc = find_out(w, op, basic, all, out);
	pthread_mutex_lock(&s->lock);
	s->probing = false;
	if (rc == 0) {
		s->facts = *out;
		s->probed = true;
		give(s, out);
	} else if (op->err.kind != ERR_CANCELED) {
		s->probe_failures++;
		s->probe_error = op->err;
	}
	pthread_cond_broadcast(&s->settled);
	pthread_mutex_unlock(&s->lock);
	return rc;
}

int webdav_facts(struct webdav *w, struct op *op, struct webdav_facts *out)
{
	return get_facts(w, op, true, out);
}

int webdav_facts_new(struct webdav *w, struct op *op, struct webdav_facts *out)
{
	return get_facts(w, op, false, out);
}

bool webdav_facts_known(struct webdav *w, struct op *op,
			struct webdav_facts *out)
{
	struct webdav_service *s = w->service;
	struct webdav_facts f;
	bool known;

	pthread_mutex_lock(&s->lock);
	if (s->nextcloud && !s->probed) {
		s->facts = nextcloud_facts;
		s->probed = true;
	}
	known = s->probed || s->recalled;
	s->recalled = true; /* once; who comes meanwhile does without */
	pthread_mutex_unlock(&s->lock);
	if (!known && recall(s, op, &f)) {
		pthread_mutex_lock(&s->lock);
		if (!s->probed) {
			s->facts = f;
			s->probed = true;
		}
		pthread_mutex_unlock(&s->lock);
	}
	pthread_mutex_lock(&s->lock);
	known = s->probed;
	if (known)
		give(s, out);
	pthread_mutex_unlock(&s->lock);
	return known;
}
