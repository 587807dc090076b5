#include "msg_priv.h"

struct name_row {
    enum header id;
    char compact; /* lower case; 0: none */
    struct span name;
};

static const struct name_row headers[] = {
    {HEADER_VIA,                 'v', SPAN_LIT("Via")                },
    {HEADER_ROUTE,               0,   SPAN_LIT("Route")              },
    {HEADER_RECORD_ROUTE,        0,   SPAN_LIT("Record-Route")       },
    {HEADER_FROM,                'f', SPAN_LIT("From")               },
    {HEADER_TO,                  't', SPAN_LIT("To")                 },
    {HEADER_CALL_ID,             'i', SPAN_LIT("Call-ID")            },
    {HEADER_CSEQ,                0,   SPAN_LIT("CSeq")               },
    {HEADER_MAX_FORWARDS,        0,   SPAN_LIT("Max-Forwards")       },
    {HEADER_CONTACT,             'm', SPAN_LIT("Contact")            },
    {HEADER_CONTENT_LENGTH,      'l', SPAN_LIT("Content-Length")     },
    {HEADER_REQUIRE,             0,   SPAN_LIT("Require")            },
    {HEADER_PROXY_REQUIRE,       0,   SPAN_LIT("Proxy-Require")      },
    {HEADER_RETRY_AFTER,         0,   SPAN_LIT("Retry-After")        },
    {HEADER_REASON,              0,   SPAN_LIT("Reason")             },
    {HEADER_SESSION_EXPIRES,     'x', SPAN_LIT("Session-Expires")    },
    {HEADER_MIN_SE,              0,   SPAN_LIT("Min-SE")             },
    {HEADER_SUPPORTED,           'k', SPAN_LIT("Supported")          },
    {HEADER_P_ASSERTED_IDENTITY, 0,   SPAN_LIT("P-Asserted-Identity")},
    {HEADER_PRIVACY,             0,   SPAN_LIT("Privacy")            },
    {HEADER_DIVERSION,           0,   SPAN_LIT("Diversion")          },
    {HEADER_HISTORY_INFO,        0,   SPAN_LIT("History-Info")       },
    {HEADER_RACK,                0,   SPAN_LIT("RAck")               },
    {HEADER_CONTENT_TYPE,        'c', SPAN_LIT("Content-Type")       },
    {HEADER_X_TRUNKLINE_SOURCE,  0,   SPAN_LIT("X-Trunkline-Source") },
};

static const struct {
    enum method id;
    struct span name;
} methods[] = {
    {METHOD_INVITE,    SPAN_LIT("INVITE")   },
    {METHOD_ACK,       SPAN_LIT("ACK")      },
    {METHOD_CANCEL,    SPAN_LIT("CANCEL")   },
    {METHOD_BYE,       SPAN_LIT("BYE")      },
    {METHOD_OPTIONS,   SPAN_LIT("OPTIONS")  },
    {METHOD_REGISTER,  SPAN_LIT("REGISTER") },
    {METHOD_PRACK,     SPAN_LIT("PRACK")    },
    {METHOD_UPDATE,    SPAN_LIT("UPDATE")   },
    {METHOD_INFO,      SPAN_LIT("INFO")     },
    {METHOD_REFER,     SPAN_LIT("REFER")    },
    {METHOD_NOTIFY,    SPAN_LIT("NOTIFY")   },
    {METHOD_SUBSCRIBE, SPAN_LIT("SUBSCRIBE")},
    {METHOD_MESSAGE,   SPAN_LIT("MESSAGE")  },
    {METHOD_PUBLISH,   SPAN_LIT("PUBLISH")  },
};

