/* Settings: one INI file for both programs, one table of rows (conf.c) with type, range, default,
 * unit and meaning. Unknown sections or keys, bad values and repeated keys are errors that name
 * file, line and key. */
#ifndef TRUNKLINE_CONF_H
#define TRUNKLINE_CONF_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "err.h"
#include "log.h"

enum { CONF_TEXT = 256, CONF_ERROR = 512 };

#define CONF_SPOOL_DIR "/var/lib/trunkline/spool" /* preset of sip.spool_dir */

struct conf {
    struct {
        char address[CONF_TEXT]; /* "HOST:PORT" or "unix:PATH" */
        char user[CONF_TEXT];    /* ACL user, empty: default user */
        char password[CONF_TEXT];
        int64_t timeout_ms; /* longest wait for one reply */
        int64_t pool;       /* connections of trunkd */
    } redis;
    struct {
        char listen[CONF_TEXT];          /* "ADDR:PORT" by comma; empty: none */
        char tls_listen[CONF_TEXT];      /* the same, with TLS */
        char tls_certificate[CONF_TEXT]; /* PEM file, chain included */
        char tls_key[CONF_TEXT];         /* PEM file */
        char base_url[CONF_TEXT];        /* prefix of file links; empty: from the Host header */
        int64_t threads, workers;
        int64_t connections;              /* at once */
        int64_t connections_per_address;  /* at once, one client address */
        int64_t idle_timeout_s;           /* without a byte */
        int64_t request_timeout_s;        /* for a whole request */
        int64_t body_max;                 /* bytes of a request body */
        int64_t upload_max;               /* bytes of one that may hold files */
        int64_t bodies_max;               /* bytes of all that are under way */
        char trusted_proxies[CONF_TEXT];  /* networks by comma whose forwarding headers count */
        char forwarded_header[CONF_TEXT]; /* "X-Forwarded-For" or "Forwarded" */
        int64_t token_rate;               /* requests a minute of a token; 0: no limit */
        int64_t token_burst;              /* at once */
        int64_t failure_rate;             /* refused tokens a minute of an address; 0: no limit */
        int64_t failure_burst;            /* at once */
        int64_t auth_cache_ms;            /* longest life of what is known of tokens */
    } http;
    struct {
        char listen[CONF_TEXT];    /* "udp:ADDR:PORT", …, several by comma (listen.h) */
        char advertise[CONF_TEXT]; /* "ADDR[:PORT]", one for all of listen or one for each; empty:
                                      listen */
        char node[CONF_TEXT];      /* name of this instance; empty: host name and port */
        char edges[CONF_TEXT];    /* networks by comma of proxies whose X-Trunkline-Source counts */
        bool unknown_source_403;  /* unlisted sources get 403 instead of silence */
        int64_t t1_ms;            /* RFC 3261 T1 */
        int64_t no_answer_ms;     /* no response at all to an INVITE: next target */
        int64_t timer_c_s;        /* RFC 3261 timer C */
        int64_t sessions_code;    /* refusal over the sessions limit of a trunk group: 486 or 503 */
        int64_t retry_after_s;    /* Retry-After of 503 when Redis can't be asked */
        int64_t store_timeout_ms; /* longest wait of an INVITE for Redis */
        int64_t lease_s;          /* an instance silent for so long is dead */
        int64_t longest_call_s;
        int64_t session_expires_s; /* RFC 4028: longest session interval; 0: left to the ends */
        int64_t session_min_s;     /* shortest */
        int64_t message_max;       /* bytes of a SIP message */
        int64_t drain_s;           /* longest wait for open transactions at SIGTERM */
        char spool_dir[CONF_TEXT]; /* folder of call events on disk; empty: none */
        int64_t spool_max;         /* bytes of such a file */
        int64_t connections;       /* TCP and TLS, at once */
        int64_t connections_per_address; /* of one peer */
        int64_t stream_idle_s;           /* a connection without a message for so long is closed */
        int64_t connect_ms;              /* longest wait for a connection, its handshake included */
        char resolver[CONF_TEXT];   /* name servers "ADDR[:PORT]" by comma; empty: the system's */
        int64_t resolve_ms;         /* longest wait of a call for them */
        int64_t target_failures;    /* in a row: a target is down */
        int64_t target_recoveries;  /* OPTIONS answered in a row: it is up again */
        int64_t target_rest_s;      /* longest Retry-After of a target; rest without probes */
        int64_t probe_ms;           /* between OPTIONS to a target; 0: none */
        bool probe_all;             /* OPTIONS also to targets that are up */
        bool cnam;                  /* customers' calls show the caller name of their number */
        int64_t source_rate;        /* messages a second of one source */
        int64_t source_invite_rate; /* new calls a second of one source */
        int64_t stranger_rate;      /* responses a second to one unlisted source */
        int64_t transactions_max;   /* open requests at which new calls are refused */
        int64_t admissions_max;     /* calls waiting for Redis at which new ones are refused */
        int64_t lag_ms;             /* delay at which new calls are refused */
        int64_t gather_us;          /* under load, pause to let messages gather; 0: none */
        bool udp_only; /* requests over 1,300 bytes go by UDP too (against RFC 3261 §18.1.1) */
    } sip;
    struct {
        char certificate[CONF_TEXT]; /* PEM file, chain included; empty: no TLS */
        char key[CONF_TEXT];         /* PEM file */
        char ca[CONF_TEXT];          /* PEM file of who is trusted; empty: the system's */
        bool verify_client;          /* who connects must show a certificate */
        bool verify_server;          /* whom we connect to must be who we meant */
    } tls;
    struct {
        int64_t sessions_auto;    /* trunk group sessions granted at once up to this */
        int64_t ports_auto;       /* termination ports granted at once up to this */
        int64_t cps_auto;         /* termination calls a second granted at once up to this */
        int64_t cps_default;      /* asked for when a termination trunk names no cps */
        bool loopback_trunks;     /* trunk addresses on loopback allowed (tests, quickstart) */
        int64_t hold_minutes;     /* life of a cart's hold */
        int64_t order_hold_hours; /* life of an open order's hold */
        int64_t quarantine_days;  /* rest of a cancelled number */
        int64_t search_max;       /* numbers in one search reply */
        char tollfree_codes[CONF_TEXT];
        int64_t port_minimum_days;     /* business days from a port-in's order to its first FOC */
        int64_t port_maximum_days;     /* calendar days to its last */
        char port_holidays[CONF_TEXT]; /* more days without FOC: "YYYY-MM-DD" by comma */
    } policy;
    struct {
        char dir[CONF_TEXT]; /* invoices, call records, documents; several trunkd share it */
        int64_t cdr_hours;   /* CDRs stay in Redis for so long after they are in files */
        int64_t audit_hours; /* so do entries of the audit log */
        int64_t link_hours;  /* life of a signed link */
    } files;
    struct {
        char gateway[CONF_TEXT]; /* "none", "sandbox" or "http"; sandbox accounts: always sandbox */
        char url[CONF_TEXT];     /* of the http gateway */
        char token[CONF_TEXT];   /* bearer token at the http gateway */
        char ca[CONF_TEXT];      /* PEM file of who is trusted; empty: the system's */
        int64_t timeout_ms;      /* of one request */
        int64_t tries;           /* of one request, with the same key */
        int64_t fee_bp;          /* Credit Card Fee, share of the charge in 1/10,000 */
        int64_t fee_fixed;       /* and a fixed part, money */
        int64_t least, most;     /* of one payment, money */
        int64_t repeat_minutes;  /* the same card and amount within: one payment */
    } payment;
    struct {
        int64_t most;         /* of one account */
        int64_t timeout_ms;   /* of one delivery */
        int64_t tries;        /* of one event */
        int64_t pause_ms;     /* after the first try; doubles */
        int64_t pause_most_s; /* the longest */
        int64_t parallel;     /* deliveries at once */
        bool allow_http;      /* without TLS */
        bool allow_private;   /* to addresses that are not public */
        char ca[CONF_TEXT];   /* PEM file of who is trusted; empty: the system's */
    } webhook;
    struct {
        char name[CONF_TEXT];
        char address[CONF_TEXT]; /* lines by '|' */
        char email[CONF_TEXT], phone[CONF_TEXT], website[CONF_TEXT];
    } company; /* as on invoices and settings sheets */
    struct {
        char trunkd[CONF_TEXT]; /* "ADDR:PORT" of /metrics; empty: none */
        char sipmod[CONF_TEXT];
        char allow[CONF_TEXT]; /* addresses that may read, by comma; loopback always may */
        int64_t trunks;        /* told by name: those with the most calls */
        int64_t targets;
    } metrics;
    struct {
        char ports[CONF_TEXT];  /* of SIP, by comma */
        char filter[CONF_TEXT]; /* BPF; empty: by ports */
        int64_t buffer_mib;     /* of the kernel, live */
        int64_t calls;          /* followed at once */
        int64_t keep_hours;     /* of records in Redis */
        int64_t keep_most;      /* records of an account */
    } tap;
    struct {
        int64_t ring_mib;    /* memory for the latest messages; 0: none */
        bool tls;            /* what goes by TLS is captured, too */
        char dir[CONF_TEXT]; /* folder of pcap files; empty: none */
        int64_t file_mib;    /* a file of so much is full */
        int64_t files;       /* kept of one instance */
        int64_t file_hours;  /* and for so long; 0: no limit */
        char hep[CONF_TEXT]; /* "udp:HOST:PORT" or "tcp:HOST:PORT" (listen.h); empty: none */
        int64_t hep_id;      /* capture agent */
        char hep_password[CONF_TEXT]; /* empty: none is sent */
    } capture;
    struct {
        char allow[CONF_TEXT]; /* networks by comma that the ops page is for; empty: any */
        int64_t session_hours; /* after a login */
        int64_t viewers;       /* at once */
        int64_t trunks;        /* told by name: the busiest */
    } ops;
    struct {
        enum log_level level;
    } log;
};

/* Sets every default. */
void conf_defaults(struct conf *c);

/* Reads an INI file over what is set. On failure writes one line "FILE:LINE: …" to error. */
MUST_CHECK int conf_load(struct conf *c, const char *path, char error[CONF_ERROR]);

/* Applies one "section.key=value". On failure writes one line to error. */
MUST_CHECK int conf_override(struct conf *c, const char *assignment, char error[CONF_ERROR]);

/* Prints the table as a commented INI file with the defaults. */
void conf_print_reference(FILE *out);

#endif
