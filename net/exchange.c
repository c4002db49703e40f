#include "net/exchange.h"

#include <string.h>

#include "lib/clock.h"
#include "net/request.h"

enum {
	HEADERS_MAX = 128,
	HEAD_MAX = 64 * 1024,
	HEADS_MAX = 256 * 1024, /* with the answers before the last one */
	BODY_MAX = 1 << 20,
	DRAIN_MAX = 256 * 1024, /* read in vain, so that a connection lives */
};

static const char *host_of(const struct exchange *x)
{
	return x->url->host;
}

static int endless_head(struct exchange *x)
{
	return err_set(&x->op->err, ERR_CORRUPT,
		       "%s: more headers than are allowed", host_of(x));
}

static int add_line(struct exchange *x, const char *line, size_t n)
{
	struct buf *head = &x->handle->head;

	x->moved_at = clock_mono();
	x->head_bytes += n;
	if (x->head_bytes > HEADS_MAX)
		return endless_head(x);
	if (n >= 5 && memcmp(line, "HTTP/", 5) == 0 &&
	    (x->head_ended || head->len == 0)) {
		/* the ones before (100, a first 401) do not count */
		buf_reset(head);
		x->head_ended = false;
		x->lines = 0;
	} else if (x->head_ended) {
		return 0; /* after the body */
	}
	if (n == 0 || *line == '\r' || *line == '\n') {
		x->head_ended = true;
		return 0;
	}
	if (++x->lines > HEADERS_MAX + 1 || head->len + n > HEAD_MAX)
		return endless_head(x);
	buf_add(head, line, n);
	return 0;
}

static size_t on_header(char *line, size_t size, size_t n, void *arg)
{
	struct exchange *x = ((struct handle *)arg)->under_way;

	if (add_line(x, line, size * n) < 0) {
		x->failed = true;
		return 0;
	}
	return size * n;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* "name: value" to its parts, in place; false for what is none. */
static bool split_header(char *line, char *end, struct http_header *out)
{
	char *colon = memchr(line, ':', (size_t)(end - line));

	if (!colon || is_blank(*line) ||
	    memchr(line, '\0', (size_t)(end - line)))
		return false;
	*colon = '\0';
	out->name = line;
	for (line = colon + 1; line < end && is_blank(*line); line++)
		;
	while (end > line && is_blank(end[-1]))
		end--;
	*end = '\0';
	out->value = line;
	return true;
}

/* "HTTP/1.1 200 OK" */
static int status_of(const char *line)
{
	const char *blank = strchr(line, ' ');
	int status = 0;

	if (!blank)
		return 0;
	for (int i = 1; i <= 3; i++) {
		if (blank[i] < '0' || blank[i] > '9')
			return 0;
		status = status * 10 + (blank[i] - '0');
	}
	return status;
}

static bool is_success(const struct exchange *x)
{
	return x->answer.status >= 200 && x->answer.status < 300;
}

/* All headers have come: make them readable and let the caller look. */
static int know_head(struct exchange *x)
{
	struct arena *a = &x->op->arena;
	struct buf *head = &x->handle->head;
	struct http_header *list =
		arena_alloc(a, (x->lines + 1) * sizeof(*list));
	char *text = arena_memdup(a, head->data, head->len + 1);
	char *end = text + head->len;
	size_t n = 0;

	x->head_known = true;
	x->answer = (struct http_answer){ .status = status_of(text),
					  .headers = list,
					  .body = "" };
	if (!x->answer.status)
		return err_set(&x->op->err, ERR_CORRUPT, "%s: no HTTP answer",
			       host_of(x));
	while (text < end) {
		char *next = memchr(text, '\n', (size_t)(end - text));

		next = next ? next : end;
		if (n < x->lines && split_header(text, next, &list[n]))
			n++;
		text = next + 1;
	}
	list[n] = (struct http_header){ 0 };
	if (x->rq->sink && x->rq->head && is_success(x))
		return x->rq->head(x->rq->head_arg, x->op, &x->answer);
	return 0;
}

/* The answer's text, for which there is no sink. */
static int keep(struct exchange *x, const char *p, size_t n)
{
	struct buf *body = &x->handle->body;
	size_t max = x->rq->max_body ? x->rq->max_body : BODY_MAX;
	size_t room = max - body->len;

	if (n > room && is_success(x))
		return err_set(&x->op->err, ERR_CORRUPT,
			       "%s: an answer of more than %zu bytes",
			       host_of(x), max);
	buf_add(body, p, n < room ? n : room);
	if (n > room)
		x->dropped += (int64_t)(n - room);
	x->cut = x->dropped > DRAIN_MAX;
	return x->cut ? -1 : 0;
}

static size_t on_write(char *p, size_t size, size_t n, void *arg)
{
	struct exchange *x = ((struct handle *)arg)->under_way;
	int rc;

	n *= size;
	x->bytes += (int64_t)n;
	if (!x->head_known && know_head(x) < 0)
		rc = -1;
	else if (x->rq->sink && is_success(x))
		rc = x->rq->sink->write(x->rq->sink, x->op, p, n);
	else
		rc = keep(x, p, n);
	x->moved_at = clock_mono();
	if (rc < 0) {
		x->failed = !x->cut;
		return 0;
	}
	return n;
}

static int on_connected(void *arg, char *ip, char *local_ip, int port,
			int local_port)
{
	struct exchange *x = ((struct handle *)arg)->under_way;

	(void)ip;
	(void)local_ip;
	(void)port;
	(void)local_port;
	/*
	 * libcurl would send it again by itself when a kept connection breaks
	 * off, whatever it asks for, and large bodies not from their beginning.
	 * Who may do that is http.c's and the caller's to say.
	 */
	if (x->connected && x->head_bytes == 0 && !request_only_asks(x->rq)) {
		x->repeated = true;
		return CURL_PREREQFUNC_ABORT;
	}
	x->connected = true;
	x->moved_at = clock_mono();
	return CURL_PREREQFUNC_OK;
}

/* Called at least once a second, and each time something has moved. */
static int on_progress(void *arg, curl_off_t down_total, curl_off_t down,
		       curl_off_t up_total, curl_off_t up)
{
	struct exchange *x = ((struct handle *)arg)->under_way;
	int64_t limit = x->settings->timeout, now = clock_mono();

	(void)down_total;
	(void)up_total;
	limit = limit ? limit : 300 * NS_PER_SEC;
	if (up != x->up || down != x->down) {
		x->up = up;
		x->down = down;
		x->moved_at = now;
	}
	if (op_check(x->op) < 0) {
		x->failed = true;
	} else if (x->connected && limit > 0 && now - x->moved_at > limit) {
		err_set(&x->op->err, ERR_TIMEOUT,
			"%s: no byte moved for %.3g seconds", host_of(x),
			(double)limit / 1e9);
		x->failed = true;
	}
	return x->failed;
}

static void prepare(struct handle *hd)
{
	CURL *curl = hd->curl;

	curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(curl, CURLOPT_HEADERDATA, hd);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_write);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, hd);
	curl_easy_setopt(curl, CURLOPT_PREREQFUNCTION, on_connected);
	curl_easy_setopt(curl, CURLOPT_PREREQDATA, hd);
	curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
	curl_easy_setopt(curl, CURLOPT_XFERINFODATA, hd);
	curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
	request_prepare(hd);
	hd->prepared = true;
}

