/*
 * Owns the texts of an endpoint: makes, replaces and frees them, and wipes
 * passwords as it does. The grammars are in url.c and connection_string.c.
 */
#include "redis/endpoint.h"

#include <stdlib.h>

#include "base/crypto.h"

static void free_address(struct kri_address *address)
{
	free(address->host);
	free(address->path);
}

enum kr_err kri_endpoint_add(struct kri_endpoint *endpoint,
			     struct kri_address address)
{
	size_t size = (endpoint->n + 1) * sizeof(address);
	struct kri_address *more = realloc(endpoint->addresses, size);

	if (!more) {
		free_address(&address);
		return KR_ERR_MEMORY;
	}
	endpoint->addresses = more;
	endpoint->addresses[endpoint->n++] = address;
	return KR_OK;
}

static void free_secret(char *secret)
{
	if (secret)
		kri_wipe(secret, strlen(secret));
	free(secret);
}

static void free_login(struct kri_login *login)
{
	free(login->user);
	free_secret(login->password);
	*login = (struct kri_login){0};
}

enum kr_err kri_endpoint_replace(char **member, const char *text)
{
	char *copy;

	if (!text || !*text)
		return KR_OK;
	copy = strdup(text);
	if (!copy)
		return KR_ERR_MEMORY;
	free_secret(*member);
	*member = copy;
	return KR_OK;
}

enum kr_err kri_login_set(struct kri_login *login, const char *user,
			  const char *password)
{
	enum kr_err err = kri_endpoint_replace(&login->user, user);

	return err ? err : kri_endpoint_replace(&login->password, password);
}

void kri_address_print(const struct kri_address *address,
		       struct kri_buffer *out)
{
	if (address->path)
		kri_buffer_string(out, address->path);
	else if (strchr(address->host, ':'))
		kri_buffer_printf(out, "[%s]:%d", address->host, address->port);
	else
		kri_buffer_printf(out, "%s:%d", address->host, address->port);
}

void kri_endpoint_free(struct kri_endpoint *endpoint)
{
	for (size_t i = 0; i < endpoint->n; i++)
		free_address(&endpoint->addresses[i]);
	free(endpoint->addresses);
	free_login(&endpoint->login);
	free_login(&endpoint->sentinel_login);
	free(endpoint->service);
	free(endpoint->tls_host);
	free(endpoint->client_name);
	kri_buffer_free(&endpoint->ignored);
	*endpoint = (struct kri_endpoint){0};
}
