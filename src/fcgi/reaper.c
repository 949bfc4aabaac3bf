#include "fcgi/reaper.h"

void kri_reaper_init(struct kri_reaper *reaper)
{
	*reaper = (struct kri_reaper){0};
	pthread_mutex_init(&reaper->lock, NULL);
}

void kri_reaper_free(struct kri_reaper *reaper)
{
	pthread_mutex_destroy(&reaper->lock);
}

void kri_reaper_pass(struct kri_reaper *reaper)
{
	pthread_t before;
	bool had;

	pthread_mutex_lock(&reaper->lock);
	before = reaper->last;
	had = reaper->waiting;
	reaper->last = pthread_self();
	reaper->waiting = true;
	pthread_mutex_unlock(&reaper->lock);
	if (had)
		pthread_join(before, NULL);
}

void kri_reaper_finish(struct kri_reaper *reaper)
{
	pthread_mutex_lock(&reaper->lock);
	if (reaper->waiting)
		pthread_join(reaper->last, NULL);
	reaper->waiting = false;
	pthread_mutex_unlock(&reaper->lock);
}
