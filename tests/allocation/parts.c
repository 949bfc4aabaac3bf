/*
 * The log, which has to work without memory, as that is what it has to tell of;
 * and the texts that name a Redis, of which a value that could not be copied
 * must not be called a wrong one.
 */
#include "parts.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "allocator.h"
#include "base/log.h"
#include "redis/endpoint.h"

/* ---- the log ---------------------------------------------------------- */

static char heard[8192]; /* what came out of standard error */

/* One line in that format, with no allocation that succeeds. */
static long log_without_memory(enum kri_log_format format)
{
	const struct kri_log_ids ids = {.request = "r\"1", .session = "s2"};
	int ends[2], real = dup(2);
	ssize_t len;
	long asked;

	if (real < 0 || pipe(ends) || dup2(ends[1], 2) < 0)
		return -1;
	kri_log_setup(KRI_LOG_DEBUG, format);
	tzset(); /* the C library's table, made at its first use */
	allocator_arm(1, FAIL_REST);
	kri_log(KRI_LOG_ERROR, &ids, "no memory for \"%s\"\n", "C:\\");
	asked = allocator_disarm();
	dup2(real, 2);
	close(real);
	close(ends[1]);
	len = read(ends[0], heard, sizeof(heard) - 1);
	close(ends[0]);
	heard[len < 0 ? 0 : len] = '\0';
	return asked;
}

static int judge_log(enum kri_log_format format, const char *end)
{
	long asked = log_without_memory(format);
	size_t len = strlen(heard), tail = strlen(end);

	if (!asked && len > tail && !strcmp(heard + len - tail, end))
		return 0;
	printf("a line of the log: %ld allocations, \"%s\"\n", asked, heard);
	return 1;
}

static int run_log(void)
{
	return judge_log(KRI_LOG_TEXT, " error request=r\"1 session=s2 "
				       "no memory for \"C:\\\"?\n") +
	       judge_log(KRI_LOG_JSON,
			 "\",\"level\":\"error\",\"request\":\"r\\\"1\","
			 "\"session\":\"s2\",\"message\":"
			 "\"no memory for \\\"C:\\\\\\\"?\"}\n");
}

/* ---- texts ------------------------------------------------------------ */

static const char *const endpoints[] = {
	"a.example.com:6380,[::1]:6379,name=web,user=u,password=p,ssl=true,"
	"sslHost=b.example.com,serviceName=s,sentinelUser=v,"
	"sentinelPassword=q,proxy=none,syncTimeout=500",
	"rediss://u:p%40@a.example.com:6380,b.example.com,c.example.com/3",
	"unix://u:p@/run/redis.sock?db=4",
};

/* Whether it was refused for the right reason, or there was no nth. */
static bool parses(const char *text, long n, enum failing how, bool *end)
{
	struct kri_buffer why = KRI_BUFFER_EMPTY;
	struct kri_endpoint endpoint = {0};
	enum kr_err err, expected;

	allocator_arm(n, how);
	err = kri_endpoint_parse(text, false, &endpoint, &why);
	*end = allocator_disarm() < n;
	expected = *end ? KR_OK : KR_ERR_MEMORY;
	if (err != expected)
		printf("%s\nallocation %ld: %s (%s)\n", text, n,
		       kr_strerror(err), why.data ? why.data : "");
	kri_endpoint_free(&endpoint);
	kri_buffer_free(&why);
	return err == expected;
}

static int run_endpoint(const char *text, enum failing how)
{
	long live = allocator_live();
	int faults = 0;
	bool end = false;

	for (long n = 1; !end; n++)
		faults += !parses(text, n, how, &end);
	if (allocator_live() == live)
		return faults;
	printf("%s\nleaks\n", text);
	return faults + 1;
}

int parts_run(void)
{
	int faults = run_log();

	for (size_t i = 0; i < sizeof(endpoints) / sizeof(*endpoints); i++)
		faults += run_endpoint(endpoints[i], FAIL_ONE) +
			  run_endpoint(endpoints[i], FAIL_REST);
	return faults;
}
