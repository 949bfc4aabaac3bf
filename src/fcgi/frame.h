/*
 * Frames: whether the bytes that have come so far are a whole FastCGI
 * request (FastCGI 1.0, sections 3 and 5). Only looks; libfcgi reads.
 */
#ifndef KRI_FCGI_FRAME_H
#define KRI_FCGI_FRAME_H

#include "base/text.h"

enum kri_frame {
	KRI_FRAME_WHOLE,   /* up to the end of its standard input */
	KRI_FRAME_PARTIAL, /* good so far, more must come */
	KRI_FRAME_BAD      /* no FastCGI, or not what a server may send */
};

enum kri_frame kri_frame_scan(struct kri_text bytes);

#endif
