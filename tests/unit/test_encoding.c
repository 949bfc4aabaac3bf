/*
 * Encodings: base64url and percent-encoding, against their RFCs' examples
 * and against what a hostile client sends.
 */
#include "base/encoding.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

struct sample {
	const char *plain;
	const char *encoded;
};

/* RFC 4648 section 10, without the padding. */
static const struct sample rfc_samples[] = {
	{"", ""},
	{"f", "Zg"},
	{"fo", "Zm8"},
	{"foo", "Zm9v"},
	{"foob", "Zm9vYg"},
	{"fooba", "Zm9vYmE"},
	{"foobar", "Zm9vYmFy"},
};

#define SAMPLES (sizeof(rfc_samples) / sizeof(rfc_samples[0]))

static void assert_encodes(const unsigned char *bytes, size_t size,
			   const char *expected)
{
	size_t len = KRI_BASE64URL_LEN(size);
	/* Of the exact size, so that the sanitizer sees one byte too much. */
	char *out = malloc(len ? len : 1);

	assert_non_null(out);
	kri_base64url_encode(bytes, size, out);
	assert_int_equal(len, strlen(expected));
	assert_memory_equal(out, expected, len);
	free(out);
}

/* Decodes into memory of the exact size. */
static enum kr_err decode(const char *text, size_t size)
{
	unsigned char *bytes = malloc(size ? size : 1);
	enum kr_err err;

	assert_non_null(bytes);
	err = kri_base64url_decode(kri_text_of(text), bytes, size);
	free(bytes);
	return err;
}

/* Percent-decodes into memory of the exact size and compares. */
static void assert_percent(struct kri_text text, bool plus_is_space,
			   struct kri_text expected)
{
	char *out = malloc(text.len ? text.len : 1);
	size_t len = 99;

	assert_non_null(out);
	assert_int_equal(kri_percent_decode(text, plus_is_space, out, &len),
			 KR_OK);
	assert_int_equal(len, expected.len);
	if (len)
		assert_memory_equal(out, expected.data, len);
	free(out);
}

static void assert_bad_percent(struct kri_text text)
{
	char out[64];
	size_t len = 99;

	assert_int_equal(kri_percent_decode(text, true, out, &len),
			 KR_ERR_INPUT);
	assert_int_equal(len, 99);
}

static void the_examples_of_the_rfc_are_encoded(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < SAMPLES; i++)
		assert_encodes((const unsigned char *)rfc_samples[i].plain,
			       strlen(rfc_samples[i].plain),
			       rfc_samples[i].encoded);
}

static void the_examples_of_the_rfc_are_decoded(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < SAMPLES; i++) {
		size_t size = strlen(rfc_samples[i].plain);
		unsigned char bytes[8];

		assert_int_equal(kri_base64url_decode(
					 kri_text_of(rfc_samples[i].encoded),
					 bytes, size),
				 KR_OK);
		assert_memory_equal(bytes, rfc_samples[i].plain, size);
	}
}

static void the_url_safe_characters_are_used(void **state)
{
	static const unsigned char bytes[] = {0xfb, 0xff, 0xbf};

	(void)state;
	assert_encodes(bytes, 3, "-_-_");
	assert_int_equal(decode("-_-_", 3), KR_OK);
}

static void every_byte_survives_the_way_there_and_back(void **state)
{
	unsigned char bytes[256];
	unsigned char back[256];
	char text[KRI_BASE64URL_LEN(256)];
	size_t size;

	(void)state;
	for (size = 0; size < 256; size++)
		bytes[size] = (unsigned char)(size * 167 + 13);
	for (size = 0; size <= 256; size++) {
		size_t len = KRI_BASE64URL_LEN(size);

		kri_base64url_encode(bytes, size, text);
		assert_int_equal(
			kri_base64url_decode(kri_text(text, len), back, size),
			KR_OK);
		assert_memory_equal(back, bytes, size);
	}
}

static void an_id_takes_22_characters_and_a_secret_43(void **state)
{
	(void)state;
	assert_int_equal(KRI_BASE64URL_LEN(16), 22);
	assert_int_equal(KRI_BASE64URL_LEN(32), 43);
}

static void another_length_is_refused(void **state)
{
	(void)state;
	assert_int_equal(decode("", 1), KR_ERR_INPUT);
	assert_int_equal(decode("Z", 1), KR_ERR_INPUT);
	assert_int_equal(decode("Zm8", 1), KR_ERR_INPUT);
	assert_int_equal(decode("Zg", 2), KR_ERR_INPUT);
	assert_int_equal(decode("Zg", 0), KR_ERR_INPUT);
}

static void padding_is_refused(void **state)
{
	(void)state;
	assert_int_equal(decode("Zg==", 1), KR_ERR_INPUT);
	assert_int_equal(decode("Zm8=", 3), KR_ERR_INPUT);
	assert_int_equal(decode("Z=", 1), KR_ERR_INPUT);
}

