#include "upload.h"

#include "file.h"
#include "secret.h"

enum { NAME_BYTES = 16 };

static const struct type {
    const char *ending;
    struct span magic;
} types[] = {
    {".pdf", {"%PDF-", 5}            },
    {".tif", {"II*\0", 4}            },
    {".tif", {"MM\0*", 4}            },
    {".png", {"\x89PNG\r\n\x1a\n", 8}},
    {".jpg", {"\xff\xd8\xff", 3}     },
    {".zip", {"PK\x03\x04", 4}       },
};

static const struct type *type_of(struct span content)
{
    for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
        size_t n = types[i].magic.n;
        if (content.n > n && memcmp(content.p, types[i].magic.p, n) == 0)
            return &types[i];
    }
    return NULL;
}

const char *upload_refusal(struct span content)
{
    if (content.n == 0)
        return "the file is empty";
    if (content.n > UPLOAD_MAX_BYTES)
        return "the file is over 10 MB";
    return type_of(content) ? NULL : "expected a PDF, TIFF, PNG, JPEG or ZIP file";
}

int upload_store(const char *dir, struct span content, struct scratch *mem, const char **ret_name)
{
    char random[2 * NAME_BYTES + 1];
    if (upload_refusal(content))
        return ERR_INVALID;
    int err = secret_random_hex(NAME_BYTES, random);
    if (err != ERR_OK)
        return err;
    const char *name = scratch_printf(mem, "portin/%s%s", random, type_of(content)->ending);
    err = name ? file_store(dir, name, content) : ERR_NOMEM;
    if (err == ERR_OK)
        *ret_name = name;
    return err;
}
