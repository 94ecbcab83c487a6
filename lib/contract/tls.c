/*
 * tls.c - certificates, name and version of a TLS connection to RabbitMQ.
 *
 * librabbitmq takes one host for three things: where to connect to, the name
 * that the broker is asked for (SNI), and the name that its certificate must
 * have. Names have already been looked up (resolve.c), so the latter two are given
 * to OpenSSL here.
 */
#include "tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

/* Before the first message of a handshake: librabbitmq has asked for the address. */
static void ask_for_name(const SSL *ssl, int where, int status)
{
	const char *host = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

	(void) status;
	if (where == SSL_CB_HANDSHAKE_START && host != NULL)
		(void) SSL_set_tlsext_host_name((SSL *) ssl, host);
}

/* SNI does not allow an address (RFC 6066), but a certificate may have one. */
static bool expect_host(SSL_CTX *context, const char *host, bool is_address)
{
	X509_VERIFY_PARAM *expected = SSL_CTX_get0_param(context);

	if (is_address)
		return X509_VERIFY_PARAM_set1_ip_asc(expected, host) == 1;
	X509_VERIFY_PARAM_set_hostflags(expected, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	if (X509_VERIFY_PARAM_set1_host(expected, host, 0) != 1)
		return false;
	(void) SSL_CTX_set_app_data(context, (char *) host);
	SSL_CTX_set_info_callback(context, ask_for_name);
	return true;
}

static bool cannot_read(const char *ca_file, Error *error)
{
	/* Else it might be taken for the reason of what fails next in this thread. */
	ERR_clear_error();
	return error_set(error, ERROR_CONFIG, "cannot read the CA certificates%s%s",
					 ca_file != NULL ? " in " : " of the system", ca_file != NULL ? ca_file : "");
}

bool tls_check_ca_file(const char *ca_file, Error *error)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	bool done;

	if (context == NULL)
		return error_set(error, ERROR_MEMORY, "out of memory for TLS");
	done = SSL_CTX_load_verify_locations(context, ca_file, NULL) == 1;
	SSL_CTX_free(context);
	return done || cannot_read(ca_file, error);
}

bool tls_prepare(amqp_socket_t *socket, const char *host, bool is_address, const char *ca_file,
				 Error *error)
{
	SSL_CTX *context = amqp_ssl_socket_get_context(socket);
	int status = AMQP_STATUS_OK;

	/* The library does not load the system's bundle by itself. */
	if (ca_file != NULL)
		status = amqp_ssl_socket_set_cacert(socket, ca_file);
	else if (SSL_CTX_set_default_verify_paths(context) != 1)
		status = AMQP_STATUS_SSL_ERROR;
	if (status != AMQP_STATUS_OK)
		return cannot_read(ca_file, error);

	status = amqp_ssl_socket_set_ssl_versions(socket, AMQP_TLSv1_2, AMQP_TLSvLATEST);
	if (status != AMQP_STATUS_OK)
		return error_set(error, ERROR_CONFIG, "cannot ask for TLS 1.2 or newer: %s",
						 amqp_error_string2(status));
	if (!expect_host(context, host, is_address))
		return error_set(error, ERROR_MEMORY, "cannot set the host that the certificate must have");
	amqp_ssl_socket_set_verify_peer(socket, 1);
	/* The library's own check cannot compare addresses, and knows only the one it connects to. */
	amqp_ssl_socket_set_verify_hostname(socket, 0);
	return true;
}

void tls_opened(amqp_socket_t *socket)
{
	SSL_CTX *context = amqp_ssl_socket_get_context(socket);

	SSL_CTX_set_info_callback(context, NULL);
	(void) SSL_CTX_set_app_data(context, NULL);
}
