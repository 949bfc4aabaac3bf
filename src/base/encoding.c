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

/*
 * Bytes are written before the whole text is known to be good, which saves a
 * second pass; the caller must not look at them after an error.
 */
enum kr_err kri_base64url_decode(struct kri_text text, unsigned char *bytes,
				 size_t size)
{
	unsigned bits = 0; /* the low `have` of it are yet to be written */
	int have = 0;
	size_t i;

	if (text.len != KRI_BASE64URL_LEN(size))
		return KR_ERR_INPUT;
	for (i = 0; i < text.len; i++) {
		unsigned six = base64url_bits[(unsigned char)text.data[i]];

		if (!six)
			return KR_ERR_INPUT;
		bits = (bits << 6 | (six - 1)) & 0xffff;
		have += 6;
		if (have >= 8) {
			have -= 8;
			*bytes++ = (unsigned char)(bits >> have);
		}
	}
	return bits & ((1u << have) - 1) ? KR_ERR_INPUT : KR_OK;
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
