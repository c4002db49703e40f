/* ferry version: opens nothing, so that it is there even if all else fails. */

#include "cmd/cmd.h"

#include <sys/utsname.h>

#include "cmd/globals.h"
#include "cmd/out.h"
#include "cmd/version.h"
#include "lib/json_write.h"
#include "lib/libraries.h"

#ifdef __clang__
#define COMPILER "clang " __clang_version__
#else
#define COMPILER "gcc " __VERSION__
#endif

static void as_text(struct buf *b, const struct utsname *u)
{
	buf_addf(b, "ferry %s\n", FERRY_VERSION);
	buf_addf(b, "compiler: %s\n", COMPILER);
	for (size_t i = 0; library_name(i); i++) {
		buf_addf(b, "%s: ", library_name(i));
		library_version(i, b);
		buf_adds(b, "\n");
	}
	buf_addf(b, "system: %s %s %s\n", u->sysname, u->release, u->machine);
}

static void as_json(struct buf *b, const struct utsname *u)
{
	struct json j = JSON_INIT(b);

	json_object(&j, NULL);
	json_str(&j, "version", FERRY_VERSION);
	json_str(&j, "compiler", COMPILER);
	json_object(&j, "libraries");
	for (size_t i = 0; library_name(i); i++) {
		struct buf version = BUF_INIT;

		library_version(i, &version);
		json_str(&j, library_name(i), version.data);
		buf_free(&version);
	}
	json_end(&j);
	json_object(&j, "system");
	json_str(&j, "name", u->sysname);
	json_str(&j, "release", u->release);
	json_str(&j, "machine", u->machine);
	json_end(&j);
	json_end(&j);
	buf_adds(b, "\n");
}

static int version_run(struct cmd_ctx *cx)
{
	struct buf text = BUF_INIT;
	struct utsname u;
	int rc;

	if (uname(&u) < 0)
		return err_sys(&cx->op.err, "system's name");
	if (cx->globals->json)
		as_json(&text, &u);
	else
		as_text(&text, &u);
	rc = out_write(&cx->op, text.data, text.len);
	buf_free(&text);
	return rc;
}

static const struct cmd_example examples[] = {
	{ "ferry version --json", "for a bug report that a program writes" },
	{ NULL, NULL }
};

const struct cmd cmd_version = {
	.name = "version",
	.args = "",
	.summary = "show the versions of ferry and its libraries",
	.about = "Show the versions of ferry, of the compiler that built it "
		 "and of the libraries it runs with.",
	.examples = examples,
	.run = version_run,
};
