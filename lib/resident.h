#ifndef LIB_RESIDENT_H
#define LIB_RESIDENT_H

/*
 * For a process that has begun to serve and will last: give back what only its
 * start has needed, of the heap and of the pages of the program and its
 * libraries, which come again from their files where they are needed.
 */
void resident_trim(void);

#endif
