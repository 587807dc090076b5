#include "metrics_process.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "metrics.h"

enum { CPU, MEMORY, FILES, FILES_MAX, STARTED };

static const struct metric_family FAMILIES[] = {
    [CPU] = {"process_cpu_seconds_total",
             METRIC_COUNTER,                                1000000,
             {0},
             1,                                                              {0},
             "User and system CPU time spent."                                                            },
    [MEMORY] =
        {"process_resident_memory_bytes", METRIC_GAUGE, 1,       {0}, 1, {0}, "Resident memory size." },
    [FILES] = {"process_open_fds",              METRIC_GAUGE, 1,       {0}, 1, {0}, "Open file descriptors."},
    [FILES_MAX] = {"process_max_fds",
             METRIC_GAUGE,                                  1,
             {0},
             1,                                                              {0},
             "Most file descriptors that may be open."                                                    },
    [STARTED] = {"process_start_time_seconds",
             METRIC_GAUGE,                                  1000,
             {0},
             1,                                                              {0},
             "When the process started, seconds since the epoch."                                         },
};

static void print(FILE *out, int family, int64_t value)
{
    metric_print_head(out, &FAMILIES[family]);
    metric_print(out, &FAMILIES[family], NULL, value);
}

static int64_t micros(struct timeval t)
{
    return (int64_t)t.tv_sec * 1000000 + t.tv_usec;
}

static void print_usage(FILE *out)
{
    struct rusage usage;
    struct rlimit limit;
    if (getrusage(RUSAGE_SELF, &usage) == 0)
        print(out, CPU, micros(usage.ru_utime) + micros(usage.ru_stime));
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        print(out, FILES_MAX, (int64_t)limit.rlim_cur);
}

static void print_memory(FILE *out)
{
    FILE *f = fopen("/proc/self/statm", "re");
    char line[128];
    if (f && fgets(line, sizeof(line), f)) {
        const char *resident = strchr(line, ' ');
        if (resident)
            print(out, MEMORY, strtoll(resident, NULL, 10) * sysconf(_SC_PAGESIZE));
    }
    if (f)
        fclose(f);
}

static void print_files(FILE *out)
{
    DIR *dir = opendir("/proc/self/fd");
    int64_t n = -3; /* ".", ".." and this one */
    if (!dir)
        return;
    while (readdir(dir))
        n++;
    closedir(dir);
    print(out, FILES, n);
}

/* Field 22 of /proc/self/stat: ticks after the machine's start. */
static void print_started(FILE *out)
{
    FILE *f = fopen("/proc/self/stat", "re");
    char line[1024];
    struct timespec now, up;
    if (f && fgets(line, sizeof(line), f)) {
        char *at = strrchr(line, ')'); /* the name before may hold anything */
        for (int field = 2; at && field < 22; field++)
            at = strchr(at + 1, ' ');
        clock_gettime(CLOCK_REALTIME, &now);
        clock_gettime(CLOCK_BOOTTIME, &up);
        int64_t booted = (now.tv_sec - up.tv_sec) * 1000 + (now.tv_nsec - up.tv_nsec) / 1000000;
        if (at)
            print(out, STARTED, booted + strtoll(at, NULL, 10) * 1000 / sysconf(_SC_CLK_TCK));
    }
    if (f)
        fclose(f);
}

void metrics_process_print(FILE *out)
{
    print_usage(out);
    print_memory(out);
    print_files(out);
    print_started(out);
}
