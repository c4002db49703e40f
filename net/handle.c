#include "net/handle.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>

#include "lib/clock.h"
#include "net/authorities.h"

enum {
	IDLE_MAX = 64,
	CHUNK = 256 * 1024,      /* moved at once */
	UNSENT_MAX = 512 * 1024, /* with the kernel, see set_socket() */
	BUF_KEEP = 256 * 1024,
};

struct handles {
	const struct http_settings *settings;
	const struct http_conf *conf;
	CURLSH *share;
	pthread_mutex_t share_locks[CURL_LOCK_DATA_LAST]; /* libcurl's own */
	pthread_mutex_t lock; /* guards what follows */
	struct handle *idle;
	unsigned n_idle;
	bool loaded;
	struct authorities authorities;
};

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void start_curl(void)
{
	if (curl_global_init(CURL_GLOBAL_ALL) != CURLE_OK)
		BUG("libcurl does not start");
}

static void share_lock(CURL *curl, curl_lock_data what, curl_lock_access how,
		       void *arg)
{
	struct handles *hs = arg;

	(void)curl;
	(void)how;
	pthread_mutex_lock(&hs->share_locks[what]);
}

static void share_unlock(CURL *curl, curl_lock_data what, void *arg)
{
	struct handles *hs = arg;

	(void)curl;
	pthread_mutex_unlock(&hs->share_locks[what]);
}

struct handles *handles_new(const struct http_settings *settings,
			    const struct http_conf *conf)
{
	struct handles *hs = xcalloc(1, sizeof(*hs));

	pthread_once(&once, start_curl);
	hs->settings = settings;
	hs->conf = conf;
	hs->authorities = (struct authorities){ .pem = BUF_INIT };
	pthread_mutex_init(&hs->lock, NULL);
	for (size_t i = 0; i < ARRAY_LEN(hs->share_locks); i++)
		pthread_mutex_init(&hs->share_locks[i], NULL);
	hs->share = curl_share_init();
	if (!hs->share)
		BUG("libcurl is out of memory");
	curl_share_setopt(hs->share, CURLSHOPT_USERDATA, hs);
	curl_share_setopt(hs->share, CURLSHOPT_LOCKFUNC, share_lock);
	curl_share_setopt(hs->share, CURLSHOPT_UNLOCKFUNC, share_unlock);
	curl_share_setopt(hs->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS);
	curl_share_setopt(hs->share, CURLSHOPT_SHARE,
			  CURL_LOCK_DATA_SSL_SESSION);
	return hs;
}

static void handle_free(struct handle *hd)
{
	curl_easy_cleanup(hd->curl);
	arena_free(&hd->arena);
	buf_free(&hd->head);
	buf_free(&hd->body);
	buf_free(&hd->small);
	dump_free(&hd->dump);
	free(hd);
}

void handles_free(struct handles *hs)
{
	if (!hs)
		return;
	while (hs->idle) {
		struct handle *hd = hs->idle;

		hs->idle = hd->next;
		handle_free(hd);
	}
	curl_share_cleanup(hs->share);
	for (size_t i = 0; i < ARRAY_LEN(hs->share_locks); i++)
		pthread_mutex_destroy(&hs->share_locks[i]);
	pthread_mutex_destroy(&hs->lock);
	authorities_free(&hs->authorities);
	free(hs);
}

/*
 * The kernel takes megabytes for a slow connection at once.  Then nobody could
 * tell an upload that goes on from one that hangs.
 */
static int set_socket(void *arg, curl_socket_t fd, curlsocktype purpose)
{
	int most = UNSENT_MAX;

	(void)arg;
	(void)purpose;
	setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &most, sizeof(most));
	return CURL_SOCKOPT_OK;
}

static void set_authorities(CURL *curl, const struct authorities *a)
{
	curl_easy_setopt(curl, CURLOPT_CAPATH, a->folder);
	curl_easy_setopt(curl, CURLOPT_CAINFO, a->file);
	if (a->pem.len > 0) {
		struct curl_blob blob = { .data = a->pem.data,
					  .len = a->pem.len,
					  .flags = CURL_BLOB_NOCOPY };

		curl_easy_setopt(curl, CURLOPT_CAINFO_BLOB, &blob);
	}
}

