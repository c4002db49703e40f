#include "repo/progress.h"

#include <string.h>

void progress_init(struct repo_progress *p)
{
	memset(p, 0, sizeof(*p));
	pthread_mutex_init(&p->lock, NULL);
}

void progress_free(struct repo_progress *p)
{
	pthread_mutex_destroy(&p->lock);
}

int progress_enter(struct repo_progress *p, const char *name)
{
	size_t n = strnlen(name, PROGRESS_NAME - 1);
	int slot = -1;

	pthread_mutex_lock(&p->lock);
	for (int i = 0; i < PROGRESS_CURRENT && slot < 0; i++)
		if (p->current[i][0] == '\0')
			slot = i;
	if (slot >= 0) {
		memcpy(p->current[slot], name, n);
		p->current[slot][n] = '\0';
	}
	pthread_mutex_unlock(&p->lock);
	return slot;
}

void progress_leave(struct repo_progress *p, int slot)
{
	if (slot < 0)
		return; /* there was no room to show it */
	pthread_mutex_lock(&p->lock);
	p->current[slot][0] = '\0';
	pthread_mutex_unlock(&p->lock);
}
