/*
 * RESP2 without printf: a load's commands are built for every request.
 */
#include "redis/command.h"

static void header(struct kri_buffer *out, char mark, size_t number)
{
	kri_buffer_byte(out, mark);
	kri_buffer_int(out, (int64_t)number);
	kri_buffer_append(out, KRI_TEXT("\r\n"));
}

void kri_command_begin(struct kri_buffer *out, size_t argc)
{
	header(out, '*', argc);
}

void kri_command_text(struct kri_buffer *out, struct kri_text text)
{
	header(out, '$', text.len);
	kri_buffer_append(out, text);
	kri_buffer_append(out, KRI_TEXT("\r\n"));
}

void kri_command_int(struct kri_buffer *out, int64_t number)
{
	char digits[24];
	size_t at = sizeof(digits);
	uint64_t rest = number < 0 ? -(uint64_t)number : (uint64_t)number;

	do
		digits[--at] = (char)('0' + rest % 10);
	while (rest /= 10);
	if (number < 0)
		digits[--at] = '-';
	kri_command_text(out, kri_text(digits + at, sizeof(digits) - at));
}

void kri_command_strings(struct kri_buffer *out, const char *const *args)
{
	size_t argc = 0;

	while (args[argc])
		argc++;
	kri_command_begin(out, argc);
	for (size_t i = 0; i < argc; i++)
		kri_command_text(out, kri_text_of(args[i]));
}
