#include "port_terms.h"

#include <string.h>

const struct port_detail port_details[] = {
    {"subscriberType",        "subscriber_type" },
    {"loaAuthorizingPerson",  "authorized_by"   },
    {"wirelessAccountNumber", "wireless_account"},
    {"wirelessPin",           "wireless_pin"    },
    {"subscriberFirstName",   "first_name"      },
    {"subscriberLastName",    "last_name"       },
    {"addressHouseNumber",    "house_number"    },
    {"addressStreetName",     "street_name"     },
    {"addressStreetSuffix",   "street_suffix"   },
    {"addressCity",           "city"            },
    {"addressStateCode",      "state"           },
    {"addressZip",            "zip"             },
    {"losingCarrierName",     "losing_carrier"  },
    {"respOrgId",             "resporg"         },
};
const size_t port_detail_count = sizeof(port_details) / sizeof(*port_details);

const struct port_reason port_reasons[] = {
    {"NAME_MISMATCH",    "the subscriber's name differs from the losing carrier's records"},
    {"ADDRESS_MISMATCH", "the service address differs from the losing carrier's records"  },
    {"ZIP_MISMATCH",     "the ZIP code differs from the losing carrier's records"         },
    {"ACCOUNT_MISMATCH", "the account number differs from the losing carrier's records"   },
    {"PIN_MISMATCH",     "the PIN or passcode is missing or wrong"                        },
    {"BTN_MISMATCH",     "the billing number differs from the losing carrier's records"   },
    {"NUMBER_NOT_FOUND", "a number is not the losing carrier's"                           },
    {"NUMBER_INACTIVE",  "a number is not in service at the losing carrier"               },
    {"LOA_INVALID",      "the letter of authorization is missing, unsigned or illegible"  },
    {"LOA_EXPIRED",      "the letter of authorization is too old"                         },
    {"DOCUMENT_INVALID", "the carrier document is missing, too old or illegible"          },
    {"PENDING_ORDER",    "another order is pending at the losing carrier"                 },
    {"CONTRACT",         "the losing carrier holds the number for a contract or a debt"   },
    {"FOC_DATE",         "the losing carrier can't meet the date"                         },
    {"RESPORG",          "the releasing RespOrg refuses, or its id is wrong"              },
    {"IN_SERVICE",       "a number is in service here already"                            },
    {"DUPLICATE",        "a number is on another port order"                              },
    {"CUSTOMER",         "the customer asked for it"                                      },
    {"OTHER",            "see the note"                                                   },
};
const size_t port_reason_count = sizeof(port_reasons) / sizeof(*port_reasons);

const char *port_reason_text(const char *code)
{
    for (size_t i = 0; i < port_reason_count; i++) {
        if (strcmp(port_reasons[i].code, code) == 0)
            return port_reasons[i].text;
    }
    return "";
}
