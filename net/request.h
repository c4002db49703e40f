#ifndef NET_REQUEST_H
#define NET_REQUEST_H

#include "net/exchange.h"

/* What goes out: an exchange's request line, headers and body. */

/* Once for each handle. */
void request_prepare(struct handle *hd);

/* Tell the exchange's handle. -1 with op->err if it must not be sent. */
int request_set(struct exchange *x) MUST_CHECK;

/* It changes nothing, so it may be sent twice without anyone looking. */
bool request_only_asks(const struct http_request *rq);

/* Whether libcurl has got the whole body. */
bool request_is_sent(const struct exchange *x);

/* Put the source back to where the body begins; -1 if it cannot be. */
int request_rewind(struct op *op, const struct http_request *rq) MUST_CHECK;

#endif
