/*
 * What Redis says of itself in lines of "name:value": the answers to INFO and
 * to CLUSTER INFO. (redis.io/commands/info)
 */
#ifndef KRI_REDIS_INFO_H
#define KRI_REDIS_INFO_H

#include "base/text.h"

/* The value of that name; no data if there is none. */
struct kri_text kri_info_value(struct kri_text info, const char *name);

bool kri_info_says(struct kri_text info, const char *name, const char *value);

/* Whether INFO server is of a node of a cluster. Valkey 8 has given the line
 * another name. */
bool kri_info_is_cluster(struct kri_text info);

/* Which server it is, from the run_id that it made itself at its start: the
 * first 16 of its digits. 0: it does not say. */
uint64_t kri_info_server(struct kri_text info);

#endif
