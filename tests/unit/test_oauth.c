#include "tests/harness.h"

#include <sys/stat.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/file.h"
#include "lib/ini_file.h"
#include "net/oauth.h"
#include "tests/unit/scratch.h"
#include "tests/unit/token_server.h"

struct fixture {
	struct scratch scratch;
	struct server server;
	struct http_settings settings;
	struct http *http;
	struct oauth *oauth;
	char *config, *url;
};

static struct oauth *new_oauth(struct fixture *f)
{
	const struct oauth_conf conf = { .name = "my cloud",
					 .config_path = f->config,
					 .token_url = f->url,
					 .client_id = "cli&ent",
					 .remedy = "run: again" };

	return oauth_new(f->http, &conf);
}

static void begin(struct fixture *f, const struct step *steps, size_t n)
{
	static const struct http_conf conf = { .name = "test" };
	static const char section[] = "[my cloud]\n";
	unsigned port;

	*f = (struct fixture){ 0 };
	scratch_begin(&f->scratch);
	port = server_begin(&f->server, steps, n);
	f->server.arg = f;
	f->url = arena_printf(&f->scratch.op.arena, "http://127.0.0.1:%u/token",
			      port);
	f->config = scratch_path(&f->scratch, "ferry.conf");
	CHECK(file_write(&f->scratch.op, f->config, section, strlen(section)) ==
	      0);
	f->http = http_new(&f->settings, &conf);
	f->oauth = new_oauth(f);
}

static void end(struct fixture *f)
{
	server_end(&f->server);
	oauth_free(f->oauth);
	http_free(f->http);
	scratch_end(&f->scratch);
}

/* A token that lives for so many seconds from now. */
static void put_token(struct fixture *f, const char *access,
		      const char *refresh, int64_t life)
{
	const struct oauth_token t = {
		.access = access,
		.refresh = refresh,
		.expiry = clock_wall() + life * NS_PER_SEC,
	};

	CHECK(oauth_store(&f->scratch.op, f->config, "my cloud", &t) == 0);
}

static struct oauth_token stored(struct fixture *f)
{
	struct op *op = &f->scratch.op;
	struct ini *ini = ini_new();
	struct oauth_token t;

	CHECK(ini_load(op, f->config, ini) == 0);
	CHECK(oauth_token_parse(&op->arena, ini_get(ini, "my cloud", "token"),
				&t, &op->err) == 0);
	ini_free(ini);
	return t;
}

static void gives(struct fixture *f, const char *stale, const char *want)
{
	const char *value;

	if (oauth_authorize(f->oauth, &f->scratch.op, stale, &value) < 0) {
		fprintf(stderr, "%s\n", f->scratch.op.err.msg);
		abort();
	}
	CHECK_STR(value, want);
}

static void fails(struct fixture *f, const char *stale, enum err_kind kind,
		  const char *part)
{
	const struct err *e = &f->scratch.op.err;
	const char *value;

	CHECK(oauth_authorize(f->oauth, &f->scratch.op, stale, &value) < 0);
	if (!strstr(e->msg, part))
		CHECK_STR(e->msg, part);
	if (e->kind != kind)
		CHECK_STR(err_info(e->kind)->name, err_info(kind)->name);
}

#define ANSWER(access, refresh)                                         \
	"{\"access_token\":\"" access "\",\"refresh_token\":\"" refresh \
	"\",\"expires_in\":3600}"
#define INVALID_GRANT \
	"{\"error\":\"invalid_grant\",\"error_description\":\"no\"}"

static void a_good_token_comes_from_the_file(void)
{
	struct fixture f;

	begin(&f, NULL, 0);
	put_token(&f, "a1", "r1", 3600);
	gives(&f, NULL, "Bearer a1");
	put_token(&f, "a2", "r2", 3600);
	gives(&f, NULL, "Bearer a1"); /* from memory */
	gives(&f, "Bearer a1", "Bearer a2");
	end(&f);
}

