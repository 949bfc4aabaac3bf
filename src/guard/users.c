/*
 * Owns the two forms of files and what is wrong with a line of one. A file is
 * taken whole or not at all: half of one would shut users out.
 */
#include "guard/users.h"

#include <crypt.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX ((off_t)16 << 20) /* bytes */

/* ---- names ------------------------------------------------------------ */

/* The bytes of the UTF-8 character there, 0 if it is none (RFC 3629 section
 * 4). */
static size_t character(const unsigned char *at)
{
	static const unsigned least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t n = *at < 0x80 ? 1 : *at >= 0xf0 ? 4 : *at >= 0xe0 ? 3 : 2;
	unsigned code = n == 1 ? *at : *at & (0x7fU >> n);

	if (*at >= 0xf8 || (*at >= 0x80 && *at < 0xc0))
		return 0;
	for (size_t i = 1; i < n; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (at[i] & 0x3f);
	}
	if (code < least[n] || code > 0x10ffff ||
	    (code >= 0xd800 && code < 0xe000))
		return 0;
	return n;
}

bool guard_name_is_sound(const char *name)
{
	const unsigned char *at = (const unsigned char *)name;
	size_t n = 0;

	if (!*name || strlen(name) > GUARD_NAME_MAX)
		return false;
	for (; *at; at += n) {
		n = character(at);
		/* C0, DEL and C1, which some terminals heed. */
		if (!n || *at < ' ' || *at == 0x7f ||
		    (at[0] == 0xc2 && at[1] < 0xa0))
			return false;
	}
	return true;
}

/* A group's stands in lists and in a front server's configuration. */
static bool is_group(const char *name)
{
	return guard_name_is_sound(name) && !strpbrk(name, " ,:;\"");
}

/* ---- reading ---------------------------------------------------------- */

struct reading {
	const char *path;
	unsigned line;
	struct guard_users *made;
	size_t cap;
	char *why; /* GUARD_WHY_MAX; empty while nothing is wrong */
};

