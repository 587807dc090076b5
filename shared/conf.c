#include "conf.h"

#include <errno.h>
#include <ini.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "conf_kind.h"
#include "span.h"

enum { LINE_MAX_BYTES = 1024 };
enum { LONGEST = CONF_TEXT - 1, MANY = 1000000, BODY_MAX = 1 << 30, NODE_MAX = 100 };

/* clang-format off */
#define ROW(section, key) #section, #key
#define AT(field) offsetof(struct conf, field)
static const struct row ROWS[] = {
    {ROW(redis, address), &KIND_TARGET, AT(redis.address), 1, LONGEST, "127.0.0.1:6379", "",
     "Where Redis is."},
    {ROW(redis, user), &KIND_TEXT, AT(redis.user), 0, LONGEST, "", "",
     "ACL user; empty: Redis's default user."},
    {ROW(redis, password), &KIND_TEXT, AT(redis.password), 0, LONGEST, "", "",
     "Password of that user; empty: no login."},
    {ROW(redis, timeout_ms), &KIND_INT, AT(redis.timeout_ms), 10, 60000, "500", "milliseconds",
     "Longest wait for a connection and for one reply."},
    {ROW(redis, pool), &KIND_INT, AT(redis.pool), 1, 1024, "2", "connections",
     "Connections that the threads of trunkd share: what they ask at a time goes together."},

    {ROW(http, listen), &KIND_ADDRS, AT(http.listen), 0, LONGEST, "127.0.0.1:8080", "",
     "Where trunkd serves the API without TLS."},
    {ROW(http, tls_listen), &KIND_ADDRS, AT(http.tls_listen), 0, LONGEST, "", "",
     "Where trunkd serves it with TLS 1.2 and 1.3."},
    {ROW(http, tls_certificate), &KIND_TEXT, AT(http.tls_certificate), 0, LONGEST, "", "",
     "PEM file of the API's certificate and its chain; read again at SIGHUP, connections go on."},
    {ROW(http, tls_key), &KIND_TEXT, AT(http.tls_key), 0, LONGEST, "", "",
     "PEM file of its private key."},
    {ROW(http, base_url), &KIND_URL, AT(http.base_url), 0, LONGEST, "", "",
     "Prefix of the links to files; empty: from the request's Host header."},
    {ROW(http, threads), &KIND_INT, AT(http.threads), 1, 256, "4", "threads",
     "Threads that read requests and write replies."},
    {ROW(http, workers), &KIND_INT, AT(http.workers), 1, 1024, "64", "threads",
     "Threads that execute requests: so many can wait for Redis at a time."},
    {ROW(http, connections), &KIND_INT, AT(http.connections), 1, MANY, "2000", "connections",
     "Connections at once; beyond, those without a request make way for new ones."},
    {ROW(http, connections_per_address), &KIND_INT, AT(http.connections_per_address), 1, MANY, "512",
     "connections", "Connections at once from one client address."},
    {ROW(http, idle_timeout_s), &KIND_INT, AT(http.idle_timeout_s), 1, 3600, "15", "seconds",
     "A connection without a byte for so long is closed."},
    {ROW(http, request_timeout_s), &KIND_INT, AT(http.request_timeout_s), 1, 3600, "30", "seconds",
     "Longest time that one whole request may take to arrive."},
    {ROW(http, body_max), &KIND_INT, AT(http.body_max), 1024, BODY_MAX, "1048576", "bytes",
     "Largest body of a request."},
    {ROW(http, upload_max), &KIND_INT, AT(http.upload_max), 1024, BODY_MAX, "22020096", "bytes",
     "Largest body of a request that takes files: two documents of 10 MB and what goes with them."},
    {ROW(http, bodies_max), &KIND_INT, AT(http.bodies_max), 1048576, INT64_MAX, "268435456", "bytes",
     "Memory for the bodies of all requests under way; beyond, large ones are refused with 503."},
    {ROW(http, trusted_proxies), &KIND_NETWORKS, AT(http.trusted_proxies), 0, LONGEST, "", "",
     "Proxies before trunkd: only what they say of a client's address and of https counts."},
    {ROW(http, forwarded_header), &KIND_FORWARDED, AT(http.forwarded_header), 1, LONGEST,
     "X-Forwarded-For", "",
     "Where they say it: X-Forwarded-For with X-Forwarded-Proto, or Forwarded (RFC 7239). They must "
     "overwrite or extend what a client sends in it."},
    {ROW(http, token_rate), &KIND_INT, AT(http.token_rate), 0, 100 * MANY, "6000", "requests a minute",
     "What a token without a rate of its own may ask for, of each trunkd; 0: no limit."},
    {ROW(http, token_burst), &KIND_INT, AT(http.token_burst), 1, MANY, "600", "requests",
     "How many of them may come at once."},
    {ROW(http, failure_rate), &KIND_INT, AT(http.failure_rate), 0, MANY, "60", "requests a minute",
     "Requests of one client address (IPv6: of its /64) with a wrong account, token or link, after "
     "which all of its requests are refused; of each trunkd; 0: no limit."},
    {ROW(http, failure_burst), &KIND_INT, AT(http.failure_burst), 1, MANY, "60", "requests",
     "How many of them may come at once."},
    {ROW(http, auth_cache_ms), &KIND_INT, AT(http.auth_cache_ms), 0, 60000, "2000", "milliseconds",
     "Reads may know a token for so long without asking Redis, which tells of changes at once; 0: "
     "always ask, as writes do."},

    {ROW(sip, listen), &KIND_LISTEN, AT(sip.listen), 1, LONGEST, "127.0.0.1:5060", "",
     "Where sipmod takes SIP messages; without udp:, tcp: or tls: by UDP and TCP at that port."},
    {ROW(sip, advertise), &KIND_ADVERTISE, AT(sip.advertise), 0, LONGEST, "", "",
     "Address put into Via and Record-Route, one for all or one for each of sip.listen in order; no "
     "port: that of sip.listen; empty: the address it listens on."},
    {ROW(sip, node), &KIND_NAME, AT(sip.node), 0, NODE_MAX, "", "",
     "Name of this instance, different for each; empty: host name and port."},
    {ROW(sip, edges), &KIND_NETWORKS, AT(sip.edges), 0, LONGEST, "", "",
     "Proxies of ours before sipmod (deploy/kamailio/edge): a request from one of these networks comes from the "
     "ADDRESS:PORT that its header X-Trunkline-Source names. Nobody else's header counts, none is forwarded."},
    {ROW(sip, unknown_source_403), &KIND_BOOL, AT(sip.unknown_source_403), 0, 1, "no", "",
     "Answer 403 to an unlisted source; no: stay silent."},
    {ROW(sip, t1_ms), &KIND_INT, AT(sip.t1_ms), 50, 10000, "500", "milliseconds",
     "Estimate of the round trip: T1 of RFC 3261 section 17."},
    {ROW(sip, no_answer_ms), &KIND_INT, AT(sip.no_answer_ms), 100, 120000, "4000", "milliseconds",
     "A target that sends no response at all to an INVITE for so long is given up for the next."},
    {ROW(sip, timer_c_s), &KIND_INT, AT(sip.timer_c_s), 1, 3600, "185", "seconds",
     "Longest ringing: timer C of RFC 3261 section 16.6, which asks for more than 180."},
    {ROW(sip, sessions_code), &KIND_EITHER, AT(sip.sessions_code), 486, 503, "486", "SIP code",
     "Refusal of a call over the sessions of a trunk group."},
    {ROW(sip, retry_after_s), &KIND_INT, AT(sip.retry_after_s), 1, 3600, "5", "seconds",
     "Retry-After of the 503 sent while Redis can't be asked."},
    {ROW(sip, store_timeout_ms), &KIND_INT, AT(sip.store_timeout_ms), 10, 30000, "400", "milliseconds",
     "Longest wait of an INVITE for Redis."},
    {ROW(sip, lease_s), &KIND_INT, AT(sip.lease_s), 1, 3600, "300", "seconds",
     "An instance that is silent for so long counts as dead; its calls are closed."},
    {ROW(sip, longest_call_s), &KIND_INT, AT(sip.longest_call_s), 1, 604800, "14400", "seconds",
     "Longest duration of a call."},
    {ROW(sip, session_expires_s), &KIND_INT, AT(sip.session_expires_s), 0, 604800, "0", "seconds",
     "Session timer (RFC 4028) asked for in calls without one, and the longest allowed in others; 0: as "
     "the ends agree."},
    {ROW(sip, session_min_s), &KIND_INT, AT(sip.session_min_s), 1, 86400, "90", "seconds",
     "Shorter session timers are refused with 422, where sip.session_expires_s is set."},
    {ROW(sip, message_max), &KIND_INT, AT(sip.message_max), 1024, 65535, "16384", "bytes",
     "Largest SIP message."},
    {ROW(sip, drain_s), &KIND_INT, AT(sip.drain_s), 0, 3600, "35", "seconds",
     "Longest wait for open transactions at SIGTERM."},
    {ROW(sip, spool_dir), &KIND_TEXT, AT(sip.spool_dir), 0, LONGEST, CONF_SPOOL_DIR, "",
     "Folder for answers and ends of calls that Redis can't take now, one file an instance; empty, or this preset "
     "where it can't be written: in memory alone, lost if sipmod dies while Redis is away."},
    {ROW(sip, spool_max), &KIND_INT, AT(sip.spool_max), 4096, BODY_MAX, "67108864", "bytes",
     "Largest size of that file; about 300 bytes a call."},
    {ROW(sip, connections), &KIND_INT, AT(sip.connections), 1, MANY, "4000", "connections",
     "TCP and TLS connections at once."},
    {ROW(sip, connections_per_address), &KIND_INT, AT(sip.connections_per_address), 1, MANY, "1000",
     "connections", "TCP and TLS connections at once from one address."},
    {ROW(sip, stream_idle_s), &KIND_INT, AT(sip.stream_idle_s), 1, 86400, "300", "seconds",
     "A TCP or TLS connection without a message or keep-alive for so long is closed; longer than "
     "sip.timer_c_s, so that no ringing call loses its connection."},
    {ROW(sip, connect_ms), &KIND_INT, AT(sip.connect_ms), 50, 60000, "1500", "milliseconds",
     "Longest wait for a TCP connection, with TLS its handshake included."},
    {ROW(sip, resolver), &KIND_TEXT, AT(sip.resolver), 0, LONGEST, "", "",
     "Name servers for targets given by name, ADDR or ADDR:PORT by comma; empty: the system's."},
    {ROW(sip, resolve_ms), &KIND_INT, AT(sip.resolve_ms), 50, 30000, "1500", "milliseconds",
     "A target whose name no server resolves for so long is given up for the next."},
    {ROW(sip, target_failures), &KIND_INT, AT(sip.target_failures), 1, 1000, "3", "failures",
     "A target that leaves so many INVITEs in a row unanswered, or takes no connection, is down: calls "
     "try it last. Quick refusals cost a caller nothing and don't count."},
    {ROW(sip, target_recoveries), &KIND_INT, AT(sip.target_recoveries), 1, 1000, "2", "answers",
     "A target that is down and answers so many OPTIONS in a row is up again."},
    {ROW(sip, target_rest_s), &KIND_INT, AT(sip.target_rest_s), 1, 86400, "30", "seconds",
     "Longest rest that a target gets for the Retry-After of its 503; one that never answered an "
     "OPTIONS has its turn again after so long."},
    {ROW(sip, probe_ms), &KIND_INT, AT(sip.probe_ms), 0, 3600000, "5000", "milliseconds",
     "How often an OPTIONS asks a target that is down whether it is up; 0: never."},
    {ROW(sip, probe_all), &KIND_BOOL, AT(sip.probe_all), 0, 1, "no", "",
     "Ask targets that are up, too, if they had a call in the last 10 minutes."},
    {ROW(sip, cnam), &KIND_BOOL, AT(sip.cnam), 0, 1, "yes", "",
     "A customer's call shows the caller name (cnam) of the number that it comes from, if that is the "
     "customer's own and the caller doesn't ask for privacy."},
    {ROW(sip, source_rate), &KIND_INT, AT(sip.source_rate), 1, MANY, "20000", "messages a second",
     "Messages of one source beyond this are dropped before they are parsed."},
    {ROW(sip, source_invite_rate), &KIND_INT, AT(sip.source_invite_rate), 1, MANY, "2000", "calls a second",
     "New calls of one source beyond this are refused with 503."},
    {ROW(sip, stranger_rate), &KIND_INT, AT(sip.stranger_rate), 1, MANY, "10", "responses a second",
     "Responses of sip.unknown_source_403 to one source; beyond this there is silence."},
    {ROW(sip, transactions_max), &KIND_INT, AT(sip.transactions_max), 1, MANY, "20000", "requests",
     "With so many open requests, new calls are refused with 503; calls in progress go on."},
    {ROW(sip, admissions_max), &KIND_INT, AT(sip.admissions_max), 1, MANY, "2000", "calls",
     "With so many calls waiting for Redis, new ones are refused with 503."},
    {ROW(sip, gather_us), &KIND_INT, AT(sip.gather_us), 0, 10000, "1500", "microseconds",
     "Under load, read datagrams this far apart: what has gathered takes fewer system calls. Replies of Redis don't wait; "
     "0: nothing does."},
    {ROW(sip, lag_ms), &KIND_INT, AT(sip.lag_ms), 10, 60000, "500", "milliseconds",
     "When work is so late, or messages have been waiting so long, new calls are refused with 503."},
    {ROW(sip, udp_only), &KIND_BOOL, AT(sip.udp_only), 0, 1, "no", "",
     "Send requests over 1300 bytes by UDP as well; no: by TCP, where the target takes it (RFC 3261 "
     "section 18.1.1)."},

    {ROW(tls, certificate), &KIND_TEXT, AT(tls.certificate), 0, LONGEST, "", "",
     "PEM file of our certificate and its chain; needed for a tls: of sip.listen."},
    {ROW(tls, key), &KIND_TEXT, AT(tls.key), 0, LONGEST, "", "",
     "PEM file of its private key."},
    {ROW(tls, ca), &KIND_TEXT, AT(tls.ca), 0, LONGEST, "", "",
     "PEM file of the authorities that are trusted; empty: those of the system."},
    {ROW(tls, verify_client), &KIND_BOOL, AT(tls.verify_client), 0, 1, "no", "",
     "Who connects must show a certificate of a trusted authority."},
    {ROW(tls, verify_server), &KIND_BOOL, AT(tls.verify_server), 0, 1, "yes", "",
     "Whom we connect to must show a trusted certificate of the name or address that we meant."},

    {ROW(policy, sessions_auto), &KIND_INT, AT(policy.sessions_auto), 0, MANY, "100", "calls at once",
     "Sessions of a trunk group granted at once up to this; above, the operator grants."},
    {ROW(policy, ports_auto), &KIND_INT, AT(policy.ports_auto), 0, MANY, "100", "calls at once",
     "Ports of a termination trunk granted at once up to this."},
    {ROW(policy, cps_auto), &KIND_INT, AT(policy.cps_auto), 0, MANY, "50", "calls a second",
     "Calls a second of a termination trunk granted at once up to this."},
    {ROW(policy, cps_default), &KIND_INT, AT(policy.cps_default), 1, MANY, "10", "calls a second",
     "What a termination trunk asks for when it names no cps."},
    {ROW(policy, loopback_trunks), &KIND_BOOL, AT(policy.loopback_trunks), 0, 1, "no", "",
     "Allow trunk addresses on loopback, for tests and demos."},
    {ROW(policy, hold_minutes), &KIND_INT, AT(policy.hold_minutes), 1, 43200, "240", "minutes",
     "Life of the hold of a number in a cart."},
    {ROW(policy, order_hold_hours), &KIND_INT, AT(policy.order_hold_hours), 1, 8760, "72", "hours",
     "Life of the hold of a number in an open order."},
    {ROW(policy, quarantine_days), &KIND_INT, AT(policy.quarantine_days), 0, 3650, "30", "days",
     "Rest of a cancelled number before it is free again."},
    {ROW(policy, search_max), &KIND_INT, AT(policy.search_max), 1, MANY, "10000", "numbers",
     "Numbers in one reply to a search."},
    {ROW(policy, tollfree_codes), &KIND_CODES, AT(policy.tollfree_codes), 3, LONGEST,
     "800,833,844,855,866,877,888", "", "Toll-free codes in service."},
    {ROW(policy, port_minimum_days), &KIND_INT, AT(policy.port_minimum_days), 0, 60, "4",
     "business days", "From the order of a port-in to its first possible transfer (FOC)."},
    {ROW(policy, port_maximum_days), &KIND_INT, AT(policy.port_maximum_days), 1, 365, "30", "days",
     "From the order of a port-in to its last possible transfer."},
    {ROW(policy, port_holidays), &KIND_DAYS, AT(policy.port_holidays), 0, LONGEST, "", "",
     "Days without transfers, beside weekends and US federal holidays."},

    {ROW(files, dir), &KIND_TEXT, AT(files.dir), 1, LONGEST, "/var/lib/trunkline/files", "",
     "Folder of invoices, call records and documents; several trunkd share it."},
    {ROW(files, cdr_hours), &KIND_INT, AT(files.cdr_hours), 0, 87600, "48", "hours",
     "CDRs stay in Redis for so long after they are in files."},
    {ROW(files, audit_hours), &KIND_INT, AT(files.audit_hours), 0, 87600, "2160", "hours",
     "Entries of the audit log stay in Redis for so long after they are in files."},
    {ROW(files, link_hours), &KIND_INT, AT(files.link_hours), 1, 8760, "24", "hours",
     "Life of a link to a file."},

    {ROW(payment, gateway), &KIND_PAYER, AT(payment.gateway), 1, LONGEST, "none", "",
     "Who charges cards for live accounts; sandbox accounts always pay play money."},
    {ROW(payment, url), &KIND_URL, AT(payment.url), 0, LONGEST, "", "",
     "Where the http gateway is (daemon/gateway_http.h)."},
    {ROW(payment, token), &KIND_TEXT, AT(payment.token), 0, LONGEST, "", "",
     "Bearer token at the http gateway."},
    {ROW(payment, ca), &KIND_TEXT, AT(payment.ca), 0, LONGEST, "", "",
     "PEM file of the authorities trusted to name the gateway; empty: those of the system."},
    {ROW(payment, timeout_ms), &KIND_INT, AT(payment.timeout_ms), 100, 60000, "8000", "milliseconds",
     "Longest wait for one answer of the gateway."},
    {ROW(payment, tries), &KIND_INT, AT(payment.tries), 1, 10, "2", "tries",
     "Tries of one charge, all with the same key."},
    {ROW(payment, fee_bp), &KIND_INT, AT(payment.fee_bp), 0, 10000, "0", "1/10,000",
     "Credit Card Fee: share of the charge."},
    {ROW(payment, fee_fixed), &KIND_MONEY, AT(payment.fee_fixed), 0, 1000000, "0", "dollars",
     "Credit Card Fee: fixed part."},
    {ROW(payment, least), &KIND_MONEY, AT(payment.least), 100, INT64_C(100000000000), "1", "dollars",
     "Smallest payment by card."},
    {ROW(payment, most), &KIND_MONEY, AT(payment.most), 100, INT64_C(100000000000), "10000", "dollars",
     "Largest payment by card."},
    {ROW(payment, repeat_minutes), &KIND_INT, AT(payment.repeat_minutes), 0, 1440, "10", "minutes",
     "The same card and amount again within this time, without an Idempotency-Key, is the same "
     "payment."},

    {ROW(webhook, most), &KIND_INT, AT(webhook.most), 1, 100, "8", "webhooks",
     "Webhooks of one account."},
    {ROW(webhook, timeout_ms), &KIND_INT, AT(webhook.timeout_ms), 100, 60000, "10000", "milliseconds",
     "Longest wait for a receiver's answer, the connection included."},
    {ROW(webhook, tries), &KIND_INT, AT(webhook.tries), 1, 100, "12", "tries",
     "An event that no try brought there is put among the dead ones, and the next has its turn."},
    {ROW(webhook, pause_ms), &KIND_INT, AT(webhook.pause_ms), 1, 3600000, "5000", "milliseconds",
     "Pause after the first try that failed; each further one is twice as long, less a random part of up "
     "to a half."},
    {ROW(webhook, pause_most_s), &KIND_INT, AT(webhook.pause_most_s), 1, 86400, "3600", "seconds",
     "Longest such pause."},
    {ROW(webhook, parallel), &KIND_INT, AT(webhook.parallel), 1, 1000, "64", "requests",
     "Deliveries under way at once; of one webhook never more than one."},
    {ROW(webhook, allow_http), &KIND_BOOL, AT(webhook.allow_http), 0, 1, "no", "",
     "Take webhooks without TLS, for tests."},
    {ROW(webhook, allow_private), &KIND_BOOL, AT(webhook.allow_private), 0, 1, "no", "",
     "Deliver to loopback, private and other addresses that are not of the public Internet."},
    {ROW(webhook, ca), &KIND_TEXT, AT(webhook.ca), 0, LONGEST, "", "",
     "PEM file of the authorities trusted to name receivers; empty: those of the system."},

    {ROW(company, name), &KIND_TEXT, AT(company.name), 1, 60, "Trunkline", "",
     "Name on invoices and settings sheets."},
    {ROW(company, address), &KIND_TEXT, AT(company.address), 0, LONGEST, "", "",
     "Postal address; lines by '|'."},
    {ROW(company, email), &KIND_TEXT, AT(company.email), 0, 80, "", "", "Where customers write to."},
    {ROW(company, phone), &KIND_TEXT, AT(company.phone), 0, 40, "", "", "Where customers call."},
    {ROW(company, website), &KIND_TEXT, AT(company.website), 0, 80, "", "", "Home page."},

    {ROW(metrics, trunkd), &KIND_ADDR, AT(metrics.trunkd), 0, LONGEST, "127.0.0.1:9450", "",
     "Where trunkd serves /metrics to Prometheus; empty: nowhere."},
    {ROW(metrics, sipmod), &KIND_ADDR, AT(metrics.sipmod), 0, LONGEST, "127.0.0.1:9451", "",
     "Where sipmod serves /metrics; each instance of a machine needs an address of its own."},
    {ROW(metrics, allow), &KIND_HOSTS, AT(metrics.allow), 0, LONGEST, "", "",
     "Addresses that may read them, beside this machine's loopback."},
    {ROW(metrics, trunks), &KIND_INT, AT(metrics.trunks), 0, 10000, "200", "trunks",
     "Trunks that trunkd tells by name: those with the most calls."},
    {ROW(metrics, targets), &KIND_INT, AT(metrics.targets), 0, 10000, "200", "targets",
     "Targets that sipmod tells by name: those that are down first."},

    {ROW(tap, ports), &KIND_TEXT, AT(tap.ports), 1, LONGEST, "5060", "",
     "Ports of SIP, by comma, of which sipmod --tap takes packets, fragments and VLANs too."},
    {ROW(tap, filter), &KIND_TEXT, AT(tap.filter), 0, LONGEST, "", "",
     "What it takes instead, as pcap-filter(7) has it; empty: those ports."},
    {ROW(tap, buffer_mib), &KIND_INT, AT(tap.buffer_mib), 1, 1024, "32", "MiB",
     "Room that the kernel has for packets of a live interface."},
    {ROW(tap, calls), &KIND_INT, AT(tap.calls), 1, 10 * MANY, "100000", "calls",
     "Calls that it follows at once, about 4 KiB each; more are not recorded."},
    {ROW(tap, keep_hours), &KIND_INT, AT(tap.keep_hours), 1, 87600, "168", "hours",
     "What it recorded stays in Redis for so long."},
    {ROW(tap, keep_most), &KIND_INT, AT(tap.keep_most), 1, 100 * MANY, "200000", "records",
     "So many of an account at most, the latest."},

    {ROW(capture, ring_mib), &KIND_INT, AT(capture.ring_mib), 0, 4096, "16", "MiB",
     "Memory of each sipmod for its latest messages, which trunkctl trace get asks for; 0: none."},
    {ROW(capture, tls), &KIND_BOOL, AT(capture.tls), 0, 1, "no", "",
     "Capture what goes by TLS as well, in clear; no: it is left out of all captures and traces."},
    {ROW(capture, dir), &KIND_TEXT, AT(capture.dir), 0, LONGEST, "", "",
     "Folder to which sipmod writes all messages as pcap files; empty: none are written."},
    {ROW(capture, file_mib), &KIND_INT, AT(capture.file_mib), 1, 65536, "64", "MiB",
     "A file of so much is full: the next is begun."},
    {ROW(capture, files), &KIND_INT, AT(capture.files), 1, 10000, "16", "files",
     "So many of an instance are kept; the oldest goes first."},
    {ROW(capture, file_hours), &KIND_INT, AT(capture.file_hours), 0, 87600, "0", "hours",
     "A file is kept no longer than this, and one is begun each hour then; 0: no limit."},
    {ROW(capture, hep), &KIND_COLLECTOR, AT(capture.hep), 0, LONGEST, "", "",
     "A Homer (HEPv3) that all messages are sent to; empty: none."},
    {ROW(capture, hep_id), &KIND_INT, AT(capture.hep_id), 0, UINT32_MAX, "1", "",
     "Number that Homer knows this instance by."},
    {ROW(capture, hep_password), &KIND_TEXT, AT(capture.hep_password), 0, LONGEST, "", "",
     "Key that Homer asks for; empty: none."},

    {ROW(ops, allow), &KIND_NETWORKS, AT(ops.allow), 0, LONGEST, "", "",
     "Networks that the ops page may be seen from, by comma; empty: any. It needs an operator, too: "
     "trunkctl operator add."},
    {ROW(ops, session_hours), &KIND_INT, AT(ops.session_hours), 1, 720, "12", "hours",
     "After so long an operator has to sign in again."},
    {ROW(ops, viewers), &KIND_INT, AT(ops.viewers), 1, 1000, "32", "pages",
     "Ops pages open at once, of each trunkd."},
    {ROW(ops, trunks), &KIND_INT, AT(ops.trunks), 1, 1000, "50", "trunks",
     "Trunks that the ops page shows: the busiest."},

    {ROW(log, level), &KIND_LEVEL, AT(log.level), 0, 0, "info", "",
     "What is written to stderr: this level and worse."},
};
/* clang-format on */