static void an_expired_token_is_exchanged_once(void)
{
	static const struct step steps[] = { { 200, ANSWER("a2", "r2+&"), 0,
					       NULL } };
	struct fixture f;

	begin(&f, steps, ARRAY_LEN(steps));
	put_token(&f, "a1", "r/1", 30);
	gives(&f, NULL, "Bearer a2");
	gives(&f, NULL, "Bearer a2");
	CHECK_STR(f.server.bodies[0],
		  "grant_type=refresh_token&refresh_token=r%2F1&"
		  "client_id=cli%26ent");
	CHECK_STR(stored(&f).access, "a2");
	CHECK_STR(stored(&f).refresh, "r2+&");
	CHECK(stored(&f).expiry > clock_wall() + 3500 * NS_PER_SEC);
	CHECK(stored(&f).expiry <= clock_wall() + 3600 * NS_PER_SEC);
	end(&f);
}

static void a_refused_token_is_exchanged_before_its_time(void)
{
	static const struct step steps[] = {
		{ 200, "{\"access_token\":\"a2\",\"expires_in\":\"3600\"}", 0,
		  NULL }
	};
	struct fixture f;

	begin(&f, steps, ARRAY_LEN(steps));
	put_token(&f, "a1", "r1", 3600);
	gives(&f, "Bearer a1", "Bearer a2");
	CHECK_STR(stored(&f).refresh, "r1"); /* no new one: the old stays */
	CHECK(stored(&f).expiry > clock_wall() + 3500 * NS_PER_SEC);
	end(&f);
}

static void *authorize_once(void *arg)
{
	struct fixture *f = arg;
	struct op op = op_begin(&f->scratch.cancel);
	const char *value;

	CHECK(oauth_authorize(f->oauth, &op, NULL, &value) == 0);
	CHECK_STR(value, "Bearer a2");
	op_end(&op);
	return NULL;
}

static void many_threads_make_one_request(void)
{
	static const struct step steps[] = { { 200, ANSWER("a2", "r2"), 100,
					       NULL } };
	pthread_t threads[8];
	struct fixture f;

	begin(&f, steps, ARRAY_LEN(steps));
	put_token(&f, "a1", "r1", 0);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		CHECK(pthread_create(&threads[i], NULL, authorize_once, &f) ==
		      0);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		CHECK(pthread_join(threads[i], NULL) == 0);
	CHECK(f.server.asked == 1);
	end(&f);
}

/* What is another process to the file: a struct oauth of its own. */
static void *authorize_elsewhere(void *arg)
{
	struct fixture *f = arg;
	struct op op = op_begin(&f->scratch.cancel);
	struct oauth *o = new_oauth(f);
	const char *value;

	CHECK(oauth_authorize(o, &op, NULL, &value) == 0);
	CHECK_STR(value, "Bearer a2");
	oauth_free(o);
	op_end(&op);
	return NULL;
}

static void many_processes_make_one_request(void)
{
	static const struct step steps[] = { { 200, ANSWER("a2", "r2"), 100,
					       NULL } };
	pthread_t threads[8];
	struct fixture f;

	begin(&f, steps, ARRAY_LEN(steps));
	put_token(&f, "a1", "r1", 0);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		CHECK(pthread_create(&threads[i], NULL, authorize_elsewhere,
				     &f) == 0);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		CHECK(pthread_join(threads[i], NULL) == 0);
	CHECK(f.server.asked == 1);
	end(&f);
}

static void a_lost_login_says_how_to_sign_in(void)
{
	static const struct step steps[] = { { 400, INVALID_GRANT, 0, NULL } };
	struct fixture f;

	begin(&f, steps, ARRAY_LEN(steps));
	put_token(&f, "a1", "secretsecretsecret", 30);
	fails(&f, NULL, ERR_AUTH,
	      "my cloud: the sign-in has expired or was used elsewhere (by a "
	      "copy of the configuration?); run: again");
	CHECK(f.scratch.op.err.code == 400);
	CHECK_STR(stored(&f).access, "a1");
	end(&f);
}

static void put_newer(void *arg)
{
	put_token(arg, "a7", "r7", 3600);
}

static void put_newer_but_expired(void *arg)
{
	put_token(arg, "a7", "r7", 0);
}

