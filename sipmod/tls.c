#include "tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

enum { OUT_BYTES = 17 * 1024 }; /* a record and more */

struct tls_context {
    SSL_CTX *server, *client;
    bool verify_server;
};

struct tls {
    SSL *ssl;
    BIO *in, *out; /* owned by ssl */
    bool failed;
    char out_bytes[OUT_BYTES];
};

/* The first reason in OpenSSL's queue, which is emptied. */
static const char *reason(char *buf)
{
    unsigned long code = ERR_get_error();
    const char *text = ERR_reason_error_string(code);
    snprintf(buf, TLS_ERROR, "%s", text ? text : "broken off");
    ERR_clear_error();
    return buf;
}

/* ---- contexts ---- */

/* A key with a passphrase is refused; nobody sits at a terminal to type it. */
static int no_passphrase(char *buf, int size, int writing, void *arg)
{
    (void)buf;
    (void)size;
    (void)writing;
    (void)arg;
    return 0;
}

static int fail(char *error, const char *setting, const char *path)
{
    char why[TLS_ERROR];
    reason(why);
    snprintf(error, TLS_ERROR, "%s: %.100s: %.100s", setting, path, why);
    return ERR_INVALID;
}

static int load_files(SSL_CTX *ctx, const struct conf *conf, char *error)
{
    const char *certificate = conf->tls.certificate, *key = conf->tls.key, *ca = conf->tls.ca;
    if (SSL_CTX_use_certificate_chain_file(ctx, certificate) != 1)
        return fail(error, "tls.certificate", certificate);
    if (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1)
        return fail(error, "tls.key", key);
    if (SSL_CTX_check_private_key(ctx) != 1)
        return fail(error, "tls.key", key);
    int known =
        *ca ? SSL_CTX_load_verify_locations(ctx, ca, NULL) : SSL_CTX_set_default_verify_paths(ctx);
    return known == 1 ? ERR_OK : fail(error, "tls.ca", ca);
}

static SSL_CTX *context(const SSL_METHOD *method, const struct conf *conf, char *error, int *err)
{
    SSL_CTX *ctx = SSL_CTX_new(method);
    *err = ctx && SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1 ? ERR_OK : ERR_NOMEM;
    if (*err != ERR_OK)
        return ctx;
    SSL_CTX_set_default_passwd_cb(ctx, no_passphrase);
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_TICKET);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    *err = load_files(ctx, conf, error);
    return ctx;
}

int tls_context_new(struct tls_context **ret, const struct conf *conf, char error[TLS_ERROR])
{
    struct tls_context *c = calloc(1, sizeof *c);
    int err = ERR_NOMEM;
    if (!c)
        return err;
    c->verify_server = conf->tls.verify_server;
    c->server = context(TLS_server_method(), conf, error, &err);
    if (err == ERR_OK)
        c->client = context(TLS_client_method(), conf, error, &err);
    if (err != ERR_OK) {
        tls_context_free(c);
        return err;
    }
    if (conf->tls.verify_client) {
        STACK_OF(X509_NAME) *names = conf->tls.ca[0] ? SSL_load_client_CA_file(conf->tls.ca) : NULL;
        SSL_CTX_set_client_CA_list(c->server, names);
        SSL_CTX_set_verify(c->server, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    }
    if (conf->tls.verify_server)
        SSL_CTX_set_verify(c->client, SSL_VERIFY_PEER, NULL);
    *ret = c;
    return ERR_OK;
}

void tls_context_free(struct tls_context *c)
{
    if (!c)
        return;
    SSL_CTX_free(c->server);
    SSL_CTX_free(c->client);
    free(c);
}

/* ---- connections ---- */

static struct tls *tls_new(SSL_CTX *ctx)
{
    struct tls *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->ssl = SSL_new(ctx);
    t->in = BIO_new(BIO_s_mem());
    t->out = BIO_new(BIO_s_mem());
    if (!t->ssl || !t->in || !t->out) {
        BIO_free(t->in);
        BIO_free(t->out);
        SSL_free(t->ssl);
        free(t);
        return NULL;
    }
    BIO_set_mem_eof_return(t->in, -1);
    SSL_set_bio(t->ssl, t->in, t->out);
    return t;
}

struct tls *tls_server(struct tls_context *c)
{
    struct tls *t = tls_new(c->server);
    if (t)
        SSL_set_accept_state(t->ssl);
    return t;
}

/* A name is also told to the server (SNI), an address never (RFC 6066 §3). */
static bool set_peer(struct tls *t, const char *name, const struct addr *remote)
{
    char text[ADDR_TEXT];
    struct addr a;
    if (name && addr_parse(span_of(name), 0, &a) != ERR_OK)
        return SSL_set_tlsext_host_name(t->ssl, name) == 1 && SSL_set1_host(t->ssl, name) == 1;
    addr_text(name ? &a : remote, text);
    return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(t->ssl), text) == 1;
}

