#include "cmd/globals.h"

const struct globals globals_default = { .color = "auto", .bwlimit = -1 };

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
	GLOBAL(OPT_SIZE, 0, "bwlimit", "SIZE", bwlimit,
	       "bytes a second at most; a bare number is KiB"),
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
