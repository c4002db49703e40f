#include "backends/fault/fault.h"

#include <stdlib.h>
#include <string.h>

static const char CHANGED[] = "-changed";

void fault_entry(const struct fault_call *c, struct op *op, struct entry *e)
{
	if (!c->hit)
		return;
	if (c->fault->changed && e->tag)
		e->tag = arena_printf(&op->arena, "%s%s", e->tag, CHANGED);
	if (e->kind == ENTRY_FILE && e->size != SIZE_UNKNOWN &&
	    (c->what == FAULT_LIST || c->what == FAULT_LIST_TREE ||
	     c->what == FAULT_STAT))
		e->size += c->fault->grow;
	if (e->size < 0)
		e->size = e->kind == ENTRY_FILE ? 0 : SIZE_UNKNOWN;
}

/* Our end of a listing. */
struct passing {
	const struct fault_call *call;
	entry_fn *fn;
	void *arg;
	int64_t n;
};

static int pass_entry(void *arg, struct op *op, const struct entry *e)
{
	struct passing *p = arg;
	const struct fault *f = p->call->fault;
	struct entry lie = *e;

	if (p->call->hit && f->cut >= 0 && p->n++ >= f->cut)
		return f->error == ERR_OK || f->after ? 0 : fault_fail(f, op);
	fault_entry(p->call, op, &lie);
	return p->fn(p->arg, op, &lie);
}

int fault_list(struct backend *be, struct op *op, const char *dir, entry_fn *fn,
	       void *arg)
{
	struct fault_call c;
	struct passing p = { .call = &c, .fn = fn, .arg = arg };

	if (fault_begin(&c, be, op, FAULT_LIST, dir) < 0)
		return -1;
	return fault_end(&c, op,
			 c.inner->ops->list(c.inner, op, dir, pass_entry, &p));
}

int fault_list_tree(struct backend *be, struct op *op, const char *dir,
		    entry_fn *fn, void *arg)
{
	struct fault_call c;
	struct passing p = { .call = &c, .fn = fn, .arg = arg };
	int rc;

	if (fault_begin(&c, be, op, FAULT_LIST_TREE, dir) < 0)
		return -1;
	rc = c.inner->ops->list_tree(c.inner, op, dir, pass_entry, &p);
	return fault_end(&c, op, rc);
}

struct spoiled_sink {
	struct sink base;
	struct sink *next;
	const struct fault_call *call;
	int64_t left; /* bytes up to the cut, or -1 */
};

/* Other bytes, as many. */
static int write_changed(struct sink *next, struct op *op, const uint8_t *p,
			 size_t n)
{
	uint8_t other[4096];

	while (n) {
		size_t part = n < sizeof(other) ? n : sizeof(other);

		for (size_t i = 0; i < part; i++)
			other[i] = p[i] ^ 0x55;
		if (next->write(next, op, other, part) < 0)
			return -1;
		p += part;
		n -= part;
	}
	return 0;
}

static int spoiled_write(struct sink *sink, struct op *op, const void *p,
			 size_t n)
{
	struct spoiled_sink *s = container_of(sink, struct spoiled_sink, base);
	const struct fault *f = s->call->fault;
	bool cut = s->left >= 0 && (int64_t)n > s->left;

	if (cut)
		n = (size_t)s->left;
	if (s->left > 0)
		s->left -= (int64_t)n;
	if (n && (f->changed ? write_changed(s->next, op, p, n)
			     : s->next->write(s->next, op, p, n)) < 0)
		return -1;
	if (cut && f->error != ERR_OK && !f->after)
		return fault_fail(f, op);
	return 0;
}

/*
 * What the inner one is to be asked for when `*tag` is asked for: a file that
 * is as if changed has the tag with CHANGED, and only that one.
 */
static int check_tag(const struct fault_call *c, struct op *op,
		     const char **tag)
{
	const char *asked = *tag;
	size_t n, len = strlen(CHANGED);
	bool changed;

	if (!asked)
		return 0;
	n = strlen(asked);
	changed = n >= len && strcmp(asked + n - len, CHANGED) == 0;
	if (changed != (c->hit && c->fault->changed))
		return err_set(&op->err, ERR_CONFLICT,
			       "it has changed on purpose");
	if (changed)
		*tag = arena_printf(&op->arena, "%.*s", (int)(n - len), *tag);
	return 0;
}

