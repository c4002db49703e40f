#include "repo/lock_file.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <string.h>

#include "lib/date.h"
#include "lib/json.h"
#include "lib/json_write.h"
#include "lib/parse.h"

/* A number that need not be there, 0 then. */
static uint32_t get_u32(const struct json_node *root, const char *key)
{
	int64_t n = json_number(json_get(root, key), 0);

	return n < 0 || n > UINT32_MAX ? 0 : (uint32_t)n;
}

int lock_file_parse(struct arena *a, const char *json, size_t n,
		    struct lock_file *out, struct err *e)
{
	const struct json_node *root;
	const char *time;

	*out = (struct lock_file){ 0 };
	if (json_parse(a, json, n, &root, e) < 0)
		return err_wrap(e, "lock");
	time = json_text(json_get(root, "time"), "");
	if (!date_parse_rfc3339(time, &out->time))
		return err_set(e, ERR_CORRUPT, "lock: bad time");
	out->exclusive = json_truth(json_get(root, "exclusive"), false);
	out->hostname = json_text(json_get(root, "hostname"), "");
	out->username = json_text(json_get(root, "username"), "");
	out->pid = json_number(json_get(root, "pid"), 0);
	out->uid = get_u32(root, "uid");
	out->gid = get_u32(root, "gid");
	return 0;
}

void lock_file_write(struct buf *b, const struct lock_file *l)
{
	struct json j = JSON_INIT(b);
	struct buf time = BUF_INIT;

	show_time_utc(&time, l->time);
	json_object(&j, NULL);
	json_str(&j, "time", time.data);
	json_bool(&j, "exclusive", l->exclusive);
	json_str(&j, "hostname", l->hostname);
	json_str(&j, "username", l->username);
	json_int(&j, "pid", l->pid);
	if (l->uid)
		json_int(&j, "uid", l->uid);
	if (l->gid)
		json_int(&j, "gid", l->gid);
	json_end(&j);
	buf_free(&time);
}

bool lock_file_is_stale(const struct lock_file *l, int64_t now,
			const char *host)
{
	int64_t age;

	if (__builtin_sub_overflow(now, l->time, &age) || age > LOCK_STALE_NS)
		return l->time < now;
	if (!*host || strcmp(l->hostname, host) != 0)
		return false;
	if (l->pid <= 0 || l->pid > INT_MAX)
		return false;
	return kill((pid_t)l->pid, 0) < 0 && errno == ESRCH;
}
