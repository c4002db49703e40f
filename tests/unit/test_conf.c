#include "tests/harness.h"

#include "backends/conf.h"

static const struct driver_option table[] = {
	{ .name = "url", .required = true },
	{ .name = "pass", .obscured = true },
	{ .name = "bearer", .secret = true },
	{ .name = "port", .type = OPTION_INT, .obscured = true },
	{ .name = "login_token", .secret = true, .setup = true },
	{ 0 },
};

static const struct driver driver = { .name = "fake", .options = table };

struct fixture {
	struct cancel cancel;
	struct op op;
	struct remotes remotes;
	struct place_option options[4];
	struct remote_conf conf;
};

static void begin(struct fixture *f)
{
	*f = (struct fixture){ .remotes.config_path = "/etc/ferry.conf" };
	cancel_init(&f->cancel);
	f->op = op_begin(&f->cancel);
	f->conf = (struct remote_conf){ .name = "f",
					.driver = &driver,
					.remotes = &f->remotes,
					.options = f->options };
}

static void give(struct fixture *f, const char *key, const char *value)
{
	f->options[f->conf.n_options++] = (struct place_option){ key, value };
}

static void end(struct fixture *f)
{
	op_end(&f->op);
	cancel_free(&f->cancel);
}

static void passwords_are_kept_obscured(void)
{
	struct fixture f;
	const char *pass;

	begin(&f);
	CHECK(conf_password(&f.conf, "pass", &f.op, &pass) == 0 && !pass);
	give(&f, "pass", "qoC8g0EPg2LDQWp03ocZ1Dw");
	CHECK(conf_password(&f.conf, "pass", &f.op, &pass) == 0);
	CHECK_STR(pass, "x");
	give(&f, "pass", "");
	CHECK(conf_password(&f.conf, "pass", &f.op, &pass) == 0 && !pass);
	end(&f);
}

static void a_plain_password_is_refused_and_not_shown(void)
{
	struct fixture f;
	const char *pass;

	begin(&f);
	give(&f, "pass", "hunter2!");
	CHECK(conf_password(&f.conf, "pass", &f.op, &pass) < 0);
	CHECK(f.op.err.kind == ERR_INVALID);
	CHECK_STR(f.op.err.msg,
		  "f: the value of \"pass\" is no obscured password; "
		  "\"ferry obscure -\" makes one");
	end(&f);
}

static void a_wrong_value_that_is_obscured_is_not_shown(void)
{
	struct fixture f;

	begin(&f);
	give(&f, "port", "hunter2");
	CHECK(conf_check_values(&f.conf, &f.op.err) < 0);
	CHECK_STR(f.op.err.msg,
		  "f: option \"port\" must be a whole number, which \"***\" "
		  "is not");
	end(&f);
}

static void names_show_no_secret(void)
{
	static const struct place_option options[] = {
		{ "url", "http:x" },
		{ "pass", "p1" },
		{ "bearer", "b1" },
		{ "login_token", "l1" },
	};
	const struct place place = { .driver = "fake",
				     .options = options,
				     .n_options = ARRAY_LEN(options) };
	struct fixture f;

	begin(&f);
	CHECK_STR(conf_place_name(&f.op.arena, &driver, &place, "a"),
		  ":fake,url=\"http:x\",pass=***,bearer=***,login_token=***:a");
	end(&f);
}

static void what_setup_takes_cannot_be_opened_with(void)
{
	struct fixture f;

	begin(&f);
	CHECK(conf_check_values(&f.conf, &f.op.err) == 0);
	CHECK(conf_check(&f.conf, "f", &f.op.err) < 0);
	CHECK(strstr(f.op.err.msg, "\"url\" is missing"));
	give(&f, "url", "x");
	CHECK(conf_check(&f.conf, "f", &f.op.err) == 0);
	give(&f, "login_token", "s3cret");
	CHECK(conf_check_values(&f.conf, &f.op.err) == 0);
	CHECK(conf_check(&f.conf, "f", &f.op.err) < 0);
	CHECK_STR(f.op.err.msg,
		  "f: option \"login_token\" is taken by \"ferry config "
		  "create\" and \"reconnect\" alone");
	end(&f);
}

int main(void)
{
	RUN(passwords_are_kept_obscured);
	RUN(a_plain_password_is_refused_and_not_shown);
	RUN(a_wrong_value_that_is_obscured_is_not_shown);
	RUN(names_show_no_secret);
	RUN(what_setup_takes_cannot_be_opened_with);
	return 0;
}
