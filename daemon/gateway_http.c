#include "gateway_http.h"

#include <curl/curl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "log.h"

enum { URL_MAX = 512, BODY_MAX = 2048, REPLY_MAX = 8192, PAUSE_MS = 200 };

/* One request and what came back. */
struct exchange {
    const struct gateway *gateway;
    char url[URL_MAX];
    const char *key;  /* NULL: none is sent */
    const char *body; /* NULL: GET */
    long status;      /* 0: no answer */
    bool sent;        /* something may have reached the gateway */
    char reply[REPLY_MAX];
    size_t reply_n;
};

static size_t take_reply(char *data, size_t size, size_t n, void *arg)
{
    struct exchange *x = arg;
    if (size * n > sizeof(x->reply) - x->reply_n)
        return 0; /* an answer of ours is short */
    memcpy(x->reply + x->reply_n, data, size * n);
    x->reply_n += size * n;
    return size * n;
}

/* False: no memory; the list holds what was added. */
static bool add_header(struct curl_slist **list, const char *name, const char *value)
{
    char line[CONF_TEXT + 64];
    snprintf(line, sizeof(line), "%s: %s", name, value);
    struct curl_slist *longer = curl_slist_append(*list, line);
    explicit_bzero(line, sizeof(line));
    if (longer)
        *list = longer;
    return longer != NULL;
}

static bool add_headers(const struct exchange *x, struct curl_slist **list)
{
    char bearer[CONF_TEXT + 16];
    const char *token = x->gateway->settings->token;
    snprintf(bearer, sizeof(bearer), "Bearer %s", token);
    bool good = add_header(list, "Accept", "application/json") &&
                (!*token || add_header(list, "Authorization", bearer)) &&
                (!x->key || add_header(list, "Idempotency-Key", x->key)) &&
                (!x->body || (add_header(list, "Content-Type", "application/json") &&
                              add_header(list, "Expect", "")));
    explicit_bzero(bearer, sizeof(bearer));
    return good;
}

static void set_options(CURL *curl, struct exchange *x, struct curl_slist *headers)
{
    const gateway_settings *s = x->gateway->settings;
    curl_easy_setopt(curl, CURLOPT_URL, x->url);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)s->timeout_ms);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)s->timeout_ms);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
    curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(curl, CURLOPT_FORBID_REUSE, 1L);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "trunkline/" TRUNKLINE_VERSION);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_reply);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, x);
    if (*s->ca)
        curl_easy_setopt(curl, CURLOPT_CAINFO, s->ca);
    if (x->body) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, x->body); /* not copied */
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)strlen(x->body));
    }
}

/* Failures of which the gateway has seen no request. */
static bool before_sending(CURLcode code)
{
    static const CURLcode codes[] = {
        CURLE_UNSUPPORTED_PROTOCOL, CURLE_URL_MALFORMAT,      CURLE_COULDNT_RESOLVE_PROXY,
        CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_CONNECT,    CURLE_SSL_CONNECT_ERROR,
        CURLE_SSL_CERTPROBLEM,      CURLE_SSL_CACERT_BADFILE, CURLE_PEER_FAILED_VERIFICATION,
        CURLE_FAILED_INIT,
    };
    for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++) {
        if (codes[i] == code)
            return true;
    }
    return false;
}

static void perform(struct exchange *x)
{
    struct curl_slist *headers = NULL;
    CURL *curl = curl_easy_init();
    x->status = 0;
    x->reply_n = 0;
    if (curl && add_headers(x, &headers)) {
        set_options(curl, x, headers);
        CURLcode code = curl_easy_perform(curl);
        x->sent |= !before_sending(code);
        if (code == CURLE_OK)
            curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &x->status);
        else
            log_warn("payment gateway: %s", curl_easy_strerror(code));
    }
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
}

static bool worth_repeating(long status)
{
    return status == 0 || status == 409 || status == 429 || status >= 500;
}

