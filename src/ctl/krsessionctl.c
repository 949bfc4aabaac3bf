/*
 * krsessionctl: the operator's tool. Reads krsessiond's configuration, opens
 * the store that it names, and runs one command.
 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/uv.h"
#include "ctl/ctl.h"
#include "session/token.h"

static const struct option long_options[] = {
	{"user", required_argument, NULL, 'u'},
	{"keep", required_argument, NULL, 'k'},
	{"scan", no_argument, NULL, 's'},
	{"all", no_argument, NULL, 'a'},
	{"guard", no_argument, NULL, 'g'},
	{"json", no_argument, NULL, 'j'},
	{"from", required_argument, NULL, 'f'},
	{"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, 'V'},
	{0},
};

enum {
	TAKES_JSON = 1,
	TAKES_USER = 2,
	TAKES_ALL = 4,
	TAKES_IDS = 8,
	TAKES_KEEP = 16,
	TAKES_TIME = 32, /* --from, -n and -d; and needs no store */
};

static const struct command {
	const char *name;
	int (*run)(struct ctl *ctl);
	unsigned takes;
	const char *help;
} commands[] = {
	{"check", ctl_check, 0, "say what is to be mended"},
	{"list", ctl_list, TAKES_JSON | TAKES_USER,
	 "all sessions, or a user's"},
	{"show", ctl_show, TAKES_JSON | TAKES_IDS, "what is in a session"},
	{"end", ctl_end, TAKES_USER | TAKES_ALL | TAKES_IDS | TAKES_KEEP,
	 "end sessions"},
	{"count", ctl_count, TAKES_USER, "how many there are"},
	{"stats", ctl_stats, TAKES_JSON, "how old, how large, whose"},
	{"sweep", ctl_sweep, 0, "remove those that have ended"},
	{"top", ctl_top, TAKES_TIME, "what krsessiond does, live"},
};

#define COMMANDS (sizeof(commands) / sizeof(*commands))

static void print_usage(FILE *to)
{
	fprintf(to,
		"usage: krsessionctl [--guard] [-c FILE] "
		"[-o SECTION.KEY=VALUE]... COMMAND\n\n"
		"  check                                   %s\n"
		"  list [--user NAME [--scan]] [--json]    %s\n"
		"  show [--json] ID...                     %s\n"
		"  end ID... | --all                       %s\n"
		"  end --user NAME [--keep ID] [--scan]\n"
		"  count [--user NAME [--scan]]            %s\n"
		"  stats [--json]                          %s\n"
		"  sweep                                   %s\n"
		"  top [--from PLACE] [-n COUNT] [-d SECONDS]\n"
		"                                          %s\n\n"
		"-c names krsessiond's configuration; without it, that is\n"
		"%s if it is there.\n"
		"--guard: krsession-guard's sessions and configuration.\n"
		"See krsessionctl(1).\n",
		commands[0].help, commands[1].help, commands[2].help,
		commands[3].help, commands[4].help, commands[5].help,
		commands[6].help, commands[7].help, KR_CONFIG_FOLDER "/krsessiond.conf");
}

/* Says what is wrong with the command line. */
static int refuse(const char *what, const char *which)
{
	fprintf(stderr, "krsessionctl: %s%s%s%s (see krsessionctl -h)\n", what,
		which ? " '" : "", which ? which : "", which ? "'" : "");
	return CTL_USAGE;
}

/* ---- the store -------------------------------------------------------- */

struct command_line {
	const char *file;
	const char **assigned; /* n of them */
	size_t n;
	const struct command *command;
};

static enum kr_err open_store(struct ctl *ctl, struct kri_buffer *why)
{
	enum kr_err err = kri_err_of_uv(uv_loop_init(&ctl->loop));

	if (err)
		return err;
	err = kri_store_open(&ctl->config, &ctl->store, why);
	if (err) {
		uv_loop_close(&ctl->loop);
		return err;
	}
	ctl->store->guest = true;
	return ctl->store->ops->attach(ctl->store, &ctl->loop, &ctl->link);
}

static void close_store(struct ctl *ctl)
{
	if (!ctl->store)
		return;
	if (ctl->link)
		ctl->store->ops->detach(&ctl->link);
	uv_run(&ctl->loop, UV_RUN_DEFAULT);
	uv_loop_close(&ctl->loop);
	ctl->store->ops->close(&ctl->store);
}

