#include "webhook_http.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "addr.h"
#include "log.h"

enum { ANSWER_MAX = 65536, HEADER_MAX = 256 };

/* One delivery under way. */
struct delivery {
    CURL *curl;
    struct curl_slist *headers;
    const webhook_settings *settings;
    void *arg;
    size_t answered; /* bytes of the answer */
    bool forbidden;  /* the name leads where it may not */
    struct delivery *next;
};

struct webhook_http {
    CURLM *multi;
    const webhook_settings *settings;
    struct delivery *deliveries;
    size_t active;
};

int webhook_http_open(struct webhook_http **ret, const webhook_settings *settings)
{
    struct webhook_http *h = calloc(1, sizeof(*h));
    if (!h)
        return ERR_NOMEM;
    h->settings = settings;
    h->multi = curl_multi_init();
    if (!h->multi) {
        free(h);
        return ERR_NOMEM;
    }
    *ret = h;
    return ERR_OK;
}

static void delivery_free(struct delivery *d)
{
    curl_easy_cleanup(d->curl);
    curl_slist_free_all(d->headers);
    free(d);
}

/* Takes a delivery off the list. */
static void unlink_delivery(struct webhook_http *h, const struct delivery *d)
{
    struct delivery **at = &h->deliveries;
    while (*at && *at != d)
        at = &(*at)->next;
    if (*at) {
        *at = d->next;
        h->active--;
    }
}

void webhook_http_close(struct webhook_http *h)
{
    if (!h)
        return;
    while (h->deliveries) {
        struct delivery *d = h->deliveries;
        h->deliveries = d->next;
        curl_multi_remove_handle(h->multi, d->curl);
        delivery_free(d);
    }
    curl_multi_cleanup(h->multi);
    free(h);
}

static bool add_header(struct delivery *d, const char *name, const char *value)
{
    char line[HEADER_MAX];
    int n = snprintf(line, sizeof(line), "%s: %s", name, value);
    struct curl_slist *longer =
        n > 0 && n < HEADER_MAX ? curl_slist_append(d->headers, line) : NULL;
    if (longer)
        d->headers = longer;
    return longer != NULL;
}

/* The answer is thrown away; one without end is broken off. */
static size_t take_answer(char *data, size_t size, size_t n, void *arg)
{
    struct delivery *d = arg;
    (void)data;
    d->answered += size * n;
    return d->answered <= ANSWER_MAX ? size * n : 0;
}

/* A name may lead anywhere, and somewhere else at each look: what counts is the address that the
 * connection goes to. */
static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *to)
{
    struct delivery *d = arg;
    struct addr address = {0};
    char text[ADDR_TEXT];
    (void)purpose;
    if (to->addrlen <= sizeof(address))
        memcpy(&address, &to->addr, to->addrlen);
    if (to->family == AF_INET6) { /* ::ffff:10.0.0.1 is 10.0.0.1 */
        struct addr plain;
        if (addr_parse(span_of(addr_text(&address, text)), 0, &plain) == ERR_OK)
            address = plain;
    }
    if (!d->settings->allow_private && !addr_is_public(&address)) {
        d->forbidden = true;
        return CURL_SOCKET_BAD;
    }
    return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
}

static void set_options(struct delivery *d, const struct webhook_post *post)
{
    const webhook_settings *s = d->settings;
    CURL *curl = d->curl;
    curl_easy_setopt(curl, CURLOPT_URL, post->url);
    curl_easy_setopt(curl, CURLOPT_PRIVATE, d);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, d->headers);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, s->allow_http ? "http,https" : "https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_PROXY, ""); /* whatever the environment says */
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L); /* a slow name server holds nobody else up */
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)s->timeout_ms);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)s->timeout_ms);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
    curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "trunkline/" TRUNKLINE_VERSION);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, d);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_answer);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, d);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)strlen(post->body));
    curl_easy_setopt(curl, CURLOPT_COPYPOSTFIELDS, post->body);
    if (*s->ca)
        curl_easy_setopt(curl, CURLOPT_CAINFO, s->ca);
}

