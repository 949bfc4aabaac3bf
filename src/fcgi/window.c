/*
 * The tray is a file in memory and not a pair of sockets, whose buffers are
 * bounded by the system's settings: libfcgi takes a full one for an error.
 */
#include "fcgi/window.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum kr_err kri_window_open(struct kri_window **window)
{
	struct kri_window *made = malloc(sizeof(*made));

	if (!made)
		return KR_ERR_MEMORY;
	made->tray = -1;
	if (kri_window_tray(made) < 0) {
		free(made);
		return KR_ERR_SYSTEM;
	}
	*window = made;
	return KR_OK;
}

void kri_window_close(struct kri_window **window)
{
	if (!*window)
		return;
	if ((*window)->tray >= 0)
		close((*window)->tray);
	free(*window);
	*window = NULL;
}

int kri_window_tray(struct kri_window *window)
{
	if (window->tray < 0)
		window->tray = memfd_create("krsession", MFD_CLOEXEC);
	if (window->tray < 0 || ftruncate(window->tray, 0) ||
	    lseek(window->tray, 0, SEEK_SET))
		return -1;
	return window->tray;
}
