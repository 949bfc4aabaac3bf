/*
 * What a list of sessions calls a browser, such as "Firefox on Linux": a guess
 * from what it says of itself, to be recognised by its user and trusted by
 * nobody.
 */
#ifndef GUARD_DEVICE_H
#define GUARD_DEVICE_H

#define GUARD_DEVICE_SIZE 64 /* bytes, with NUL */

/* `agent` is the User-Agent header, or NULL. */
void guard_device_name(const char *agent, char out[GUARD_DEVICE_SIZE]);

#endif
