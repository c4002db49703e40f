#include "repo/migrate.h"

#include "repo/config_file.h"

int migrate_to_v2(struct repo *r, struct op *op, struct lock *lock)
{
	const struct config_file c = { .version = 2,
				       .id = r->id,
				       .polynomial = r->polynomial };
	struct buf json = BUF_INIT, sealed = BUF_INIT;
	struct coder *coder = repo_coder(r);
	size_t n;
	int rc;

	if (r->version != 1)
		BUG("version %u is not to be upgraded", r->version);
	config_file_write(&json, &c);
	n = json.len + ENVELOPE_EXTRA;
	envelope_seal(coder_envelope(coder), json.data, json.len,
		      (uint8_t *)buf_room(&sealed, n));
	rc = lock_check(lock, op);
	if (rc == 0)
		rc = store_replace_config(r->store, op, sealed.data, n);
	if (rc == 0)
		r->version = 2;
	coder_free(coder);
	buf_free(&json);
	buf_free(&sealed);
	return rc;
}