static long milliseconds(int64_t ns, int64_t fallback)
{
	int64_t ms = (ns ? ns : fallback) / 1000000;

	if (ms < 1 || ms > INT32_MAX) /* beyond, or negative: never */
		return INT32_MAX;
	return (long)ms;
}

/* What is the same for all requests of a service. */
static void set_stable(struct handles *hs, struct handle *hd)
{
	const struct http_settings *s = hs->settings;
	CURL *curl = hd->curl;

	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, hd->error);
	curl_easy_setopt(curl, CURLOPT_SHARE, hs->share);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(curl, CURLOPT_HTTP_VERSION,
			 (long)CURL_HTTP_VERSION_2TLS);
	curl_easy_setopt(curl, CURLOPT_SSLVERSION,
			 (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS,
			 milliseconds(s->connect_timeout, 60 * NS_PER_SEC));
	curl_easy_setopt(curl, CURLOPT_TCP_NODELAY, 1L);
	curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(curl, CURLOPT_SOCKOPTFUNCTION, set_socket);
	curl_easy_setopt(curl, CURLOPT_BUFFERSIZE, (long)CHUNK);
	curl_easy_setopt(curl, CURLOPT_UPLOAD_BUFFERSIZE, (long)CHUNK);
	/* what is sent is what url.c has understood */
	curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(curl, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	curl_easy_setopt(curl, CURLOPT_USERAGENT,
			 s->user_agent ? s->user_agent
				       : "ferry/" FERRY_VERSION);
	set_authorities(curl, &hs->authorities);
	dump_init(&hd->dump, curl, hs->conf, s->dump);
}

static int load(struct handles *hs, struct op *op)
{
	const char *const files[] = { hs->settings->ca_cert,
				      hs->conf->ca_cert };

	if (hs->loaded)
		return 0;
	if (authorities_load(op, files, ARRAY_LEN(files), &hs->authorities) < 0)
		return -1;
	hs->loaded = true;
	return 0;
}

int handles_take(struct handles *hs, struct op *op, struct handle **out)
{
	struct handle *hd;

	pthread_mutex_lock(&hs->lock);
	if (load(hs, op) < 0) {
		pthread_mutex_unlock(&hs->lock);
		return -1;
	}
	hd = hs->idle;
	if (hd) {
		hs->idle = hd->next;
		hs->n_idle--;
	}
	pthread_mutex_unlock(&hs->lock);
	if (!hd) {
		hd = xcalloc(1, sizeof(*hd));
		hd->head = hd->body = hd->small = (struct buf)BUF_INIT;
		hd->curl = curl_easy_init();
		if (!hd->curl)
			BUG("libcurl is out of memory");
		set_stable(hs, hd);
	}
	*out = hd;
	return 0;
}

void handles_put(struct handles *hs, struct handle *hd)
{
	if (hd->body.cap > BUF_KEEP)
		buf_free(&hd->body);
	pthread_mutex_lock(&hs->lock);
	if (hs->n_idle < IDLE_MAX) {
		hd->next = hs->idle;
		hs->idle = hd;
		hs->n_idle++;
		hd = NULL;
	}
	pthread_mutex_unlock(&hs->lock);
	if (hd)
		handle_free(hd);
}

void handle_set_auth(struct handles *hs, struct handle *hd,
		     enum handle_auth auth)
{
	static const unsigned long methods[] = {
		[AUTH_NONE] = CURLAUTH_NONE,
		[AUTH_BASIC] = CURLAUTH_BASIC,
		[AUTH_DIGEST] = CURLAUTH_DIGEST,
	};
	bool none = auth == AUTH_NONE;

	if (auth == hd->auth)
		return;
	curl_easy_setopt(hd->curl, CURLOPT_USERNAME,
			 none ? NULL : hs->conf->user);
	curl_easy_setopt(hd->curl, CURLOPT_PASSWORD,
			 none ? NULL : hs->conf->pass);
	curl_easy_setopt(hd->curl, CURLOPT_HTTPAUTH, methods[auth]);
	hd->auth = auth;
}
