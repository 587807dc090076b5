#include "pdf.h"

#include <hpdf.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "log.h"
#include "utf8.h"

enum { TEXT_MAX = 512 };

struct pdf {
    HPDF_Doc doc;
    HPDF_Font fonts[PDF_FONTS];
    HPDF_Page *pages, page; /* page: the one drawn on */
    size_t page_n, page_cap;
    enum pdf_font font;
    double size;
    uint32_t rgb;
    int err;
};

static void on_error(HPDF_STATUS code, HPDF_STATUS detail, void *arg)
{
    struct pdf *p = arg;
    if (p->err == ERR_OK)
        log_error("pdf: libharu error %#lx, %lu", (unsigned long)code, (unsigned long)detail);
    p->err = ERR_SYSTEM;
}

static void set_info(struct pdf *p, const char *title, const char *author, int64_t created_ms)
{
    time_t t = (time_t)(created_ms / 1000);
    struct tm tm;
    gmtime_r(&t, &tm);
    HPDF_Date date = {tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
                      tm.tm_sec,         'Z',           0,          0};
    HPDF_SetInfoAttr(p->doc, HPDF_INFO_TITLE, title);
    HPDF_SetInfoAttr(p->doc, HPDF_INFO_AUTHOR, author);
    HPDF_SetInfoAttr(p->doc, HPDF_INFO_PRODUCER, "Trunkline " TRUNKLINE_VERSION);
    HPDF_SetInfoDateAttr(p->doc, HPDF_INFO_CREATION_DATE, date);
    HPDF_SetInfoDateAttr(p->doc, HPDF_INFO_MOD_DATE, date);
}

int pdf_open(struct pdf **ret, const char *title, const char *author, int64_t created_ms)
{
    static const char *const names[PDF_FONTS] = {"Helvetica", "Helvetica-Bold", "Courier"};
    struct pdf *p = calloc(1, sizeof(*p));
    if (!p)
        return ERR_NOMEM;
    p->size = 9;
    p->doc = HPDF_New(on_error, p);
    if (!p->doc) {
        free(p);
        return ERR_NOMEM;
    }
    HPDF_SetCompressionMode(p->doc, HPDF_COMP_ALL);
    for (int i = 0; i < PDF_FONTS; i++)
        p->fonts[i] = HPDF_GetFont(p->doc, names[i], "WinAnsiEncoding");
    set_info(p, title, author, created_ms);
    *ret = p;
    return ERR_OK;
}

void pdf_close(struct pdf *p)
{
    if (!p)
        return;
    HPDF_Free(p->doc);
    free(p->pages);
    free(p);
}

/* libharu keeps font and colour with the page. */
static void apply(struct pdf *p)
{
    float r = (float)(p->rgb >> 16 & 255) / 255, g = (float)(p->rgb >> 8 & 255) / 255,
          b = (float)(p->rgb & 255) / 255;
    if (p->err != ERR_OK || !p->page)
        return;
    HPDF_Page_SetFontAndSize(p->page, p->fonts[p->font], (float)p->size);
    HPDF_Page_SetRGBFill(p->page, r, g, b);
}

void pdf_page(struct pdf *p)
{
    if (p->page_n == p->page_cap) {
        size_t cap = p->page_cap ? 2 * p->page_cap : 8;
        HPDF_Page *pages = realloc(p->pages, cap * sizeof(HPDF_Page));
        if (!pages) {
            p->err = ERR_NOMEM;
            return;
        }
        p->pages = pages;
        p->page_cap = cap;
    }
    p->page = p->err == ERR_OK ? HPDF_AddPage(p->doc) : NULL;
    if (!p->page)
        return;
    p->pages[p->page_n++] = p->page;
    HPDF_Page_SetSize(p->page, HPDF_PAGE_SIZE_LETTER, HPDF_PAGE_PORTRAIT);
    apply(p);
}

size_t pdf_pages(const struct pdf *p)
{
    return p->page_n;
}

void pdf_select(struct pdf *p, size_t i)
{
    if (i < p->page_n)
        p->page = p->pages[i];
    apply(p);
}

void pdf_font(struct pdf *p, enum pdf_font font, double size)
{
    p->font = font;
    p->size = size;
    apply(p);
}

void pdf_color(struct pdf *p, uint32_t rgb)
{
    p->rgb = rgb;
    apply(p);
}

/* Windows-1252 of what Latin-1 lacks. */
static const struct {
    uint32_t character;
    unsigned char byte;
} windows[] = {
    {0x20AC, 0x80},
    {0x2026, 0x85},
    {0x0160, 0x8A},
    {0x0152, 0x8C},
    {0x017D, 0x8E},
    {0x2018, 0x91},
    {0x2019, 0x92},
    {0x201C, 0x93},
    {0x201D, 0x94},
    {0x2022, 0x95},
    {0x2013, 0x96},
    {0x2014, 0x97},
    {0x2122, 0x99},
    {0x0161, 0x9A},
    {0x0153, 0x9C},
    {0x017E, 0x9E},
    {0x0178, 0x9F},
};

