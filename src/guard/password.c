/*
 * Owns the use of crypt(3): libxcrypt's, on memory that is wiped.
 */
#include "guard/password.h"

#include <crypt.h>
#include <stdlib.h>
#include <string.h>

#include "krsession.h"

/* 32 KiB, too much for a stack. */
static enum guard_proof compute(const char *password, const char *hash)
{
	struct crypt_data *room = calloc(1, sizeof(*room));
	enum guard_proof proof = GUARD_PROOF_WRONG;
	const char *computed;

	if (!room) {
		kr_log(NULL, KR_LOG_ERROR, "no memory to try a password");
		return GUARD_PROOF_AWAY;
	}
	computed = crypt_r(password, hash, room);
	if (!computed || *computed == '*') {
		kr_log(NULL, KR_LOG_ERROR, "crypt(3) cannot compute a hash");
		proof = GUARD_PROOF_AWAY;
	} else if (guard_is_equal(computed, hash)) {
		proof = GUARD_PROOF_RIGHT;
	}
	explicit_bzero(room, sizeof(*room));
	free(room);
	return proof;
}

static enum guard_proof try_file(struct guard_directory *directory,
				 const char *user, const char *password,
				 char mark[GUARD_DIGEST_SIZE])
{
	char hash[GUARD_HASH_MAX];
	bool known = guard_directory_hash(directory, user, hash, mark);
	enum guard_proof proof = compute(password, hash);

	explicit_bzero(hash, sizeof(hash));
	if (!known && proof == GUARD_PROOF_RIGHT)
		return GUARD_PROOF_WRONG;
	return proof;
}

/* An empty password is no proof anywhere, and to some LDAP servers a wish to be
 * nobody, which they grant. */
enum guard_proof guard_password_try(const struct guard_options *options,
				    struct guard_directory *directory,
				    const char *user, const char *password,
				    char mark[GUARD_DIGEST_SIZE])
{
	*mark = '\0';
	if (!guard_name_is_sound(user) || !*password ||
	    strlen(password) > GUARD_PASSWORD_MAX)
		return GUARD_PROOF_WRONG;
	if (guard_directory_has_passwords(directory))
		return try_file(directory, user, password, mark);
	return guard_saslauthd_ask(options->saslauthd_socket,
				   options->saslauthd_service, user, password,
				   options->saslauthd_timeout);
}
