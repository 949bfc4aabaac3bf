/*
 * An application behind a front server, for the tests: it answers with what
 * it got. At one Unix socket it speaks HTTP/1 and shows the request's lines as
 * they came, at another it is a FastCGI responder and shows the parameters, a
 * line each. "body N" comes last, and the body itself goes into a file. Who
 * asks for a WebSocket gets back every byte that follows.
 *
 *     echo HTTP-SOCKET FASTCGI-SOCKET BODY-FILE
 */
#include <fcgiapp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define HEAD_MAX 262144 /* bytes of a request before its body */

static const char *body_file;

static int die(const char *what)
{
	perror(what);
	exit(1);
}

/* ---- FastCGI ---------------------------------------------------------- */

static void answer_fastcgi(FCGX_Request *request)
{
	FILE *file = fopen(body_file, "w");
	long size = 0;
	char bytes[8192];
	int n;

	if (!file)
		die(body_file);
	while ((n = FCGX_GetStr(bytes, sizeof(bytes), request->in)) > 0) {
		fwrite(bytes, 1, (size_t)n, file);
		size += n;
	}
	fclose(file);
	FCGX_FPrintF(request->out, "Content-Type: text/plain\r\n\r\n");
	for (char **pair = request->envp; *pair; pair++)
		FCGX_FPrintF(request->out, "%s\n", *pair);
	FCGX_FPrintF(request->out, "body %ld\n", size);
	FCGX_Finish_r(request);
}

static void *serve_fastcgi(void *path)
{
	FCGX_Request request;
	int listener = FCGX_OpenSocket(path, 64);

	if (listener < 0 || chmod(path, 0666))
		die(path);
	FCGX_InitRequest(&request, listener, 0);
	while (!FCGX_Accept_r(&request))
		answer_fastcgi(&request);
	return NULL;
}

/* ---- HTTP ------------------------------------------------------------- */

/* A request's lines up to the empty one; false if it ends before. */
static bool read_head(FILE *in, char *head)
{
	size_t used = 0;

	while (used < HEAD_MAX - 1 && fgets(head + used, HEAD_MAX - used, in)) {
		if (!strcmp(head + used, "\r\n") || !strcmp(head + used, "\n"))
			return true;
		used += strlen(head + used);
	}
	return false;
}

/* The value of a header, or NULL. */
static const char *value_of(const char *head, const char *name)
{
	size_t len = strlen(name);

	for (const char *line = strchr(head, '\n'); line;
	     line = strchr(line + 1, '\n'))
		if (!strncasecmp(line + 1, name, len) && line[1 + len] == ':')
			return line + 1 + len + 1 + strspn(line + len + 2, " ");
	return NULL;
}

static long copy_body(FILE *in, FILE *to, long size)
{
	long left = size;
	char bytes[8192];
	size_t n;

	while (left > 0) {
		n = left < (long)sizeof(bytes) ? (size_t)left : sizeof(bytes);
		n = fread(bytes, 1, n, in);
		if (!n)
			break;
		fwrite(bytes, 1, n, to);
		left -= (long)n;
	}
	return size - left;
}

static long copy_chunks(FILE *in, FILE *to)
{
	long size = 0, chunk;
	char line[64];

	while (fgets(line, sizeof(line), in) &&
	       (chunk = strtol(line, NULL, 16)) > 0) {
		size += copy_body(in, to, chunk);
		if (!fgets(line, sizeof(line), in))
			break;
	}
	return size;
}

static long read_body(const char *head, FILE *in, FILE *out)
{
	const char *coding = value_of(head, "Transfer-Encoding");
	const char *length = value_of(head, "Content-Length");
	FILE *file = fopen(body_file, "w");
	long size = 0;

	if (!file)
		die(body_file);
	if (value_of(head, "Expect")) {
		fputs("HTTP/1.1 100 Continue\r\n\r\n", out);
		fflush(out);
	}
	if (coding && !strncasecmp(coding, "chunked", 7))
		size = copy_chunks(in, file);
	else if (length)
		size = copy_body(in, file, atol(length));
	fclose(file);
	return size;
}

/* Bytes go back as they come, until there are no more. */
static void echo_socket(FILE *in, FILE *out)
{
	int c;

	fputs("HTTP/1.1 101 Switching Protocols\r\n"
	      "Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n", out);
	fflush(out);
	while ((c = getc(in)) != EOF) {
		putc(c, out);
		fflush(out);
	}
}

static void answer_http(char *head, FILE *in, FILE *out)
{
	const char *upgrade = value_of(head, "Upgrade");
	long size;

	if (upgrade && !strncasecmp(upgrade, "websocket", 9)) {
		echo_socket(in, out);
		return;
	}
	size = read_body(head, in, out);
	fprintf(out, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
		     "Connection: close\r\n\r\n");
	for (char *c = head; *c; c++)
		if (*c != '\r')
			putc(*c, out);
	fprintf(out, "body %ld\n", size);
}

static void *serve_client(void *fd)
{
	int in_fd = (int)(long)fd, out_fd = dup(in_fd);
	FILE *in = fdopen(in_fd, "r"), *out = fdopen(out_fd, "w");
	char *head = malloc(HEAD_MAX);

	if (!in || !out || !head)
		die("memory");
	if (read_head(in, head))
		answer_http(head, in, out);
	free(head);
	fclose(out);
	fclose(in);
	return NULL;
}

static int listen_at(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int listener = socket(AF_UNIX, SOCK_STREAM, 0);

	if (strlen(path) >= sizeof(address.sun_path))
		die(path);
	strcpy(address.sun_path, path);
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) ||
	    chmod(path, 0666) || listen(listener, 64))
		die(path);
	return listener;
}

int main(int argc, char **argv)
{
	pthread_t thread;
	int listener;
	long fd;

	if (argc != 4)
		return 2;
	body_file = argv[3];
	FCGX_Init();
	listener = listen_at(argv[1]);
	if (pthread_create(&thread, NULL, serve_fastcgi, argv[2]))
		die("thread");
	while ((fd = accept(listener, NULL, NULL)) >= 0) {
		if (pthread_create(&thread, NULL, serve_client, (void *)fd))
			die("thread");
		pthread_detach(thread);
	}
	return 1;
}
