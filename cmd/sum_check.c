#include "cmd/sum_check.h"

#include <string.h>

#include "cmd/globals.h"
#include "cmd/out.h"
#include "cmd/sum_file.h"
#include "sync/check.h"

static int step(struct sum_check *s, struct op *op)
{
	int rc = listing_next(&s->sums, op, &s->next, &s->meta);

	if (rc == 0)
		s->next.name = NULL;
	return rc < 0 ? -1 : 0;
}

int sum_check_open(struct sum_check *s, struct list *l, const char *file,
		   enum hash_type t)
{
	struct op *op = &l->cx->op;

	*s = (struct sum_check){ .list = l,
				 .type = t,
				 .sums = LISTING_INIT,
				 .key = BUF_INIT,
				 .path = BUF_INIT,
				 .line = BUF_INIT };
	if (sum_file_read(op, file, t, &s->sums) < 0)
		return -1;
	return step(s, op);
}

static int tell(struct sum_check *s, struct op *op, enum check_result r,
		const char *path)
{
	struct json j = JSON_INIT(&s->line);

	if (r != CHECK_SAME && r != CHECK_ERROR)
		s->differences++;
	if (s->list->cx->globals->json) {
		json_object(&j, NULL);
		json_path(&j, "path", path);
		json_str(&j, "result", check_result_name(r));
		json_end(&j);
	} else {
		buf_addf(&s->line, "%c ", check_result_sign(r));
		out_add_name(&s->line, path);
	}
	return out_line(op, &s->line);
}

/* The filters choose among the lines as among the files. */
static bool is_wanted(const struct sum_check *s, const char *path,
		      const struct entry *e)
{
	int depth = 1;

	for (const char *p = path; (p = strchr(p, '/')); p++)
		depth++;
	if (s->list->max_depth >= 0 && depth > s->list->max_depth)
		return false;
	if (s->list->file && strcmp(path, s->list->file) != 0)
		return false;
	return filter_file(s->list->filter, path, e);
}

/* The lines that come before `key`, or all: their files are not there. */
static int tell_missing(struct sum_check *s, struct op *op, const char *key)
{
	while (s->next.name && (!key || strcmp(s->next.name, key) < 0)) {
		buf_reset(&s->path);
		sum_key_path(&s->path, s->next.name);
		if (is_wanted(s, s->path.data, &s->next) &&
		    tell(s, op, CHECK_MISSING_ON_DST, s->path.data) < 0)
			return -1;
		if (step(s, op) < 0)
			return -1;
	}
	return 0;
}

int sum_check_file(struct sum_check *s, struct op *op, const char *path,
		   const struct digests *d)
{
	enum check_result r = CHECK_MISSING_ON_SRC;
	bool listed;

	buf_reset(&s->key);
	sum_key_add(&s->key, path);
	if (tell_missing(s, op, s->key.data) < 0)
		return -1;
	listed = s->next.name && strcmp(s->next.name, s->key.data) == 0;
	if (!d)
		r = CHECK_ERROR;
	else if (listed)
		r = digests_compare(d, &s->next.hash) == 1 ? CHECK_SAME
							   : CHECK_DIFFERS;
	if (tell(s, op, r, path) < 0)
		return -1;
	return listed ? step(s, op) : 0;
}

int sum_check_end(struct sum_check *s, struct op *op)
{
	if (tell_missing(s, op, NULL) < 0)
		return -1;
	if (s->differences)
		return err_set(&op->err, ERR_CONFLICT, "%zu difference%s found",
			       s->differences, s->differences == 1 ? "" : "s");
	return 0;
}

void sum_check_free(struct sum_check *s)
{
	listing_free(&s->sums);
	buf_free(&s->key);
	buf_free(&s->path);
	buf_free(&s->line);
}
