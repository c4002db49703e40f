#include "cmd/globals.h"

#include <string.h>

#include "lib/clock.h"
#include "lib/parse.h"

const struct globals globals_default = { .color = "auto",
					 .contimeout = 60 * NS_PER_SEC,
					 .timeout = 300 * NS_PER_SEC };

#define GLOBAL(type, letter, name, arg, field, help) \
	OPT_AT(type, letter, name, arg, struct globals, field, help)

const struct opt global_opts[] = {
	GLOBAL(OPT_COUNT, 'v', "verbose", NULL, verbose,
	       "say what is done; twice for debugging"),
	GLOBAL(OPT_BOOL, 'q', "quiet", NULL, quiet, "print errors only"),
	GLOBAL(OPT_BOOL, 0, "json", NULL, json,
	       "results as JSON, one object a line"),
	GLOBAL(OPT_BOOL, 'P', "progress", NULL, progress,
	       "show progress, also where standard error is no terminal"),
	GLOBAL(OPT_BOOL, 0, "no-progress", NULL, no_progress,
	       "show no progress on a terminal"),
	GLOBAL(OPT_DURATION, 0, "stats", "DURATION", stats,
	       "without a terminal, print statistics at this interval"),
	GLOBAL(OPT_STR, 0, "bwlimit", "RATE", bwlimit,
	       "bytes a second at most, a bare number is KiB; or a timetable: "
	       "\"08:00,512k 19:00,10M 23:00,off\""),
	GLOBAL(OPT_STR, 0, "tpslimit", "N", tpslimit,
	       "requests a second at most"),
	GLOBAL(OPT_DURATION, 0, "contimeout", "DURATION", contimeout,
	       "to connect within (default 1m)"),
	GLOBAL(OPT_DURATION, 0, "timeout", "DURATION", timeout,
	       "give a connection up on which nothing moves (default 5m)"),
	GLOBAL(OPT_STR, 0, "ca-cert", "FILE", ca_cert,
	       "authorities (PEM) to trust besides the system's"),
	GLOBAL(OPT_STR, 0, "user-agent", "TEXT", user_agent,
	       "what to tell servers that this is"),
	GLOBAL(OPT_STR, 0, "dump", "WHAT", dump,
	       "log the headers or bodies of requests, or headers,bodies; "
	       "secrets are left out"),
	GLOBAL(OPT_BOOL, 0, "hard-delete", NULL, hard_delete,
	       "delete past the service's trash"),
	GLOBAL(OPT_STR, 0, "color", "WHEN", color,
	       "auto, never or always; NO_COLOR is respected"),
	GLOBAL(OPT_STR, 0, "config", "FILE", config,
	       "configuration file [$FERRY_CONFIG]"),
	GLOBAL(OPT_STR, 0, "state-dir", "DIR", state_dir,
	       "folder for what must survive [$FERRY_STATE_DIR]"),
	GLOBAL(OPT_STR, 0, "cache-dir", "DIR", cache_dir,
	       "folder for what can be made again [$FERRY_CACHE_DIR]"),
	GLOBAL(OPT_BOOL, 0, "no-hash-memory", NULL, no_hash_memory,
	       "do not remember the hashes of local files"),
	GLOBAL(OPT_STR, 0, "log-file", "FILE", log_file,
	       "append messages to this file"),
	GLOBAL(OPT_STR, 0, "log-level", "LEVEL", log_level,
	       "ERROR, NOTICE, INFO (as -v) or DEBUG (as -vv)"),
	GLOBAL(OPT_BOOL, 'h', "help", NULL, help, "show help and end"),
	{ .type = OPT_BOOL,
	  .letter = 'V',
	  .name = "version",
	  .help = "show the version and end",
	  .at = offsetof(struct globals, version),
	  .hidden = true },
	{ .type = OPT_END }
};

static int parse_dump(const char *text, unsigned *out, struct err *e)
{
	static const struct {
		const char *name;
		unsigned bit;
	} parts[] = {
		{ "headers", HTTP_DUMP_HEADERS },
		{ "bodies", HTTP_DUMP_BODIES },
	};

	*out = 0;
	while (text && *text) {
		size_t n = strcspn(text, ",");
		unsigned bit = 0;

		for (size_t i = 0; i < ARRAY_LEN(parts); i++)
			if (strlen(parts[i].name) == n &&
			    strncmp(text, parts[i].name, n) == 0)
				bit = parts[i].bit;
		if (!bit)
			return err_set(e, ERR_INVALID,
				       "--dump: \"%.*s\" is not headers or "
				       "bodies",
				       (int)n, text);
		*out |= bit;
		text += n + (text[n] == ',');
	}
	return 0;
}

/* Where 0 means the default. */
static int64_t or_never(int64_t ns)
{
	return ns > 0 ? ns : -1;
}

int globals_http(const struct globals *g, struct rate *requests,
		 struct http_settings *out, struct err *e)
{
	*out = (struct http_settings){
		.ca_cert = g->ca_cert,
		.user_agent = g->user_agent,
		.connect_timeout = or_never(g->contimeout),
		.timeout = or_never(g->timeout),
	};
	if (parse_dump(g->dump, &out->dump, e) < 0)
		return -1;
	if (!g->tpslimit)
		return 0;
	if (!parse_decimal(g->tpslimit, &requests->per_second))
		return err_set(e, ERR_INVALID,
			       "--tpslimit: \"%s\" is not a number like 10 or "
			       "0.5",
			       g->tpslimit);
	out->requests = requests;
	return 0;
}
