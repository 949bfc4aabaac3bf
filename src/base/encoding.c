/*
 * Encodings of bytes as text. Works on memory of the caller's and allocates
 * none; knows nothing of what is encoded.
 */
#include "base/encoding.h"

static const char base64url[64] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* The six bits of a character, plus one: zero is any other character. */
/* clang-format off */
static const unsigned char base64url_bits[256] = {
	['A'] = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13,
	14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26,
	['a'] = 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39,
	40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52,
	['0'] = 53, 54, 55, 56, 57, 58, 59, 60, 61, 62,
	['-'] = 63,
	['_'] = 64,
};
/* clang-format on */

void kri_base64url_encode(const unsigned char *bytes, size_t size, char *out)
{
	unsigned bits = 0; /* the low `have` of it are yet to be written */
	int have = 0;
	size_t i;

	for (i = 0; i < size; i++) {
		bits = (bits << 8 | bytes[i]) & 0xffff;
		for (have += 8; have >= 6; have -= 6)
			*out++ = base64url[bits >> (have - 6) & 0x3f];
	}
	if (have)
		*out = base64url[bits << (6 - have) & 0x3f];
}

/* A character's six bits; any other has more, and leaves them in *seen. */
static inline unsigned bits_of(char c, unsigned *seen)
{
	unsigned six = base64url_bits[(unsigned char)c] - 1u;

	*seen |= six;
	return six;
}

/*
 * Bytes are written before the whole text is known to be good, which saves a
 * second pass; the caller must not look at them after an error. Four characters
 * are three bytes; at the end two are one, and three are two.
 */
enum kr_err kri_base64url_decode(struct kri_text text, unsigned char *bytes,
				 size_t size)
{
	const char *at = text.data;
	size_t rest = size % 3;
	unsigned bits, seen = 0;

	if (text.len != KRI_BASE64URL_LEN(size))
		return KR_ERR_INPUT;
	for (size_t i = 0; i < size / 3; i++, at += 4) {
		bits = bits_of(at[0], &seen) << 18 |
		       bits_of(at[1], &seen) << 12 |
		       bits_of(at[2], &seen) << 6 | bits_of(at[3], &seen);
		*bytes++ = (unsigned char)(bits >> 16);
		*bytes++ = (unsigned char)(bits >> 8);
		*bytes++ = (unsigned char)bits;
	}
	bits = 0;
	if (rest) {
		bits = bits_of(at[0], &seen) << 12 | bits_of(at[1], &seen) << 6;
		if (rest == 2)
			bits |= bits_of(at[2], &seen);
		*bytes++ = (unsigned char)(bits >> 10);
		if (rest == 2)
			*bytes = (unsigned char)(bits >> 2);
		/* What is no byte is 0, or it were another spelling. */
		bits &= rest == 1 ? 0x3ff : 3;
	}
	return bits || seen > 63 ? KR_ERR_INPUT : KR_OK;
}

/* The value of a hex digit, or -1. */
static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

/* The byte that the %XX at the start of `text` stands for, or -1. */
static int escaped_byte(struct kri_text text)
{
	int high = text.len >= 3 ? hex_value(text.data[1]) : -1;
	int low = text.len >= 3 ? hex_value(text.data[2]) : -1;

	return high < 0 || low < 0 ? -1 : high * 16 + low;
}

enum kr_err kri_percent_decode(struct kri_text text, bool plus_is_space,
			       char *out, size_t *len)
{
	char *end = out;
	size_t i;

	for (i = 0; i < text.len; i++) {
		char c = text.data[i];

		if (c == '%') {
			int byte = escaped_byte(
				kri_text(text.data + i, text.len - i));

			if (byte < 0)
				return KR_ERR_INPUT;
			c = (char)byte;
			i += 2;
		} else if (c == '+' && plus_is_space) {
			c = ' ';
		}
		*end++ = c;
	}
	*len = (size_t)(end - out);
	return KR_OK;
}
