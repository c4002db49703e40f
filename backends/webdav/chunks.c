#include "backends/webdav/write.h"

bool webdav_wants_chunks(const struct webdav *w, const struct source *src)
{
	(void)w;
	(void)src;
	return false;
}

int webdav_put_chunks(struct webdav *w, struct op *op, const char *path,
		      struct source *src, const struct put_opt *opt,
		      struct entry *out)
{
	(void)w;
	(void)path;
	(void)src;
	(void)opt;
	(void)out;
	return err_set(&op->err, ERR_UNSUPPORTED, "not here");
}

int webdav_cleanup(struct backend *be, struct op *op, struct tidied *out)
{
	(void)be;
	(void)out;
	return err_set(&op->err, ERR_UNSUPPORTED, "not here");
}
