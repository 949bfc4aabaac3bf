/*
 * Lines end with CR and LF; those without a colon are headings.
 */
#include "redis/info.h"

#define SERVER_DIGITS 16 /* of run_id's 40 */

struct kri_text kri_info_value(struct kri_text info, const char *name)
{
	while (info.len) {
		struct kri_text line = kri_text_cut(&info, '\n');
		struct kri_text key = kri_text_cut(&line, ':');

		if (kri_text_equal(key, kri_text_of(name)))
			return kri_text_trim(line);
	}
	return kri_text(NULL, 0);
}

bool kri_info_says(struct kri_text info, const char *name, const char *value)
{
	return kri_text_equal(kri_info_value(info, name), kri_text_of(value));
}

bool kri_info_is_cluster(struct kri_text info)
{
	return kri_info_says(info, "redis_mode", "cluster") ||
	       kri_info_says(info, "server_mode", "cluster"); /* Valkey's */
}

static int digit_of(char byte)
{
	if (byte >= '0' && byte <= '9')
		return byte - '0';
	if (byte >= 'a' && byte <= 'f')
		return byte - 'a' + 10;
	return -1;
}

uint64_t kri_info_server(struct kri_text info)
{
	struct kri_text id = kri_info_value(info, "run_id");
	uint64_t server = 0;

	if (id.len < SERVER_DIGITS)
		return 0;
	for (size_t i = 0; i < SERVER_DIGITS; i++) {
		int digit = digit_of(id.data[i]);

		if (digit < 0)
			return 0;
		server = server << 4 | (uint64_t)digit;
	}
	return server;
}
