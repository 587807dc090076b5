#include "param.h"

#include <inttypes.h>

#include "addr.h"
#include "clock.h"
#include "money.h"
#include "num.h"
#include "phone.h"
#include "region.h"
#include "utf8.h"

#define ID_MAX INT64_C(999999999999) /* PARAM_ID_MAX_DIGITS digits */

typedef int read_fn(const struct param *p, struct span text, struct scratch *mem, struct arg *ret);

static int keep_text(struct scratch *mem, struct span text, struct arg *ret)
{
    ret->text = scratch_text(mem, text);
    return ret->text ? ERR_OK : ERR_NOMEM;
}

static int keep_number(struct scratch *mem, int64_t number, struct arg *ret)
{
    ret->number = number;
    ret->text = scratch_printf(mem, "%" PRId64, number);
    return ret->text ? ERR_OK : ERR_NOMEM;
}

static int read_text(const struct param *p, struct span text, struct scratch *mem, struct arg *ret)
{
    text = span_trim(text);
    int64_t n = (int64_t)utf8_count(text);
    return n < p->min || n > p->max ? ERR_RANGE : keep_text(mem, text, ret);
}

static int read_account(const struct param *p, struct span text, struct scratch *mem,
                        struct arg *ret)
{
    (void)p;
    if (text.n > 32)
        return ERR_RANGE;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i], folded = (char)(c | 0x20);
        if (!(folded >= 'a' && folded <= 'z') && !(c >= '0' && c <= '9') && c != '_' && c != '.' &&
            c != '-')
            return ERR_INVALID;
    }
    return keep_text(mem, text, ret);
}

static int read_state(const struct param *p, struct span text, struct scratch *mem, struct arg *ret)
{
    (void)p, (void)mem;
    const char *code = region_find(text);
    if (code)
        ret->text = code;
    return code ? ERR_OK : ERR_INVALID;
}

static int read_block(const struct param *p, struct span text, struct scratch *mem, struct arg *ret)
{
    (void)p;
    return phone_block_valid(text) ? keep_text(mem, text, ret) : ERR_INVALID;
}

static int read_phone(const struct param *p, struct span text, struct scratch *mem, struct arg *ret)
{
    (void)p;
    struct phone phone;
    int err = phone_parse(text, &phone);
    return err == ERR_OK ? keep_text(mem, span_of(phone.digits), ret) : err;
}

static int read_id(const struct param *p, struct span text, struct scratch *mem, struct arg *ret)
{
    (void)p;
    int64_t id = 0;
    int err = num_parse(text, 1, ID_MAX, &id);
    return err == ERR_OK ? keep_number(mem, id, ret) : err;
}

static bool list_has(const struct arg *list, const char *text)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i], text) == 0)
            return true;
    }
    return false;
}

/* Items by comma, spaces around them allowed; none may be empty. */
static int read_list(const struct param *p, struct span text, struct scratch *mem, struct arg *ret,
                     read_fn *read_item)
{
    size_t most = 1;
    for (size_t i = 0; i < text.n; i++)
        most += text.p[i] == ',';
    if (most > PARAM_LIST_MAX)
        return ERR_RANGE;
    struct arg list = {.items = scratch_array(mem, most, sizeof(*list.items))};
    if (!list.items || keep_text(mem, text, &list) != ERR_OK)
        return ERR_NOMEM;
    for (size_t i = 0; i < most; i++) {
        const char *comma = memchr(text.p, ',', text.n);
        size_t n = comma ? (size_t)(comma - text.p) : text.n;
        struct span part = span_trim((struct span){text.p, n});
        struct arg item = {0};
        int err = part.n ? read_item(p, part, mem, &item) : ERR_INVALID;
        if (err != ERR_OK)
            return err;
        if (!list_has(&list, item.text))
            list.items[list.count++] = item.text;
        if (comma)
            text = (struct span){text.p + n + 1, text.n - n - 1};
    }
    *ret = list;
    return ERR_OK;
}

static int read_phones(const struct param *p, struct span text, struct scratch *mem,
                       struct arg *ret)
{
    return read_list(p, text, mem, ret, read_phone);
}

static int read_ids(const struct param *p, struct span text, struct scratch *mem, struct arg *ret)
{
    return read_list(p, text, mem, ret, read_id);
}

