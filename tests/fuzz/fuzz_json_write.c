#include "tests/fuzz/fuzz.h"

#include "lib/json.h"
#include "lib/json_write.h"
#include "lib/utf8.h"

/*
 * The input is a program for the writer: a byte says what to write, text goes
 * up to the next NUL.  Written a second time from what was parsed, the result
 * is the same text.
 */
struct program {
	const char *at, *end;
};

static const char *next_text(struct program *p)
{
	const char *text = p->at;

	p->at += strlen(text) + 1; /* a NUL follows the end */
	if (p->at > p->end)
		p->at = p->end;
	return text;
}

static void write_program(struct json *j, struct program *p)
{
	json_object(j, NULL);
	while (p->at < p->end) {
		char what = *p->at++;
		bool object = j->open[j->depth - 1] == '{';
		const char *key = object ? next_text(p) : NULL;

		switch (what & 7) {
		case 0: json_int(j, key, INT64_MIN + (what & 9)); break;
		case 1: json_int(j, key, INT64_MAX - (what & 9)); break;
		case 2: json_bool(j, key, what & 8); break;
		case 3:
		case 4: json_str(j, key, next_text(p)); break;
		case 5:
		case 6:
			if (j->depth == 30)
				break;
			if (what & 1)
				json_object(j, key);
			else
				json_array(j, key);
			break;
		default:
			if (j->depth > 1)
				json_end(j);
		}
	}
	while (j->depth)
		json_end(j);
}

static void write_node(struct json *j, const struct json_node *n)
{
	switch (n->type) {
	case JSON_STRING: json_str(j, n->key, n->text); break;
	case JSON_BOOL: json_bool(j, n->key, json_truth(n, false)); break;
	case JSON_NUMBER: json_int(j, n->key, json_number(n, 0)); break;
	case JSON_OBJECT: json_object(j, n->key); break;
	case JSON_ARRAY: json_array(j, n->key); break;
	case JSON_NULL: CHECK(n->type != JSON_NULL); break;
	}
	if (n->type < JSON_ARRAY)
		return;
	for (const struct json_node *c = n->child; c; c = c->next)
		write_node(j, c);
	json_end(j);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf input = BUF_INIT, first = BUF_INIT, second = BUF_INIT;
	struct json one = JSON_INIT(&first), two = JSON_INIT(&second);
	const struct json_node *root;
	struct arena a = { 0 };
	struct program p;
	struct err e;

	buf_add(&input, data, size);
	p = (struct program){ input.data, input.data + input.len };
	write_program(&one, &p);
	CHECK(utf8_valid(first.data, first.len));
	CHECK(json_parse(&a, first.data, first.len, &root, &e) == 0);
	write_node(&two, root);
	CHECK_STR(second.data, first.data);
	arena_free(&a);
	buf_free(&input);
	buf_free(&first);
	buf_free(&second);
	return 0;
}