enum { ROW_COUNT = sizeof(ROWS) / sizeof(ROWS[0]) };

static int row_set(const struct row *row, struct conf *c, const char *value)
{
    return row->kind->set(row, (char *)c + row->offset, value);
}

static const struct row *find_row(struct span section, struct span key)
{
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (span_eq(span_of(ROWS[i].section), section) && span_eq(span_of(ROWS[i].key), key))
            return &ROWS[i];
    }
    return NULL;
}

static bool section_exists(struct span section)
{
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (span_eq(span_of(ROWS[i].section), section))
            return true;
    }
    return false;
}

void conf_defaults(struct conf *c)
{
    memset(c, 0, sizeof(*c));
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (row_set(&ROWS[i], c, ROWS[i].preset) != ERR_OK)
            abort(); /* a mistake in ROWS */
    }
}

/* A file under way. */
struct load {
    struct conf *conf;
    FILE *file;
    const char *path;
    char *error; /* CONF_ERROR bytes, empty so far */
    int line;
    bool seen[ROW_COUNT];
};

/* Keeps the first error alone. */
static void fail(struct load *l, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void fail(struct load *l, const char *fmt, ...)
{
    if (l->error[0] != '\0')
        return;
    int n = snprintf(l->error, CONF_ERROR, "%s:%d: ", l->path, l->line);
    va_list args;
    va_start(args, fmt);
    if (n > 0 && n < CONF_ERROR)
        vsnprintf(l->error + n, (size_t)(CONF_ERROR - n), fmt, args);
    va_end(args);
}

/* inih doesn't tell of sections without a key. */
static void check_section(struct load *l, const char *line)
{
    struct span s = span_trim(span_of(line));
    if (s.n == 0 || s.p[0] != '[')
        return;
    const char *end = memchr(s.p, ']', s.n);
    if (end == NULL)
        return; /* inih refuses it */
    struct span name = {s.p + 1, (size_t)(end - s.p - 1)};
    if (!section_exists(name))
        fail(l, "unknown section [%.*s]", (int)name.n, name.p);
}

/* An ini_reader: counts the lines, which inih doesn't pass on. */
static char *read_line(char *buf, int cap, void *arg)
{
    struct load *l = arg;
    char *line = fgets(buf, cap, l->file);
    if (line == NULL)
        return NULL;
    l->line++;
    size_t n = strlen(line);
    if (n + 1 == (size_t)cap && line[n - 1] != '\n') {
        fail(l, "line of more than %d bytes", LINE_MAX_BYTES - 3);
        return NULL;
    }
    check_section(l, line);
    return line;
}

static int take_value(void *arg, const char *section, const char *key, const char *value)
{
    struct load *l = arg;
    const struct row *row = find_row(span_of(section), span_of(key));
    if (row == NULL) {
        fail(l, "unknown setting %s.%s", section, key);
        return 0;
    }
    if (l->seen[row - ROWS]) {
        fail(l, "%s.%s is set twice", section, key);
        return 0;
    }
    l->seen[row - ROWS] = true;
    if (row_set(row, l->conf, value) != ERR_OK) {
        char expected[DESCRIPTION];
        row->kind->describe(row, expected);
        fail(l, "%s.%s: expected %s", section, key, expected);
        return 0;
    }
    return 1;
}

static void parse_file(struct load *l)
{
    /* Comments stand on lines of their own, so that a password may hold any character. */
    ini_allow_inline_comments = false;
    ini_allow_multiline = false;
    ini_max_line = LINE_MAX_BYTES;
    int rc = ini_parse_stream(read_line, l, take_value, l);
    if (ferror(l->file))
        fail(l, "can't be read: %s", strerror(errno));
    if (rc != 0) {
        l->line = rc > 0 ? rc : l->line;
        fail(l, "expected [section] or key = value");
    }
}

int conf_load(struct conf *c, const char *path, char error[CONF_ERROR])
{
    struct conf fresh = *c; /* a file with an error changes nothing */
    struct load l = {.conf = &fresh, .path = path, .error = error};
    error[0] = '\0';
    l.file = fopen(path, "re");
    if (l.file == NULL) {
        snprintf(error, CONF_ERROR, "%s: %s", path, strerror(errno));
        return ERR_SYSTEM;
    }
    parse_file(&l);
    fclose(l.file);
    if (error[0] != '\0')
        return ERR_INVALID;
    *c = fresh;
    return ERR_OK;
}

int conf_override(struct conf *c, const char *assignment, char error[CONF_ERROR])
{
    struct span rest = span_of(assignment), name, section;
    const char *equals = strchr(assignment, '=');
    if (equals == NULL || !span_cut(&rest, '=', &name) || !span_cut(&name, '.', &section)) {
        snprintf(error, CONF_ERROR, "expected section.key=value");
        return ERR_INVALID;
    }
    struct span key = span_trim(name);
    const struct row *row = find_row(section, key);
    if (row == NULL) {
        snprintf(error, CONF_ERROR, "unknown setting %.*s", (int)(equals - assignment), assignment);
        return ERR_NOT_FOUND;
    }
    int err = row_set(row, c, equals + 1);
    if (err != ERR_OK) {
        char expected[DESCRIPTION];
        row->kind->describe(row, expected);
        snprintf(error, CONF_ERROR, "%s.%s: expected %s", row->section, row->key, expected);
    }
    return err;
}

void conf_print_reference(FILE *out)
{
    const char *section = "";
    fprintf(out, "# Settings of trunkd and sipmod, with their defaults.\n");
    for (size_t i = 0; i < ROW_COUNT; i++) {
        const struct row *row = &ROWS[i];
        char expected[DESCRIPTION];
        row->kind->describe(row, expected);
        if (strcmp(section, row->section) != 0)
            fprintf(out, "\n[%s]\n", row->section);
        section = row->section;
        fprintf(out, "# %s\n# Value: %s%s%s%s.\n", row->doc, expected,
                row->unit[0] != '\0' ? " (" : "", row->unit, row->unit[0] != '\0' ? ")" : "");
        fprintf(out, "%s = %s\n", row->key, row->preset);
    }
}
