/*
 * Text: the questions about a run of bytes that take more than a line.
 * Allocates nothing and keeps nothing. The locale plays no part: what is a
 * letter or a space is ASCII's answer.
 */
#include "base/text.h"

/*
 * One row of RFC 3629 section 4: sequences that begin with first..last have
 * `len` bytes, and the second of them is in low..high. That range is what
 * keeps overlong forms and surrogates out.
 */
struct utf8_row {
	unsigned char first, last;
	unsigned char len;
	unsigned char low, high;
};

static const struct utf8_row utf8_rows[] = {
	{0xc2, 0xdf, 2, 0x80, 0xbf}, {0xe0, 0xe0, 3, 0xa0, 0xbf},
	{0xe1, 0xec, 3, 0x80, 0xbf}, {0xed, 0xed, 3, 0x80, 0x9f},
	{0xee, 0xef, 3, 0x80, 0xbf}, {0xf0, 0xf0, 4, 0x90, 0xbf},
	{0xf1, 0xf3, 4, 0x80, 0xbf}, {0xf4, 0xf4, 4, 0x80, 0x8f},
};

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_alpha(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool kri_text_starts(struct kri_text text, struct kri_text prefix)
{
	return text.len >= prefix.len &&
	       kri_text_equal(kri_text(text.data, prefix.len), prefix);
}

bool kri_text_equal_nocase(struct kri_text a, struct kri_text b)
{
	size_t i;

	if (a.len != b.len)
		return false;
	for (i = 0; i < a.len; i++)
		if (lower(a.data[i]) != lower(b.data[i]))
			return false;
	return true;
}

struct kri_text kri_text_trim(struct kri_text text)
{
	while (text.len && is_space(text.data[0])) {
		text.data++;
		text.len--;
	}
	while (text.len && is_space(text.data[text.len - 1]))
		text.len--;
	return text;
}

bool kri_text_is_token(struct kri_text text)
{
	size_t i;

	for (i = 0; i < text.len; i++) {
		char c = text.data[i];

		/* strchr() would find the NUL at its string's end. */
		if (!c || (!is_alpha(c) && !is_digit(c) &&
			   !strchr("!#$%&'*+-.^_`|~", c)))
			return false;
	}
	return text.len > 0;
}

bool kri_text_has_control(struct kri_text text)
{
	size_t i;

	for (i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.data[i];

		if (c < 0x20 || c == 0x7f)
			return true;
	}
	return false;
}

static const struct utf8_row *utf8_row_of(unsigned char lead)
{
	size_t i;

	for (i = 0; i < sizeof(utf8_rows) / sizeof(utf8_rows[0]); i++)
		if (lead >= utf8_rows[i].first && lead <= utf8_rows[i].last)
			return &utf8_rows[i];
	return NULL;
}

/* The length of the sequence at `p`, of which `left` >= 1 bytes are there; 0
 * if it is malformed or cut short. */
static size_t utf8_len(const unsigned char *p, size_t left)
{
	const struct utf8_row *row;
	size_t i;

	if (*p < 0x80)
		return 1;
	row = utf8_row_of(*p);
	if (!row || left < row->len || p[1] < row->low || p[1] > row->high)
		return 0;
	for (i = 2; i < row->len; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return row->len;
}

bool kri_text_is_utf8(struct kri_text text)
{
	const unsigned char *p = (const unsigned char *)text.data;
	size_t at = 0;

	while (at < text.len) {
		size_t len = utf8_len(p + at, text.len - at);

		if (!len)
			return false;
		at += len;
	}
	return true;
}

struct kri_text kri_text_cut(struct kri_text *text, char mark)
{
	struct kri_text head = *text;
	const char *at = text->len ? memchr(text->data, mark, text->len) : NULL;

	if (!at) {
		*text = kri_text(NULL, 0);
		return head;
	}
	head.len = (size_t)(at - text->data);
	*text = kri_text(at + 1, text->len - head.len - 1);
	return head;
}

/* Digits only, and no zero in front of others: a number has one spelling.
 * With at most 19 of them nothing overflows. */
static bool read_digits(struct kri_text digits, uint64_t *number)
{
	if (digits.len == 0 || digits.len > 19 ||
	    (digits.len > 1 && digits.data[0] == '0'))
		return false;
	*number = 0;
	for (size_t i = 0; i < digits.len; i++) {
		unsigned digit = (unsigned char)digits.data[i] - '0';

		if (digit > 9)
			return false;
		*number = *number * 10 + digit;
	}
	return true;
}

enum kr_err kri_text_to_int(struct kri_text text, int64_t min, int64_t max,
			    int64_t *out)
{
	bool minus = text.len && text.data[0] == '-';
	uint64_t digits;
	int64_t number;

	if (!read_digits(kri_text(text.data + minus, text.len - minus),
			 &digits) ||
	    (minus && !digits) || digits > (uint64_t)INT64_MAX + minus)
		return KR_ERR_TYPE;
	number = (int64_t)(minus ? -digits : digits);
	if (number < min || number > max)
		return KR_ERR_TYPE;
	*out = number;
	return KR_OK;
}

/* Printing with printf takes longer than all else that a command needs. */
struct kri_text kri_text_of_int(int64_t number, char room[KRI_INT_SIZE])
{
	uint64_t rest = number < 0 ? -(uint64_t)number : (uint64_t)number;
	size_t at = KRI_INT_SIZE;

	do
		room[--at] = (char)('0' + rest % 10);
	while (rest /= 10);
	if (number < 0)
		room[--at] = '-';
	return kri_text(room + at, KRI_INT_SIZE - at);
}
