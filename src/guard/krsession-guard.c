/*
 * krsession-guard: a login in front of any site, whose front server asks it
 * about each request. Owns the program's beginning and end.
 */
#include <stdio.h>
#include <unistd.h>

#include "guard/guard.h"

int main(int argc, char **argv)
{
	static struct guard guard; /* threads may outlive main() */
	struct kr_app *app = NULL;
	enum kr_err err = kr_app_open(&app);
	int status = 1;

	if (!err)
		err = guard_set_up(app, &guard);
	if (err)
		fprintf(stderr, "krsession-guard: %s\n", kr_strerror(err));
	else
		status = kr_app_main(app, argc, argv);
	kr_app_close(&app);
	if (status >= 3) /* threads are still at work */
		_exit(status == 4 ? 0 : status);
	guard_directory_close(guard.directory);
	return status;
}