static void one_who_knows_no_lock_may_have_been_faster(void)
{
	static const struct step steps[] = { { 400, INVALID_GRANT, 0,
					       put_newer } };
	struct fixture f;

	begin(&f, steps, ARRAY_LEN(steps));
	put_token(&f, "a1", "r1", 0);
	gives(&f, NULL, "Bearer a7");
	end(&f);
}

static void what_that_one_left_is_exchanged_if_need_be(void)
{
	static const struct step steps[] = {
		{ 400, INVALID_GRANT, 0, put_newer_but_expired },
		{ 200, ANSWER("a8", "r8"), 0, NULL },
	};
	struct fixture f;

	begin(&f, steps, ARRAY_LEN(steps));
	put_token(&f, "a1", "r1", 0);
	gives(&f, NULL, "Bearer a8");
	CHECK_STR(f.server.bodies[1], "grant_type=refresh_token&"
				      "refresh_token=r7&client_id=cli%26ent");
	CHECK_STR(stored(&f).refresh, "r8");
	end(&f);
}

static void a_failing_service_is_no_lost_login(void)
{
	static const struct step steps[] = {
		{ 503, "", 0, NULL },
		{ 0, NULL, 0, NULL },
		{ 429, "", 0, NULL },
		{ 200, ANSWER("a2", "r2"), 0, NULL },
	};
	struct fixture f;

	begin(&f, steps, ARRAY_LEN(steps));
	put_token(&f, "a1", "r1", 0);
	fails(&f, NULL, ERR_BUSY, "");
	fails(&f, NULL, ERR_NETWORK, "");
	fails(&f, NULL, ERR_BUSY, "");
	gives(&f, NULL, "Bearer a2");
	end(&f);
}

static void while_the_service_fails_what_is_left_is_used_up(void)
{
	static const struct step steps[] = { { 503, "", 0, NULL },
					     { 503, "", 0, NULL } };
	struct fixture f;

	begin(&f, steps, ARRAY_LEN(steps));
	put_token(&f, "a1", "r1", 30);
	gives(&f, NULL, "Bearer a1");
	gives(&f, NULL, "Bearer a1"); /* and not asked at once again */
	CHECK(f.server.asked == 1);
	fails(&f, "Bearer a1", ERR_BUSY, "");
	end(&f);
}

static void a_file_that_cannot_be_written_costs_no_login(void)
{
	struct fixture f;
	char *lock;

	begin(&f, NULL, 0);
	put_token(&f, "a1", "r1", 30);
	/* a mode would not keep root from writing; a folder there does */
	lock = scratch_path(&f.scratch, "ferry.conf.lock");
	CHECK(unlink(lock) == 0 && mkdir(lock, 0700) == 0);
	fails(&f, NULL, ERR_IS_DIR, "a new one could not be kept");
	CHECK(f.server.asked == 0);
	end(&f);
}

/* A folder in its place: the renaming fails, whoever we are. */
static void block_the_file(void *arg)
{
	struct fixture *f = arg;
	struct op op = op_begin(&f->scratch.cancel);

	CHECK(rename(f->config,
		     arena_printf(&op.arena, "%s.away", f->config)) == 0);
	CHECK(mkdir(f->config, 0700) == 0);
	op_end(&op);
}

static void unblock_the_file(struct fixture *f)
{
	CHECK(rmdir(f->config) == 0);
	CHECK(rename(scratch_path(&f->scratch, "ferry.conf.away"), f->config) ==
	      0);
}

static void a_token_that_could_not_be_written_is_kept(void)
{
	static const struct step steps[] = { { 200, ANSWER("a2", "r2"), 0,
					       block_the_file } };
	struct fixture f;
	int fd;

	begin(&f, steps, ARRAY_LEN(steps));
	put_token(&f, "a1", "r1", 30);
	fails(&f, NULL, ERR_IS_DIR, "the new token could not be written");
	/* nobody else may show the old one meanwhile */
	fd = file_lock(&f.scratch.op,
		       scratch_path(&f.scratch, "ferry.conf.my_cloud.token"),
		       50);
	CHECK(fd < 0 && f.scratch.op.err.kind == ERR_LOCKED);
	unblock_the_file(&f);
	gives(&f, NULL, "Bearer a2");
	CHECK_STR(stored(&f).refresh, "r2");
	end(&f);
}

