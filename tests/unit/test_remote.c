#include "tests/unit/places.h"

#include <unistd.h>

#include "backends/driver.h"
#include "backends/hash_memory.h"

static struct places p;

static void configure(const char *text)
{
	places_begin(&p);
	p.remotes.config_path = "/etc/ferry.conf";
	p.remotes.config = ini_new();
	CHECK(ini_parse(p.remotes.config, text, strlen(text), &p.op.err) == 0);
}

static void fails(const char *spec, enum err_kind kind, const char *message)
{
	struct backend *be = NULL;

	CHECK(remote_open(&p.remotes, spec, &p.op, &be) == -1);
	CHECK_STR(p.op.err.msg, message);
	CHECK(p.op.err.kind == kind && !be);
}

static void a_section_names_the_driver(void)
{
	struct backend *a, *b;

	configure("[m]\ntype = mem\ndescription = x\nname = one\n"
		  "[r]\ntype = memory\nname = one\n");
	a = opened(&p, "m:dir//sub/");
	b = opened(&p, "r:dir");
	CHECK_STR(a->name, "m:dir/sub");
	CHECK_STR(a->identity, "mem:one:dir/sub");
	CHECK(put_bytes(&p, a, "f", 1, 10) == 0);
	CHECK(gets_bytes(&p, b, "sub/f", 1, 10));
	be_close(a);
	be_close(b);
	places_end(&p);
}

static void a_place_changes_options_of_its_section(void)
{
	struct backend *be;

	configure("[m]\ntype = mem\nname = one\nno_case =\n");
	be = opened(&p, "m,name=a,no_case,name='t,w:o':x");
	CHECK_STR(be->name, "m,name=a,no_case=true,name=\"t,w:o\":x");
	CHECK_STR(be->identity, "mem-no-case:t,w:o:x");
	CHECK(be_can(be, BE_NO_CASE));
	be_close(be);
	places_end(&p);
}

static void what_is_wrong_is_named_with_a_remedy(void)
{
	configure("[m]\ntype = mem\n[n]\nname = x\n[o]\ntype = floppy\n"
		  "[f]\ntype = fault\n[g]\ntype = mem\nnmae = x\n");
	fails("x:a", ERR_NOT_FOUND,
	      "there is no remote \"x\" in /etc/ferry.conf; for a file of "
	      "this machine write \"./\" in front of it");
	fails("n:", ERR_INVALID,
	      "remote \"n\" has no \"type\"; write a line \"type = ...\" into "
	      "its section, one of: local, webdav, jottacloud, repo, mem, fault");
	fails("o:", ERR_INVALID,
	      "o: there is no driver \"floppy\"; those known are: local, "
	      "webdav, jottacloud, repo, mem, fault");
	fails(":floppy:", ERR_INVALID,
	      ":floppy: there is no driver \"floppy\"; those known are: "
	      "local, webdav, jottacloud, repo, mem, fault");
	fails("g:x", ERR_INVALID,
	      "g: driver mem has no option \"nmae\"; its options are: name, "
	      "mtime_step, hashes, no_case, quota");
	fails("m,quota=lots:x", ERR_INVALID,
	      "m: option \"quota\" must be a size such as 10M, "
	      "which \"lots\" is not");
	fails("m,no_case=perhaps:x", ERR_INVALID,
	      "m: option \"no_case\" must be true or false, "
	      "which \"perhaps\" is not");
	fails("f:", ERR_INVALID,
	      "f: option \"remote\" is missing; write a line \"remote = "
	      "...\" into section [f] of /etc/ferry.conf");
	fails(":fault:", ERR_INVALID,
	      ":fault: option \"remote\" is missing; write "
	      "\":fault,remote=...:\"");
	fails("m:a/../../b", ERR_INVALID,
	      "m: path \"a/../../b\" leads out of the remote's root");
	places_end(&p);
}

static void a_remote_that_wraps_itself_is_refused(void)
{
	struct backend *be = NULL;

	configure("[f]\ntype = fault\nremote = g:a\n"
		  "[g]\ntype = fault\nremote = f:\n");
	CHECK(remote_open(&p.remotes, "f:", &p.op, &be) == -1);
	CHECK(p.op.err.kind == ERR_INVALID);
	CHECK(strstr(p.op.err.msg, "lead back to itself"));
	places_end(&p);
}

static void secrets_of_inner_places_are_not_shown(void)
{
	struct backend *be = NULL;

	configure("");
	CHECK(remote_open(&p.remotes,
			  ":fault,calls=x,remote=':mem,name=secret:':", &p.op,
			  &be) == -1);
	CHECK(strstr(p.op.err.msg, ":mem,..."));
	CHECK(!strstr(p.op.err.msg, "secret"));
	places_end(&p);
}

