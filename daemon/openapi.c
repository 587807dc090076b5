#include "openapi.h"

#include <inttypes.h>
#include <string.h>

#include "answer.h"
#include "endpoint.h"
#include "endpoint_key.h"
#include "param.h"
#include "yaml.h"

/* Patterns of texts, as far as a pattern says it. */
static const char *const patterns[PARAM_FILE + 1] = {
    [PARAM_ACCOUNT] = "^[A-Za-z0-9_.-]{1,32}$",
    [PARAM_STATE] = "^[A-Za-z]{2}$",
    [PARAM_BLOCK] = "^[2-9][0-8][0-9][2-9][0-9]{2}$",
    [PARAM_PHONE] = "^(\\+?1)?[2-9][0-8][0-9][2-9][0-9]{6}$",
    [PARAM_ID] = "^[0-9]+$",
    [PARAM_COUNT] = "^[0-9]+$",
    [PARAM_DIGITS] = "^[0-9]+$",
};

static void print_choices(FILE *out, int depth, const char *choices)
{
    struct span rest = span_of(choices), choice;
    yaml_open(out, depth, "enum");
    while (span_cut(&rest, '|', &choice))
        fprintf(out, "%*s- \"%.*s\"\n", (depth + 1) * 2, "", (int)choice.n, choice.p);
}

static void print_length(FILE *out, int depth, const struct param *p)
{
    char number[24];
    if (p->type != PARAM_TEXT && p->type != PARAM_DIGITS)
        return;
    snprintf(number, sizeof(number), "%" PRId64, p->min);
    yaml_plain(out, depth, "minLength", number);
    snprintf(number, sizeof(number), "%" PRId64, p->max);
    yaml_plain(out, depth, "maxLength", number);
}

static void print_schema(FILE *out, int depth, const struct param *p)
{
    bool integer = p->type == PARAM_COUNT || p->type == PARAM_ID;
    yaml_plain(out, depth, "type", integer ? "[string, integer]" : "string");
    if (p->type == PARAM_CHOICE)
        print_choices(out, depth, p->choices);
    else if (patterns[p->type])
        fprintf(out, "%*spattern: '%s'\n", depth * 2, "", patterns[p->type]);
    print_length(out, depth, p);
    if (p->type == PARAM_FILE)
        yaml_plain(out, depth, "format", "binary");
}

/* What it is, its range and its other spellings, as one text. */
static void print_doc(FILE *out, int depth, const struct param *p)
{
    char range[64] = "", spellings[160] = "";
    bool ranged = (p->type == PARAM_COUNT || p->type == PARAM_MINUTES) && p->max;
    if (ranged)
        snprintf(range, sizeof(range), " %" PRId64 " to %" PRId64 ".", p->min, p->max);
    const char *const *alias = endpoint_aliases(p->name);
    for (bool first = true; alias && *alias; alias++) {
        if (strcmp(*alias, p->name) == 0)
            continue;
        size_t n = strlen(spellings);
        snprintf(spellings + n, sizeof(spellings) - n, "%s%s", first ? " Also taken as " : ", ",
                 *alias);
        first = false;
    }
    yaml_textf(out, depth, "description", "%s Takes: %s.%s%s%s%s", p->doc, param_type_text(p->type),
               range, spellings, *spellings ? "." : "",
               p->added ? " (Addition to the document.)" : "");
}

static void print_query(FILE *out, const struct param *p)
{
    yaml_plain(out, 3, "- name", p->name);
    yaml_plain(out, 4, "in", "query");
    if (p->required)
        yaml_plain(out, 4, "required", "true");
    print_doc(out, 4, p);
    yaml_open(out, 4, "schema");
    print_schema(out, 5, p);
}

enum { ALWAYS = 5 }; /* of the headers, those of all replies but 429 alone */

