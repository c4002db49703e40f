#include "cmd/system_log.h"

#include <syslog.h>

#include "lib/base.h"

void system_log(unsigned level, const char *text)
{
	static const int priorities[] = { LOG_ERR, LOG_WARNING, LOG_INFO,
					  LOG_DEBUG };

	if (level >= ARRAY_LEN(priorities))
		level = 0;
	syslog(LOG_DAEMON | priorities[level], "ferry: %s", text);
}
