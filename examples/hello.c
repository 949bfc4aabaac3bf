/* The smallest program: one page, no session.
 *     cc -o hello hello.c $(pkg-config --cflags --libs krsession) */
#include <krsession.h>

static enum kr_err hello(struct kr_context *c)
{
	return kr_text(c, 200, "Hello, Session World!");
}

int main(int argc, char **argv)
{
	struct kr_app *app = NULL;
	int status = 1;

	if (!kr_app_open(&app) && !kr_map(app, KR_GET, "/hello", hello, 0))
		status = kr_app_main(app, argc, argv);
	kr_app_close(&app);
	return status;
}