static char windows_byte(uint32_t character)
{
    if ((character >= 0x20 && character < 0x7f) || (character >= 0xa0 && character <= 0xff))
        return (char)character;
    for (size_t i = 0; i < sizeof(windows) / sizeof(*windows); i++) {
        if (windows[i].character == character)
            return (char)windows[i].byte;
    }
    return '?';
}

/* One character of UTF-8; a malformed one counts as itself. */
static uint32_t next_character(const unsigned char **p)
{
    const unsigned char *s = *p;
    int more = s[0] >= 0xf0 ? 3 : s[0] >= 0xe0 ? 2 : s[0] >= 0xc0 ? 1 : 0;
    uint32_t character = more ? s[0] & (0x3fu >> more) : s[0];
    for (int i = 1; i <= more; i++) {
        if ((s[i] & 0xc0) != 0x80) {
            *p = s + 1;
            return s[0];
        }
        character = character << 6 | (s[i] & 0x3fu);
    }
    *p = s + 1 + more;
    return character;
}

static void encode(const char *text, char ret[TEXT_MAX])
{
    const unsigned char *s = (const unsigned char *)text;
    size_t n = 0;
    while (*s && n + 1 < TEXT_MAX)
        ret[n++] = windows_byte(next_character(&s));
    ret[n] = '\0';
}

static double width(const struct pdf *p, const char *encoded)
{
    return p->err == ERR_OK && p->page ? (double)HPDF_Page_TextWidth(p->page, encoded) : 0;
}

static void put(struct pdf *p, double x, double y, const char *encoded)
{
    if (p->err != ERR_OK || !p->page)
        return;
    HPDF_Page_BeginText(p->page);
    HPDF_Page_TextOut(p->page, (float)x, (float)(PDF_HEIGHT - y), encoded);
    HPDF_Page_EndText(p->page);
}

void pdf_text(struct pdf *p, double x, double y, const char *text)
{
    char encoded[TEXT_MAX];
    encode(text, encoded);
    put(p, x, y, encoded);
}

void pdf_text_right(struct pdf *p, double right, double y, const char *text)
{
    char encoded[TEXT_MAX];
    encode(text, encoded);
    put(p, right - width(p, encoded), y, encoded);
}

void pdf_text_cut(struct pdf *p, double x, double y, double most, const char *text)
{
    static const char ellipsis = (char)0x85;
    char encoded[TEXT_MAX];
    encode(text, encoded);
    for (size_t n = strlen(encoded); n > 1 && width(p, encoded) > most; n--) {
        encoded[n - 2] = ellipsis;
        encoded[n - 1] = '\0';
    }
    put(p, x, y, encoded);
}

/* How much of a text fits on a line: up to a space, or a word that is longer. */
static size_t line_length(const struct pdf *p, const char *encoded, double most)
{
    char line[TEXT_MAX];
    size_t fits = 0, n = 0;
    for (;; n++) {
        if (encoded[n] != ' ' && encoded[n] != '\0')
            continue;
        memcpy(line, encoded, n);
        line[n] = '\0';
        if (fits && width(p, line) > most)
            return fits;
        fits = n;
        if (encoded[n] == '\0')
            return fits;
    }
}

double pdf_text_wrap(struct pdf *p, double x, double y, double most, double leading,
                     const char *text)
{
    char encoded[TEXT_MAX], line[TEXT_MAX];
    const char *rest = encoded;
    encode(text, encoded);
    while (*rest) {
        size_t n = line_length(p, rest, most);
        memcpy(line, rest, n);
        line[n] = '\0';
        put(p, x, y, line);
        y += leading;
        rest += rest[n] ? n + 1 : n;
    }
    return y;
}

void pdf_box(struct pdf *p, double x, double y, double w, double height)
{
    if (p->err != ERR_OK || !p->page)
        return;
    HPDF_Page_Rectangle(p->page, (float)x, (float)(PDF_HEIGHT - y - height), (float)w,
                        (float)height);
    HPDF_Page_Fill(p->page);
}

void pdf_rule(struct pdf *p, double x, double y, double w, double thickness)
{
    pdf_box(p, x, y - thickness / 2, w, thickness);
}

int pdf_save(struct pdf *p, char **ret, size_t *ret_n)
{
    if (p->err == ERR_OK)
        HPDF_SaveToStream(p->doc);
    if (p->err != ERR_OK)
        return p->err;
    HPDF_UINT32 n = HPDF_GetStreamSize(p->doc);
    char *data = malloc(n ? n : 1);
    if (!data)
        return ERR_NOMEM;
    HPDF_ResetStream(p->doc);
    HPDF_ReadFromStream(p->doc, (HPDF_BYTE *)data, &n);
    if (p->err != ERR_OK) {
        free(data);
        return p->err;
    }
    *ret = data;
    *ret_n = n;
    return ERR_OK;
}
