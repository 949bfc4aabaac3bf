/*
 * How the file comes into being, so that only we can read it and no two
 * processes make it at once; and that nothing of a file that was deleted or
 * replaced is mistaken for its successor's.
 */
#ifndef KRI_STORE_SQLITE_BIRTH_H
#define KRI_STORE_SQLITE_BIRTH_H

#include "store/sqlite_file.h"

/* Looks whether store.path can be meant: KR_ERR_CONFIG with a line in `why`.
 * Makes and opens nothing. */
enum kr_err kri_sqlite_birth_check(const char *path,
				   struct kri_buffer *why) KR_MUST_CHECK;

/*
 * Before each opening: makes the file if there is none, unless for a guest.
 * This process has no connection to one of that name, or it is still the same.
 * Errors as for kri_sqlite_file_open().
 */
enum kr_err kri_sqlite_birth(struct kri_sqlite_file *file) KR_MUST_CHECK;

/* Once it is open: remembers which log of writes is this file's. */
void kri_sqlite_birth_remember(struct kri_sqlite_file *file);

/* The file has been deleted or replaced: removes its log, if that still lies
 * beside where it was. Before the connection is closed. */
void kri_sqlite_birth_clear(const struct kri_sqlite_file *file);

#endif
