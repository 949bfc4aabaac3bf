/*
 * krsessionctl top: what a running krsessiond does, from the differences of
 * its metrics. Takes them, waits, and takes them again; on a terminal each
 * picture is drawn over the last. What a picture looks like is in picture.c.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "base/clock.h"
#include "ctl/picture.h"

#define EVERY 1000 /* ms between two pictures */

/* The alternate screen, without a cursor; and back. */
#define ENTER "\033[?1049h\033[?25l"
#define LEAVE "\033[?25h\033[?1049l"

struct top {
	struct ctl *ctl;
	const char *place;
	const char *path;
	struct ctl_moment moments[2];
	size_t taken;      /* moments, ever */
	const char *wrong; /* with the last try; NULL: nothing */
	bool drawn;        /* on a terminal */
	bool keys;         /* it tells of keys */
	struct termios usual;
};

static volatile sig_atomic_t quit, resized;

static void on_signal(int number)
{
	if (number == SIGWINCH)
		resized = 1;
	else
		quit = 1;
}

/* ---- the terminal ----------------------------------------------------- */

/* Keys come one by one, unseen. */
static void enter(struct top *top)
{
	struct sigaction action = {.sa_handler = on_signal};
	struct termios raw;

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	top->drawn = isatty(STDOUT_FILENO);
	if (!top->drawn)
		return;
	sigaction(SIGWINCH, &action, NULL);
	top->keys = !tcgetattr(STDIN_FILENO, &top->usual);
	if (top->keys) {
		raw = top->usual;
		raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
		tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
	}
	fputs(ENTER, stdout);
}

static void leave(struct top *top)
{
	if (!top->drawn)
		return;
	fputs(LEAVE, stdout);
	if (top->keys)
		tcsetattr(STDIN_FILENO, TCSADRAIN, &top->usual);
}

static void size_of_screen(const struct top *top, size_t *rows, size_t *columns)
{
	struct winsize size;

	*rows = *columns = SIZE_MAX;
	if (!top->drawn || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size))
		return;
	if (size.ws_row)
		*rows = size.ws_row;
	if (size.ws_col)
		*columns = size.ws_col;
}

/* Over the last one, line by line, as much as there is room for. */
static void draw(const struct top *top, struct kri_text picture)
{
	size_t rows, columns;

	size_of_screen(top, &rows, &columns);
	fputs("\033[H", stdout);
	for (size_t row = 0; picture.len && row < rows; row++) {
		struct kri_text line = kri_text_cut(&picture, '\n');
		size_t len = line.len < columns ? line.len : columns;

		while (len && len < line.len &&
		       ((unsigned char)line.data[len] & 0xc0) == 0x80)
			len--; /* not within a character */
		if (row)
			fputs("\r\n", stdout);
		fwrite(line.data, 1, len, stdout);
		fputs("\033[K", stdout);
	}
	fputs("\033[J", stdout);
}

static void show(struct top *top)
{
	struct kri_buffer picture = KRI_BUFFER_EMPTY;
	const struct ctl_moment *now = &top->moments[(top->taken + 1) % 2];
	const struct ctl_moment *then = &top->moments[top->taken % 2];

	ctl_picture(then, now, top->wrong, &picture);
	if (!picture.failed && top->drawn)
		draw(top, kri_buffer_text(&picture));
	else if (!picture.failed)
		printf("%s\n", picture.data);
	kri_buffer_free(&picture);
}

/* ---- time ------------------------------------------------------------- */

/* q ends it; any other key is of no use. */
static void hear(struct top *top)
{
	char key = 0;
	ssize_t n = read(STDIN_FILENO, &key, 1);

	if (n == 1 && (key == 'q' || key == 'Q'))
		quit = 1;
	else if (n == 0 || (n < 0 && errno != EINTR))
		top->keys = false;
}

static void await(struct top *top, int64_t until)
{
	int64_t left;

	while (!quit && (left = until - kri_clock_ms()) > 0) {
		struct pollfd keys = {.fd = STDIN_FILENO, .events = POLLIN};

		if (poll(&keys, top->keys, (int)left) > 0)
			hear(top);
		if (resized && top->taken > 1) {
			resized = 0;
			show(top);
			fflush(stdout);
		}
	}
}

/* ---- moments ---------------------------------------------------------- */

/* Takes the place of the older one. */
static bool take(struct top *top)
{
	struct ctl_moment *moment = &top->moments[top->taken % 2];

	top->wrong = ctl_moment_take(moment, top->place, top->path);
	if (top->wrong)
		return false;
	top->taken++;
	return true;
}

static int watch(struct top *top)
{
	int64_t every = EVERY, due;

	if (!take(top)) {
		fprintf(stderr, "krsessionctl: %s: %s\n", top->place,
			top->wrong);
		return CTL_FAILED;
	}
	if (top->ctl->seconds > 0)
		every = (int64_t)(top->ctl->seconds * 1000);
	enter(top);
	due = kri_clock_ms() + every;
	for (int64_t i = 0; !top->ctl->count || i < top->ctl->count; i++) {
		await(top, due);
		if (quit)
			break;
		due = kri_clock_ms() + every;
		/* The picture of what was there last stays, with the reason;
		 * at a reload that is a moment. */
		(void)take(top);
		show(top);
		if (!ctl_flush(top->ctl))
			break;
	}
	leave(top);
	return top->wrong ? CTL_FAILED : CTL_DONE;
}

int ctl_top(struct ctl *ctl)
{
	struct top top = {
		.ctl = ctl,
		.place = ctl->from ? ctl->from : ctl->config.metrics_listen,
		.path = *ctl->config.metrics_path ? ctl->config.metrics_path
						  : "/metrics",
	};
	int status;

	if (!*top.place) {
		fprintf(stderr,
			"krsessionctl: server.metrics_listen is empty: set it "
			"for krsessiond, or say where to look with --from\n");
		return CTL_USAGE;
	}
	if (!ctl_is_place(top.place)) {
		fprintf(stderr,
			"krsessionctl: '%s' is neither unix:PATH nor "
			"tcp:HOST:PORT\n",
			top.place);
		return CTL_USAGE;
	}
	status = watch(&top);
	ctl_moment_free(&top.moments[0]);
	ctl_moment_free(&top.moments[1]);
	return status;
}
