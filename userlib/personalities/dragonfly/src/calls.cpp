// SPDX-License-Identifier: MIT
// The calls, as C programs see them: -1 and errno where something fails.
#include "address.hpp"
#include "process.hpp"

#include <cerrno>
#include <new>
#include <sys/caps_event.h>
#include <unistd.h>

namespace dragonfly {
namespace {

constexpr int known_flags = CAPF_ANYCLIENT | CAPF_EXCL | CAPF_WCRED | CAPF_NOFORK | CAPF_WAITSVC;

template <class T>
T returned(T it) {
    if (it >= 0)
        return it;
    errno = static_cast<int>(-it);
    return -1;
}

/// What @run returns of the port, and a negative errno if there is none.
template <class F>
auto with_port(int portid, F run) -> decltype(run(std::declval<port &>())) {
    std::shared_ptr<port> it;
    const int error = process::mine().find(portid, it);
    return error != 0 ? error : run(*it);
}

int open(const char *called, uid_t uid, gid_t gid, int upcid, int flags,
         int (port::*become)(const name &, int)) {
    process &me = process::mine();
    const auto it = std::make_shared<port>();
    name is{{}, uid, gid};
    int error = it->open();
    if (error == 0)
        error = read_name(called, is.text);
    if (error == 0 && ((flags & ~known_flags) || (upcid != 0 && !me.has_upcall(upcid))))
        error = -EINVAL;
    if (error == 0 && upcid != 0)
        it->wait_for_all();
    if (error == 0)
        error = (*it.*become)(is, flags);
    return error != 0 ? error : me.add(it, flags, upcid);
}

int get(int portid, const place &to, bool wait) {
    int word = -1;
    const int size = with_port(portid, [&](port &it) { return it.get(to, wait, word); });
    if (word >= 0)
        errno = word;
    return returned(size);
}

int add_upcall(caps_upcall_t function, void *data, int eventfd) {
    const auto it = std::make_shared<upcall>();
    it->function = function;
    it->data = data;
    it->eventfd = eventfd;
    return process::mine().add_upcall(it);
}

} // namespace
} // namespace dragonfly

using namespace dragonfly;

int caps_sys_service(const char *name, uid_t uid, gid_t gid, int upcid, int flags) {
    return returned(open(name, uid, gid, upcid, flags, &port::become_service));
}

int caps_sys_client(const char *name, uid_t uid, gid_t gid, int upcid, int flags) {
    return returned(open(name, uid, gid, upcid, flags, &port::become_client));
}

int caps_sys_close(int portid) {
    return returned(process::mine().close(portid));
}

off_t caps_sys_put(int portid, void *msg, int msgsize) {
    return returned(with_port(portid, [&](port &it) -> off_t { return it.put(msg, msgsize); }));
}

int caps_sys_reply(int portid, void *msg, int msgsize, off_t msgcid) {
    return returned(with_port(portid, [&](port &it) { return it.reply(msg, msgsize, msgcid); }));
}

int caps_sys_get(int portid, void *msg, int maxsize, caps_msgid_t msgid, caps_cred_t ccr) {
    return get(portid, {msg, maxsize, msgid, ccr}, false);
}

int caps_sys_wait(int portid, void *msg, int maxsize, caps_msgid_t msgid, caps_cred_t ccr) {
    return get(portid, {msg, maxsize, msgid, ccr}, true);
}

int caps_sys_abort(int portid, off_t msgcid, int flags) {
    if (flags & ~CAPF_ABORT_HARD)
        return returned(-EINVAL);
    return returned(with_port(portid, [&](port &it) { return it.abort(msgcid); }));
}

int caps_sys_setgen(int portid, caps_gen_t gen) {
    return returned(with_port(portid, [&](port &it) { return it.set_generation(gen); }));
}

/// Every value is a legal one.
caps_gen_t caps_sys_getgen(int portid) {
    caps_gen_t number = -1;
    const int error = with_port(portid, [&](port &it) { return it.generation(number); });
    return error != 0 ? returned(error) : number;
}

int caps_upcall_function(caps_upcall_t function, void *data) {
    return function != nullptr ? add_upcall(function, data, -1) : returned(-EINVAL);
}

int caps_upcall_eventfd(int fd) {
    const int own = ::dup(fd);
    return own >= 0 ? add_upcall(nullptr, nullptr, own) : -1;
}

int caps_upcall_remove(int upcid) {
    return returned(process::mine().remove_upcall(upcid) ? 0 : -EINVAL);
}

int caps_poll_fd(int portid) {
    return returned(with_port(portid, [](port &it) { return it.poll_fd(); }));
}
