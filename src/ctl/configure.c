/*
 * Whose sessions they are: the configuration of krsessiond, or of
 * krsession-guard, as that program would read it.
 */
#include <unistd.h>

#include "ctl/ctl.h"

/* Where krsession-guard(8) keeps its sessions, if nobody says otherwise. A test
 * holds the two against each other. */
static const char *const guard_defaults[] = {
	"redis.instance_name=krguard_",
	"store.path=/var/lib/krsession-guard/sessions.sqlite",
};

static enum kr_err be_guard(struct kri_config *config, struct kri_buffer *why)
{
	size_t n = sizeof(guard_defaults) / sizeof(*guard_defaults);
	enum kr_err err = KR_OK;

	config->declared.foreign = "guard";
	for (size_t i = 0; i < n && !err; i++)
		err = kri_config_assign(config, guard_defaults[i], why);
	return err;
}

/* An installed system has its file in one place, a try need not have one. */
static enum kr_err read_file(struct ctl *ctl, const char *file,
			     struct kri_buffer *why)
{
	const char *place = ctl->guard
				    ? KR_CONFIG_FOLDER "/krsession-guard.conf"
				    : KR_CONFIG_FOLDER "/krsessiond.conf";

	if (!file && access(place, F_OK))
		return KR_OK;
	return kri_config_file(&ctl->config, file ? file : place, why);
}

enum kr_err ctl_configure(struct ctl *ctl, const char *file,
			  const char *const *assigned, size_t n,
			  struct kri_buffer *why)
{
	enum kr_err err = ctl->guard ? be_guard(&ctl->config, why) : KR_OK;

	if (!err)
		err = read_file(ctl, file, why);
	if (!err)
		err = kri_config_environment(&ctl->config, environ, why);
	for (size_t i = 0; i < n && !err; i++)
		err = kri_config_assign(&ctl->config, assigned[i], why);
	if (!err)
		err = kri_config_check(&ctl->config, why);
	return err ? err : kri_config_resolve(&ctl->config, why);
}

enum kr_err ctl_check_kind(const struct ctl *ctl, struct kri_buffer *why)
{
	if (ctl->config.store_kind != KRI_STORE_MEMORY)
		return KR_OK;
	kri_buffer_printf(why,
			  "store.kind = memory: such sessions live in %s's own "
			  "memory, and nobody else can see them",
			  ctl->guard ? "krsession-guard" : "krsessiond");
	return KR_ERR_CONFIG;
}