static void it_is_written_at_the_end_if_not_before(void)
{
	static const struct step steps[] = { { 200, ANSWER("a2", "r2"), 0,
					       block_the_file } };
	struct fixture f;

	begin(&f, steps, ARRAY_LEN(steps));
	put_token(&f, "a1", "r1", 30);
	fails(&f, NULL, ERR_IS_DIR, "");
	unblock_the_file(&f);
	oauth_free(f.oauth);
	f.oauth = NULL;
	CHECK_STR(stored(&f).refresh, "r2");
	end(&f);
}

static void call_off(void *arg)
{
	struct fixture *f = arg;

	cancel_set(&f->scratch.cancel);
	usleep(300000);
}

static void a_cancel_does_not_lose_the_answer(void)
{
	static const struct step steps[] = { { 200, ANSWER("a2", "r2"), 0,
					       call_off } };
	struct fixture f;
	const char *value;

	begin(&f, steps, ARRAY_LEN(steps));
	put_token(&f, "a1", "r1", 30);
	(void)!oauth_authorize(f.oauth, &f.scratch.op, NULL, &value);
	CHECK_STR(stored(&f).refresh, "r2");
	end(&f);
}

static void a_cancel_beforehand_spends_nothing(void)
{
	struct fixture f;

	begin(&f, NULL, 0);
	put_token(&f, "a1", "r1", 30);
	cancel_set(&f.scratch.cancel);
	fails(&f, NULL, ERR_CANCELED, "");
	CHECK(f.server.asked == 0);
	end(&f);
}

static void without_a_token_one_must_sign_in(void)
{
	struct fixture f;
	static const char broken[] = "[my cloud]\ntoken = {\"access\n";

	begin(&f, NULL, 0);
	fails(&f, NULL, ERR_AUTH, "my cloud: not signed in; run: again");
	CHECK(file_write(&f.scratch.op, f.config, broken, strlen(broken)) == 0);
	fails(&f, NULL, ERR_AUTH, "is damaged; run: again");
	put_token(&f, "a1", NULL, 0);
	fails(&f, NULL, ERR_AUTH, "has expired; run: again");
	end(&f);
}

static void refusals_show_no_secret(void)
{
	static const struct step steps[] = {
		{ 401,
		  "{\"error\":\"invalid_client\","
		  "\"error_description\":\"no such secretsecretsecret\"}",
		  0, NULL },
		{ 401,
		  "{\"error\":\"unauthorized_client\","
		  "\"error_description\":\"go\\u001b[31m away\"}",
		  0, NULL },
		{ 403, "<html>", 0, NULL },
	};
	struct fixture f;

	begin(&f, steps, ARRAY_LEN(steps));
	put_token(&f, "a1", "secretsecretsecret", 0);
	fails(&f, NULL, ERR_AUTH, "was refused: invalid_client");
	CHECK(!strstr(f.scratch.op.err.msg, "secretsecretsecret"));
	fails(&f, NULL, ERR_AUTH,
	      "was refused: unauthorized_client: go\\x1b[31m away");
	fails(&f, NULL, ERR_AUTH, "was refused: no reason given");
	end(&f);
}

static void answers_without_a_token_are_refused(void)
{
	static const struct step steps[] = {
		{ 200, "{}", 0, NULL },
		{ 200, "<html>", 0, NULL },
		{ 200, "{\"access_token\":7}", 0, NULL },
		{ 200, "{\"access_token\":\"a\\u0000b\"}", 0, NULL },
		{ 200, "{\"access_token\":\"a\\r\\nb: c\"}", 0, NULL },
	};
	struct fixture f;

	begin(&f, steps, ARRAY_LEN(steps));
	put_token(&f, "a1", "r1", 0);
	for (int i = 0; i < 4; i++)
		fails(&f, NULL, ERR_CORRUPT, "the answer to the sign-in");
	fails(&f, NULL, ERR_AUTH, "letters that none may have");
	end(&f);
}

