/*
 * RESP2, written piece by piece.
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
	char room[KRI_INT_SIZE];

	kri_command_text(out, kri_text_of_int(number, room));
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
