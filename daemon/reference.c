#include "reference.h"

#include <inttypes.h>
#include <string.h>

#include "answer.h"
#include "endpoint.h"
#include "endpoint_key.h"
#include "html.h"

enum { INDENT = 2 };

/* ---- examples ---- */

/* Values of examples by name; by type where the name says nothing. */
static const struct {
    const char *name, *value;
} by_name[] = {
    {"address",              "1 Main St"       },
    {"cardnumber",           "4242424242424242"},
    {"cvv",                  "123"             },
    {"expmonth",             "12"              },
    {"expyear",              "2030"            },
    {"firstname",            "Jane"            },
    {"from",                 "2026-11-01"      },
    {"ipaddress",            "198.51.100.20"   },
    {"lastname",             "Doe"             },
    {"loaAuthorizingPerson", "Jane Doe"        },
    {"loa_doc",              "@loa.pdf"        },
    {"carrier_doc",          "@bill.pdf"       },
    {"month",                "11"              },
    {"ports",                "10"              },
    {"quantity",             "10"              },
    {"reserveId",            "100001"          },
    {"tfn_prefix",           "866"             },
    {"tg_id",                "12"              },
    {"title",                "Office"          },
    {"to",                   "2026-11-30"      },
    {"trunkId",              "12"              },
    {"trunk_id",             "12"              },
    {"trunkid",              "12"              },
    {"year",                 "2026"            },
};
static const char *const by_type[PARAM_FILE + 1] = {
    [PARAM_TEXT] = "text",       [PARAM_ACCOUNT] = "1000001",  [PARAM_STATE] = "WA",
    [PARAM_BLOCK] = "206219",    [PARAM_PHONE] = "2062190001", [PARAM_PHONES] = "2062190001",
    [PARAM_ID] = "100001",       [PARAM_IDS] = "100001",       [PARAM_COUNT] = "1",
    [PARAM_DIGITS] = "5555",     [PARAM_IP] = "198.51.100.10", [PARAM_MINUTES] = "Unlimited",
    [PARAM_DATE] = "2026-11-01", [PARAM_MONEY] = "25.00",      [PARAM_FILE] = "@file.pdf",
};

/* Optional parameters that make an example say more, or that a value of another asks for. */
static const struct {
    const char *endpoint, *param;
} worth_showing[] = {
    {"bulkreserve",            "state"   },
    {"daily_cdrs",             "from"    },
    {"daily_cdrs_termination", "from"    },
    {"getnumbers",             "category"},
    {"get_payments",           "from"    },
    {"get_invoices",           "from"    },
    {"reserve",                "state"   },
    {"searchdid",              "NPANXX"  },
    {"update_trunk",           "title"   },
    {"updatenumber",           "trunkId" },
};

static bool is_shown(const struct endpoint *e, const struct param *p)
{
    for (size_t i = 0; i < sizeof(worth_showing) / sizeof(*worth_showing); i++) {
        if (strcmp(worth_showing[i].endpoint, e->name) == 0 &&
            strcmp(worth_showing[i].param, p->name) == 0)
            return true;
    }
    return p->required;
}

static struct span example(const struct param *p)
{
    struct span rest = span_of(p->choices), choice;
    for (size_t i = 0; i < sizeof(by_name) / sizeof(*by_name); i++) {
        if (strcmp(by_name[i].name, p->name) == 0)
            return span_of(by_name[i].value);
    }
    if (p->type == PARAM_CHOICE && span_cut(&rest, '|', &choice))
        return choice;
    return span_of(by_type[p->type]);
}

static bool has_file(const struct endpoint *e)
{
    for (const struct param *p = e->params; p->name; p++) {
        if (p->type == PARAM_FILE)
            return true;
    }
    return false;
}

static void print_curl(FILE *out, const struct endpoint *e)
{
    const char *flag = has_file(e) ? "-F" : "-d";
    fputs("<h4>Example</h4><pre class=\"curl\">", out);
    fprintf(out, "curl \"$API/%s\" \\\n  %s \"token=$TOKEN\" %s \"accountno=$ACCOUNT\"", e->name,
            flag, flag);
    for (const struct param *p = e->params; p->name; p++) {
        if (!is_shown(e, p))
            continue;
        fprintf(out, " \\\n  %s '%s=", flag, p->name);
        html_span(out, example(p));
        fputc('\'', out);
    }
    fputs("</pre>\n", out);
}

/* ---- one endpoint ---- */

static void print_choices(FILE *out, const char *choices)
{
    struct span rest = span_of(choices), choice;
    const char *before = " One of ";
    while (span_cut(&rest, '|', &choice)) {
        fprintf(out, "%s<code>", before);
        html_span(out, choice);
        fputs("</code>", out);
        before = ", ";
    }
    fputc('.', out);
}