int fault_get(struct backend *be, struct op *op, const char *path,
	      const struct get_opt *opt, struct sink *dst)
{
	struct fault_call c;
	struct spoiled_sink s = { .base.write = spoiled_write,
				  .next = dst,
				  .call = &c };
	struct get_opt inner = *opt;
	int rc;

	if (fault_begin(&c, be, op, FAULT_GET, path) < 0 ||
	    check_tag(&c, op, &inner.tag) < 0)
		return -1;
	s.left = c.fault->cut;
	rc = c.inner->ops->get(c.inner, op, path, &inner,
			       c.hit ? &s.base : dst);
	return fault_end(&c, op, rc);
}

/* A source that may end too early; also what open_reader() gives. */
struct spoiled_source {
	struct source base;
	struct source *next;
	struct backend *inner; /* of a reader */
	const struct fault *fault;
	int64_t left; /* bytes up to the cut, or -1 */
};

static struct spoiled_source *spoiled_of(struct source *src)
{
	return container_of(src, struct spoiled_source, base);
}

static ssize_t spoiled_read(struct source *src, struct op *op, void *buf,
			    size_t n)
{
	struct spoiled_source *s = spoiled_of(src);
	const struct fault *f = s->fault;
	ssize_t got;

	if (s->left == 0 && f->error != ERR_OK && !f->after)
		return fault_fail(f, op);
	if (s->left == 0)
		return 0;
	if (s->left > 0 && (int64_t)n > s->left)
		n = (size_t)s->left;
	got = s->next->read(s->next, op, buf, n);
	if (got > 0 && s->left > 0)
		s->left -= got;
	return got;
}

static int spoiled_seek(struct source *src, struct op *op, int64_t off)
{
	struct spoiled_source *s = spoiled_of(src);

	if (s->fault->cut >= 0)
		s->left = off < s->fault->cut ? s->fault->cut - off : 0;
	return s->next->seek(s->next, op, off);
}

static struct spoiled_source spoil(const struct fault_call *c,
				   struct source *src)
{
	return (struct spoiled_source){
		.base = { .size = src->size,
			  .stable = src->stable,
			  .read = spoiled_read,
			  .seek = src->seek ? spoiled_seek : NULL },
		.next = src,
		.inner = c->inner,
		.fault = c->fault,
		.left = c->hit ? c->fault->cut : -1,
	};
}

int fault_put(struct backend *be, struct op *op, const char *path,
	      struct source *src, const struct put_opt *opt, struct entry *out)
{
	const struct put_opt inner = fault_opt(opt);
	struct fault_call c;
	struct spoiled_source s;
	int rc;

	if (fault_begin(&c, be, op, FAULT_PUT, path) < 0)
		return -1;
	if (c.hit && c.fault->changed && opt->mode == PUT_OVER)
		return err_set(&op->err, ERR_CONFLICT,
			       "it has changed on purpose");
	s = spoil(&c, src);
	rc = c.inner->ops->put(c.inner, op, path, c.hit ? &s.base : src, &inner,
			       out);
	if (rc == 0 && out)
		fault_entry(&c, op, out);
	return fault_end(&c, op, rc);
}

int fault_open_reader(struct backend *be, struct op *op, const char *path,
		      const struct entry *seen, struct source **out)
{
	struct fault_call c;
	struct spoiled_source *s;
	struct source *src;
	int rc;

	if (fault_begin(&c, be, op, FAULT_OPEN_READER, path) < 0)
		return -1;
	rc = c.inner->ops->open_reader(c.inner, op, path, seen, &src);
	if (rc < 0)
		return -1;
	if (fault_end(&c, op, rc) < 0) {
		c.inner->ops->close_reader(src);
		return -1;
	}
	s = xcalloc(1, sizeof(*s));
	*s = spoil(&c, src);
	*out = &s->base;
	return 0;
}

void fault_close_reader(struct source *src)
{
	struct spoiled_source *s = spoiled_of(src);

	s->inner->ops->close_reader(s->next);
	free(s);
}
