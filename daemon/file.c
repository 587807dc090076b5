#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "secret.h"

enum { NAME_MAX_BYTES = 200, RANDOM_BYTES = 6, FOLDER_MODE = 0750, FILE_MODE = 0640 };

static bool name_char(char c)
{
    char folded = (char)(c | 0x20);
    return (folded >= 'a' && folded <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-';
}

/* No empty part and none that starts with a dot: nothing leads out of the folder. */
static bool name_valid(struct span name)
{
    bool first = true;
    if (name.n == 0 || name.n > NAME_MAX_BYTES || name.p[name.n - 1] == '/')
        return false;
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        if (first ? c == '.' || !name_char(c) : c != '/' && !name_char(c))
            return false;
        first = c == '/';
    }
    return true;
}

static bool place(const char *dir, struct span name, char path[static PATH_MAX])
{
    int n = snprintf(path, PATH_MAX, "%s/%.*s", dir, (int)name.n, name.p);
    return n > 0 && n < PATH_MAX;
}

int file_open(const char *dir, struct span name, struct file *ret)
{
    char path[PATH_MAX];
    struct stat st;
    if (!*dir || !name_valid(name) || !place(dir, name, path))
        return ERR_NOT_FOUND;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR || errno == ELOOP ? ERR_NOT_FOUND : ERR_SYSTEM;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        close(fd);
        return ERR_NOT_FOUND;
    }
    *ret =
        (struct file){fd, st.st_size, (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec};
    return ERR_OK;
}

/* Makes all folders of a path; `path` is changed for the while. */
static int make_folders(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        int rc = mkdir(path, FOLDER_MODE);
        *slash = '/';
        if (rc != 0 && errno != EEXIST)
            return ERR_SYSTEM;
    }
    return ERR_OK;
}

static int write_all(int fd, struct span data)
{
    while (data.n > 0) {
        ssize_t n = write(fd, data.p, data.n);
        if (n < 0 && errno != EINTR)
            return ERR_SYSTEM;
        if (n > 0)
            data = (struct span){data.p + n, data.n - (size_t)n};
    }
    return fsync(fd) == 0 ? ERR_OK : ERR_SYSTEM;
}

static int sync_folder(char *path)
{
    char *slash = strrchr(path, '/');
    *slash = '\0';
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    *slash = '/';
    if (fd < 0)
        return ERR_SYSTEM;
    int rc = fsync(fd);
    close(fd);
    return rc == 0 ? ERR_OK : ERR_SYSTEM;
}

static int write_beside(const char *temporary, struct span data)
{
    int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
    if (fd < 0)
        return ERR_SYSTEM;
    int err = write_all(fd, data);
    if (close(fd) != 0)
        err = ERR_SYSTEM;
    return err;
}

int file_store(const char *dir, const char *name, struct span data)
{
    char path[PATH_MAX], temporary[PATH_MAX], random[2 * RANDOM_BYTES + 1];
    if (!*dir || !name_valid(span_of(name)) || !place(dir, span_of(name), path))
        return ERR_INVALID;
    int err = secret_random_hex(RANDOM_BYTES, random);
    if (err == ERR_OK)
        err = make_folders(path);
    if (err != ERR_OK)
        return err;
    /* The dot in front keeps it from being served. */
    char *slash = strrchr(path, '/');
    int n = snprintf(temporary, sizeof(temporary), "%.*s/.%s", (int)(slash - path), path, random);
    if (n < 0 || (size_t)n >= sizeof(temporary))
        return ERR_INVALID;
    err = write_beside(temporary, data);
    if (err == ERR_OK && rename(temporary, path) != 0)
        err = ERR_SYSTEM;
    if (err != ERR_OK) {
        int why = errno;
        unlink(temporary);
        errno = why;
        return err;
    }
    return sync_folder(path);
}

static const struct {
    const char *ending, *media;
    bool shown;
} types[] = {
    {".pdf",  "application/pdf",         true },
    {".csv",  "text/csv; charset=utf-8", false},
    {".zip",  "application/zip",         false},
    {".tif",  "image/tiff",              false},
    {".tiff", "image/tiff",              false},
    {".png",  "image/png",               true },
    {".jpg",  "image/jpeg",              true },
    {".jpeg", "image/jpeg",              true },
};

static int type_of(struct span name)
{
    for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
        struct span ending = span_of(types[i].ending);
        if (name.n > ending.n &&
            span_eq_nocase((struct span){name.p + name.n - ending.n, ending.n}, ending))
            return (int)i;
    }
    return -1;
}

void file_remove(const char *dir, const char *name)
{
    char path[PATH_MAX];
    if (name_valid(span_of(name)) && place(dir, span_of(name), path))
        (void)unlink(path);
}

const char *file_media_type(struct span name)
{
    int i = type_of(name);
    return i < 0 ? "application/octet-stream" : types[i].media;
}

bool file_shown(struct span name)
{
    int i = type_of(name);
    return i >= 0 && types[i].shown;
}