int webhook_http_post(struct webhook_http *h, const struct webhook_post *post, void *arg)
{
    struct delivery *d = calloc(1, sizeof(*d));
    if (!d)
        return ERR_NOMEM;
    d->settings = h->settings;
    d->arg = arg;
    d->curl = curl_easy_init();
    bool good = d->curl && add_header(d, "Content-Type", "application/json") &&
                add_header(d, "Expect", "") && add_header(d, "X-Trunkline-Event", post->event) &&
                add_header(d, "X-Trunkline-Event-Id", post->id) &&
                add_header(d, "X-Trunkline-Signature", post->signature);
    if (good) {
        set_options(d, post);
        good = curl_multi_add_handle(h->multi, d->curl) == CURLM_OK;
    }
    if (!good) {
        delivery_free(d);
        return ERR_NOMEM;
    }
    d->next = h->deliveries;
    h->deliveries = d;
    h->active++;
    return ERR_OK;
}

size_t webhook_http_active(const struct webhook_http *h)
{
    return h->active;
}

int webhook_http_wait(struct webhook_http *h, int timeout_ms)
{
    int running;
    CURLMcode code = curl_multi_perform(h->multi, &running);
    if (code == CURLM_OK && (size_t)running == h->active)
        code = curl_multi_poll(h->multi, NULL, 0, timeout_ms, NULL);
    if (code == CURLM_OK)
        return ERR_OK;
    log_warn("webhook: %s", curl_multi_strerror(code));
    return ERR_UNAVAILABLE;
}

static void judge(const struct delivery *d, CURLcode code, struct webhook_result *ret)
{
    long status = 0;
    curl_easy_getinfo(d->curl, CURLINFO_RESPONSE_CODE, &status);
    bool whole = code == CURLE_OK || d->answered > ANSWER_MAX;
    *ret = (struct webhook_result){.arg = d->arg, .arrived = whole && status / 100 == 2};
    if (d->forbidden)
        snprintf(ret->failure, sizeof(ret->failure),
                 "the name leads to an address that is not public");
    else if (whole)
        snprintf(ret->failure, sizeof(ret->failure), "HTTP status %ld", status);
    else
        snprintf(ret->failure, sizeof(ret->failure), "%s", curl_easy_strerror(code));
}

bool webhook_http_take(struct webhook_http *h, struct webhook_result *ret)
{
    int left;
    CURLMsg *m = curl_multi_info_read(h->multi, &left);
    while (m && m->msg != CURLMSG_DONE)
        m = curl_multi_info_read(h->multi, &left);
    if (!m)
        return false;
    struct delivery *d = NULL;
    curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&d);
    judge(d, m->data.result, ret);
    curl_multi_remove_handle(h->multi, d->curl);
    unlink_delivery(h, d);
    delivery_free(d);
    return true;
}

/* ---- URLs ---- */

static bool has(CURLU *u, CURLUPart part)
{
    char *text = NULL;
    bool there = curl_url_get(u, part, &text, 0) == CURLUE_OK;
    curl_free(text);
    return there;
}

/* A host that is an address is judged now; names when they are connected to. */
static bool host_allowed(CURLU *u, const webhook_settings *settings)
{
    char *host = NULL;
    struct addr address;
    if (curl_url_get(u, CURLUPART_HOST, &host, 0) != CURLUE_OK)
        return false;
    bool literal = addr_parse(span_of(host), 0, &address) == ERR_OK;
    bool good = !literal || settings->allow_private || addr_is_public(&address);
    curl_free(host);
    return good;
}

static const char *check_parts(CURLU *u, const char *url, const webhook_settings *settings)
{
    bool plain = strncmp(url, "http://", strlen("http://")) == 0;
    if (!plain && strncmp(url, "https://", strlen("https://")) != 0)
        return "must begin with https://";
    if (plain && !settings->allow_http)
        return "must begin with https:// (webhook.allow_http is off)";
    if (has(u, CURLUPART_USER) || has(u, CURLUPART_PASSWORD))
        return "must hold no user and password";
    if (has(u, CURLUPART_FRAGMENT))
        return "must have no part after #";
    if (!host_allowed(u, settings))
        return "leads to an address that is not public (webhook.allow_private is off)";
    return NULL;
}

const char *webhook_url_check(const char *url, const webhook_settings *settings)
{
    size_t n = strlen(url);
    for (size_t i = 0; i < n; i++) {
        if (url[i] <= ' ' || url[i] > '~')
            return "must be of visible ASCII characters";
    }
    if (n >= WEBHOOK_URL)
        return "is longer than 512 characters";
    CURLU *u = curl_url();
    if (!u)
        return "could not be read: no memory";
    const char *reason = curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK
                             ? check_parts(u, url, settings)
                             : "is no URL";
    curl_url_cleanup(u);
    return reason;
}
