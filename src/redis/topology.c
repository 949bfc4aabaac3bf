/*
 * From options and endpoint to what all loops share: addresses, logins, TLS
 * and the outages. What an option says goes before what the endpoint says.
 */
#include "redis/topology.h"

#include <stdlib.h>

#include "base/log.h"
#include "redis/inside.h"

static const char *either(const char *first, const char *second)
{
	return first && *first ? first : second;
}

static bool is_given(const char *text)
{
	return text && *text;
}

/* The options go into what the endpoint leaves open; a user, a password and
 * a service that are given apart go before those in the endpoint. */
static enum kr_err complete(struct kri_endpoint *endpoint,
			    const struct kri_topology_options *options)
{
	enum kr_err err = kri_login_set(&endpoint->login, options->user,
					options->password);

	if (!err)
		err = kri_login_set(&endpoint->sentinel_login,
				    options->sentinel_user,
				    options->sentinel_password);
	if (!err)
		err = kri_endpoint_replace(&endpoint->service,
					   options->service);
	if (!err && !endpoint->client_name)
		err = kri_endpoint_replace(&endpoint->client_name,
					   options->client_name);
	if (!err && !endpoint->tls_host)
		err = kri_endpoint_replace(&endpoint->tls_host,
					   options->tls_host);
	if (endpoint->connect_timeout == KRI_UNSAID)
		endpoint->connect_timeout = options->connect_timeout;
	if (endpoint->io_timeout == KRI_UNSAID)
		endpoint->io_timeout = options->io_timeout;
	if (endpoint->keep_alive == KRI_UNSAID)
		endpoint->keep_alive = options->keep_alive;
	if (endpoint->abort_on_connect_fail == KRI_UNSAID)
		endpoint->abort_on_connect_fail =
			options->abort_on_connect_fail;
	return err;
}

static enum kr_err open_tls(struct kri_topology *topology,
			    const struct kri_topology_options *options,
			    struct kri_buffer *why)
{
	struct kri_tls_options tls = options->tls;

	if (!topology->endpoint.tls) {
		if (is_given(tls.ca_file) || is_given(tls.cert_file))
			kri_log(KRI_LOG_WARNING, NULL,
				"redis: the options redis.tls_* do nothing, "
				"as redis.endpoint is without TLS (rediss:// "
				"has it)");
		return KR_OK;
	}
	if (topology->endpoint.tls_minimum != KRI_UNSAID)
		tls.minimum = topology->endpoint.tls_minimum;
	if (!tls.verify)
		kri_log(KRI_LOG_WARNING, NULL,
			"redis: redis.tls_verify is off: whoever is in "
			"between can read and change every session");
	return kri_tls_open(&tls, &topology->tls, why);
}

static void set_dials(struct kri_topology *topology, bool identify)
{
	const struct kri_endpoint *endpoint = &topology->endpoint;

	topology->dial = (struct kri_dial){
		.login = &endpoint->login,
		.tls = topology->tls,
		.tls_host = endpoint->tls_host,
		.client_name = either(endpoint->client_name, "krsession"),
		.database = endpoint->database,
		.io_timeout = endpoint->io_timeout,
		.keep_alive = endpoint->keep_alive,
	};
	topology->sentinel_dial = topology->dial;
	topology->sentinel_dial.login = &endpoint->sentinel_login;
	topology->sentinel_dial.database = 0;
	topology->dial.identify = identify;
}

/* All addresses, or the service and its Sentinels. */
static void print_name(struct kri_topology *topology)
{
	const struct kri_endpoint *endpoint = &topology->endpoint;

	if (endpoint->service)
		kri_buffer_printf(&topology->name, "%s of ", endpoint->service);
	for (size_t i = 0; i < endpoint->n; i++) {
		if (i)
			kri_buffer_byte(&topology->name, ',');
		kri_address_print(&endpoint->addresses[i], &topology->name);
	}
}

static enum kr_err fill(struct kri_topology *topology,
			const struct kri_topology_options *options,
			struct kri_buffer *why)
{
	struct kri_endpoint *endpoint = &topology->endpoint;
	enum kr_err err = kri_endpoint_parse(
		options->endpoint, is_given(options->service), endpoint, why);

	if (!err)
		err = complete(endpoint, options);
	if (!err)
		err = open_tls(topology, options, why);
	if (err)
		return err;
	set_dials(topology, options->identify);
	print_name(topology);
	if (endpoint->ignored.len)
		kri_log(KRI_LOG_WARNING, NULL,
			"redis.endpoint: without meaning here: %s",
			endpoint->ignored.data);
	return topology->name.failed ? KR_ERR_MEMORY : KR_OK;
}

enum kr_err kri_topology_open(const struct kri_topology_options *options,
			      struct kri_topology **topology,
			      struct kri_buffer *why)
{
	struct kri_topology *made = calloc(1, sizeof(*made));
	enum kr_err err;

	if (!made)
		return KR_ERR_MEMORY;
	kri_outages_init(&made->outages);
	err = fill(made, options, why);
	if (err)
		kri_topology_close(&made);
	else
		*topology = made;
	return err;
}

void kri_topology_close(struct kri_topology **topology)
{
	if (!*topology)
		return;
	kri_endpoint_free(&(*topology)->endpoint);
	kri_tls_close(&(*topology)->tls);
	kri_buffer_free(&(*topology)->name);
	kri_outages_free(&(*topology)->outages);
	free(*topology);
	*topology = NULL;
}

const char *kri_topology_name(const struct kri_topology *topology)
{
	return topology->name.data;
}

bool kri_topology_aborts(const struct kri_topology *topology)
{
	return topology->endpoint.abort_on_connect_fail == 1;
}

int64_t kri_topology_away(struct kri_topology *topology)
{
	return kri_outages_since(&topology->outages);
}
