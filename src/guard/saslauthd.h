/*
 * A client of saslauthd(8), behind which are PAM, LDAP, the shadow file and
 * others. Blocks.
 */
#ifndef GUARD_SASLAUTHD_H
#define GUARD_SASLAUTHD_H

#include <stdint.h>

/* What became of a name and a password. */
enum guard_proof {
	GUARD_PROOF_RIGHT,
	GUARD_PROOF_WRONG,
	GUARD_PROOF_AWAY /* nobody could tell; the log says why */
};

/* Asks the daemon at that Unix socket, for `timeout` ms at most. */
enum guard_proof guard_saslauthd_ask(const char *path, const char *service,
				     const char *user, const char *password,
				     int64_t timeout);

#endif
