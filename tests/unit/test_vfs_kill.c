#include "tests/unit/vfs_files.h"
#include "tests/unit/vfs_tree.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

/*
 * kill -9 while names are changed: what is there afterwards is the tree as it
 * was at one instant, none before the last fsync; and the place comes to have
 * just that.
 */
enum { STEPS = 400, ROUNDS = 6 };

struct shared {
	_Atomic unsigned begun, kept; /* steps */
};

static struct shared *shared;
static char place[128];

static void child(uint64_t seed)
{
	struct op op = op_begin(&b.p.cancel);

	b.be = opened(&b.p, place);
	bed_open(&b);
	state = seed;
	for (unsigned i = 1; i <= STEPS; i++) {
		shared->begun = i;
		steps(1);
		if (i % 16 == 0) {
			CHECK(vfs_fsyncdir(b.v, &op) == 0);
			shared->kept = i;
		}
	}
	for (;;)
		pause();
}

/*
 * "d/ d/f=12:9af03c41 ": all that is here, or in the model, with what is in
 * the files: two of one size may have changed their names.
 */
static int by_text(const void *x, const void *y)
{
	return strcmp(*(char *const *)x, *(char *const *)y);
}

static void join(char **all, size_t n, struct buf *out)
{
	if (n)
		qsort(all, n, sizeof(char *), by_text);
	buf_reset(out);
	for (size_t i = 0; i < n; i++) {
		buf_addf(out, "%s ", all[i]);
		free(all[i]);
	}
}

static char *text_of(const char *path, bool dir, const uint8_t *bytes,
		     int64_t size)
{
	struct buf text = BUF_INIT;
	uint32_t sum = 0;

	for (int64_t i = 0; i < size; i++)
		sum = sum * 31 + bytes[i];
	buf_adds(&text, path);
	if (dir)
		buf_adds(&text, "/");
	else
		buf_addf(&text, "=%d:%08x", (int)size, (unsigned)sum);
	return text.data;
}

static char *text_of_item(const struct item *it)
{
	uint8_t bytes[256];

	for (int64_t i = 0; i < it->size; i++)
		bytes[i] = bytes_at(it->seed, i);
	return text_of(it->path, it->dir, bytes, it->size);
}

static char *text_of_file(const char *path)
{
	struct vfs_file *f = open_file(path, O_RDONLY);
	uint8_t bytes[256];
	ssize_t n = read_at(f, bytes, sizeof(bytes), 0);

	CHECK(n >= 0 && n == bed_attr(&b, path).size);
	vfs_release(b.v, f);
	return text_of(path, false, bytes, n);
}

static void model_text(struct buf *out)
{
	char *all[ITEMS];
	size_t n = 0;

	for (size_t i = 0; i < ITEMS; i++)
		if (items[i].path[0])
			all[n++] = text_of_item(&items[i]);
	join(all, n, out);
}

struct walk {
	char *all[256];
	size_t n;
};

static void walk(struct walk *w, const char *dir)
{
	struct buf names = BUF_INIT;
	char *save = NULL;

	bed_list(&b, dir, &names);
	for (char *name = strtok_r(names.data, " ", &save); name;
	     name = strtok_r(NULL, " ", &save)) {
		char path[512];
		bool is_dir;

		snprintf(path, sizeof(path), "%s%s%s", dir, *dir ? "/" : "",
			 name);
		is_dir = S_ISDIR(bed_attr(&b, path).mode);
		CHECK(w->n < ARRAY_LEN(w->all));
		w->all[w->n++] = is_dir ? text_of(path, true, NULL, 0)
					: text_of_file(path);
		if (is_dir)
			walk(w, path);
	}
	buf_free(&names);
}

/* The model as it is after so many steps. */
static void simulate(const struct item *from, uint64_t seed, unsigned n)
{
	memcpy(items, from, sizeof(items));
	state = seed;
	dry = true;
	steps(n);
	dry = false;
}

static bool is_at_an_instant(const struct item *before, uint64_t seed)
{
	struct buf here = BUF_INIT, then = BUF_INIT;
	struct walk w = { .n = 0 };
	int64_t size;
	bool found = false;

	walk(&w, "");
	join(w.all, w.n, &here);
	for (unsigned i = shared->kept; i <= shared->begun && !found; i++) {
		simulate(before, seed, i);
		model_text(&then);
		found = strcmp(here.data, then.data) == 0;
		if (found || !written || i == shared->kept)
			continue;
		/* between its making and its writing */
		size = written->size;
		written->size = 0;
		model_text(&then);
		found = strcmp(here.data, then.data) == 0;
		if (!found)
			written->size = size;
	}
	if (!found)
		fprintf(stderr, "%s: steps %u to %u\nis:  %s\nwas: %s\n",
			b.s.dir, shared->kept, shared->begun, here.data,
			then.data);
	buf_free(&here);
	buf_free(&then);
	return found;
}

static void round_of(uint64_t seed)
{
	struct item before[ITEMS];
	pid_t pid;
	int st;

	memcpy(before, items, sizeof(before));
	*shared = (struct shared){ 0 };
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0)
		child(seed);
	usleep((unsigned)(seed % 97) * 1000);
	CHECK(kill(pid, SIGKILL) == 0);
	CHECK(waitpid(pid, &st, 0) == pid);
	if (!WIFSIGNALED(st) || WTERMSIG(st) != SIGKILL)
		fprintf(stderr, "%s\n", b.s.dir);
	CHECK(WIFSIGNALED(st) && WTERMSIG(st) == SIGKILL);
	b.be = opened(&b.p, place);
	b.opt.read_only = true; /* nothing is sent yet */
	bed_open(&b);
	CHECK(is_at_an_instant(before, seed));
	b.opt.read_only = false;
	bed_reopen(&b);
	bed_flush(&b);
	check_tree();
	check_place();
	bed_close(&b);
	be_close(b.be);
}

static void run(uint64_t seed)
{
	memset(items, 0, sizeof(items));
	places_begin(&b.p);
	scratch_begin(&b.s);
	snprintf(place, sizeof(place), "%s/place", b.s.dir);
	b.be = opened(&b.p, place);
	b.opt = (struct vfs_opt){
		.dir = scratch_path(&b.s, "vfs"),
		.cache_mode = VFS_CACHE_FULL,
		.cache_size = -1,
		.dir_time = BED_HOUR,
		.write_back = BED_HOUR,
		.read_ahead = 1 << 20,
		.umask = 022,
		.local_modes = true,
	};
	CHECK(be_mkdir(b.be, &b.p.op, "") == 0);
	be_close(b.be);
	for (unsigned i = 0; i < ROUNDS; i++)
		round_of(seed * 1000 + i * 31 + 7);
	scratch_end(&b.s);
	places_end(&b.p);
}

static void a_kill_leaves_the_tree_of_an_instant(void)
{
	const char *first = getenv("VFS_KILL_SEED");
	uint64_t seed = first ? strtoull(first, NULL, 10) : 1;

	for (unsigned i = 0; i < 4; i++)
		run(seed + i);
}

int main(void)
{
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(shared != MAP_FAILED);
	RUN(a_kill_leaves_the_tree_of_an_instant);
	return 0;
}