static int read_count(const struct param *p, struct span text, struct scratch *mem, struct arg *ret)
{
    int64_t n = 0;
    int err = num_parse(text, p->min, p->max, &n);
    return err == ERR_OK ? keep_number(mem, n, ret) : err;
}

static int read_digits(const struct param *p, struct span text, struct scratch *mem,
                       struct arg *ret)
{
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] < '0' || text.p[i] > '9')
            return ERR_INVALID;
    }
    if ((int64_t)text.n < p->min || (int64_t)text.n > p->max)
        return ERR_RANGE;
    return keep_text(mem, text, ret);
}

static int read_choice(const struct param *p, struct span text, struct scratch *mem,
                       struct arg *ret)
{
    struct span rest = span_of(p->choices), choice;
    while (span_cut(&rest, '|', &choice)) {
        if (span_eq_nocase(choice, text))
            return keep_text(mem, choice, ret);
    }
    return ERR_INVALID;
}

static int read_ip(const struct param *p, struct span text, struct scratch *mem, struct arg *ret)
{
    (void)p;
    struct addr a;
    char canonical[ADDR_TEXT];
    int err = addr_parse(text, 0, &a);
    return err == ERR_OK ? keep_text(mem, span_of(addr_text(&a, canonical)), ret) : err;
}

static int read_minutes(const struct param *p, struct span text, struct scratch *mem,
                        struct arg *ret)
{
    if (span_eq_nocase(text, SPAN_LIT("Unlimited")))
        return keep_text(mem, SPAN_LIT("Unlimited"), ret);
    return read_count(p, text, mem, ret);
}

static int read_date(const struct param *p, struct span text, struct scratch *mem, struct arg *ret)
{
    (void)p;
    int64_t ms = 0;
    int err = clock_parse(text, &ms);
    if (err == ERR_OK)
        err = keep_text(mem, text, ret);
    if (err == ERR_OK)
        ret->number = ms;
    return err;
}

static int read_money(const struct param *p, struct span text, struct scratch *mem, struct arg *ret)
{
    money_t amount = 0;
    int err = money_parse(text, &amount);
    if (err == ERR_OK && (amount < p->min || amount > p->max))
        err = ERR_RANGE;
    return err == ERR_OK ? keep_number(mem, amount, ret) : err;
}

/* The file itself stays where it is. */
static int read_file(const struct param *p, struct span text, struct scratch *mem, struct arg *ret)
{
    (void)p, (void)mem;
    ret->text = "";
    ret->file = text;
    return ERR_OK;
}

static const struct {
    read_fn *read;
    const char *text;
} types[] = {
    [PARAM_TEXT] = {read_text,    "text"                                                     },
    [PARAM_ACCOUNT] = {read_account, "account number"                                           },
    [PARAM_STATE] = {read_state,   "two-letter state or province code"                        },
    [PARAM_BLOCK] = {read_block,   "6-digit NPANXX"                                           },
    [PARAM_PHONE] = {read_phone,   "10-digit number (11 with a leading 1 and +1 are accepted)"},
    [PARAM_PHONES] = {read_phones,  "10-digit numbers separated by commas, at most 1000"       },
    [PARAM_ID] = {read_id,      "positive integer"                                         },
    [PARAM_IDS] = {read_ids,     "positive integers separated by commas, at most 1000"      },
    [PARAM_COUNT] = {read_count,   "integer"                                                  },
    [PARAM_DIGITS] = {read_digits,  "digits"                                                   },
    [PARAM_CHOICE] = {read_choice,  "one of the listed values"                                 },
    [PARAM_IP] = {read_ip,      "IPv4 or IPv6 address"                                     },
    [PARAM_MINUTES] = {read_minutes, "\"Unlimited\", empty, or minutes a month"                 },
    [PARAM_DATE] = {read_date,    "YYYY-MM-DD, YYYY-MM-DD HH:MM:SS or ISO 8601 with Z (UTC)" },
    [PARAM_MONEY] = {read_money,   "amount in dollars"                                        },
    [PARAM_FILE] = {read_file,    "file (multipart/form-data)"                               },
};

int param_read(const struct param *p, struct span text, struct scratch *mem, struct arg *ret)
{
    struct arg value = {0};
    int err = types[p->type].read(p, text, mem, &value);
    if (err != ERR_OK)
        return err;
    value.given = value.set = true;
    *ret = value;
    return ERR_OK;
}

const char *param_type_text(enum param_type type)
{
    return types[type].text;
}
