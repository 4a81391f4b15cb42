/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of /proc/PID/mountinfo: proc(5). */
#pragma once

/* The n-th field, counted from 1, which goes on to the end of the line; NULL: there are fewer. */
char *mountinfo_field(char *line, unsigned n);

/* The type of the file system, and source and options behind it, likewise. */
char *mountinfo_type(char *line);

/* Ends a field where the next begins, and undoes its octal escapes: "\040" is a space. */
void mountinfo_cut(char *field);