/* Tries with the same key until there is an answer; pauses grow. */
static void perform_patiently(struct exchange *x)
{
    int64_t tries = x->gateway->settings->tries;
    long pause_ms = PAUSE_MS;
    for (int64_t i = 0; i < tries; i++, pause_ms *= 2) {
        if (i > 0)
            nanosleep(
                &(struct timespec){.tv_sec = pause_ms / 1000, .tv_nsec = pause_ms % 1000 * 1000000},
                NULL);
        perform(x);
        if (!worth_repeating(x->status))
            return;
        log_info("payment gateway: try %lld of %lld: status %ld", (long long)i + 1,
                 (long long)tries, x->status);
    }
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static void read_success(const struct exchange *x, struct gateway_answer *ret)
{
    json_t *root = json_loadb(x->reply, x->reply_n, JSON_REJECT_DUPLICATES, NULL);
    const char *status = text_of(root, "status"), *id = text_of(root, "id");
    if (strcmp(status, "approved") == 0)
        gateway_answer_set(ret, GATEWAY_APPROVED, id, "");
    else if (strcmp(status, "declined") == 0)
        gateway_answer_set(ret, GATEWAY_DECLINED, id, text_of(root, "reason"));
    else
        gateway_answer_set(ret, GATEWAY_UNKNOWN, id, "the gateway has not decided");
    json_decref(root);
}

static void read_answer(const struct exchange *x, struct gateway_answer *ret)
{
    char reason[64];
    snprintf(reason, sizeof(reason), "the gateway answered %ld", x->status);
    if (x->status == 200 || x->status == 201 || x->status == 402)
        read_success(x, ret);
    else if (x->status == 0 && !x->sent)
        gateway_answer_set(ret, GATEWAY_ABSENT, "", "the gateway can't be reached");
    else if (worth_repeating(x->status) || x->status < 400)
        gateway_answer_set(ret, GATEWAY_UNKNOWN, "", x->status ? reason : "no answer");
    else
        gateway_answer_set(ret, GATEWAY_ABSENT, "", reason);
    if (x->status == 402 && ret->result != GATEWAY_DECLINED)
        gateway_answer_set(ret, GATEWAY_DECLINED, "", "declined");
}

/* Texts within the object are ours to wipe. */
static void wipe(json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);
    if (value)
        explicit_bzero((char *)(uintptr_t)json_string_value(value), json_string_length(value));
}

static json_t *pack_card(const struct card *c)
{
    return json_pack("{s:s,s:s,s:i,s:i,s:s,s:s,s:s,s:s,s:s,s:s,s:s}", "number", c->number, "cvv",
                     c->cvv, "exp_month", c->month, "exp_year", c->year, "first_name",
                     c->first_name, "last_name", c->last_name, "address", c->address, "address2",
                     c->address2, "city", c->city, "state", c->state, "zip", c->zip);
}

/* Takes root; NULL counts. Sends it when it fits. */
static void post(struct exchange *x, json_t *root, struct gateway_answer *ret)
{
    char body[BODY_MAX + 1];
    size_t n = root ? json_dumpb(root, body, BODY_MAX, JSON_COMPACT) : 0;
    json_t *card = json_object_get(root, "card");
    if (n > 0 && n <= BODY_MAX) {
        body[n] = '\0';
        x->body = body;
        perform_patiently(x);
        read_answer(x, ret);
    } else {
        gateway_answer_set(ret, GATEWAY_ABSENT, "", "the request could not be built");
    }
    explicit_bzero(body, sizeof(body));
    wipe(card, "number");
    wipe(card, "cvv");
    json_decref(root);
}

static bool begin(struct exchange *x, const struct gateway *g, const char *what, const char *id)
{
    x->gateway = g;
    int n =
        snprintf(x->url, sizeof(x->url), "%s/%s%s%s", g->settings->url, what, *id ? "/" : "", id);
    return n > 0 && (size_t)n < sizeof(x->url);
}

static void charge(const struct gateway *g, const char *key, money_t amount,
                   const struct card *card, struct gateway_answer *ret)
{
    char text[MONEY_TEXT];
    struct exchange x = {.key = key};
    if (begin(&x, g, "charges", ""))
        post(&x,
             json_pack("{s:s,s:s,s:s,s:o}", "key", key, "amount", money_text(amount, text),
                       "currency", "USD", "card", pack_card(card)),
             ret);
    else
        gateway_answer_set(ret, GATEWAY_ABSENT, "", "payment.url is too long");
}

static void refund(const struct gateway *g, const char *key, money_t amount, const char *reference,
                   struct gateway_answer *ret)
{
    char text[MONEY_TEXT];
    struct exchange x = {.key = key};
    if (begin(&x, g, "refunds", ""))
        post(&x,
             json_pack("{s:s,s:s,s:s,s:s}", "key", key, "amount", money_text(amount, text),
                       "currency", "USD", "charge", reference),
             ret);
    else
        gateway_answer_set(ret, GATEWAY_UNKNOWN, "", "payment.url is too long");
}

/* Only a plain 404 says that there is no such key: any other failure says nothing about it. */
static void lookup(const struct gateway *g, const char *key, struct gateway_answer *ret)
{
    struct exchange x = {0};
    if (begin(&x, g, "charges", key))
        perform_patiently(&x);
    if (x.status == 404)
        gateway_answer_set(ret, GATEWAY_ABSENT, "", "not charged");
    else if (x.status == 200)
        read_success(&x, ret);
    else
        gateway_answer_set(ret, GATEWAY_UNKNOWN, "", "no answer about the charge");
}

const struct gateway_adapter gateway_http = {"http", charge, lookup, refund};
