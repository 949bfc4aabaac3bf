/*
 * What lies in the file: its tables, their version, and all SQL on them.
 */
#ifndef KRI_STORE_SQLITE_SCHEMA_H
#define KRI_STORE_SQLITE_SCHEMA_H

#include "store/sqlite_file.h"

/* The version of the tables that this program makes. */
extern const int64_t kri_sqlite_version;

/* The text of each statement. */
extern const char *const kri_sqlite_sql[KRI_SQLITE_STATEMENTS];

/* Whether there is what that statement is about. */
bool kri_sqlite_has(const struct kri_sqlite_file *file,
		    enum kri_sqlite_statement which);

/*
 * Makes the tables of a new file, and adds what those of an older version have
 * not; but a guest, and who may not write, leaves these as they are. A file of
 * a newer version, or of another program, is KR_ERR_PROTOCOL.
 */
enum kr_err kri_sqlite_schema(struct kri_sqlite_file *file) KR_MUST_CHECK;

#endif