static const struct {
    const char *name, *type, *doc;
} reply_headers[] = {
    {"X-Request-Id",          "string",  "The request's own, or a fresh one."                   },
    {"X-RateLimit-Limit",     "integer", "Requests that may come at once."                      },
    {"X-RateLimit-Remaining", "integer", "How many of them may come now."                       },
    {"X-RateLimit-Reset",     "integer", "Seconds until all of them may come again."            },
    {"X-Ignored-Parameters",  "string",  "Names that the endpoint doesn't know; none: not sent."},
    {"Retry-After",           "integer", "Seconds after which to repeat the request."           },
};

static void print_headers(FILE *out, int depth)
{
    yaml_open(out, depth, "headers");
    for (size_t i = 0; i < ALWAYS; i++)
        yaml_ref(out, depth + 1, reply_headers[i].name, "headers", reply_headers[i].name, "");
}

static void print_header_components(FILE *out)
{
    yaml_open(out, 1, "headers");
    for (size_t i = 0; i < sizeof(reply_headers) / sizeof(*reply_headers); i++) {
        yaml_open(out, 2, reply_headers[i].name);
        yaml_text(out, 3, "description", reply_headers[i].doc);
        yaml_open(out, 3, "schema");
        yaml_plain(out, 4, "type", reply_headers[i].type);
    }
}

static void print_responses(FILE *out, const struct endpoint *e)
{
    yaml_open(out, 3, "responses");
    yaml_open(out, 4, "200");
    yaml_text(out, 5, "description", "Success; nothing found is an empty list.");
    print_headers(out, 5);
    yaml_open(out, 5, "content");
    yaml_open(out, 6, "application/json");
    yaml_ref(out, 7, "schema", "schemas", e->name, "_reply");
    yaml_ref(out, 4, "404", "responses", "Failure", "");
    yaml_ref(out, 4, "429", "responses", "TooMany", "");
    yaml_ref(out, 4, "default", "responses", "Failure", "");
}

static void print_head(FILE *out, const struct endpoint *e, const char *suffix)
{
    yaml_textf(out, 3, "operationId", "%s%s", e->name, suffix);
    yaml_plain(out, 3, "tags",
               e->tag[0] == 'O'   ? "[Origination]"
               : e->tag[0] == 'T' ? "[Termination]"
                                  : "[Billing]");
    yaml_text(out, 3, "summary", e->title);
    yaml_textf(out, 3, "description", "%s Scope of the token: %s.", e->doc,
               endpoint_scope_text(e->scope));
    yaml_plain(out, 3, "x-scope", endpoint_scope_text(e->scope));
}

static void print_idempotency(FILE *out)
{
    yaml_open(out, 3, "parameters");
    yaml_plain(out, 3, "- name", "Idempotency-Key");
    yaml_plain(out, 4, "in", "header");
    yaml_text(out, 4, "description",
              "Within 24 hours the same key and request are done once and answered alike; the key "
              "with another request is refused. (Addition to the document.)");
    yaml_open(out, 4, "schema");
    yaml_plain(out, 5, "type", "string");
    yaml_plain(out, 5, "maxLength", "255");
}

static void print_post(FILE *out, const struct endpoint *e)
{
    static const char *const media[] = {"application/x-www-form-urlencoded", "multipart/form-data",
                                        "application/json"};
    yaml_open(out, 2, "post");
    print_head(out, e, "");
    if (e->access != ENDPOINT_READ)
        print_idempotency(out);
    yaml_open(out, 3, "requestBody");
    yaml_plain(out, 4, "required", "true");
    yaml_open(out, 4, "content");
    for (size_t i = 0; i < sizeof(media) / sizeof(*media); i++) {
        yaml_open(out, 5, media[i]);
        yaml_ref(out, 6, "schema", "schemas", e->name, "_request");
    }
    print_responses(out, e);
}

static void print_get(FILE *out, const struct endpoint *e)
{
    yaml_open(out, 2, "get");
    print_head(out, e, "_get");
    yaml_open(out, 3, "parameters");
    print_query(out, &endpoint_token);
    print_query(out, &endpoint_account);
    for (const struct param *p = e->params; p->name; p++)
        print_query(out, p);
    print_responses(out, e);
}

