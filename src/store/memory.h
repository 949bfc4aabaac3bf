/*
 * The store in this process' memory: what is in it ends with the process, and
 * no other sees it.
 */
#ifndef KRI_STORE_MEMORY_H
#define KRI_STORE_MEMORY_H

#include "store/store.h"

/* As kri_store_open(); KR_ERR_MEMORY only. */
enum kr_err kri_memory_store_open(const struct kri_config *config,
				  struct kri_store **store) KR_MUST_CHECK;

#endif
