/*
 * Datagrams that keep their order and tell of the other end's end
 * (SOCK_SEQPACKET): a letter for the word, then its text.
 */
#include "fcgi/channel.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define PAUSE_MS 5
#define PAUSES 200 /* a second in all */

static const char letters[] = {
	[KRI_WORD_READY] = 'R',
	[KRI_WORD_REFUSED] = 'N',
	[KRI_WORD_GO] = 'G',
	[KRI_WORD_CONNECTION] = 'C',
};

/* Room for one descriptor, aligned as it must be. */
union control {
	struct cmsghdr header;
	char bytes[CMSG_SPACE(sizeof(int))];
};

enum kr_err kri_channel_open(int ends[2])
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends)
		       ? KR_ERR_SYSTEM
		       : KR_OK;
}

/* There is no room now: the receiver has not come round, or holds as many
 * descriptors on their way as this user may. */
static bool is_passing(int error)
{
	return error == EAGAIN || error == EINTR || error == ENOBUFS ||
	       error == ETOOMANYREFS;
}

static bool send_message(int channel, const struct msghdr *message)
{
	const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000};

	for (int i = 0; i < PAUSES; i++) {
		if (sendmsg(channel, message, MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
			return true;
		if (!is_passing(errno))
			return false;
		nanosleep(&pause, NULL);
	}
	return false;
}

bool kri_channel_say(int channel, enum kri_word word, const char *text)
{
	size_t len = strnlen(text, KRI_CHANNEL_TEXT - 1);
	struct iovec parts[] = {
		{.iov_base = (char *)&letters[word], .iov_len = 1},
		{.iov_base = (char *)text, .iov_len = len},
	};
	struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};

	return send_message(channel, &message);
}

bool kri_channel_give(int channel, int fd)
{
	union control control = {.header = {0}};
	struct iovec part = {
		.iov_base = (char *)&letters[KRI_WORD_CONNECTION],
		.iov_len = 1,
	};
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};

	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	control.header.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&control.header), &fd, sizeof(int));
	return send_message(channel, &message);
}

static enum kri_word word_of(char letter)
{
	for (size_t word = KRI_WORD_READY; word < sizeof(letters); word++)
		if (letters[word] == letter)
			return (enum kri_word)word;
	return KRI_WORD_NONE;
}

static int take_fd(struct msghdr *message)
{
	struct cmsghdr *header = CMSG_FIRSTHDR(message);
	int fd = -1;

	if (header && header->cmsg_level == SOL_SOCKET &&
	    header->cmsg_type == SCM_RIGHTS)
		memcpy(&fd, CMSG_DATA(header), sizeof(int));
	return fd;
}

void kri_channel_hear(int channel, struct kri_message *out)
{
	union control control = {.header = {0}};
	char letter = 0;
	struct iovec parts[] = {
		{.iov_base = &letter, .iov_len = 1},
		{.iov_base = out->text, .iov_len = KRI_CHANNEL_TEXT - 1},
	};
	struct msghdr message = {
		.msg_iov = parts,
		.msg_iovlen = 2,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	ssize_t n;

	*out = (struct kri_message){.word = KRI_WORD_NONE, .fd = -1};
	n = recvmsg(channel, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	out->word = n > 0 ? word_of(letter) : KRI_WORD_ENDED;
	out->fd = n > 0 ? take_fd(&message) : -1;
	/* One that came without its descriptor, for want of room, is lost. */
	if (out->word == KRI_WORD_CONNECTION && out->fd < 0)
		out->word = KRI_WORD_NONE;
}
