#include <stddef.h>

#include "html.h"
#include "reference.h"

static const struct {
    const char *type, *when, *data;
} events[] = {
    {"order.created",         "gen_order made an order",
     "orderId, tg_id, didCategory, didType, amount, count, numbers"                                                               },
    {"order.processed",       "Its numbers are in service",                               "the same"                              },
    {"order.cancelled",       "It was given up",                                          "the same"                              },
    {"port.created",          "A port-in order was made",
     "orderId, tg_id, didCategory, processingStatus, reason, note, focDate, amount, count, "
     "numbers"                                                                                                                    },
    {"port.submitted",        "It went to the losing carrier",                            "the same"                              },
    {"port.exception",        "Something is wrong with it: `reason` and `note` say what", "the same"                              },
    {"port.foc",              "The losing carrier committed to `focDate`",                "the same"                              },
    {"port.completed",        "Its numbers are in service",                               "the same"                              },
    {"port.cancelled",        "It was cancelled and paid back",                           "the same"                              },
    {"balance.credited",      "Money came in",                                            "amount, balance, activity, referenceno"},
    {"balance.debited",       "Money went out, other than for calls",                     "the same"                              },
    {"balance.low",           "The balance fell below the mark of the account",           "balance, low_balance"                  },
    {"payment.completed",     "A payment was taken",
     "referenceno, method, funded_amount, charges, reason"                                                                        },
    {"payment.failed",        "A payment was declined or given up",                       "the same"                              },
    {"payment.refunded",      "Money goes back: `refunded`",                              "the same, refunded"                    },
    {"payment.refund_failed", "The refund was refused and is booked back",                "the same, refunded"                    },
    {"payment.cancelled",     "A payment did not last",                                   "the same"                              },
    {"invoice.created",       "A month's invoice is there",                               "month, charges, payments, balance"     },
    {"webhook.test",          "Somebody tries the webhook",                               "webhook"                               },
};

static const char delivery[] =
    "POST /your/path HTTP/1.1\n"
    "Content-Type: application/json\n"
    "X-Trunkline-Event: balance.low\n"
    "X-Trunkline-Event-Id: 1000001-17\n"
    "X-Trunkline-Signature: t=1795471267,v1=5d1c…\n"
    "\n"
    "{\"id\":\"1000001-17\",\"type\":\"balance.low\",\"accountno\":\"1000001\",\n"
    " \"created\":\"2026-11-23 "
    "22:01:07\",\"data\":{\"balance\":\"30.00\",\"low_balance\":\"40.00\"}}";

static const char verification[] =
    "import hashlib, hmac, time\n"
    "\n"
    "def is_genuine(secret, body, header):\n"
    "    \"\"\"body: the bytes as received; header: X-Trunkline-Signature.\"\"\"\n"
    "    parts = [part.split(\"=\", 1) for part in header.split(\",\")]\n"
    "    sent = next(value for name, value in parts if name == \"t\")\n"
    "    signed = sent.encode() + b\".\" + body\n"
    "    wanted = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()\n"
    "    fresh = abs(time.time() - int(sent)) < 300\n"
    "    return fresh and any(name == \"v1\" and hmac.compare_digest(value, wanted)\n"
    "                         for name, value in parts)";

static void paragraph(FILE *out, const char *text)
{
    fputs("<p>", out);
    html_prose(out, text);
    fputs("</p>\n", out);
}

static void sample(FILE *out, const char *title, const char *kind, const char *text)
{
    fprintf(out, "<h4>%s</h4><pre class=\"%s\">", title, kind);
    html_text(out, text);
    fputs("</pre>\n", out);
}

void reference_print_webhooks(FILE *out)
{
    fputs("<h2 id=\"webhooks\">Webhooks</h2>\n", out);
    paragraph(out, "We can tell a server of yours what happens: ask us to add its URL, and for "
                   "which kinds of events (`order`, `port`, `balance`, `payment`, `invoice`). You "
                   "get a secret of 64 characters with it.");
    sample(out, "What arrives", "delivery", delivery);
    paragraph(out, "Answer any 2xx within 10 seconds, and work on it afterwards. Anything else, "
                   "and the event comes again, later and later, with the next ones waiting behind "
                   "it: events of one webhook come in their order. One that was never taken is "
                   "kept apart, and we can send it again. The same event may come twice: its `id` "
                   "tells. Redirects are not followed, and the certificate must be valid.");
    paragraph(out, "The signature is HMAC-SHA256 over the time `t`, a dot and the body, with the "
                   "secret as key. While we change your secret there are two of `v1`: one that "
                   "fits is enough. In Python:");
    sample(out, "Is it genuine?", "verification", verification);
    fputs("<h4>Events</h4><table><thead><tr><th>type</th><th>When</th><th>data</th></tr></thead>"
          "<tbody>\n",
          out);
    for (size_t i = 0; i < sizeof(events) / sizeof(*events); i++) {
        fputs("<tr><td>", out);
        html_element(out, "code", events[i].type);
        fputs("</td><td>", out);
        html_prose(out, events[i].when);
        fputs("</td><td>", out);
        html_text(out, events[i].data);
        fputs("</td></tr>\n", out);
    }
    fputs("</tbody></table>\n", out);
    paragraph(out, "All values are texts, but `numbers`, which is a list; it is empty in an event "
                   "of more than 1,000 numbers, and `count` tells how many there are.");
}
