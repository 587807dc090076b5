/* Figures that Prometheus knows of every process, under the names of its own client libraries. */
#ifndef TRUNKLINE_METRICS_PROCESS_H
#define TRUNKLINE_METRICS_PROCESS_H

#include <stdio.h>

/* CPU seconds, resident bytes, open files and their limit, time of the start. What the system
 * doesn't tell is left out. */
void metrics_process_print(FILE *out);

#endif
