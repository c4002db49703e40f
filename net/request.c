#include "net/request.h"

#include <string.h>
#include <strings.h>

#include "lib/clock.h"

enum {
	EXPECT_MIN = 1 << 20, /* asked about before it is sent */
	SMALL = 32 * 1024,    /* goes along with the headers */
};

/* Content, or the statement that there is none. */
static bool sends_length(const struct http_request *rq)
{
	return rq->source || rq->body || strcmp(rq->method, "PUT") == 0 ||
	       strcmp(rq->method, "POST") == 0;
}

static int64_t content_size(const struct http_request *rq)
{
	if (rq->source)
		return rq->size;
	return rq->body ? (int64_t)rq->body_len : 0;
}

static bool is_small(const struct http_request *rq)
{
	return content_size(rq) <= SMALL;
}

/*
 * The source's own end is looked at before the last bytes leave: what notices
 * there that a file has changed must be in time to stop the upload.
 */
static int check_end(struct exchange *x)
{
	const struct http_request *rq = x->rq;
	char more;
	ssize_t n;

	if (rq->source->size < 0 || x->sent != rq->size ||
	    rq->source_at + rq->size != rq->source->size)
		return 0;
	n = rq->source->read(rq->source, x->op, &more, 1);
	if (n > 0)
		return err_set(&x->op->err, ERR_CONFLICT,
			       "more than %lld bytes came",
			       (long long)rq->size);
	return n < 0 ? -1 : 0;
}

static ssize_t pull(struct exchange *x, char *to, size_t room)
{
	const struct http_request *rq = x->rq;
	int64_t left = content_size(rq) - x->sent;
	size_t n = left < (int64_t)room ? (size_t)left : room;
	ssize_t got = (ssize_t)n;

	if (n == 0)
		return 0;
	if (!rq->source) {
		memcpy(to, rq->body + x->sent, n);
	} else {
		x->pulled = true;
		got = rq->source->read(rq->source, x->op, to, n);
		if (got < 0)
			return -1;
		if (got == 0)
			return err_set(&x->op->err, ERR_CONFLICT,
				       "ended after %lld of %lld bytes",
				       (long long)x->sent, (long long)rq->size);
	}
	x->sent += got;
	x->bytes += got;
	if (rq->source && check_end(x) < 0)
		return -1;
	return got;
}

bool request_only_asks(const struct http_request *rq)
{
	static const char *const methods[] = { "GET", "HEAD", "OPTIONS",
					       "PROPFIND" };

	for (size_t i = 0; i < ARRAY_LEN(methods); i++)
		if (strcmp(rq->method, methods[i]) == 0)
			return true;
	return false;
}

bool request_is_sent(const struct exchange *x)
{
	return is_small(x->rq) || x->sent == content_size(x->rq);
}

static size_t on_read(char *to, size_t size, size_t n, void *arg)
{
	struct exchange *x = ((struct handle *)arg)->under_way;
	ssize_t got = pull(x, to, size * n);

	x->moved_at = clock_mono();
	if (got < 0) {
		x->failed = true;
		return CURL_READFUNC_ABORT;
	}
	return (size_t)got;
}

int request_rewind(struct op *op, const struct http_request *rq)
{
	if (!rq->source->seek)
		return err_set(&op->err, ERR_NETWORK,
			       "the data comes only once and was sent in vain");
	return rq->source->seek(rq->source, op, rq->source_at);
}

/* libcurl begins anew, on another connection or after a 401. */
static int on_seek(void *arg, curl_off_t off, int whence)
{
	struct exchange *x = ((struct handle *)arg)->under_way;

	if (off != 0 || whence != SEEK_SET)
		return CURL_SEEKFUNC_CANTSEEK;
	if (x->pulled) {
		if (!x->rq->source->seek)
			return CURL_SEEKFUNC_CANTSEEK;
		if (request_rewind(x->op, x->rq) < 0) {
			x->failed = true;
			return CURL_SEEKFUNC_FAIL;
		}
	}
	x->pulled = false;
	x->sent = 0;
	return CURL_SEEKFUNC_OK;
}

static bool is_token(const char *s)
{
	const char *start = s;

	while ((uint8_t)*s > ' ' && (uint8_t)*s < 0x7f &&
	       !strchr("()<>@,;:\\\"/[]?={}", *s))
		s++;
	return s > start && !*s;
}

/* Lines of our own making would be smuggled in by a line's end. */
static bool is_value(const char *s)
{
	while ((uint8_t)*s >= ' ' && *s != 0x7f)
		s++;
	return !*s;
}

