#include "cmd/progress.h"

#include <string.h>

#include "cmd/text.h"
#include "lib/clock.h"
#include "lib/parse.h"

enum {
	BAR_MIN = 6, /* columns below which a bar says nothing */
	BAR_MAX = 40
};

/* A line of the picture: text, a bar as wide as there is room, text. */
struct row {
	struct buf left, right;
	double part; /* of the bar, 0 to 1; below 0: no bar */
};

#define ROW_INIT                                                \
	{                                                       \
		.left = BUF_INIT, .right = BUF_INIT, .part = -1 \
	}

static void row_free(struct row *r)
{
	buf_free(&r->left);
	buf_free(&r->right);
}

static double part_of(int64_t done, int64_t total)
{
	double part = total > 0 ? (double)done / (double)total : 0;

	return part < 0 ? 0 : part > 1 ? 1 : part;
}

static void add_bar(struct buf *b, double part, size_t width,
		    const struct progress_style *style)
{
	const char *full = style->unicode ? "\u2501" : "=";
	const char *rest = style->unicode ? "\u2500" : "-";
	size_t n = (size_t)(part * (double)width + 0.5);

	if (style->color)
		buf_adds(b, "\033[32m");
	for (size_t i = 0; i < n; i++)
		buf_adds(b, full);
	if (style->color)
		buf_adds(b, "\033[0m\033[2m");
	for (size_t i = n; i < width; i++)
		buf_adds(b, rest);
	if (style->color)
		buf_adds(b, "\033[0m");
}

/* Where the last of the fields ends that come before the last one in `n`. */
static size_t last_gap(const char *fields, size_t n)
{
	while (n >= 2 && memcmp(fields + n - 2, "  ", 2) != 0)
		n--;
	return n >= 2 ? n - 2 : 0;
}

/* A blank and the fields, which two blanks part, as far as there is room. */
static void add_fields(struct buf *b, const char *fields, size_t room)
{
	size_t n = strlen(fields);

	while (n && text_width(fields, n) + 1 > room)
		n = last_gap(fields, n);
	if (n) {
		buf_adds(b, " ");
		buf_add(b, fields, n);
	}
}

/*
 * Append the row: what does not fit is left out from the right, the bar first.
 * `left` and `right` are what the columns of all rows beside it take.
 */
static void add_row(struct buf *b, const struct row *r, size_t left,
		    size_t right, const struct progress_style *style)
{
	size_t lw = text_width(r->left.data, r->left.len);
	size_t taken = left + right + 2;

	if (b->len)
		buf_adds(b, "\n");
	if (r->part >= 0 && taken + BAR_MIN <= style->width) {
		size_t bar = style->width - taken;

		buf_addf(b, "%s%*s", r->left.data, (int)(left - lw + 1), "");
		add_bar(b, r->part, bar < BAR_MAX ? bar : BAR_MAX, style);
		buf_addf(b, " %s", r->right.data);
	} else if (lw <= style->width) {
		buf_adds(b, r->left.data);
		add_fields(b, r->right.data, style->width - lw);
	} else {
		text_fit(b, r->left.data, style->width, style->unicode);
	}
}

/* "231.2 MiB": fewer digits than in results, where none flickers. */
static void add_size(struct buf *b, int64_t n)
{
	static const char units[] = "KMGTPE";
	double v = (double)n / 1024;
	size_t i = 0;

	if (n < 1024) {
		buf_addf(b, "%d B", n < 0 ? 0 : (int)n);
		return;
	}
	for (; v >= 1000 && units[i + 1]; i++)
		v /= 1024;
	buf_addf(b, "%.1f %ciB", v, units[i]);
}

static void add_percent(struct buf *b, double part)
{
	buf_addf(b, "%3d%%", (int)(part * 100));
}

static void add_rate(struct buf *b, double rate)
{
	add_size(b, (int64_t)rate);
	buf_adds(b, "/s");
}

/* Seconds are enough, and hours of them do not flicker. */
static void add_time(struct buf *b, int64_t ns)
{
	int64_t s = ns / NS_PER_SEC;

	if (s >= 3600)
		s -= s % 60;
	show_duration(b, s * NS_PER_SEC);
}

/* Seconds to go, or -1 if that cannot be told. */
static int64_t remaining(const struct progress_view *v)
{
	double s;

	if (v->rate < 1 || v->bytes_total <= v->bytes_done)
		return -1;
	s = (double)(v->bytes_total - v->bytes_done) / v->rate;
	return s < 1e8 ? (int64_t)(s + 0.5) : -1;
}

static void add_of(struct buf *b, int64_t done, int64_t total, bool more)
{
	text_add_count(b, done);
	buf_adds(b, "/");
	text_add_count(b, total);
	if (more)
		buf_adds(b, "+");
}

