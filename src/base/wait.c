#include "base/wait.h"

#include <stddef.h>

static bool begin(void *arg)
{
	(void)arg;
	return true;
}

static void end(void *arg)
{
	(void)arg;
}

const struct kri_wait kri_wait_alone = {begin, end, NULL};