static int add_header(struct exchange *x, struct curl_slist ***end,
		      const char *name, const char *value)
{
	struct arena *a = &x->handle->arena;
	struct curl_slist *node;

	if (!is_token(name) || !is_value(value))
		return err_set(&x->op->err, ERR_INVALID,
			       "header %.40s: a control character in it",
			       is_token(name) ? name : "?");
	node = arena_alloc(a, sizeof(*node));
	/* libcurl takes "name:" as the wish to leave one of its own out */
	node->data = *value ? arena_printf(a, "%s: %s", name, value)
			    : arena_printf(a, "%s;", name);
	**end = node;
	*end = &node->next;
	return 0;
}

/* What libcurl would add by itself. */
static void leave_out(struct exchange *x, struct curl_slist ***end,
		      const char *line)
{
	struct curl_slist *node = arena_alloc(&x->handle->arena, sizeof(*node));

	node->data = arena_strdup(&x->handle->arena, line);
	**end = node;
	*end = &node->next;
}

static int set_headers(struct exchange *x)
{
	const struct http_header *const lists[] = { x->headers,
						    x->rq->headers };
	struct curl_slist *first = NULL, **end = &first;
	bool has_type = false;

	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		for (const struct http_header *h = lists[i]; h && h->name; h++)
			if (add_header(x, &end, h->name, h->value) < 0)
				return -1;
			else if (strcasecmp(h->name, "Content-Type") == 0)
				has_type = true;
	if (x->authorization &&
	    add_header(x, &end, "Authorization", x->authorization) < 0)
		return -1;
	if (sends_length(x->rq) &&
	    (x->rq->unasked || content_size(x->rq) <= EXPECT_MIN))
		leave_out(x, &end, "Expect:");
	if (sends_length(x->rq) && !has_type)
		leave_out(x, &end, "Content-Type:");
	curl_easy_setopt(x->handle->curl, CURLOPT_HTTPHEADER, first);
	return 0;
}

/*
 * A small body is given to libcurl whole, so that it leaves in one packet with
 * the headers.
 */
static int set_small(struct exchange *x)
{
	struct handle *hd = x->handle;
	size_t size = (size_t)content_size(x->rq);
	const char *text = x->rq->body ? x->rq->body : "";

	if (x->rq->source) {
		char *room;

		buf_reset(&hd->small);
		room = buf_room(&hd->small, size + 1);
		while (x->sent < (int64_t)size)
			if (pull(x, room + x->sent, size - (size_t)x->sent) < 0)
				return -1;
		if (size == 0 && check_end(x) < 0)
			return -1;
		text = room;
	} else {
		x->bytes = (int64_t)size;
	}
	curl_easy_setopt(hd->curl, CURLOPT_POSTFIELDS, text);
	curl_easy_setopt(hd->curl, CURLOPT_POSTFIELDSIZE_LARGE,
			 (curl_off_t)size);
	return 0;
}

int request_set(struct exchange *x)
{
	struct handle *hd = x->handle;
	const struct http_request *rq = x->rq;
	CURL *curl = hd->curl;
	struct buf url = BUF_INIT;

	if (!is_token(rq->method))
		BUG("method \"%s\"", rq->method);
	url_text(&url, x->url);
	curl_easy_setopt(curl, CURLOPT_URL, url.data);
	buf_free(&url);
	/* puts back what the others set */
	curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
	if (strcmp(rq->method, "HEAD") == 0) {
		curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
	} else if (sends_length(rq) && is_small(rq)) {
		if (set_small(x) < 0)
			return -1;
	} else if (sends_length(rq)) {
		curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
		curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE,
				 (curl_off_t)content_size(rq));
	}
	curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, rq->method);
	if (rq->gzip != hd->gzip)
		curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING,
				 rq->gzip ? "gzip" : NULL);
	hd->gzip = rq->gzip;
	if (x->fresh != hd->fresh)
		curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, (long)x->fresh);
	hd->fresh = x->fresh;
	return set_headers(x);
}

void request_prepare(struct handle *hd)
{
	CURL *curl = hd->curl;

	curl_easy_setopt(curl, CURLOPT_READFUNCTION, on_read);
	curl_easy_setopt(curl, CURLOPT_READDATA, hd);
	curl_easy_setopt(curl, CURLOPT_SEEKFUNCTION, on_seek);
	curl_easy_setopt(curl, CURLOPT_SEEKDATA, hd);
}
