#include "lib/fold.h"

#include <locale.h>
#include <pthread.h>
#include <string.h>
#include <wchar.h>
#include <wctype.h>

static locale_t unicode; /* set once, below */
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void open_locale(void)
{
	unicode = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
	if (!unicode) /* then only A to Z have another case */
		unicode = newlocale(LC_CTYPE_MASK, "C", (locale_t)0);
}

/* How many bytes the character at `s` has, and which it is; 0 if it is none. */
static size_t decode(const unsigned char *s, size_t n, wint_t *out)
{
	size_t len = *s < 0xc2 ? 0 : *s < 0xe0 ? 2 : *s < 0xf0 ? 3 : 4;
	wint_t c;

	if (*s > 0xf4 || len == 0 || len > n)
		return 0;
	c = (wint_t)(*s & (0xff >> (len + 1)));
	for (size_t i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	/* Nothing overlong: it could stand for '/' or the end. */
	if (c < (len == 2   ? 0x80u
		 : len == 3 ? 0x800u
			    : 0x10000u) ||
	    c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return 0;
	*out = c;
	return len;
}

static void encode(struct buf *b, wint_t c)
{
	char out[4];
	size_t len = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

	if (len == 1) {
		out[0] = (char)c;
	} else {
		for (size_t i = len; i-- > 1; c >>= 6)
			out[i] = (char)(0x80 | (c & 0x3f));
		out[0] = (char)(0xf00 >> len | c);
	}
	buf_add(b, out, len);
}

void fold_case(struct buf *b, const char *name)
{
	const unsigned char *s = (const unsigned char *)name;
	size_t n = strlen(name);

	pthread_once(&once, open_locale);
	while (n) {
		wint_t c = 0;
		size_t len = 1;

		if (*s < 0x80) {
			char low =
				(char)(*s >= 'A' && *s <= 'Z' ? *s + 32 : *s);

			buf_add(b, &low, 1);
		} else if ((len = decode(s, n, &c)) > 0) {
			wint_t low = towlower_l(c, unicode);

			/* The Kelvin sign is no 'k' to a service. */
			encode(b, low < 0x80 ? c : low);
		} else {
			len = 1;
			buf_add(b, s, 1);
		}
		s += len;
		n -= len;
	}
}
