/* What libcurl's errors mean. */

#include <stdio.h>
#include <string.h>

#include "net/exchange.h"

/* clang-format off */
static const struct {
	CURLcode code;
	enum err_kind kind;
	const char *text; /* about the host that stands before it */
} failures[] = {
	{ CURLE_GOT_NOTHING, ERR_NETWORK,
	  "the connection was closed without an answer" },
	{ CURLE_PARTIAL_FILE, ERR_NETWORK, "the answer ended early" },
	{ CURLE_SEND_FAIL_REWIND, ERR_NETWORK,
	  "the connection was lost, and the data comes only once" },
	{ CURLE_SSL_CONNECT_ERROR, ERR_NETWORK, "TLS failed" },
	{ CURLE_SSL_CIPHER, ERR_NETWORK, "TLS failed" },
	{ CURLE_SSL_SHUTDOWN_FAILED, ERR_NETWORK, "TLS failed" },
	{ CURLE_SSL_CACERT_BADFILE, ERR_INVALID,
	  "the certificates of --ca-cert cannot be read" },
	{ CURLE_HTTP2, ERR_NETWORK, "the connection failed" },
	{ CURLE_HTTP2_STREAM, ERR_NETWORK, "the connection failed" },
	{ CURLE_WEIRD_SERVER_REPLY, ERR_CORRUPT, "no HTTP answer" },
	{ CURLE_UNSUPPORTED_PROTOCOL, ERR_CORRUPT, "no HTTP answer" },
	{ CURLE_BAD_CONTENT_ENCODING, ERR_CORRUPT,
	  "the answer cannot be decompressed" },
	{ CURLE_PROXY, ERR_NETWORK, "the proxy refused" },
	{ CURLE_COULDNT_RESOLVE_PROXY, ERR_NETWORK,
	  "the proxy's name cannot be resolved" },
	{ CURLE_OUT_OF_MEMORY, ERR_IO, "out of memory" },
};
/* clang-format on */

/* libcurl's words, less those that say the same as ours. */
static const char *reason(const struct handle *hd, CURLcode code)
{
	static const char *const fronts[] = {
		"SSL certificate problem: ",
		"SSL: ",
	};
	const char *text = hd->error;

	for (size_t i = 0; i < ARRAY_LEN(fronts); i++)
		if (strncmp(text, fronts[i], strlen(fronts[i])) == 0)
			text += strlen(fronts[i]);
	return *text ? text : curl_easy_strerror(code);
}

/* Why a connection was not made; else libcurl's words hold the reason. */
static const char *connect_reason(struct exchange *x, CURLcode code)
{
	char text[128];
	long os = 0;

	curl_easy_getinfo(x->handle->curl, CURLINFO_OS_ERRNO, &os);
	if (!os)
		return reason(x->handle, code);
	return arena_strdup(&x->op->arena,
			    strerror_r((int)os, text, sizeof(text)));
}

/* libcurl names whom it tried to reach. */
static bool is_proxy(const struct exchange *x)
{
	static const char front[] = "Failed to connect to ";
	char host[300];
	int n = snprintf(host, sizeof(host), "%s port %u ", x->url->host,
			 x->url->port);

	return strncmp(x->handle->error, front, sizeof(front) - 1) == 0 &&
	       n > 0 && (size_t)n < sizeof(host) &&
	       strncmp(x->handle->error + sizeof(front) - 1, host, (size_t)n) !=
		       0;
}

static int bad_certificate(struct exchange *x)
{
	const char *why = reason(x->handle, CURLE_PEER_FAILED_VERIFICATION);
	bool unknown = strstr(why, "issuer") || strstr(why, "self") ||
		       strstr(why, "first certificate");

	return err_set(&x->op->err, ERR_DENIED,
		       "the certificate of %s cannot be trusted: %s%s",
		       x->url->host, why,
		       unknown ? "; if it should be: --ca-cert FILE" : "");
}

int exchange_fail(struct exchange *x, CURLcode code)
{
	struct err *e = &x->op->err;
	const char *host = x->url->host;

	switch (code) {
	case CURLE_COULDNT_RESOLVE_HOST:
		return err_set(e, ERR_NETWORK, "cannot find the host %s", host);
	case CURLE_COULDNT_CONNECT:
		return err_set(e, ERR_NETWORK,
			       "cannot connect to %s port %u%s: %s", host,
			       x->url->port,
			       is_proxy(x) ? " through the proxy" : "",
			       connect_reason(x, code));
	case CURLE_OPERATION_TIMEDOUT:
		return err_set(e, ERR_TIMEOUT,
			       "cannot connect to %s port %u: no answer in "
			       "time",
			       host, x->url->port);
	case CURLE_PEER_FAILED_VERIFICATION: return bad_certificate(x);
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
		return err_set(e, ERR_NETWORK, "connection to %s lost: %s",
			       host, reason(x->handle, code));
	default: break;
	}
	for (size_t i = 0; i < ARRAY_LEN(failures); i++)
		if (failures[i].code == code)
			return err_set(e, failures[i].kind, "%s: %s: %s", host,
				       failures[i].text,
				       reason(x->handle, code));
	return err_set(e, ERR_NETWORK, "%s: %s", host, reason(x->handle, code));
}
