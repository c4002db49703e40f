#ifndef CMD_VERSION_H
#define CMD_VERSION_H

#ifndef FERRY_VERSION
#define FERRY_VERSION "unknown" /* the Makefile knows */
#endif

#endif