static void print_limits(FILE *out, const struct param *p)
{
    bool length = p->type == PARAM_TEXT || p->type == PARAM_DIGITS;
    bool range = p->type == PARAM_COUNT || p->type == PARAM_MINUTES;
    if (p->type == PARAM_CHOICE) {
        print_choices(out, p->choices);
    } else if ((length || range) && p->max && p->min == p->max) {
        fprintf(out, " Exactly %" PRId64 " %s.", p->max,
                p->type == PARAM_DIGITS ? "digits" : "characters");
    } else if ((length || range) && p->max) {
        fprintf(out, " %" PRId64 " to %" PRId64 "%s.", p->min, p->max,
                p->type == PARAM_DIGITS ? " digits"
                : length                ? " characters"
                                        : "");
    }
}

static void print_aliases(FILE *out, const struct param *p)
{
    const char *before = " Also taken as ";
    const char *const *alias = endpoint_aliases(p->name);
    for (; alias && *alias; alias++) {
        if (strcmp(*alias, p->name) == 0)
            continue;
        fprintf(out, "%s<code>%s</code>", before, *alias);
        before = ", ";
    }
    if (*before == ',')
        fputc('.', out);
}

static void print_param(FILE *out, const struct param *p)
{
    fputs("<tr><td>", out);
    html_element(out, "code", p->name);
    fputs(p->required ? "</td><td class=\"must\">required" : "</td><td class=\"faint\">optional",
          out);
    fputs("</td><td>", out);
    html_text(out, param_type_text(p->type));
    fputs("</td><td>", out);
    html_prose(out, p->doc);
    print_limits(out, p);
    print_aliases(out, p);
    fputs("</td></tr>\n", out);
}

static void print_params(FILE *out, const struct endpoint *e)
{
    if (!e->params->name) {
        fputs("<p class=\"faint\">Takes <code>token</code> and <code>accountno</code> "
              "alone.</p>\n",
              out);
        return;
    }
    fputs("<h4>Parameters</h4><table><thead><tr><th>Name</th><th></th><th>Type</th><th>Meaning</th>"
          "</tr></thead><tbody>\n",
          out);
    for (const struct param *p = e->params; p->name; p++)
        print_param(out, p);
    fputs("</tbody></table>\n", out);
}

/* "a|b" as "a", "b". */
static void print_texts(FILE *out, const char *texts)
{
    struct span rest = span_of(texts), text;
    for (const char *before = ""; span_cut(&rest, '|', &text); before = ", ") {
        fprintf(out, "%s\"", before);
        html_span(out, text);
        fputc('"', out);
    }
}

static void print_key(FILE *out, int depth, const struct endpoint *e,
                      const struct endpoint_key *key, bool first)
{
    const char *sample = reference_sample(e->name, key->name);
    fprintf(out, "%s\n%*s\"", first ? "" : ",", depth * INDENT, "");
    html_span(out, key->name);
    fputs("\": ", out);
    switch (key->kind) {
    case ENDPOINT_KEY_OBJECTS:
        fputs("[{", out);
        break;
    case ENDPOINT_KEY_FLAG:
        fputs("false", out);
        break;
    case ENDPOINT_KEY_TEXTS:
        fputc('[', out);
        print_texts(out, sample);
        fputc(']', out);
        break;
    default:
        fputc('"', out);
        html_text(out, sample);
        fputc('"', out);
    }
}

/* A reply as JSON. */
static void print_reply(FILE *out, const struct endpoint *e)
{
    struct span rest = span_of(e->reply);
    struct endpoint_key key;
    int depth = 1;
    bool first = false; /* of an object: no comma before it */
    fputs("<h4>Reply</h4><pre class=\"reply\">{\n  \"status\": \"200\"", out);
    while (endpoint_key_next(&rest, &key)) {
        if (key.kind == ENDPOINT_KEY_CLOSE) {
            depth--;
            fprintf(out, "\n%*s}]", depth * INDENT, "");
            continue;
        }
        print_key(out, depth, e, &key, first);
        first = key.kind == ENDPOINT_KEY_OBJECTS;
        depth += first;
    }
    fputs("\n}</pre>\n", out);
}

static void print_endpoint(FILE *out, const struct endpoint *e)
{
    fprintf(out, "<section id=\"%s\"><h3>", e->name);
    if (e->access == ENDPOINT_READ)
        fputs("<span class=\"method get\">GET</span>", out);
    fputs("<span class=\"method post\">POST</span>", out);
    fprintf(out, "<a href=\"#%s\">/%s</a></h3>\n<p><strong>", e->name, e->name);
    html_text(out, e->title);
    fputs(".</strong> ", out);
    html_prose(out, e->doc);
    fputs(" Scope: <code>", out);
    fputs(endpoint_scope_text(e->scope), out);
    fputs("</code>.</p>\n", out);
    print_params(out, e);
    print_curl(out, e);
    print_reply(out, e);
    fputs("</section>\n", out);
}

/* ---- the page ---- */