static void print_paths(FILE *out)
{
    yaml_open(out, 0, "paths");
    for (size_t i = 0; i < endpoint_count; i++) {
        fprintf(out, "  /%s:\n", endpoints[i].name);
        print_post(out, &endpoints[i]);
        if (endpoints[i].access == ENDPOINT_READ)
            print_get(out, &endpoints[i]);
    }
}

static void print_property(FILE *out, const struct param *p)
{
    yaml_open(out, 4, p->name);
    print_schema(out, 5, p);
    print_doc(out, 5, p);
}

static void print_request(FILE *out, const struct endpoint *e)
{
    fprintf(out, "    %s_request:\n      type: object\n      required: [token, accountno", e->name);
    for (const struct param *p = e->params; p->name; p++) {
        if (p->required)
            fprintf(out, ", %s", p->name);
    }
    fputs("]\n", out);
    yaml_open(out, 3, "properties");
    print_property(out, &endpoint_token);
    print_property(out, &endpoint_account);
    for (const struct param *p = e->params; p->name; p++)
        print_property(out, p);
}

/* "required: [...]" of the documented keys on this level; `first` goes ahead of them. */
static void print_always(FILE *out, int depth, const char *first, struct span keys)
{
    struct endpoint_key key;
    const char *separator = *first ? ", " : "";
    fprintf(out, "%*srequired: [%s", depth * 2, "", first);
    for (int level = 0; level >= 0 && endpoint_key_next(&keys, &key);) {
        if (key.kind == ENDPOINT_KEY_CLOSE) {
            level--;
            continue;
        }
        if (level == 0 && !key.added && !key.paged) {
            fprintf(out, "%s\"%.*s\"", separator, (int)key.name.n, key.name.p);
            separator = ", ";
        }
        level += key.kind == ENDPOINT_KEY_OBJECTS;
    }
    fputs("]\n", out);
}

static void print_kind(FILE *out, int depth, enum endpoint_key_kind kind, struct span inner)
{
    bool list = kind == ENDPOINT_KEY_OBJECTS || kind == ENDPOINT_KEY_TEXTS;
    yaml_plain(out, depth, "type",
               list                        ? "array"
               : kind == ENDPOINT_KEY_FLAG ? "boolean"
                                           : "string");
    if (list)
        yaml_open(out, depth, "items");
    if (kind == ENDPOINT_KEY_TEXTS)
        yaml_plain(out, depth + 1, "type", "string");
    if (kind == ENDPOINT_KEY_OBJECTS) {
        yaml_plain(out, depth + 1, "type", "object");
        print_always(out, depth + 1, "", inner);
        yaml_open(out, depth + 1, "properties");
    }
}

/* One key; opens a level when it is a list of objects, whose keys `inner` begins with. */
static int print_reply_key(FILE *out, int depth, const struct endpoint_key *key, struct span inner)
{
    char name[64];
    snprintf(name, sizeof(name), "%.*s", (int)key->name.n, key->name.p);
    yaml_open(out, depth, name);
    if (key->added)
        yaml_text(out, depth + 1, "description",
                  key->paged ? "Only when limit or offset is given. (Addition to the document.)"
                             : "(Addition to the document.)");
    print_kind(out, depth + 1, key->kind, inner);
    return key->kind == ENDPOINT_KEY_OBJECTS ? depth + 3 : depth;
}

static void print_reply(FILE *out, const struct endpoint *e)
{
    struct span rest = span_of(e->reply);
    fprintf(out, "    %s_reply:\n      type: object\n", e->name);
    print_always(out, 3, "\"status\"", rest);
    yaml_open(out, 3, "properties");
    yaml_open(out, 4, "status");
    yaml_plain(out, 5, "type", "string");
    yaml_text(out, 5, "const", "200");
    int depth = 4;
    struct endpoint_key key;
    while (endpoint_key_next(&rest, &key)) {
        if (key.kind == ENDPOINT_KEY_CLOSE)
            depth -= 3;
        else
            depth = print_reply_key(out, depth, &key, rest);
    }
}

