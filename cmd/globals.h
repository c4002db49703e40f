#ifndef CMD_GLOBALS_H
#define CMD_GLOBALS_H

#include "cmd/cmd.h"
#include "lib/rate.h"

/* The flags that every command has. */
struct globals {
	int verbose;   /* -v, -vv */
	bool quiet;    /* -q: errors only */
	bool json;     /* results as JSON, one object a line */
	bool progress; /* -P: also where stderr is no terminal */
	bool no_progress;
	int64_t stats; /* ns between two lines of statistics, 0 none */
	const char *config, *state_dir, *cache_dir;
	const char *log_file, *log_level;
	const char *color;    /* auto, never, always; NO_COLOR is respected */
	const char *bwlimit;  /* a limit or a timetable of them, or NULL */
	const char *tpslimit; /* requests a second, or NULL */
	const char *ca_cert, *user_agent;
	const char *dump;            /* "headers,bodies", or NULL */
	int64_t contimeout, timeout; /* ns, 0 or less: never */
	bool no_hash_memory;
	bool hard_delete;
	bool help;    /* -h: the command's help instead of the command */
	bool version; /* --version: as the command */
};

extern const struct opt global_opts[];
extern const struct globals globals_default;

/* What the flags say about HTTP; `requests` is for --tpslimit. */
int globals_http(const struct globals *g, struct rate *requests,
		 struct http_settings *out, struct err *e) MUST_CHECK;

#endif
