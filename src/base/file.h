/*
 * Files that an option names: configuration, passwords, certificates.
 */
#ifndef KRI_BASE_FILE_H
#define KRI_BASE_FILE_H

/*
 * Opens a file that can be read to its end without waiting for anybody, and
 * as often as one likes; a reload reads it again. A folder, a pipe, a socket
 * and what is larger than `max` bytes (0: no matter) are refused. Returns a
 * descriptor, or -1 with what is wrong in *why, which is valid until the next
 * call of strerror().
 */
int kri_file_open(const char *path, long max, const char **why);

/* NULL if it could be opened so, or what is wrong. */
const char *kri_file_check(const char *path, long max);

#endif