static void print_codes(FILE *out)
{
    fputs("        code:\n          type: string\n          description: |\n"
          "            Stable name of the reason:\n",
          out);
    for (size_t i = ANSWER_OK + 1; i < ANSWER_CODES; i++)
        fprintf(out, "            - `%s` (%d): %s\n", answer_codes[i].code, answer_codes[i].http,
                answer_codes[i].doc);
    fputs("          enum:\n", out);
    for (size_t i = ANSWER_OK + 1; i < ANSWER_CODES; i++)
        fprintf(out, "            - %s\n", answer_codes[i].code);
}

static void print_failure(FILE *out)
{
    fputs("    Failure:\n"
          "      type: object\n"
          "      required: [status, error, code, detail, request_id]\n"
          "      properties:\n"
          "        status:\n"
          "          type: string\n"
          "          description: \"The HTTP status as text.\"\n"
          "        error:\n"
          "          type: string\n"
          "          description: \"\\\"Invalid PARAM\\\", or plain words.\"\n",
          out);
    print_codes(out);
    fputs("        detail:\n"
          "          type: string\n"
          "          description: \"What is wrong, for people.\"\n"
          "        request_id:\n"
          "          type: string\n"
          "          description: \"As in the X-Request-Id header.\"\n",
          out);
}

static void print_failure_response(FILE *out, const char *name, const char *doc)
{
    yaml_open(out, 2, name);
    yaml_text(out, 3, "description", doc);
    print_headers(out, 3);
    if (strcmp(name, "TooMany") == 0)
        yaml_ref(out, 4, "Retry-After", "headers", "Retry-After", "");
    yaml_open(out, 3, "content");
    yaml_open(out, 4, "application/json");
    yaml_ref(out, 5, "schema", "schemas", "Failure", "");
}

static void print_components(FILE *out)
{
    yaml_open(out, 0, "components");
    print_header_components(out);
    yaml_open(out, 1, "responses");
    print_failure_response(out, "Failure", "Refused; `error` says what is wrong.");
    print_failure_response(out, "TooMany",
                           "Over the rate of the token, or too many refused requests of the "
                           "address.");
    yaml_open(out, 1, "schemas");
    print_failure(out);
    for (size_t i = 0; i < endpoint_count; i++) {
        print_request(out, &endpoints[i]);
        print_reply(out, &endpoints[i]);
    }
}

int openapi_print(FILE *out)
{
    fputs("# Printed by `trunkd --openapi` from the endpoint table; don't edit.\n"
          "openapi: 3.1.0\n"
          "info:\n"
          "  title: \"Trunkline\"\n"
          "  version: \"1.0.0\"\n"
          "  license:\n"
          "    name: \"MIT\"\n"
          "    identifier: \"MIT\"\n"
          "  description: \"Wholesale SIP: numbers, trunk groups, orders, statistics. Success is "
          "HTTP "
          "200 with `status` \\\"200\\\"; a failure names the parameter or the reason in `error`. "
          "Parameters come as a form, as multipart or as a flat JSON object, reads also as a "
          "query.\"\n"
          "servers:\n"
          "  - url: \"/\"\n"
          "  - url: \"/api/did\"\n"
          "security: []\n" /* token and accountno are parameters */
          "tags:\n"
          "  - name: Origination\n"
          "    description: \"Numbers and calls to them.\"\n"
          "  - name: Termination\n"
          "    description: \"Calls that you send.\"\n"
          "  - name: Billing\n"
          "    description: \"Invoices and payments.\"\n",
          out);
    print_paths(out);
    print_components(out);
    return fflush(out) == 0 && !ferror(out) ? ERR_OK : ERR_SYSTEM;
}
