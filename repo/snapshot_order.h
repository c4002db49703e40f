#ifndef REPO_SNAPSHOT_ORDER_H
#define REPO_SNAPSHOT_ORDER_H

/* Of two `struct snapshot`, by time and then by id: for qsort(). */
int snapshot_compare(const void *a, const void *b);

#endif
