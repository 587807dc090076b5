/* File descriptors of the process: each connection is one. */
#ifndef TRUNKLINE_DESCRIPTORS_H
#define TRUNKLINE_DESCRIPTORS_H

/* Allows as many as the hard limit says; the usual soft limit of 1,024 is for select(). */
void descriptors_allow_all(void);

#endif
