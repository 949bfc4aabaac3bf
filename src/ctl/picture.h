/*
 * A picture of a running krsessiond, for krsessionctl top: two moments of its
 * metrics, and what lies between them as lines of text.
 */
#ifndef KRI_CTL_PICTURE_H
#define KRI_CTL_PICTURE_H

#include "base/figures.h"
#include "ctl/ctl.h"

struct ctl_moment {
	struct kri_buffer page; /* the readings lie in it */
	struct kri_reading reading;
	int64_t at; /* kri_clock_us() */
};

/* Takes what is there now, in place of what the moment held. NULL, or what is
 * wrong, and the moment is as it was. */
const char *ctl_moment_take(struct ctl_moment *moment, const char *place,
			    const char *path);
void ctl_moment_free(struct ctl_moment *moment);

/* Appends the picture. `wrong`: what keeps it from being a newer one; NULL:
 * nothing. */
void ctl_picture(const struct ctl_moment *then, const struct ctl_moment *now,
		 const char *wrong, struct kri_buffer *out);

#endif