static void refuse(struct reading *reading, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void refuse(struct reading *reading, const char *format, ...)
{
	size_t len = 0;
	va_list args;

	if (*reading->why)
		return;
	if (reading->line)
		len = (size_t)snprintf(reading->why, GUARD_WHY_MAX,
				       "%s:%u: ", reading->path, reading->line);
	else
		len = (size_t)snprintf(reading->why, GUARD_WHY_MAX,
				       "%s: ", reading->path);
	if (len >= GUARD_WHY_MAX)
		return;
	va_start(args, format);
	vsnprintf(reading->why + len, GUARD_WHY_MAX - len, format, args);
	va_end(args);
}

/* All of the file, and a NUL. */
static char *take_bytes(struct reading *reading, int file, size_t size)
{
	char *text = malloc(size + 1);
	size_t len = 0;
	ssize_t n = 1;

	while (text && n > 0 && len < size) {
		n = read(file, text + len, size - len);
		if (n < 0 && errno == EINTR)
			n = 1;
		else if (n > 0)
			len += (size_t)n;
	}
	if (!text || n < 0)
		refuse(reading, "cannot be read: %s",
		       text ? strerror(errno) : "out of memory");
	else if (memchr(text, '\0', len))
		refuse(reading, "has a NUL");
	if (text)
		text[len] = '\0';
	return text;
}

static char *read_text(struct reading *reading)
{
	int file = open(reading->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat about;
	char *text = NULL;

	if (file < 0 || fstat(file, &about))
		refuse(reading, "cannot be read: %s", strerror(errno));
	else if (!S_ISREG(about.st_mode))
		refuse(reading, "cannot be read: it is no plain file");
	else if (about.st_size > FILE_MAX)
		refuse(reading, "cannot be read: it has more than 16 MiB");
	else
		text = take_bytes(reading, file, (size_t)about.st_size);
	if (file >= 0)
		close(file);
	return text;
}

static struct guard_user *add(struct reading *reading, const char *name)
{
	struct guard_users *made = reading->made;
	struct guard_user *users = made->users;

	if (made->n == reading->cap) {
		reading->cap = reading->cap ? 2 * reading->cap : 16;
		users = reallocarray(users, reading->cap, sizeof(*users));
		if (!users) {
			refuse(reading, "cannot be read: out of memory");
			return NULL;
		}
		made->users = users;
	}
	users[made->n] = (struct guard_user){.name = name, .hash = ""};
	return &users[made->n++];
}

/* Appends to the list of a user's groups. */
static void join(struct reading *reading, struct guard_user *user,
		 const char *group)
{
	size_t len = user->groups ? strlen(user->groups) : 0;
	size_t more = strlen(group);
	char *groups;

	if (!is_group(group)) {
		refuse(reading, "must be a group: a name without spaces, "
				"commas, colons, semicolons and quotes");
		return;
	}
	if (user->groups && guard_groups_have(user->groups, group))
		return;
	if (len + 1 + more > GUARD_GROUPS_MAX) {
		refuse(reading, "gives a user more than %d bytes of groups",
		       GUARD_GROUPS_MAX);
		return;
	}
	groups = realloc(user->groups, len + more + 2);
	if (!groups) {
		refuse(reading, "cannot be read: out of memory");
		return;
	}
	snprintf(groups + len, more + 2, "%s%s", len ? "," : "", group);
	user->groups = groups;
}

static int compare(const void *a, const void *b)
{
	const struct guard_user *one = a, *other = b;

	return strcmp(one->name, other->name);
}

static void sort(struct guard_users *users)
{
	if (users->n)
		qsort(users->users, users->n, sizeof(*users->users), compare);
}

/* Walks over the lines, which it cuts apart. */
static void each_line(struct reading *reading,
		      void (*take)(struct reading *, char *))
{
	char *rest = reading->made->text, *line;

	while (!*reading->why && (line = strsep(&rest, "\n"))) {
		size_t len = strlen(line);

		reading->line++;
		if (len && line[len - 1] == '\r')
			line[len - 1] = '\0';
		if (line[strspn(line, " \t")] && *line != '#')
			take(reading, line);
	}
}

static struct guard_users *read_file(const char *path, char *why,
				     void (*take)(struct reading *, char *),
				     void (*finish)(struct reading *))
{
	struct reading reading = {.path = path, .why = why};
	struct guard_users *made = calloc(1, sizeof(*made));

	*why = '\0';
	if (!made) {
		refuse(&reading, "cannot be read: out of memory");
		return NULL;
	}
	reading.made = made;
	made->text = read_text(&reading);
	if (!*why)
		each_line(&reading, take);
	reading.line = 0;
	if (!*why)
		finish(&reading);
	if (!*why)
		return made;
	guard_users_free(made);
	return NULL;
}

void guard_users_free(struct guard_users *users)
{
	if (!users)
		return;
	for (size_t i = 0; i < users->n; i++)
		free(users->users[i].groups);
	free(users->users);
	if (users->text)
		explicit_bzero(users->text, strlen(users->text));
	free(users->text);
	free(users);
}

/* ---- passwords -------------------------------------------------------- */

/* A hash that begins so can be nobody's: the user is there and shut out, as
 * passwd -l and usermod -L do it. */
static bool is_locked(const char *hash)
{
	return *hash == '!' || *hash == '*';
}

static void check_hash(struct reading *reading, const char *hash)
{
	if (is_locked(hash))
		return;
	if (strlen(hash) >= CRYPT_OUTPUT_SIZE)
		refuse(reading, "has a password that is too long for a hash");
	if (!strncmp(hash, "$apr1$", 6) || *hash == '{')
		refuse(reading, "has a password of Apache's own kind; "
				"make it with htpasswd -B or mkpasswd");
	else if (crypt_checksalt(hash) != CRYPT_SALT_OK)
		refuse(reading, "has no password that crypt(3) holds safe; "
				"make it with htpasswd -B or mkpasswd");
}

/* "NAME:HASH" and perhaps ":GROUP,GROUP". */
static void take_user(struct reading *reading, char *line)
{
	char *name = strsep(&line, ":");
	char *hash = strsep(&line, ":");
	struct guard_user *user;
	char *group;

	if (!hash || !guard_name_is_sound(name)) {
		refuse(reading, "must be NAME:HASH or NAME:HASH:GROUP,GROUP");
		return;
	}
	check_hash(reading, hash);
	user = add(reading, name);
	if (!user)
		return;
	user->hash = hash;
	if (!guard_digest(name, hash, user->mark))
		refuse(reading, "cannot be read: out of memory");
	while ((group = strsep(&line, ",")))
		if (*group)
			join(reading, user, group);
}

static void finish_users(struct reading *reading)
{
	struct guard_users *made = reading->made;

	sort(made);
	for (size_t i = 1; i < made->n; i++)
		if (!compare(&made->users[i - 1], &made->users[i]))
			refuse(reading, "has the user %.64s twice",
			       made->users[i].name);
}

struct guard_users *guard_users_read(const char *path, char why[GUARD_WHY_MAX])
{
	return read_file(path, why, take_user, finish_users);
}

/* ---- groups ----------------------------------------------------------- */

/* "GROUP: NAME NAME", of which each makes an entry of its own. */
static void take_group(struct reading *reading, char *line)
{
	char *group = strsep(&line, ":");
	struct guard_user *user;
	char *name;

	if (!line || !is_group(group)) {
		refuse(reading, "must be GROUP: NAME NAME");
		return;
	}
	while (!*reading->why && (name = strsep(&line, " \t"))) {
		if (!*name)
			continue;
		user = guard_name_is_sound(name) ? add(reading, name) : NULL;
		if (user)
			join(reading, user, group);
		else
			refuse(reading, "must be GROUP: NAME NAME");
	}
}

/* A user's entries become one. */
static void merge(struct reading *reading, struct guard_user *into,
		  struct guard_user *from)
{
	char *rest = from->groups, *group;

	while ((group = strsep(&rest, ",")))
		join(reading, into, group);
	free(from->groups);
	from->groups = NULL;
}

static void finish_groups(struct reading *reading)
{
	struct guard_users *made = reading->made;
	size_t kept = 0;

	sort(made);
	for (size_t i = 1; i < made->n; i++) {
		if (!compare(&made->users[kept], &made->users[i]))
			merge(reading, &made->users[kept], &made->users[i]);
		else if (++kept != i)
			made->users[kept] = made->users[i];
	}
	for (size_t i = kept + 1; i < made->n; i++)
		made->users[i].groups = NULL;
	made->n = made->n ? kept + 1 : 0;
}

struct guard_users *guard_groups_read(const char *path, char why[GUARD_WHY_MAX])
{
	return read_file(path, why, take_group, finish_groups);
}

/* ---- asking ----------------------------------------------------------- */

const struct guard_user *guard_users_find(const struct guard_users *users,
					  const char *name)
{
	const struct guard_user wanted = {.name = name};

	if (!users || !users->n)
		return NULL;
	return bsearch(&wanted, users->users, users->n, sizeof(wanted),
		       compare);
}

bool guard_groups_have(const char *groups, const char *group)
{
	size_t len = strlen(group);

	while (len && *groups) {
		size_t here = strcspn(groups, ",");

		if (here == len && !strncmp(groups, group, len))
			return true;
		groups += here + (groups[here] == ',');
	}
	return false;
}