static void a_source_may_be_a_file_or_a_folder(void)
{
	struct backend *all, *be;
	const char *file;
	struct op *op = &p.op;

	places_begin(&p);
	all = opened(&p, ":mem:");
	CHECK(put_bytes(&p, all, "d/f", 1, 10) == 0);

	CHECK(remote_open_source(&p.remotes, ":mem:d/f", op, &be, &file) == 0);
	CHECK_STR(file, "f");
	CHECK_STR(be->name, ":mem:d");
	CHECK(gets_bytes(&p, be, file, 1, 10));
	be_close(be);

	CHECK(remote_open_source(&p.remotes, ":mem:/d/", op, &be, &file) == 0);
	CHECK(!file && gets_bytes(&p, be, "f", 1, 10));
	be_close(be);
	CHECK(remote_open_source(&p.remotes, ":mem:d", op, &be, &file) == 0);
	CHECK(!file && gets_bytes(&p, be, "f", 1, 10));
	be_close(be);
	CHECK(remote_open_source(&p.remotes, ":mem:", op, &be, &file) == 0);
	CHECK(!file && gets_bytes(&p, be, "d/f", 1, 10));
	be_close(be);

	CHECK(remote_open_source(&p.remotes, ":mem:no", op, &be, &file) == -1);
	CHECK(op->err.kind == ERR_NOT_FOUND);
	CHECK_STR(op->err.msg, "there is no file or directory \":mem:no\"");
	CHECK(remote_open_source(&p.remotes, ":mem:d/f/", op, &be, &file) ==
	      -1);
	CHECK(op->err.kind == ERR_NOT_DIR);
	CHECK(remote_open_source(&p.remotes, ":mem:no/", op, &be, &file) == -1);
	CHECK(op->err.kind == ERR_NOT_FOUND);
	be_close(all);
	places_end(&p);
}

static void a_failing_look_is_no_missing_file(void)
{
	struct backend *be;
	const char *file;

	places_begin(&p);
	CHECK(remote_open_source(&p.remotes,
				 ":fault,remote=':mem:',op=stat,error=denied:a",
				 &p.op, &be, &file) == -1);
	CHECK(p.op.err.kind == ERR_DENIED);
	places_end(&p);
}

static void the_parent_of_a_new_file_is_opened(void)
{
	static const char *const none[] = { ":mem:", ":mem:/", ":mem:a/..",
					    "..",    "/",      "." };
	struct backend *be;
	const char *name;

	places_begin(&p);
	CHECK(remote_open_parent(&p.remotes, ":mem:a//b/c", &p.op, &be,
				 &name) == 0);
	CHECK_STR(be->name, ":mem:a/b");
	CHECK_STR(name, "c");
	be_close(be);
	CHECK(remote_open_parent(&p.remotes, ":mem:c/", &p.op, &be, &name) ==
	      0);
	CHECK_STR(be->name, ":mem:");
	CHECK_STR(name, "c");
	be_close(be);
	for (size_t i = 0; i < ARRAY_LEN(none); i++) {
		CHECK(remote_open_parent(&p.remotes, none[i], &p.op, &be,
					 &name) == -1);
		CHECK(p.op.err.kind == ERR_INVALID);
	}
	places_end(&p);
}

static void a_missing_configuration_is_an_empty_one(void)
{
	struct ini *ini;

	places_begin(&p);
	p.remotes.config_path = "/nonexistent/folder/ferry.conf";
	CHECK(remotes_config(&p.remotes, &p.op, &ini) == 0);
	CHECK(ini_sections(ini) == 0);
	fails("x:", ERR_NOT_FOUND,
	      "there is no remote \"x\" in /nonexistent/folder/ferry.conf; "
	      "for a file of this machine write \"./\" in front of it");
	places_end(&p);
}

/* "/tmp/.../NAME" */
static const char *at(const char *folder, const char *name)
{
	return arena_printf(&p.op.arena, "%s/%s", folder, name);
}

static const char *file_of(const char *spec, struct backend **be)
{
	const char *file;

	CHECK(remote_open_source(&p.remotes, spec, &p.op, be, &file) == 0);
	return file;
}

