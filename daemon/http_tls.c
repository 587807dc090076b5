#include "http_tls.h"

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "clock.h"
#include "log.h"

enum { CHAIN_MAX = 16, KEEP_MS = 2 * 3600 * 1000 };

struct material {
    gnutls_pcert_st chain[CHAIN_MAX];
    unsigned chain_n;
    gnutls_privkey_t key;
    int64_t expires_ms;
    int64_t replaced_ms;
    struct material *next;
};

/* A handshake asks without a word about who asks: one certificate for the process. What was
 * replaced is kept longer than a handshake may last. */
static struct {
    pthread_mutex_t lock;
    struct material *current, *replaced;
} store = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void material_free(struct material *m)
{
    if (!m)
        return;
    for (unsigned i = 0; i < m->chain_n; i++)
        gnutls_pcert_deinit(&m->chain[i]);
    gnutls_privkey_deinit(m->key);
    free(m);
}

static int fail(char error[HTTP_TLS_ERROR], const char *setting, const char *path, int code)
{
    snprintf(error, HTTP_TLS_ERROR, "%s: %s: %s", setting, path, gnutls_strerror(code));
    return ERR_INVALID;
}

/* When the first certificate of the chain is over. */
static int64_t expiry_ms(const gnutls_datum_t *certificate)
{
    gnutls_x509_crt_t crt;
    time_t expires = 0;
    if (gnutls_x509_crt_init(&crt) < 0)
        return 0;
    if (gnutls_x509_crt_import(crt, certificate, GNUTLS_X509_FMT_PEM) == 0)
        expires = gnutls_x509_crt_get_expiration_time(crt);
    gnutls_x509_crt_deinit(crt);
    return (int64_t)expires * 1000;
}

/* Whether the key is the certificate's. */
static int check_pair(const gnutls_datum_t *certificate, const gnutls_datum_t *key)
{
    gnutls_certificate_credentials_t both;
    int code = gnutls_certificate_allocate_credentials(&both);
    if (code < 0)
        return code;
    code = gnutls_certificate_set_x509_key_mem(both, certificate, key, GNUTLS_X509_FMT_PEM);
    gnutls_certificate_free_credentials(both);
    return code;
}

static int import(struct material *m, const gnutls_datum_t *certificate, const gnutls_datum_t *key)
{
    unsigned n = CHAIN_MAX;
    int code = gnutls_pcert_list_import_x509_raw(m->chain, &n, certificate, GNUTLS_X509_FMT_PEM, 0);
    if (code < 0)
        return code;
    m->chain_n = n;
    code = gnutls_privkey_init(&m->key);
    return code < 0 ? code
                    : gnutls_privkey_import_x509_raw(m->key, key, GNUTLS_X509_FMT_PEM, NULL, 0);
}

static int read_material(const char *certificate_path, const char *key_path,
                         char error[HTTP_TLS_ERROR], struct material **ret)
{
    gnutls_datum_t certificate = {0}, key = {0};
    struct material *m = calloc(1, sizeof(*m));
    int code = m ? gnutls_load_file(certificate_path, &certificate) : GNUTLS_E_MEMORY_ERROR, err;
    if (code < 0) {
        err = fail(error, "http.tls_certificate", certificate_path, code);
    } else if ((code = gnutls_load_file(key_path, &key)) < 0) {
        err = fail(error, "http.tls_key", key_path, code);
    } else if ((code = import(m, &certificate, &key)) < 0) {
        err = m->chain_n ? fail(error, "http.tls_key", key_path, code)
                         : fail(error, "http.tls_certificate", certificate_path, code);
    } else if ((code = check_pair(&certificate, &key)) < 0) {
        err = fail(error, "http.tls_key", key_path, code);
    } else {
        m->expires_ms = expiry_ms(&certificate);
        err = ERR_OK;
    }
    gnutls_free(certificate.data);
    if (key.data)
        explicit_bzero(key.data, key.size);
    gnutls_free(key.data);
    if (err == ERR_OK)
        *ret = m;
    else
        material_free(m);
    return err;
}

int http_tls_check(const char *certificate, const char *key, char error[HTTP_TLS_ERROR])
{
    struct material *m = NULL;
    int err = read_material(certificate, key, error, &m);
    if (err == ERR_OK)
        material_free(m);
    return err;
}

static void report(const char *path, const struct material *m)
{
    char text[CLOCK_TEXT];
    bool over = m->expires_ms < (int64_t)time(NULL) * 1000;
    log_write(over ? LOG_WARN : LOG_INFO, "TLS certificate %s %s %s", path,
              over ? "is not valid any more since" : "is valid until",
              clock_text(m->expires_ms, text));
}

/* Frees what was replaced long ago. */
static void drop_old(int64_t now_ms)
{
    struct material **at = &store.replaced;
    while (*at) {
        struct material *m = *at;
        if (now_ms - m->replaced_ms < KEEP_MS) {
            at = &m->next;
            continue;
        }
        *at = m->next;
        material_free(m);
    }
}

int http_tls_load(const char *certificate, const char *key, char error[HTTP_TLS_ERROR])
{
    struct material *m = NULL;
    int err = read_material(certificate, key, error, &m);
    if (err != ERR_OK)
        return err;
    report(certificate, m);
    pthread_mutex_lock(&store.lock);
    int64_t now_ms = clock_boot_ms();
    drop_old(now_ms);
    if (store.current) {
        store.current->replaced_ms = now_ms;
        store.current->next = store.replaced;
        store.replaced = store.current;
    }
    store.current = m;
    pthread_mutex_unlock(&store.lock);
    return ERR_OK;
}

void http_tls_unload(void)
{
    while (store.replaced) {
        struct material *m = store.replaced;
        store.replaced = m->next;
        material_free(m);
    }
    material_free(store.current);
    store.current = NULL;
}

/* GnuTLS asks at each handshake; what it gets stays ours. */
static int retrieve(gnutls_session_t session, const gnutls_datum_t *ca, int ca_n,
                    const gnutls_pk_algorithm_t *algorithms, int algorithm_n,
                    gnutls_pcert_st **ret_chain, unsigned *ret_n, gnutls_privkey_t *ret_key)
{
    (void)session, (void)ca, (void)ca_n, (void)algorithms, (void)algorithm_n;
    pthread_mutex_lock(&store.lock);
    struct material *m = store.current;
    pthread_mutex_unlock(&store.lock);
    if (!m)
        return -1;
    *ret_chain = m->chain;
    *ret_n = m->chain_n;
    *ret_key = m->key;
    return 0;
}

const struct MHD_OptionItem *http_tls_options(void)
{
    static char priorities[] = "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2";
    static struct MHD_OptionItem options[] = {
        {MHD_OPTION_HTTPS_PRIORITIES,    0, priorities},
        {MHD_OPTION_HTTPS_CERT_CALLBACK, 0, NULL      },
        {MHD_OPTION_END,                 0, NULL      },
    };
    options[1].ptr_value = (void *)retrieve;
    return options;
}