struct tls *tls_client(struct tls_context *c, const char *name, const struct addr *remote)
{
    struct tls *t = tls_new(c->client);
    if (!t)
        return NULL;
    SSL_set_connect_state(t->ssl);
    if (!set_peer(t, name, remote)) {
        tls_free(t);
        return NULL;
    }
    (void)SSL_do_handshake(t->ssl); /* the first message; it can't fail by what came */
    return t;
}

void tls_free(struct tls *t)
{
    if (!t)
        return;
    SSL_free(t->ssl);
    free(t);
}

/* What an SSL_* call's result means. */
static int judge(struct tls *t, int result)
{
    switch (SSL_get_error(t->ssl, result)) {
    case SSL_ERROR_NONE:
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return ERR_OK;
    case SSL_ERROR_ZERO_RETURN:
        return ERR_UNAVAILABLE;
    default:
        t->failed = true;
        return ERR_PROTOCOL;
    }
}

int tls_feed(struct tls *t, struct span encrypted)
{
    ERR_clear_error();
    if (BIO_write(t->in, encrypted.p, (int)encrypted.n) != (int)encrypted.n)
        return ERR_NOMEM;
    if (SSL_is_init_finished(t->ssl))
        return ERR_OK;
    int result = SSL_do_handshake(t->ssl);
    return result == 1 ? ERR_OK : judge(t, result);
}

int tls_read(struct tls *t, char *buf, size_t cap, size_t *ret_n)
{
    *ret_n = 0;
    ERR_clear_error();
    if (!SSL_is_init_finished(t->ssl))
        return ERR_OK;
    int n = SSL_read(t->ssl, buf, (int)cap);
    if (n <= 0)
        return judge(t, n);
    *ret_n = (size_t)n;
    return ERR_OK;
}

int tls_write(struct tls *t, struct span plain)
{
    ERR_clear_error();
    int n = SSL_write(t->ssl, plain.p, (int)plain.n); /* memory takes all or fails */
    if (n == (int)plain.n)
        return ERR_OK;
    t->failed = true;
    return ERR_PROTOCOL;
}

void tls_end(struct tls *t)
{
    ERR_clear_error();
    if (!t->failed && SSL_is_init_finished(t->ssl))
        (void)SSL_shutdown(t->ssl);
    ERR_clear_error();
}

struct span tls_take_out(struct tls *t)
{
    int n = BIO_read(t->out, t->out_bytes, sizeof t->out_bytes);
    return (struct span){t->out_bytes, n > 0 ? (size_t)n : 0};
}

bool tls_is_open(const struct tls *t)
{
    return SSL_is_init_finished(t->ssl);
}

bool tls_is_verified(const struct tls *t)
{
    return SSL_get0_peer_certificate(t->ssl) && SSL_get_verify_mode(t->ssl) != SSL_VERIFY_NONE &&
           SSL_get_verify_result(t->ssl) == X509_V_OK;
}

const char *tls_fault(struct tls *t, char buf[TLS_ERROR])
{
    long verify = SSL_get_verify_result(t->ssl);
    if (verify != X509_V_OK && SSL_get_verify_mode(t->ssl) != SSL_VERIFY_NONE) {
        snprintf(buf, TLS_ERROR, "%s", X509_verify_cert_error_string(verify));
        return buf;
    }
    return reason(buf);
}