static void a_short_life_is_used_to_its_half(void)
{
	static const struct step steps[] = {
		{ 200,
		  "{\"access_token\":\"a2\",\"refresh_token\":\"r2\","
		  "\"expires_in\":30}",
		  0, NULL },
	};
	struct fixture f;

	begin(&f, steps, ARRAY_LEN(steps));
	put_token(&f, "a1", "r1", -1);
	for (int i = 0; i < 3; i++)
		gives(&f, NULL, "Bearer a2");
	CHECK(stored(&f).life == 30 * NS_PER_SEC);
	/* And another process, which has it from the file. */
	oauth_free(f.oauth);
	f.oauth = new_oauth(&f);
	gives(&f, NULL, "Bearer a2");
	CHECK(atomic_load(&f.server.asked) == 1);
	end(&f);
}

static void a_short_life_over_its_half_is_renewed(void)
{
	static const struct step steps[] = { { 200, ANSWER("a2", "r2"), 0,
					       NULL } };
	const struct oauth_token t = { .access = "a1",
				       .refresh = "r1",
				       .expiry = clock_wall() + 14 * NS_PER_SEC,
				       .life = 30 * NS_PER_SEC };
	struct fixture f;

	begin(&f, steps, ARRAY_LEN(steps));
	CHECK(oauth_store(&f.scratch.op, f.config, "my cloud", &t) == 0);
	gives(&f, NULL, "Bearer a2");
	end(&f);
}

static void tokens_are_read_as_rclone_writes_them(void)
{
	static const char json[] =
		"{\"access_token\":\"a\",\"token_type\":\"bearer\","
		"\"refresh_token\":\"r\","
		"\"expiry\":\"2024-05-06T09:08:09.123456789+02:00\"}";
	struct arena a = { 0 };
	struct buf b = BUF_INIT;
	struct oauth_token t;
	struct err e;

	CHECK(oauth_token_parse(&a, json, &t, &e) == 0);
	CHECK_STR(t.access, "a");
	CHECK_STR(t.refresh, "r");
	CHECK_STR(t.type, "bearer");
	CHECK(t.expiry == 1714979289123456789);
	oauth_token_write(&b, &t);
	CHECK_STR(b.data, "{\"access_token\":\"a\",\"token_type\":\"bearer\","
			  "\"refresh_token\":\"r\","
			  "\"expiry\":\"2024-05-06T07:08:09.123456789Z\"}");
	CHECK(oauth_token_parse(&a,
				"{\"access_token\":\"a\","
				"\"expiry\":\"0001-01-01T00:00:00Z\"}",
				&t, &e) == 0);
	CHECK(t.expiry == 0 && !t.refresh && !t.type);
	CHECK(oauth_token_parse(&a, "{}", &t, &e) < 0);
	CHECK(e.kind == ERR_CORRUPT);
	CHECK(oauth_token_parse(&a, "[1]", &t, &e) < 0);
	buf_free(&b);
	arena_free(&a);
}

int main(void)
{
	RUN(a_short_life_is_used_to_its_half);
	RUN(a_short_life_over_its_half_is_renewed);
	RUN(tokens_are_read_as_rclone_writes_them);
	RUN(a_good_token_comes_from_the_file);
	RUN(an_expired_token_is_exchanged_once);
	RUN(a_refused_token_is_exchanged_before_its_time);
	RUN(many_threads_make_one_request);
	RUN(many_processes_make_one_request);
	RUN(a_lost_login_says_how_to_sign_in);
	RUN(one_who_knows_no_lock_may_have_been_faster);
	RUN(what_that_one_left_is_exchanged_if_need_be);
	RUN(a_failing_service_is_no_lost_login);
	RUN(while_the_service_fails_what_is_left_is_used_up);
	RUN(a_file_that_cannot_be_written_costs_no_login);
	RUN(a_token_that_could_not_be_written_is_kept);
	RUN(it_is_written_at_the_end_if_not_before);
	RUN(a_cancel_does_not_lose_the_answer);
	RUN(a_cancel_beforehand_spends_nothing);
	RUN(without_a_token_one_must_sign_in);
	RUN(refusals_show_no_secret);
	RUN(answers_without_a_token_are_refused);
	return 0;
}
