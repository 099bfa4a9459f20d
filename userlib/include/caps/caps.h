/* SPDX-License-Identifier: MIT */
/*
 * libcapsuser for C, and for whatever can call C.
 *
 * One function for each command of /dev/caps, with the structs of
 * <linux/caps.h>, where each is described. All return 0 or more on success and
 * a negative errno on failure; errno itself is not meaningful. What a struct
 * marks as out is filled in; nothing is kept after the return. `actor` is the
 * file descriptor of an open /dev/caps: poll it, close it with close(2).
 *
 * No function waits, except capsu_call, capsu_receive, capsu_receive_batch and
 * capsu_reply_receive, and capsu_send and capsu_call_async with a deadline.
 *
 * Every function is thread-safe. Each symbol carries the version of the library
 * in which it got its present meaning. When the kernel's struct grows, so does
 * the version of the functions that take it, and programs built before keep
 * the old one.
 */
#ifndef CAPS_CAPS_H
#define CAPS_CAPS_H

#include <linux/caps.h>

#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CAPSU_API __attribute__((visibility("default")))

/* Opens an actor, close-on-exec; device NULL is "/dev/caps". Returns the fd. */
CAPSU_API int capsu_open(const char *device);
CAPSU_API int capsu_query(int actor, struct caps_query *limits);
CAPSU_API int capsu_actor_info(int actor, struct caps_actor_info *info);

/* --- capabilities --- */

CAPSU_API int capsu_duplicate(int actor, struct caps_duplicate *duplicate);
CAPSU_API int capsu_close(int actor, uint64_t capability);
CAPSU_API int capsu_capability_info(int actor, uint64_t capability,
                                    struct caps_capability_info *info);
/* Returns the new file descriptor, close-on-exec. */
CAPSU_API int capsu_export(int actor, uint64_t capability);
CAPSU_API int capsu_actor_self(int actor, uint64_t *capability);
CAPSU_API int capsu_import(int actor, int fd, uint64_t *capability);
/* Into another actor's table, which is told by a message of kind CAPABILITY_ARRIVED. */
CAPSU_API int capsu_place(int actor, struct caps_place *place);
/* The actor outlives its process while somebody else has the file; a successor adopts it. */
CAPSU_API int capsu_keep(int actor);
CAPSU_API int capsu_adopt(int actor);

/* One message of kind PORT_DEAD with *id, on source (0: the default port), when it dies. */
CAPSU_API int capsu_watch(int actor, uint64_t capability, uint64_t source, uint64_t *id);

/* Sets bits in a port; never waits. */
CAPSU_API int capsu_signal(int actor, uint64_t capability, uint64_t bits);

/* --- ports --- */

/* queue_limit 0: the default. flags: CAPS_PORT_UNIX_SOCKETS, or 0. */
CAPSU_API int capsu_port_create(int actor, uint64_t cookie, uint32_t queue_limit, uint32_t flags,
                                uint64_t *port);
CAPSU_API int capsu_port_delete(int actor, uint64_t port);
CAPSU_API int capsu_port_enable(int actor, uint64_t port, uint32_t priority);
CAPSU_API int capsu_port_disable(int actor, uint64_t port);
CAPSU_API int capsu_port_info(int actor, uint64_t port, struct caps_port_info *info);
/* All capabilities of others to the port, or with CAPS_REVOKE_BADGE those with one badge. */
CAPSU_API int capsu_revoke(int actor, struct caps_revoke *revoke);
CAPSU_API int capsu_port_migrate(int actor, struct caps_port_migrate *migrate);
/* Returns a new file descriptor, close-on-exec, that polls this port alone. */
CAPSU_API int capsu_port_file(int actor, uint64_t port);

/* --- io_uring --- */

/* Lets commands that are parked complete. Returns how many did not by themselves. */
CAPSU_API int capsu_unpark(int actor, struct caps_unpark *unpark);

/* --- messages --- */

CAPSU_API int capsu_send(int actor, struct caps_send *message);
CAPSU_API int capsu_call(int actor, struct caps_call *call);
CAPSU_API int capsu_call_async(int actor, struct caps_send *message);
CAPSU_API int capsu_receive(int actor, struct caps_receive *receive);
/* Returns how many were received. */
CAPSU_API int capsu_receive_batch(int actor, uint64_t port, uint64_t deadline,
                                  struct caps_receive *entries, uint32_t count);
CAPSU_API int capsu_get_data(int actor, struct caps_get_data *get);
CAPSU_API int capsu_reply(int actor, struct caps_reply *reply);
CAPSU_API int capsu_reply_receive(int actor, struct caps_reply_receive *both);
CAPSU_API int capsu_discard(int actor, uint64_t id);
/* Hands a held message on to where a capability leads; never waits. */
CAPSU_API int capsu_forward(int actor, uint64_t id, uint64_t capability);
/* Returns one of CAPS_ABORT_*. */
CAPSU_API int capsu_abort(int actor, uint64_t id);
CAPSU_API int capsu_header(int actor, uint64_t id, struct caps_header *header);
CAPSU_API int capsu_identity(int actor, struct caps_identity *identity);

/* --- groups: sent to with capsu_send and capsu_call, flags CAPS_TO_*, CAPS_EXCLUDE_* --- */

CAPSU_API int capsu_group_create(int actor, uint64_t *group);
CAPSU_API int capsu_group_insert(int actor, uint64_t group, uint64_t port);
CAPSU_API int capsu_group_remove(int actor, uint64_t group, uint64_t port);
CAPSU_API int capsu_group_delete(int actor, uint64_t group);
CAPSU_API int capsu_group_info(int actor, uint64_t group, struct caps_group_info *info);

/* --- services --- */

/* Names are terminated strings; flags are CAPS_REGISTER_*. */
CAPSU_API int capsu_register(int actor, uint64_t port, const char *name, uint64_t operations,
                             uint32_t flags);
CAPSU_API int capsu_unregister(int actor, const char *name);
/* operations: in the wanted ones, out the granted ones. */
CAPSU_API int capsu_connect(int actor, const char *name, uid_t uid, uint64_t *operations,
                            uint64_t *capability);
/* The same with all there is to say; the three above mean names under one's effective uid. */
CAPSU_API int capsu_register_name(int actor, const struct caps_register *reg);
CAPSU_API int capsu_unregister_name(int actor, const struct caps_unregister *unreg);
CAPSU_API int capsu_connect_name(int actor, struct caps_connect *connect);
CAPSU_API int capsu_services(int actor, struct caps_services *services);
CAPSU_API int capsu_generation_set(int actor, uint64_t port, uint64_t generation);
CAPSU_API int capsu_generation(int actor, uint64_t capability, uint64_t *generation);
/* Until it is not *generation any more. */
CAPSU_API int capsu_generation_wait(int actor, uint64_t capability, uint64_t *generation,
                                    uint64_t deadline);

/* --- beside the commands --- */

/* The deadline so many nanoseconds from now; negative: one that has passed. */
CAPSU_API uint64_t capsu_deadline(int64_t nanoseconds);
/*
 * What to do about an error: a sentence for a person, never NULL. `command` is
 * the ioctl number (CAPS_CALL, ...; 0 for capsu_open), `error` the errno,
 * negative or positive. After capsu_reply_receive: CAPS_REPLY if the reply's
 * outcome is not 0, else CAPS_RECEIVE.
 */
CAPSU_API const char *capsu_remedy(unsigned long command, int error);
/* "0.1.0" */
CAPSU_API const char *capsu_version(void);

#ifdef __cplusplus
}
#endif

#endif
