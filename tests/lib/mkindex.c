/*
 * Make a repository look as if it held N blobs that no snapshot uses: index
 * files, and packs of the right sizes that are all hole.
 *
 *	mkindex FOLDER PASSWORD N
 *
 * FOLDER is a repository on this disk, with nothing in it yet.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include "crypt/secret.h"
#include "repo/index_file.h"
#include "repo/repo.h"
#include "tests/unit/places.h"

enum {
	PACK_BLOBS = 250,
	PACKS = INDEX_FILE_BLOBS / PACK_BLOBS,
	BLOB = 60000,
	RAW = 100000,
	HEADER_ENTRY = 41, /* of a compressed blob */
	HEADER_REST = 36   /* envelope and length */
};

struct given {
	struct repo_password base;
	const char *password;
};

static int ask(struct repo_password *p, struct op *op, unsigned n, char **out)
{
	const char *given = container_of(p, struct given, base)->password;
	size_t len = strlen(given) + 1;

	(void)op;
	*out = NULL;
	if (n == 0) {
		*out = secret_alloc(len);
		memcpy(*out, given, len);
	}
	return 0;
}

static void any_id(struct id *id)
{
	CHECK(getrandom(id, sizeof(*id), 0) == sizeof(*id));
}

static void make_pack(const char *folder, const struct id *id, off_t size)
{
	char hex[ID_HEX + 1], path[4096];
	int fd;

	id_hex(id, hex);
	snprintf(path, sizeof(path), "%s/data/%.2s/%s", folder, hex, hex);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	CHECK(fd >= 0 && ftruncate(fd, size) == 0);
	close(fd);
}

static void make_index(struct places *pl, struct repo *r, const char *folder)
{
	struct coder *c = repo_coder(r);
	struct pack_blob blobs[PACK_BLOBS];
	struct buf json = BUF_INIT;
	struct index_writer w;
	struct id id;

	index_write_begin(&w, &json);
	for (int p = 0; p < PACKS; p++) {
		uint32_t off = 0;

		for (unsigned i = 0; i < PACK_BLOBS; i++) {
			blobs[i] = (struct pack_blob){ .type = BLOB_DATA,
						       .off = off,
						       .len = BLOB + i,
						       .raw_len = RAW };
			any_id(&blobs[i].id);
			off += blobs[i].len;
		}
		any_id(&id);
		index_write_pack(&w, &id, blobs, PACK_BLOBS);
		make_pack(folder, &id,
			  off + PACK_BLOBS * HEADER_ENTRY + HEADER_REST);
	}
	index_write_end(&w);
	CHECK(repo_save_file(r, &pl->op, c, FILE_INDEX, json.data, json.len,
			     &id) == 0);
	buf_free(&json);
	coder_free(c);
}

int main(int argc, char **argv)
{
	struct given given = { .base = { .ask = ask } };
	struct repo_open_opt opt = { .password = &given.base };
	struct backend *be;
	struct places pl;
	struct repo *r;

	if (argc != 4)
		return 2;
	given.password = argv[2];
	places_begin(&pl);
	be = opened(&pl, argv[1]);
	if (repo_open(&pl.op, be, &opt, &r) < 0) {
		fprintf(stderr, "%s\n", pl.op.err.msg);
		return 1;
	}
	for (long n = atol(argv[3]); n > 0; n -= INDEX_FILE_BLOBS)
		make_index(&pl, r, argv[1]);
	repo_close(r);
	be_close(be);
	places_end(&pl);
	return 0;
}
