/*
 * The store in a file of SQLite: sessions that outlive their processes, on
 * one machine, with no server to run.
 */
#ifndef KRI_STORE_SQLITE_H
#define KRI_STORE_SQLITE_H

#include "store/store.h"

/* As kri_store_open(). Looks whether store.path can be meant, and makes no
 * file: check() does. */
enum kr_err kri_sqlite_store_open(const struct kri_config *config,
				  struct kri_store **store,
				  struct kri_buffer *why) KR_MUST_CHECK;

#endif