static void paths_of_this_machine_mean_what_the_system_says(void)
{
	char tmp[] = "/tmp/ferry-test-XXXXXX";
	struct backend *be;
	const char *name;

	places_begin(&p);
	CHECK(mkdtemp(tmp));
	be = opened(&p, tmp);
	CHECK_STR(be->name, tmp);
	CHECK(put_bytes(&p, be, "d/a:b", 1, 10) == 0);
	CHECK(symlink("d", at(tmp, "to-d")) == 0);
	CHECK(symlink("d/a:b", at(tmp, "to-f")) == 0);
	CHECK(symlink("no", at(tmp, "to-no")) == 0);
	be_close(be);

	CHECK_STR(file_of(at(tmp, "d/a:b"), &be), "a:b");
	CHECK(gets_bytes(&p, be, "a:b", 1, 10));
	be_close(be);
	CHECK(!file_of(at(tmp, "d/"), &be));
	CHECK(gets_bytes(&p, be, "a:b", 1, 10));
	be_close(be);
	CHECK(!file_of(at(tmp, "d/../d"), &be));
	be_close(be);
	CHECK(!file_of(at(tmp, "d/.."), &be));
	CHECK(gets_bytes(&p, be, "d/a:b", 1, 10));
	be_close(be);
	CHECK(!file_of(at(tmp, "to-d"), &be)); /* a link to a folder is it */
	CHECK(gets_bytes(&p, be, "a:b", 1, 10));
	be_close(be);
	CHECK_STR(file_of(at(tmp, "to-f"), &be), "to-f");
	be_close(be);
	CHECK_STR(file_of(at(tmp, "to-no"), &be), "to-no");
	be_close(be);
	CHECK(!file_of("/", &be));
	be_close(be);
	CHECK(remote_open_source(&p.remotes, at(tmp, "x"), &p.op, &be, &name) ==
	      -1);
	CHECK(p.op.err.kind == ERR_NOT_FOUND);
	CHECK(remote_open_source(&p.remotes, at(tmp, "d/a:b/"), &p.op, &be,
				 &name) == -1);
	CHECK(p.op.err.kind == ERR_NOT_DIR);

	CHECK(remote_open_parent(&p.remotes, at(tmp, "new//"), &p.op, &be,
				 &name) == 0);
	CHECK_STR(be->name, tmp);
	CHECK_STR(name, "new");
	CHECK(be_purge(be, &p.op, "d") == 0);
	be_close(be);
	CHECK(unlink(at(tmp, "to-d")) == 0 && unlink(at(tmp, "to-f")) == 0);
	CHECK(unlink(at(tmp, "to-no")) == 0 && rmdir(tmp) == 0);
	places_end(&p);
}

static void the_memory_of_hashes_opens_once(void)
{
	char tmp[] = "/tmp/ferry-test-XXXXXX";
	struct hash_memory *memory;

	places_begin(&p);
	CHECK(mkdtemp(tmp));
	p.remotes.state_dir = tmp;
	CHECK(!remotes_memory(&p.remotes, &p.op)); /* it is off */
	p.remotes.no_memory = false;
	memory = remotes_memory(&p.remotes, &p.op);
	CHECK(memory && remotes_memory(&p.remotes, &p.op) == memory);
	hash_memory_close(memory); /* before its file is removed */
	p.remotes.memory = NULL;
	(void)unlink(at(tmp, "hashes.db-wal"));
	(void)unlink(at(tmp, "hashes.db-shm"));
	CHECK(unlink(at(tmp, "hashes.db")) == 0 && rmdir(tmp) == 0);
	places_end(&p);
}

static void options_are_read_in_their_type(void)
{
	static const struct driver_option options[] = {
		{ .name = "s", .fallback = "x" },
		{ .name = "b", .type = OPTION_BOOL, .fallback = "true" },
		{ .name = "i", .type = OPTION_INT },
		{ .name = "z", .type = OPTION_SIZE, .fallback = "10k" },
		{ .name = "d", .type = OPTION_DURATION },
		{ .name = "n" },
		{ .name = NULL },
	};
	static const struct driver driver = { .name = "d", .options = options };
	const struct place_option given[] = {
		{ "s", "y" }, { "i", "-5" }, { "s", "" }, { "d", "1.5s" }
	};
	const struct remote_conf empty = { .name = "d:", .driver = &driver };
	struct remote_conf conf = empty;

	conf.options = given;
	conf.n_options = ARRAY_LEN(given);
	CHECK_STR(conf_str(&empty, "s"), "x");
	CHECK(conf_bool(&empty, "b"));
	CHECK(conf_int(&empty, "i") == 0 && conf_int(&empty, "d") == 0);
	CHECK(conf_int(&empty, "z") == 10240);
	CHECK(!conf_str(&empty, "n"));
	CHECK_STR(conf_str(&conf, "s"), "");
	CHECK(conf_int(&conf, "i") == -5);
	CHECK(conf_int(&conf, "d") == INT64_C(1500000000));
}

int main(void)
{
	RUN(a_section_names_the_driver);
	RUN(a_place_changes_options_of_its_section);
	RUN(what_is_wrong_is_named_with_a_remedy);
	RUN(a_remote_that_wraps_itself_is_refused);
	RUN(secrets_of_inner_places_are_not_shown);
	RUN(a_source_may_be_a_file_or_a_folder);
	RUN(a_failing_look_is_no_missing_file);
	RUN(the_parent_of_a_new_file_is_opened);
	RUN(a_missing_configuration_is_an_empty_one);
	RUN(paths_of_this_machine_mean_what_the_system_says);
	RUN(the_memory_of_hashes_opens_once);
	RUN(options_are_read_in_their_type);
	return 0;
}
