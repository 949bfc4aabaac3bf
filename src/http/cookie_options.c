/*
 * The session's cookie as section [cookie] has it, for programs with an app
 * and for those without.
 */
#include "http/cookie.h"

#include "config/config.h"

struct kri_cookie kri_cookie_of(const struct kri_config *config)
{
	static const char *const same_site[] = {
		[KRI_SAME_SITE_STRICT] = "Strict",
		[KRI_SAME_SITE_LAX] = "Lax",
		[KRI_SAME_SITE_NONE] = "None",
	};

	return (struct kri_cookie){
		.name = kri_text_of(config->cookie_name),
		.domain = kri_text_of(config->cookie_domain),
		.path = kri_text_of(config->cookie_path),
		.same_site = kri_text_of(same_site[config->cookie_same_site]),
		.max_age = (config->cookie_max_age + 999) / 1000,
		.http_only = config->cookie_http_only != 0,
	};
}

bool kri_cookie_is_secure(const struct kri_config *config, bool https)
{
	switch ((enum kri_cookie_secure)config->cookie_secure) {
	case KRI_SECURE_ALWAYS:
		return true;
	case KRI_SECURE_NEVER:
		return false;
	case KRI_SECURE_SAME_AS_REQUEST:
		break;
	}
	return https;
}