static int run(struct ctl *ctl, const struct command_line *line)
{
	struct kri_buffer why = KRI_BUFFER_EMPTY;
	bool needs_store = !(line->command->takes & TAKES_TIME);
	enum kr_err err = ctl_configure(ctl, line->file, line->assigned,
					line->n, &why);
	int status;

	/* A tool says what went wrong, and is silent when nothing did. */
	kri_log_setup(KRI_LOG_WARNING, KRI_LOG_TEXT);
	if (!err && needs_store)
		err = ctl_check_kind(ctl, &why);
	if (!err && needs_store)
		err = open_store(ctl, &why);
	if (err) {
		fprintf(stderr, "krsessionctl: %s\n",
			why.len ? why.data : kr_strerror(err));
		status = err == KR_ERR_CONFIG ? CTL_USAGE : CTL_FAILED;
	} else {
		status = line->command->run(ctl);
		if (!ctl_flush(ctl) && !status)
			status = CTL_FAILED;
	}
	kri_buffer_free(&why);
	close_store(ctl);
	return status;
}

/* ---- the command line ------------------------------------------------- */

/* Whether the next argument is this one's value. */
static bool takes_value(const char *argument)
{
	return !strcmp(argument, "-c") || !strcmp(argument, "-o") ||
	       !strcmp(argument, "-n") || !strcmp(argument, "-d") ||
	       ((!strncmp(argument, "--u", 3) || !strncmp(argument, "--k", 3) ||
		 !strncmp(argument, "--f", 3)) &&
		!strchr(argument, '='));
}

static bool is_dashed_id(char **argument)
{
	return argument[0][0] == '-' && !takes_value(argument[-1]) &&
	       kri_token_is_id(kri_text_of(argument[0]));
}

/*
 * One id in 64 begins with "-", and whoever copies it from a log does not think
 * of "--": so they go behind one. None without them, or an option that lacks
 * its value would take it for that. Room for argc + 2, ended by NULL.
 */
static int put_ids_last(int argc, char **argv, char **sorted)
{
	static char dashes[] = "--";
	int n = 0, at = 1, options;

	sorted[n++] = argv[0];
	for (; at < argc && strcmp(argv[at], "--") != 0; at++)
		if (!is_dashed_id(&argv[at]))
			sorted[n++] = argv[at];
	options = n;
	sorted[n++] = dashes;
	for (int i = at + 1; i < argc; i++)
		sorted[n++] = argv[i];
	for (int i = 1; i < at; i++)
		if (is_dashed_id(&argv[i]))
			sorted[n++] = argv[i];
	if (n == options + 1)
		n = options;
	sorted[n] = NULL;
	return n;
}

static int check_id(const char *text)
{
	return kri_token_is_id(kri_text_of(text))
		       ? CTL_DONE
		       : refuse("an id is 22 characters of base64url, not",
				text);
}

static int check_ids(const struct ctl *ctl)
{
	int status = ctl->keep ? check_id(ctl->keep) : CTL_DONE;

	for (int i = 0; i < ctl->n && !status; i++)
		status = check_id(ctl->args[i]);
	return status;
}

/* What goes with a user: else it might be meant for something that it is not
 * heeded by. */
static int check_user(const struct ctl *ctl, const struct command *command)
{
	if (ctl->user && !(command->takes & TAKES_USER))
		return refuse("--user is not for", command->name);
	/* Or a script whose variable is empty would end all that have none. */
	if (ctl->user && !*ctl->user)
		return refuse("--user takes the name of a user", NULL);
	if (ctl->keep && !(command->takes & TAKES_KEEP))
		return refuse("--keep is not for", command->name);
	if (ctl->keep && !ctl->user)
		return refuse("--keep goes with --user NAME", NULL);
	if (ctl->scan && !ctl->user)
		return refuse("--scan goes with --user NAME", NULL);
	return CTL_DONE;
}

/* What says where top looks, and how often. */
static int check_pace(const struct ctl *ctl, const struct command *command)
{
	if (command->takes & TAKES_TIME)
		return CTL_DONE;
	if (ctl->from)
		return refuse("--from is not for", command->name);
	if (ctl->count)
		return refuse("-n is not for", command->name);
	if (ctl->seconds > 0)
		return refuse("-d is not for", command->name);
	return CTL_DONE;
}

