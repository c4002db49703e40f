#include "vfs/content.h"

/* (soon) */
void neighbours_hint(struct vfs *v, struct node *n)
{
	(void)v;
	(void)n;
}
