#ifndef CMD_SYSTEM_LOG_H
#define CMD_SYSTEM_LOG_H

/*
 * A line for the system's log; `level` is one of enum log_level, a header that
 * cannot be seen together with <syslog.h>.
 */
void system_log(unsigned level, const char *text);

#endif