static void add_extras(struct buf *b, const struct progress_view *v)
{
	const struct {
		int64_t n;
		const char *name;
	} extras[] = {
		{ v->failed, "failed" },
		{ v->differ, "different" },
		{ v->deleted, "deleted" },
		{ v->checked, "unchanged" },
	};

	for (size_t i = 0; i < ARRAY_LEN(extras); i++) {
		if (extras[i].n == 0)
			continue;
		buf_adds(b, "  ");
		text_add_count(b, extras[i].n);
		buf_addf(b, " %s", extras[i].name);
	}
}

static void make_files(struct row *r, const struct progress_view *v)
{
	if (v->files_total < 0) {
		text_add_count(&r->left, v->files_done);
		buf_adds(&r->left, " files");
		add_extras(&r->right, v);
		return;
	}
	r->part = part_of(v->files_done, v->files_total);
	buf_adds(&r->left, "files ");
	add_of(&r->left, v->files_done, v->files_total, v->more);
	add_percent(&r->right, r->part);
	add_extras(&r->right, v);
}

static void make_bytes(struct row *r, const struct progress_view *v)
{
	int64_t eta = remaining(v);

	add_size(&r->left, v->bytes_done);
	if (v->files_total >= 0) {
		r->part = part_of(v->bytes_done, v->bytes_total);
		buf_adds(&r->left, "/");
		add_size(&r->left, v->bytes_total);
		if (v->more)
			buf_adds(&r->left, "+");
		add_percent(&r->right, r->part);
		buf_adds(&r->right, "  ");
	}
	add_rate(&r->right, v->rate);
	buf_adds(&r->right, "  ");
	add_time(&r->right, v->elapsed);
	if (eta >= 0) {
		buf_adds(&r->right, "  ETA ");
		add_time(&r->right, eta * NS_PER_SEC);
	}
}

static void make_flight(struct row *r, const struct sync_flight *f, int64_t now,
			size_t name, const struct progress_style *style)
{
	double seconds = (double)(now - f->started) / 1e9;

	buf_adds(&r->left, " ");
	text_fit(&r->left, f->path, name - 1, style->unicode);
	if (f->size >= 0) {
		r->part = part_of(f->done, f->size);
		add_percent(&r->right, f->size ? r->part : 1);
		buf_adds(&r->right, " of ");
		add_size(&r->right, f->size);
	} else {
		add_size(&r->right, f->done);
	}
	if (seconds >= 1) {
		buf_adds(&r->right, "  ");
		add_rate(&r->right, (double)f->done / seconds);
	}
}

static size_t wider(const struct buf *a, const struct buf *b)
{
	size_t x = text_width(a->data, a->len), y = text_width(b->data, b->len);

	return x > y ? x : y;
}

static void add_totals(struct buf *out, const struct progress_view *v,
		       const struct progress_style *style)
{
	struct row files = ROW_INIT, bytes = ROW_INIT;
	size_t left, right;

	make_files(&files, v);
	make_bytes(&bytes, v);
	left = wider(&files.left, &bytes.left);
	right = wider(&files.right, &bytes.right);
	add_row(out, &files, left, right, style);
	if (style->lines > 1)
		add_row(out, &bytes, left, right, style);
	row_free(&files);
	row_free(&bytes);
}

void progress_picture(struct buf *out, const struct progress_view *v,
		      const struct progress_style *style)
{
	size_t room = style->lines > 2 ? style->lines - 2 : 0;
	size_t n = v->n_flights <= room ? v->n_flights : room;
	size_t name = style->width / 2 > 1 ? style->width / 2 : 2, right = 0;
	struct row rows[PROGRESS_FLIGHTS];

	add_totals(out, v, style);
	for (size_t i = 0; i < n; i++) {
		size_t w;

		rows[i] = (struct row)ROW_INIT;
		make_flight(&rows[i], &v->flights[i], v->now, name, style);
		w = text_width(rows[i].right.data, rows[i].right.len);
		right = w > right ? w : right;
	}
	for (size_t i = 0; i < n; i++) {
		add_row(out, &rows[i], name, right, style);
		row_free(&rows[i]);
	}
}

void progress_line(struct buf *out, const struct progress_view *v)
{
	struct row files = ROW_INIT, bytes = ROW_INIT;

	make_files(&files, v);
	make_bytes(&bytes, v);
	buf_addf(out, "%s %s  %s %s", files.left.data,
		 files.right.data + strspn(files.right.data, " "),
		 bytes.left.data,
		 bytes.right.data + strspn(bytes.right.data, " "));
	row_free(&files);
	row_free(&bytes);
}
