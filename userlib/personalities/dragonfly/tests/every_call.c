/* SPDX-License-Identifier: MIT */
/*
 * Every call, type and constant of 2004 and of the event header, from C of
 * 1989 on. 0, or the line where something was not as it should be.
 */
#include <stddef.h>
#include <string.h>
#include <sys/caps.h>
#include <sys/caps_event.h>
#include <sys/errno.h>
#include <sys/types.h>
#include <unistd.h>

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            return __LINE__ & 0x7f;                                                                \
    } while (0)

static int calls;

static void upcall(int portid, void *msg, int msgsize, caps_msgid_t msgid, caps_cred_t ccr,
                   void *data) {
    (void)portid;
    (void)msg;
    (void)msgid;
    (void)ccr;
    (void)data;
    calls += msgsize;
}

static int check_constants(void) {
    struct caps_port port;
    caps_port_t pointer = &port;
    lwkt_port_t lwkt = &port.cp_lport;
    caps_type_t type = CAPT_UNKNOWN;
    caps_msg_state_t state = CAPMS_REQUEST_RETRY;

    pointer->cp_portid = pointer->cp_upcallid = 0;
    CHECK(lwkt != NULL && type < CAPT_CLIENT && CAPT_CLIENT < CAPT_SERVICE);
    CHECK(CAPT_SERVICE < CAPT_REMOTE && CAPT_REMOTE < CAPT_FORKED);
    CHECK(state < CAPMS_REPLY && CAPMS_REPLY_RETRY < CAPMS_DISPOSE);
    CHECK(CAPS_ABORT_RETURNED == 1 && CAPS_ABORT_BEFORESERVER == 2);
    CHECK((CAPF_UFLAGS & CAPF_WCRED) == CAPF_WCRED);
    return 0;
}

static int check_calls(int server, int client) {
    const char *question = "question";
    struct caps_msgid msgid;
    struct caps_cred cred;
    char buf[64];
    /* NOLINTNEXTLINE(performance-no-int-to-ptr): so it was done */
    off_t sent = caps_sys_put(client, __DECONST(char *, question), 8);

    CHECK(sent > 0);
    CHECK(caps_sys_wait(server, buf, sizeof(buf), &msgid, &cred) == 8);
    CHECK(msgid.c_state == CAPMS_REQUEST && memcmp(buf, question, 8) == 0);
    CHECK(cred.pid == getpid() && cred.uid == getuid() && cred.cacheid == 0);
    CHECK(caps_sys_abort(client, sent + 1, CAPF_ABORT_HARD) == CAPS_ABORT_NOTIMPL);
    CHECK(caps_sys_reply(server, buf, 3, msgid.c_id) == 0);
    CHECK(caps_sys_get(client, buf, sizeof(buf), &msgid, NULL) == 3);
    CHECK(msgid.c_state == CAPMS_REPLY && msgid.c_id == sent);
    CHECK(caps_sys_get(server, buf, sizeof(buf), &msgid, NULL) == 0);
    CHECK(msgid.c_state == CAPMS_DISPOSE);
    CHECK(caps_sys_get(server, buf, sizeof(buf), &msgid, NULL) < 0 && errno == EWOULDBLOCK);
    CHECK(caps_sys_setgen(server, (caps_gen_t)7) == 0);
    CHECK(caps_sys_getgen(client) == 7);
    CHECK(caps_poll_fd(server) >= 0);
    return 0;
}

int main(int ac, char **av) {
    int upcid = caps_upcall_function(upcall, NULL);
    int server, client, wrong;

    (void)ac;
    (void)av;
    CHECK(upcid > 0);
    CHECK(caps_upcall_remove(upcid) == 0);
    CHECK(caps_upcall_eventfd(-1) < 0);
    server = caps_sys_service("every", getuid(), (gid_t)-1, 0, CAPF_ANYCLIENT | CAPF_EXCL);
    CHECK(server > 0);
    client = caps_sys_client("every", getuid(), (gid_t)-1, 0, CAPF_ANYCLIENT);
    CHECK(client > 0);
    wrong = check_constants();
    if (wrong == 0)
        wrong = check_calls(server, client);
    CHECK(caps_sys_close(client) == 0);
    CHECK(caps_sys_close(server) == 0);
    return wrong;
}
