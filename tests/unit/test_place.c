#include "tests/harness.h"

#include "backends/remote.h"

static struct arena arena;
static struct err err;

static struct place parsed(const char *spec)
{
	struct place p;

	CHECK(place_parse(&arena, spec, &p, &err) == 0);
	return p;
}

static void fails(const char *spec, const char *message)
{
	struct place p;

	CHECK(place_parse(&arena, spec, &p, &err) == -1);
	CHECK(err.kind == ERR_INVALID);
	CHECK_STR(err.msg, message);
}

static void paths_of_this_machine_have_no_remote(void)
{
	static const char *const paths[] = {
		"/",   "/a:b", "a",     "./a:b", "a/b:c", "..",
		"a,b", "-x",   "a/,x:", " ",     "\"a\"",
	};

	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		struct place p = parsed(paths[i]);

		CHECK(!p.remote && !p.driver && p.n_options == 0);
		CHECK_STR(p.path, paths[i]);
	}
	CHECK(parsed("a/").dir_hint && parsed("/").dir_hint);
	CHECK(!parsed("a").dir_hint);
}

static void a_name_and_a_path(void)
{
	struct place p = parsed("my photos:2024//a:b/");

	CHECK_STR(p.remote, "my photos");
	CHECK_STR(p.path, "2024//a:b/");
	CHECK(!p.driver && p.dir_hint);
	CHECK_STR(parsed("x:").path, "");
	CHECK_STR(parsed("x@y.z+1:/abs").remote, "x@y.z+1");
	CHECK_STR(parsed("b\xc3\xbc"
			 "cher:")
			  .remote,
		  "b\xc3\xbc"
		  "cher");
}

static void a_remote_made_on_the_spot(void)
{
	struct place p = parsed(":webdav,url=x,flag,e=:a/b");

	CHECK(!p.remote);
	CHECK_STR(p.driver, "webdav");
	CHECK(p.n_options == 3);
	CHECK_STR(p.options[0].key, "url");
	CHECK_STR(p.options[0].value, "x");
	CHECK_STR(p.options[1].key, "flag");
	CHECK_STR(p.options[1].value, "true");
	CHECK_STR(p.options[2].value, "");
	CHECK_STR(p.path, "a/b");
	CHECK_STR(parsed(":mem:").driver, "mem");
}

static void quotes_hold_commas_and_colons(void)
{
	struct place p;

	p = parsed("r,a=\"b:c,d\",e='f''g\"h',i=\"j\"\"k\",l=m\"n:p");
	CHECK_STR(p.remote, "r");
	CHECK(p.n_options == 4);
	CHECK_STR(p.options[0].value, "b:c,d");
	CHECK_STR(p.options[1].value, "f'g\"h");
	CHECK_STR(p.options[2].value, "j\"k");
	CHECK_STR(p.options[3].value, "m\"n");
	CHECK_STR(p.path, "p");
	CHECK_STR(parsed("r,a=\"\":p").options[0].value, "");
	CHECK_STR(parsed("r,a=/x/y:p").options[0].value, "/x/y");
}

static void what_cannot_be_read_says_why_but_no_value(void)
{
	fails("", "a place is missing; \".\" is the folder here");
	fails("-a:b", "no remote may be called \"-a\"; for a file of this "
		      "machine write \"./\" in front of it");
	fails("a*:b", "no remote may be called \"a*\"; for a file of this "
		      "machine write \"./\" in front of it");
	fails(":", "no driver may be called \"\"; a place made on the spot is "
		   "written \":driver,key=value:path\"");
	fails(":a", ":a: there must be ':' after the driver's name");
	fails(":a/b:c", ":a: there must be ':' after the driver's name");
	fails("r,a=':',x", "r: after the option \"x\" there must be ':' "
			   "and the path");
	fails(":m,a=secret", ":m: after the value of \"a\" there must be ':' "
			     "and the path");
	fails("r,:p", "r: an option's name must follow each ','");
	fails("r,a-b=c:p", "r: an option's name has only letters, digits and "
			   "'_', unlike what begins with \"a\"");
	fails(":m,a=\"secret", ":m: the quote in front of the value of \"a\" "
			       "has no other at its end");
	fails(":m,a='secret'x:p", ":m: after the quoted value of \"a\" there "
				  "must be ',' or ':'");
}

static void names_of_remotes_follow_rclone(void)
{
	static const char *const good[] = { "a", "A_1",     "a b",     "a-b",
					    "1", "a.b+c@d", "\xc3\xa9" };
	static const char *const bad[] = { "",    "-a",  " a", "a ",   "a:b",
					   "a/b", "a,b", "a*", "\xc3", "a\n" };

	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		CHECK(remote_name_valid(good[i]));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		CHECK(!remote_name_valid(bad[i]));
}

static const char *clean(const char *path)
{
	const char *out;

	CHECK(place_clean(&arena, path, &out, &err) == 0);
	return out;
}

static void paths_of_remotes_are_cleaned(void)
{
	const char *out;

	CHECK_STR(clean(""), "");
	CHECK_STR(clean("/"), "");
	CHECK_STR(clean("a//b/./c/"), "a/b/c");
	CHECK_STR(clean("/a/b/../c"), "a/c");
	CHECK_STR(clean("a/.."), "");
	CHECK_STR(clean("a/../b"), "b");
	CHECK_STR(clean("..a/.b./..."), "..a/.b./...");
	CHECK(place_clean(&arena, "a/../../b", &out, &err) == -1);
	CHECK(err.kind == ERR_INVALID);
	CHECK_STR(err.msg, "path \"a/../../b\" leads out of the remote's root");
}

static const char *join(const char *spec, const char *path)
{
	const char *out;

	CHECK(place_join(&arena, spec, path, &out, &err) == 0);
	return out;
}

static void a_place_below_a_place(void)
{
	CHECK_STR(join("r:", "a/b"), "r:a/b");
	CHECK_STR(join("r:x", "a/b"), "r:x/a/b");
	CHECK_STR(join("r:x/", "a"), "r:x/a");
	CHECK_STR(join("r:x", ""), "r:x");
	CHECK_STR(join("/", "a"), "/a");
	CHECK_STR(join("./x:", "a"), "./x:/a");
	CHECK_STR(join(":mem,name=':':", "a:b"), ":mem,name=':':a:b");
}

int main(void)
{
	RUN(paths_of_this_machine_have_no_remote);
	RUN(a_name_and_a_path);
	RUN(a_remote_made_on_the_spot);
	RUN(quotes_hold_commas_and_colons);
	RUN(what_cannot_be_read_says_why_but_no_value);
	RUN(names_of_remotes_follow_rclone);
	RUN(paths_of_remotes_are_cleaned);
	RUN(a_place_below_a_place);
	arena_free(&arena);
	return 0;
}
