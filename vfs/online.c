#include "vfs/sending.h"

#include "lib/clock.h"
#include "lib/log.h"

/* Doubling from one second to a minute. */
static int64_t backoff(unsigned tries)
{
	int64_t s = tries < 6 ? INT64_C(1) << tries : 60;

	return s * NS_PER_SEC;
}

bool may_ask_locked(struct vfs *v)
{
	int64_t now;

	if (v->offline_until == 0)
		return true;
	now = clock_mono();
	if (now < v->offline_until)
		return false;
	/* This one tries; the others wait for what it hears. */
	v->offline_until = now + backoff(v->offline_tries);
	if (v->offline_tries < 16)
		v->offline_tries++;
	return true;
}

bool vfs_may_ask(struct vfs *v)
{
	bool may;

	vfs_lock(v);
	may = may_ask_locked(v);
	vfs_unlock(v);
	return may;
}

enum news { NEWS_NONE, NEWS_ANSWER, NEWS_SILENCE };

/*
 * What a failure says of the network.  Nothing where it may have come about
 * without any request.
 */
static enum news news_of(const struct err *e)
{
	if (!e)
		return NEWS_ANSWER;
	switch (e->kind) {
	case ERR_NETWORK:
	case ERR_TIMEOUT: return NEWS_SILENCE;
	case ERR_NOT_FOUND:
	case ERR_NO_DIR:
	case ERR_EXISTS:
	case ERR_NOT_EMPTY:
	case ERR_IS_DIR:
	case ERR_NOT_DIR:
	case ERR_DENIED:
	case ERR_NO_SPACE:
	case ERR_BUSY:
	case ERR_SERVER: return NEWS_ANSWER;
	default: return NEWS_NONE;
	}
}

/* Several that were under way fail together: that is one failure. */
static void silence(struct vfs *v)
{
	int64_t until = clock_mono();

	if (v->offline_until == 0)
		v->offline_tries = 1;
	until += backoff(v->offline_tries ? v->offline_tries - 1 : 0);
	if (v->offline_until < until)
		v->offline_until = until;
}

void vfs_heard(struct vfs *v, const struct err *e)
{
	enum news news = news_of(e);
	bool was;

	if (news == NEWS_NONE)
		return;
	vfs_lock(v);
	was = v->offline_until;
	if (news == NEWS_SILENCE) {
		silence(v);
	} else if (was) {
		v->offline_until = 0;
		v->offline_tries = 0;
		queue_wake(v);
	}
	vfs_unlock(v);
	if (news == NEWS_SILENCE && !was)
		log_notice(v->be->name, "out of reach: %s", e->msg);
	else if (news == NEWS_ANSWER && was)
		log_notice(v->be->name, "in reach again");
}