static int finish(struct exchange *x, CURLcode code)
{
	struct handle *hd = x->handle;
	long connects = 1;

	if (code == CURLE_OK && !x->head_ended)
		code = CURLE_PARTIAL_FILE;
	if (x->repeated)
		code = CURLE_GOT_NOTHING;
	if (!x->failed && (code == CURLE_OK || x->cut)) {
		if (!x->head_known && know_head(x) < 0)
			return -1;
		if (is_success(x) && !request_is_sent(x))
			return err_set(&x->op->err, ERR_NETWORK,
				       "%s: an answer before all was sent",
				       host_of(x));
		x->answer.body_len = hd->body.len;
		if (hd->body.len)
			x->answer.body = arena_memdup(
				&x->op->arena, hd->body.data, hd->body.len + 1);
		return 0;
	}
	if (x->failed)
		return -1;
	if (code == CURLE_OUT_OF_MEMORY && !x->head_ended)
		return endless_head(x); /* libcurl's name for a long line */
	curl_easy_getinfo(hd->curl, CURLINFO_NUM_CONNECTS, &connects);
	x->lost_kept = (connects == 0 || x->repeated) && x->connected &&
		       x->head_bytes == 0 &&
		       (code == CURLE_SEND_ERROR || code == CURLE_RECV_ERROR ||
			code == CURLE_GOT_NOTHING);
	return exchange_fail(x, code);
}

int exchange_run(struct exchange *x, struct handle *hd)
{
	CURLcode code;
	int rc = -1;

	x->handle = hd;
	hd->under_way = x;
	hd->error[0] = '\0';
	buf_reset(&hd->head);
	buf_reset(&hd->body);
	if (!hd->prepared)
		prepare(hd);
	if (request_set(x) < 0)
		goto out;
	x->moved_at = clock_mono();
	code = curl_easy_perform(hd->curl);
	dump_bodies(&hd->dump);
	rc = finish(x, code);
out:
	curl_easy_setopt(hd->curl, CURLOPT_HTTPHEADER, NULL);
	arena_reset(&hd->arena);
	hd->under_way = NULL;
	return rc;
}
