#ifndef BACKENDS_JOTTA_FAIL_H
#define BACKENDS_JOTTA_FAIL_H

#include "net/http.h"

/*
 * What an answer without success stands for: jotta_jfs() says which kinds.  The
 * text is that of the service's error document, XML or JSON, where there is
 * one.  Always returns -1.
 */
int jotta_fail(struct op *op, const struct http_answer *a);

#endif
