#include "fcgi/frame.h"

#include <fastcgi.h>

struct record {
	unsigned type;
	unsigned id;
	size_t content; /* bytes */
	size_t size;    /* header, content and padding */
};

static struct record read_header(const unsigned char *bytes)
{
	size_t content = (size_t)bytes[4] << 8 | bytes[5];

	return (struct record){
		.type = bytes[1],
		.id = (unsigned)bytes[2] << 8 | bytes[3],
		.content = content,
		.size = FCGI_HEADER_LEN + content + bytes[6],
	};
}

/* Whether a server may send the record, with `request` begun (0: none). */
static bool is_good(const unsigned char *header, struct record record,
		    unsigned request)
{
	if (header[0] != FCGI_VERSION_1)
		return false;
	if (record.type == FCGI_BEGIN_REQUEST)
		return record.id != FCGI_NULL_REQUEST_ID;
	if (record.type == FCGI_ABORT_REQUEST)
		return false;
	return request || record.id == FCGI_NULL_REQUEST_ID;
}

enum kri_frame kri_frame_scan(struct kri_text bytes)
{
	unsigned request = FCGI_NULL_REQUEST_ID;
	size_t at = 0;

	while (bytes.len - at >= FCGI_HEADER_LEN) {
		const unsigned char *header =
			(const unsigned char *)bytes.data + at;
		struct record record = read_header(header);

		if (!is_good(header, record, request))
			return KRI_FRAME_BAD;
		if (bytes.len - at < record.size)
			return KRI_FRAME_PARTIAL;
		if (record.type == FCGI_BEGIN_REQUEST && !request)
			request = record.id;
		if (record.type == FCGI_STDIN && !record.content && request &&
		    record.id == request)
			return KRI_FRAME_WHOLE;
		at += record.size;
	}
	return KRI_FRAME_PARTIAL;
}
