/* SPDX-License-Identifier: MIT */
/*
 * B. H. Venter's I/O ports: one call, IO(), for files, devices and processes.
 *
 * A port is a number, from 1 to IO_PORTS, of its process. It is closed, until it is
 * opened on a file, a device or a server, made available for a client, or connected
 * with another one. To start an I/O is to send a request, to complete it is to have
 * the answer; in between the port is in midst I/O.
 *
 * All calls return 0 or more, or -1 and errno. Plain C, of 1999 on. capsventer(3) has
 * the rest.
 */
#ifndef CAPS_VENTER_H
#define CAPS_VENTER_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define IO_PORTS 1023

/* In place of a port's number: whichever completes first. */
#define IO_ANY_PORT 0
/* In place of a process's number: the caller. */
#define IO_SELF 0

/*
 * Operations are numbers up to 63. Files and devices know these; what they mean to a
 * server, and all others, is for it to say.
 */
#define IO_READ 0u
#define IO_WRITE 1u
#define IO_CREATE 2u /* to be wanted only: make the file if there is none */
#define IO_RESIZE 3u /* the file has then @address bytes */

/* A set of operations, for Open() and verdicts. */
#define IO_SET(operation) ((uint64_t)1 << (operation))
#define IO_ALL_OPERATIONS UINT64_MAX

/* To be added to the operation. */
#define IO_FAIL 0x10000000u     /* answers: it failed, the operation is an errno */
#define IO_STOP 0x20000000u     /* answers to a piece: the others are not wanted */
#define IO_MORE 0x40000000u     /* answers: a piece, ask for the next one */
#define IO_SHARABLE 0x80000000u /* the output stays as it is until the I/O ends */

/* What was completed: the result of IO() and the completing calls. */
#define IO_ANSWER 0      /* of a file, a device, a partner */
#define IO_REQUEST 1     /* of a client */
#define IO_PIECE 2       /* of a client's request; there is more */
#define IO_APPLICATION 3 /* somebody wants to become a client: a verdict is due */
#define IO_GONE 4        /* the applicant has; the port is available as before */

/* The input of IO_APPLICATION: who opens, by the kernel's word. */
#define IO_MAX_GROUPS 64
#define IO_MAX_LABEL 128

struct io_application {
    uint64_t operations; /* wanted; also the address */
    uint64_t effective;  /* capability sets, see capabilities(7) */
    uint64_t permitted;
    uint64_t inheritable;
    uint64_t user_namespace; /* inode numbers */
    uint64_t pid_namespace;
    uint64_t network_namespace;
    uint32_t pid; /* 0 where it is not visible */
    uint32_t uid;
    uint32_t euid;
    uint32_t gid;
    uint32_t egid;
    uint32_t group_count; /* all that it has, those that do not fit are not told */
    uint32_t label_len;   /* likewise */
    uint32_t groups[IO_MAX_GROUPS];
    char label[IO_MAX_LABEL]; /* of its security module; not terminated */
    uint32_t reserved;
};

/* The output that answers it. What is none rejects, and is EBADMSG. */
#define IO_ACCEPT 1u
#define IO_REJECT 2u

struct io_verdict {
    uint32_t verdict;
    uint32_t error;      /* rejected: errno of Open(), 1 to 511; else 0 */
    uint64_t operations; /* accepted: granted, of those wanted; else 0 */
};

/* --- to open and to close ------------------------------------------------- */

/* For the caller or a child: a file, a device, a server. Waits for its verdict. */
int Open(int process, int io_port, const char *object, uint64_t desired_ops);
/* So many milliseconds; less than 0: for ever; 0: EAGAIN if no port is available. */
int Open_within(int process, int io_port, const char *object, uint64_t desired_ops,
                int milliseconds);
/* The caller's or children's: the first asks, the second answers. */
int Connect(int process_a, int port_x, int process_b, int port_y);
int Close(int io_port);
/* The granted operations; 0 if it is closed, or answers. */
uint64_t Operations(int io_port);

/* --- I/O; each parameter is in and out, those that are NULL are 0 ---------- */

int IO(int *io_port, unsigned *operation, uint64_t *address, size_t *out_len, void **out_buf,
       size_t *in_len, void **in_buf);
int Initiate_IO(int *io_port, unsigned *operation, uint64_t *address, size_t *out_len,
                void **out_buf, size_t *in_len, void **in_buf);
/* The values of parameters before do not matter, but for io_port. */
int Complete_IO(int *io_port, unsigned *operation, uint64_t *address, size_t *out_len,
                void **out_buf, size_t *in_len, void **in_buf);
/* EAGAIN instead of waiting. */
int Try_to_complete_IO(int *io_port, unsigned *operation, uint64_t *address, size_t *out_len,
                       void **out_buf, size_t *in_len, void **in_buf);

/* --- servers -------------------------------------------------------------- */

/* The name under which this process is opened, once. */
int Become_server(const char *name);
/* A path that leads to it: a small file. */
int Publish(const char *path);
/* Opens a port for one client; that completes with an application. */
int Make_available(int io_port, size_t in_len, void *in_buf);

/* Requests that are larger than the posted buffer come in pieces; else EMSGSIZE. */
#define IO_INSTALLMENTS 1u
int Set_options(int io_port, unsigned options);

/* --- children --------------------------------------------------------------- */

/* Like fork(). Its ports can be opened and connected from now on. */
int Create_process(void);
/* It, or what it executes, waits for this in its first call. */
int Start_process(int process);

#ifdef __cplusplus
}
#endif

#endif
