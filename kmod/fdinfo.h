/* SPDX-License-Identifier: GPL-2.0 */
/*
 * /proc/PID/fdinfo/FD of an actor: its stable textual state, see caps(4).
 */
#ifndef _CAPS_FDINFO_H
#define _CAPS_FDINFO_H

struct file;
struct seq_file;

void caps_fdinfo_show(struct seq_file *seq, struct file *file);

#endif
