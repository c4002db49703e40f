#include "mount/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 16 };

static const char name[] = "control";

/* By way of the folder's descriptor the address is always short. */
static void address_of(int folder, struct sockaddr_un *out)
{
	*out = (struct sockaddr_un){ .sun_family = AF_UNIX };
	snprintf(out->sun_path, sizeof(out->sun_path), "/proc/self/fd/%d/%s",
		 folder, name);
}

int socket_listen(struct op *op, const char *folder)
{
	int dir = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC), fd;
	struct sockaddr_un at;

	if (dir < 0)
		return err_sys(&op->err, "\"%s\"", folder);
	/* a killed process has left it; the folder is locked by us */
	unlinkat(dir, name, 0);
	address_of(dir, &at);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (const struct sockaddr *)&at, sizeof(at)) < 0 ||
	    listen(fd, BACKLOG) < 0) {
		err_sys(&op->err, "\"%s/%s\"", folder, name);
		if (fd >= 0)
			close(fd);
		fd = -1;
	}
	close(dir);
	return fd;
}

int socket_connect(struct op *op, const char *folder)
{
	int dir = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC), fd;
	struct sockaddr_un at;

	if (dir < 0)
		return err_sys(&op->err, "\"%s\"", folder);
	address_of(dir, &at);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 ||
	    connect(fd, (const struct sockaddr *)&at, sizeof(at)) < 0) {
		if (errno == ECONNREFUSED || errno == ENOENT)
			err_set(&op->err, ERR_NOT_FOUND, "nobody is there");
		else
			err_sys(&op->err, "\"%s/%s\"", folder, name);
		if (fd >= 0)
			close(fd);
		fd = -1;
	}
	close(dir);
	return fd;
}