static bool new_chapter(size_t i)
{
    return i == 0 || strcmp(endpoints[i].tag, endpoints[i - 1].tag) != 0;
}

static void print_navigation(FILE *out)
{
    fputs("<nav><a href=\"#top\">Trunkline API</a><a href=\"#failures\">Failures</a>"
          "<a href=\"#webhooks\">Webhooks</a><a href=\"/openapi.yaml\">OpenAPI document</a>\n",
          out);
    for (size_t i = 0; i < endpoint_count; i++) {
        if (new_chapter(i))
            fprintf(out, "%s<b>%s</b><div>\n", i ? "</div>" : "", endpoints[i].tag);
        fprintf(out, "<a href=\"#%s\">%s</a>\n", endpoints[i].name, endpoints[i].name);
    }
    fputs("</div></nav>\n", out);
}

static void print_introduction(FILE *out)
{
    static const char *const paragraphs[] = {
        "Every request names an account and one of its tokens: `accountno` and `token`. Parameters "
        "come as a form, as `multipart/form-data` or as a flat JSON object; requests that only "
        "read take them in the query of a GET, too. Paths work at the root and below `/api/did`.",
        "Success is HTTP 200 with `\"status\": \"200\"`. Nothing found is an empty list. Every "
        "value is a text, but lists and booleans. Times are UTC, money has two decimals.",
        "Telephone numbers are 10 digits, 11 with a leading 1, or +1 and ten digits; lists are "
        "joined by commas. `limit` and `offset`, where they are listed, ask for a part of a list, "
        "and the reply has its `total` then.",
        "Parameters that an endpoint doesn't know have no effect; `X-Ignored-Parameters` names "
        "them.",
        "Links to files are signed and end after a while; whoever has one needs no token.",
        "Give a request that changes something an `Idempotency-Key` of your choice, at most 255 "
        "characters: within 24 hours the same key and request are done once and answered alike. "
        "The key with another request is refused.",
        "A token has scopes, `read`, `write` and `billing`; each endpoint below says which one it "
        "needs. Where a token has a list of addresses, it works from those alone.",
        "A token may send so many requests at once, and so many a minute: `X-RateLimit-Limit` is "
        "how many at once, `X-RateLimit-Remaining` how many of them now, `X-RateLimit-Reset` the "
        "seconds until all of them again. What goes beyond gets 429 and `Retry-After`. An address "
        "that sends many wrong account numbers, tokens or links is refused alike; replies to those "
        "tell that limit.",
        "Every reply carries `X-Request-Id`: tell it when something went wrong.",
    };
    fputs("<h1 id=\"top\">Trunkline API</h1>\n", out);
    for (size_t i = 0; i < sizeof(paragraphs) / sizeof(*paragraphs); i++) {
        fputs("<p>", out);
        html_prose(out, paragraphs[i]);
        fputs("</p>\n", out);
    }
    fputs("<p>The examples take these for granted:</p>\n"
          "<pre>API=https://api.example.com TOKEN=… ACCOUNT=…</pre>\n",
          out);
}

static void print_failures(FILE *out)
{
    fputs("<h2 id=\"failures\">Failures</h2>\n<p>", out);
    html_prose(out,
               "A failure has `error`: `Invalid` and the parameter as its endpoint spells it, "
               "or plain words; `code`, which never changes; `detail` for people; and "
               "`request_id`. Its `status` is the HTTP status as text. Only what is no HTTP at "
               "all, or has more than 32 KB of headers, is refused before it is a request: "
               "with a short page (400, 414, 431, 505) and a closed connection.");
    fputs(
        "</p>\n<table><thead><tr><th>code</th><th>HTTP</th><th>Meaning</th></tr></thead><tbody>\n",
        out);
    for (size_t i = ANSWER_OK + 1; i < ANSWER_CODES; i++) {
        fputs("<tr><td>", out);
        html_element(out, "code", answer_codes[i].code);
        fprintf(out, "</td><td>%d</td><td>", answer_codes[i].http);
        html_prose(out, answer_codes[i].doc);
        fputs("</td></tr>\n", out);
    }
    fputs("</tbody></table>\n", out);
}

int reference_print(FILE *out)
{
    fputs("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
          "<title>Trunkline API</title>\n<style>\n",
          out);
    fputs(reference_style, out);
    fputs("</style></head>\n<body>\n", out);
    print_navigation(out);
    fputs("<main>\n", out);
    print_introduction(out);
    print_failures(out);
    for (size_t i = 0; i < endpoint_count; i++) {
        if (new_chapter(i))
            fprintf(out, "<h2>%s</h2>\n", endpoints[i].tag);
        print_endpoint(out, &endpoints[i]);
    }
    reference_print_webhooks(out);
    fputs("</main></body></html>\n", out);
    return fflush(out) == 0 && !ferror(out) ? ERR_OK : ERR_SYSTEM;
}
