/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Names with all that qualifies them, for the tests about them.
 */
#ifndef CAPS_NAMES_H
#define CAPS_NAMES_H

#include <linux/capability.h>
#include <sched.h>

#include "caps_state.h"

#define ANY	CAPS_ANY_ID
#define ALICE	1001
#define BOB	1002
#define STAFF	2000

static inline struct caps_connect connect_of(const char *name, __u32 uid,
					     __u32 gid)
{
	return (struct caps_connect){
		.name = (uintptr_t)name, .name_len = strlen(name),
		.uid = uid, .gid = gid, .operations = CAPS_ALL_OPERATIONS,
	};
}

static inline long connect_to(int fd, const char *name, __u32 uid, __u32 gid,
			      __u32 flags)
{
	struct caps_connect c = connect_of(name, uid, gid);

	c.flags = flags;
	return caps_ioctl(fd, CAPS_CONNECT, &c);
}

/* The first of these users that has the name. */
static inline long connect_trusting(int fd, const char *name,
				    const __u32 *uids, __u32 count, __u64 *cap)
{
	struct caps_connect c = connect_of(name, ANY, ANY);
	long ret;

	c.trusted = (uintptr_t)uids;
	c.trusted_count = count;
	ret = caps_ioctl(fd, CAPS_CONNECT, &c);
	*cap = c.capability;
	return ret;
}

static inline long register_to(int fd, __u64 port, const char *name,
			       __u32 uid, __u32 gid, __u32 flags)
{
	struct caps_register r = {
		.port = port, .name = (uintptr_t)name,
		.name_len = strlen(name), .uid = uid, .gid = gid,
		.flags = flags, .operations = CAPS_ALL_OPERATIONS,
	};

	return caps_ioctl(fd, CAPS_REGISTER, &r);
}

static inline long unregister_of(int fd, const char *name, __u32 uid,
				 __u32 gid)
{
	struct caps_unregister u = {
		.name = (uintptr_t)name, .name_len = strlen(name),
		.uid = uid, .gid = gid,
	};

	return caps_ioctl(fd, CAPS_UNREGISTER, &u);
}

/* Without this capability from now on. */
static inline long caps_drop(int capability)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2];
	long ret = sys(syscall(SYS_capget, &header, data));

	if (ret)
		return ret;
	data[capability / 32].effective &= ~(1u << capability % 32);
	data[capability / 32].permitted &= ~(1u << capability % 32);
	data[capability / 32].inheritable &= ~(1u << capability % 32);
	return sys(syscall(SYS_capset, &header, data));
}

/* This user for good; in the device's group, and in STAFF if so said. */
static inline void become_one(uid_t uid, bool staff)
{
	gid_t groups[2] = { 0, STAFF };
	struct stat device;

	need(sys(stat(CAPS_DEVICE, &device)), CAPS_DEVICE);
	groups[0] = device.st_gid;
	need(sys(setgroups(1 + staff, groups)), "setgroups");
	need(sys(setresgid(uid, uid, uid)), "setresgid");
	need(sys(setresuid(uid, uid, uid)), "setresuid");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
}

/* How often has a thread gone to sleep? */
static inline long long switches(pid_t tid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/status", tid);
	return file_field(path, "voluntary_ctxt_switches");
}

#endif /* CAPS_NAMES_H */
