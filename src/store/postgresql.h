/*
 * The store in PostgreSQL: a row a session and a row a value, see
 * postgresql_sql.c.
 */
#ifndef KRI_STORE_POSTGRESQL_H
#define KRI_STORE_POSTGRESQL_H

#include "store/store.h"

/* As kri_store_open(). */
enum kr_err kri_postgresql_store_open(const struct kri_config *config,
				      struct kri_store **store,
				      struct kri_buffer *why) KR_MUST_CHECK;

#endif