/* IANA's registry of SIP response codes. */
static const struct {
    int status;
    const char *phrase;
} reasons[] = {
    {100, "Trying"                                 },
    {180, "Ringing"                                },
    {181, "Call Is Being Forwarded"                },
    {182, "Queued"                                 },
    {183, "Session Progress"                       },
    {199, "Early Dialog Terminated"                },
    {200, "OK"                                     },
    {202, "Accepted"                               },
    {204, "No Notification"                        },
    {300, "Multiple Choices"                       },
    {301, "Moved Permanently"                      },
    {302, "Moved Temporarily"                      },
    {305, "Use Proxy"                              },
    {380, "Alternative Service"                    },
    {400, "Bad Request"                            },
    {401, "Unauthorized"                           },
    {402, "Payment Required"                       },
    {403, "Forbidden"                              },
    {404, "Not Found"                              },
    {405, "Method Not Allowed"                     },
    {406, "Not Acceptable"                         },
    {407, "Proxy Authentication Required"          },
    {408, "Request Timeout"                        },
    {410, "Gone"                                   },
    {412, "Conditional Request Failed"             },
    {413, "Request Entity Too Large"               },
    {414, "Request-URI Too Long"                   },
    {415, "Unsupported Media Type"                 },
    {416, "Unsupported URI Scheme"                 },
    {417, "Unknown Resource-Priority"              },
    {420, "Bad Extension"                          },
    {421, "Extension Required"                     },
    {422, "Session Interval Too Small"             },
    {423, "Interval Too Brief"                     },
    {424, "Bad Location Information"               },
    {425, "Bad Alert Message"                      },
    {428, "Use Identity Header"                    },
    {429, "Provide Referrer Identity"              },
    {430, "Flow Failed"                            },
    {433, "Anonymity Disallowed"                   },
    {436, "Bad Identity-Info"                      },
    {437, "Unsupported Certificate"                },
    {438, "Invalid Identity Header"                },
    {439, "First Hop Lacks Outbound Support"       },
    {440, "Max-Breadth Exceeded"                   },
    {469, "Bad Info Package"                       },
    {470, "Consent Needed"                         },
    {480, "Temporarily Unavailable"                },
    {481, "Call/Transaction Does Not Exist"        },
    {482, "Loop Detected"                          },
    {483, "Too Many Hops"                          },
    {484, "Address Incomplete"                     },
    {485, "Ambiguous"                              },
    {486, "Busy Here"                              },
    {487, "Request Terminated"                     },
    {488, "Not Acceptable Here"                    },
    {489, "Bad Event"                              },
    {491, "Request Pending"                        },
    {493, "Undecipherable"                         },
    {494, "Security Agreement Required"            },
    {500, "Server Internal Error"                  },
    {501, "Not Implemented"                        },
    {502, "Bad Gateway"                            },
    {503, "Service Unavailable"                    },
    {504, "Server Time-out"                        },
    {505, "Version Not Supported"                  },
    {513, "Message Too Large"                      },
    {555, "Push Notification Service Not Supported"},
    {580, "Precondition Failure"                   },
    {600, "Busy Everywhere"                        },
    {603, "Decline"                                },
    {604, "Does Not Exist Anywhere"                },
    {606, "Not Acceptable"                         },
    {607, "Unwanted"                               },
    {608, "Rejected"                               },
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static char folded(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

enum header names_header(struct span name)
{
    char first = folded(name.p[0]);

    for (size_t i = 0; i < COUNT(headers); i++) {
        const struct name_row *h = &headers[i];

        if (name.n == 1 ? h->compact == first
                        : h->name.n == name.n && folded(h->name.p[0]) == first &&
                              span_eq_nocase(h->name, name))
            return h->id;
    }
    return HEADER_OTHER;
}

const char *msg_method_name(enum method method)
{
    for (size_t i = 0; i < COUNT(methods); i++) {
        if (methods[i].id == method)
            return methods[i].name.p;
    }
    return "OTHER";
}

enum method msg_method(struct span text)
{
    for (size_t i = 0; i < COUNT(methods); i++) {
        if (span_eq(methods[i].name, text))
            return methods[i].id;
    }
    return METHOD_OTHER;
}

const char *msg_reason(int status)
{
    for (size_t i = 0; i < COUNT(reasons); i++) {
        if (reasons[i].status == status)
            return reasons[i].phrase;
    }
    return "";
}
