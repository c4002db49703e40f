#ifndef MOUNT_ANSWER_H
#define MOUNT_ANSWER_H

#include "lib/json.h"
#include "mount/control.h"

/* Answer one request on `fd`; -1 if the other side cannot be told. */
int answer(int fd, struct op *op, const struct control_opt *opt,
	   const struct json_node *request) MUST_CHECK;

#endif