/* Whether what was given is what the command takes. */
static int check_line(const struct ctl *ctl, const struct command *command)
{
	unsigned takes = command->takes;
	int targets = (ctl->n > 0) + (ctl->user != NULL) + ctl->all;

	if (ctl->json && !(takes & TAKES_JSON))
		return refuse("--json is not for", command->name);
	if (check_user(ctl, command))
		return CTL_USAGE;
	if (check_pace(ctl, command))
		return CTL_USAGE;
	if (ctl->all && !(takes & TAKES_ALL))
		return refuse("--all is not for", command->name);
	if (ctl->n && !(takes & TAKES_IDS))
		return refuse("not expected:", ctl->args[0]);
	if (takes & TAKES_ALL && targets != 1)
		return refuse("end takes ids, or --user NAME, or --all", NULL);
	if (takes == (TAKES_JSON | TAKES_IDS) && !ctl->n)
		return refuse("show takes an id", NULL);
	return check_ids(ctl);
}

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < COMMANDS; i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

#define COUNT_MOST 1000000000 /* pictures */
#define SECONDS_MOST 3600     /* between two */
#define SECONDS_LEAST 0.1

static int take_count(struct ctl *ctl, const char *text)
{
	if (kri_text_to_int(kri_text_of(text), 1, COUNT_MOST, &ctl->count))
		return refuse("-n takes a number from 1 on, not", text);
	return -1;
}

static int take_seconds(struct ctl *ctl, const char *text)
{
	char *end;

	ctl->seconds = strtod(text, &end);
	if (end == text || *end || !(ctl->seconds >= SECONDS_LEAST) ||
	    ctl->seconds > SECONDS_MOST)
		return refuse("-d takes seconds, from 0.1 to 3600, not", text);
	return -1;
}

/* -1: go on. */
static int take(struct ctl *ctl, struct command_line *line, int option)
{
	switch (option) {
	case 'c':
		line->file = optarg;
		return -1;
	case 'o':
		line->assigned[line->n++] = optarg;
		return -1;
	case 'u':
		ctl->user = optarg;
		return -1;
	case 'k':
		ctl->keep = optarg;
		return -1;
	case 's':
		ctl->scan = true;
		return -1;
	case 'f':
		ctl->from = optarg;
		return -1;
	case 'n':
		return take_count(ctl, optarg);
	case 'd':
		return take_seconds(ctl, optarg);
	case 'a':
		ctl->all = true;
		return -1;
	case 'g':
		ctl->guard = true;
		return -1;
	case 'j':
		ctl->json = true;
		return -1;
	case 'h':
		print_usage(stdout);
		return CTL_DONE;
	case 'V':
		printf("krsession %s\n", PACKAGE_VERSION);
		return CTL_DONE;
	default:
		print_usage(stderr);
		return CTL_USAGE;
	}
}

static int read_line(struct ctl *ctl, struct command_line *line, int argc,
		     char **argv)
{
	int status = -1, option;

	while (status < 0 && (option = getopt_long(argc, argv, "c:o:n:d:hV",
						   long_options, NULL)) != -1)
		status = take(ctl, line, option);
	if (status >= 0)
		return status;
	if (optind == argc) {
		print_usage(stderr);
		return CTL_USAGE;
	}
	line->command = find_command(argv[optind]);
	if (!line->command)
		return refuse("there is no command", argv[optind]);
	ctl->args = argv + optind + 1;
	ctl->n = argc - optind - 1;
	status = check_line(ctl, line->command);
	return status ? status : -1;
}

int main(int argc, char **argv)
{
	struct ctl ctl = {0};
	struct command_line line = {
		.assigned = calloc((size_t)argc, sizeof(*line.assigned)),
	};
	char **sorted = calloc((size_t)argc + 2, sizeof(*sorted));
	int status = CTL_FAILED;

	/* A server that closes its end is an error like any other, and so is
	 * who reads our output. */
	signal(SIGPIPE, SIG_IGN);
	if (line.assigned && sorted && argc && !kri_config_init(&ctl.config)) {
		argc = put_ids_last(argc, argv, sorted);
		status = read_line(&ctl, &line, argc, sorted);
		if (status < 0)
			status = run(&ctl, &line);
		kri_config_free(&ctl.config);
	}
	free(line.assigned);
	free(sorted);
	return status;
}