static void the_characters_of_plain_base64_are_refused(void **state)
{
	(void)state;
	assert_int_equal(decode("+/+/", 3), KR_ERR_INPUT);
	assert_int_equal(decode("A+AA", 3), KR_ERR_INPUT);
	assert_int_equal(decode("AAA/", 3), KR_ERR_INPUT);
}

static void exactly_64_of_256_bytes_are_in_the_alphabet(void **state)
{
	int accepted = 0;
	int c;

	(void)state;
	for (c = 0; c < 256; c++) {
		char text[4] = {'A', (char)c, 'A', 'A'};
		unsigned char bytes[3];

		accepted += !kri_base64url_decode(kri_text(text, 4), bytes, 3);
	}
	assert_int_equal(accepted, 64);
}

static void unused_bits_that_are_set_are_refused(void **state)
{
	(void)state;
	assert_int_equal(decode("Zg", 1), KR_OK);
	assert_int_equal(decode("Zh", 1), KR_ERR_INPUT);
	assert_int_equal(decode("Zv", 1), KR_ERR_INPUT);
	assert_int_equal(decode("Zm8", 2), KR_OK);
	assert_int_equal(decode("Zm9", 2), KR_ERR_INPUT);
}

static void escapes_are_decoded_in_either_case(void **state)
{
	(void)state;
	assert_percent(KRI_TEXT("a%20b"), false, KRI_TEXT("a b"));
	assert_percent(KRI_TEXT("%c3%A4"), false, KRI_TEXT("\xc3\xa4"));
	assert_percent(KRI_TEXT("%fF%00"), false, KRI_TEXT("\xff\0"));
	assert_percent(KRI_TEXT(""), false, KRI_TEXT(""));
}

static void text_without_escapes_stays_as_it_is(void **state)
{
	(void)state;
	assert_percent(KRI_TEXT("/session/get"), true,
		       KRI_TEXT("/session/get"));
}

static void a_plus_is_a_space_only_in_forms(void **state)
{
	(void)state;
	assert_percent(KRI_TEXT("a+b"), true, KRI_TEXT("a b"));
	assert_percent(KRI_TEXT("a+b"), false, KRI_TEXT("a+b"));
	assert_percent(KRI_TEXT("a%2Bb"), true, KRI_TEXT("a+b"));
}

static void an_escape_is_decoded_once(void **state)
{
	(void)state;
	assert_percent(KRI_TEXT("%2541"), true, KRI_TEXT("%41"));
	assert_percent(KRI_TEXT("%25"), true, KRI_TEXT("%"));
}

static void a_bad_escape_is_refused(void **state)
{
	(void)state;
	assert_bad_percent(KRI_TEXT("%zz"));
	assert_bad_percent(KRI_TEXT("%4g"));
	assert_bad_percent(KRI_TEXT("%g4"));
	assert_bad_percent(KRI_TEXT("%%41"));
	assert_bad_percent(KRI_TEXT("%+1"));
	assert_bad_percent(KRI_TEXT("%-1"));
	assert_bad_percent(KRI_TEXT("% 1"));
	assert_bad_percent(KRI_TEXT("%u0041"));
	assert_bad_percent(KRI_TEXT("%4\0"));
}

static void an_escape_cut_short_is_refused(void **state)
{
	(void)state;
	assert_bad_percent(KRI_TEXT("a%"));
	assert_bad_percent(KRI_TEXT("a%4"));
	/* The digits stand behind the text's end. */
	assert_bad_percent(kri_text("%41", 1));
	assert_bad_percent(kri_text("%41", 2));
}

static void a_text_can_be_decoded_in_place(void **state)
{
	char text[] = "%41+%42";
	size_t len = 0;

	(void)state;
	assert_int_equal(
		kri_percent_decode(kri_text_of(text), true, text, &len), KR_OK);
	assert_int_equal(len, 3);
	assert_memory_equal(text, "A B", 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_examples_of_the_rfc_are_encoded),
		cmocka_unit_test(the_examples_of_the_rfc_are_decoded),
		cmocka_unit_test(the_url_safe_characters_are_used),
		cmocka_unit_test(every_byte_survives_the_way_there_and_back),
		cmocka_unit_test(an_id_takes_22_characters_and_a_secret_43),
		cmocka_unit_test(another_length_is_refused),
		cmocka_unit_test(padding_is_refused),
		cmocka_unit_test(the_characters_of_plain_base64_are_refused),
		cmocka_unit_test(exactly_64_of_256_bytes_are_in_the_alphabet),
		cmocka_unit_test(unused_bits_that_are_set_are_refused),
		cmocka_unit_test(escapes_are_decoded_in_either_case),
		cmocka_unit_test(text_without_escapes_stays_as_it_is),
		cmocka_unit_test(a_plus_is_a_space_only_in_forms),
		cmocka_unit_test(an_escape_is_decoded_once),
		cmocka_unit_test(a_bad_escape_is_refused),
		cmocka_unit_test(an_escape_cut_short_is_refused),
		cmocka_unit_test(a_text_can_be_decoded_in_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
