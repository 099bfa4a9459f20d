/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Files that are passed on: installing them, and telling what they are.
 */
#ifndef _CAPS_COMPAT_FILES_H
#define _CAPS_COMPAT_FILES_H

#include <linux/file.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <linux/string.h>
#include <linux/version.h>

/* The new descriptor, or -errno; security modules are asked. */
static inline int caps_receive_fd(struct file *file, unsigned int flags)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 8, 0)
	return receive_fd(file, NULL, flags);
#else
	return receive_fd(file, flags);
#endif
}

/*
 * Is it an io_uring? It holds files. There is no exported test, but its name,
 * which nobody else can give to a file that lives there.
 */
static inline bool caps_file_is_io_uring(const struct file *file)
{
	return file_inode(file)->i_sb->s_magic == ANON_INODE_FS_MAGIC &&
	       !strcmp(file->f_path.dentry->d_name.name, "[io_uring]");
}

#endif /* _CAPS_COMPAT_FILES_H */
