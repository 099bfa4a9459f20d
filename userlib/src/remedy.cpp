// SPDX-License-Identifier: MIT
// What to do about each errno of each operation, in words. The contract is in caps(7); parameters
// are those of the module, in /sys/module/caps/parameters.
#include "remedy.hpp"

#include <caps/caps.h>

#include <cerrno>
#include <initializer_list>
#include <utility>

namespace caps::detail {

namespace {

struct advice {
    int code;
    std::string_view text;
};

struct particular {
    operation what;
    int code;
    std::string_view text;
};

constexpr std::string_view taken_text =
    "The server had taken the call, so it may have been carried out: ask before doing it again.";
constexpr std::string_view not_taken_text =
    "The server had not taken the call and never will: it is safe to do it again.";
constexpr std::string_view unsure_text =
    "If the result has CAPS_RESULT_TAKEN the server had taken the call, which may have been "
    "carried out: ask before doing it again. If not, it is safe to do it again.";
constexpr std::string_view answered_text =
    "The answer came, could not be written to the memory given, and is lost: pass writable buffers "
    "that stay mapped, and ask the server before doing it again.";
constexpr std::string_view unseen_text =
    "The port is gone and the server never saw this message: connect again; it is safe to send it "
    "again.";
constexpr std::string_view handles_text =
    "This user holds as many capabilities as it may: close some, or raise the module's "
    "max_capabilities.";
constexpr std::string_view no_member_text =
    "The group has no member that this may go to: insert one, or exclude less.";
constexpr std::string_view name_text =
    "Use 1 to 63 of A-Z a-z 0-9 _ . - for the name of a service.";

// Where an errno says more in one operation than in the others. What is said of send holds for
// call_async too, and what is said of receive for receive_batch; see look_up().
constexpr particular particulars[] = {
    {operation::open, ENOENT, "Load the module: make load, or modprobe caps."},
    {operation::open, EACCES,
     "Become a member of group caps, or have make load set the access to the device."},
    {operation::open, EDQUOT,
     "This user has as many actors or ports as it may: close some actors, or raise the module's "
     "max_actors or max_ports."},
    {operation::open, ENXIO, "Nothing serves this device: name /dev/caps, or load the module."},
    {operation::duplicate, EPERM,
     "Ask for no right that the capability lacks; a badge takes the right to manage and a "
     "capability without one. Its info() tells what it has."},
    {operation::duplicate, EACCES,
     "Ask for no operation that the capability lacks; its info() tells what it has."},
    {operation::duplicate, EINVAL,
     "Use only the rights that exist, and badges below 2^63: the upper half is the kernel's."},
    {operation::duplicate, EDQUOT, handles_text},
    {operation::close, EBUSY, "The default port's own handle stays open as long as its actor."},
    {operation::export_fd, EPERM,
     "Export a capability that has the right to grant; its giver can add it."},
    {operation::export_fd, EDQUOT,
     "This user has as many capabilities exported as it may: close some of the descriptors, or "
     "raise the module's max_files."},
    {operation::actor_self, EDQUOT, handles_text},
    {operation::adopt, EBUSY,
     "It still has a process, or was never to be kept: wait until that has ended, and have servers "
     "keep() their actors."},
    {operation::adopt, EPERM,
     "Adopt with the ids, capabilities and user namespace of who opened it."},
    {operation::import_fd, EBADF, "Pass a file descriptor that is open."},
    {operation::import_fd, EINVAL, "Pass a file descriptor made by export_fd()."},
    {operation::import_fd, EDQUOT, handles_text},
    {operation::place, EPERM,
     "Place a capability that has the right to grant, with no right that it lacks, in an actor "
     "that "
     "has given a capability with the right to accept."},
    {operation::place, EACCES,
     "Place it with no operation that it lacks; its info() tells what it has."},
    {operation::place, EINVAL,
     "Place it in what names an actor, not a port, with rights that exist and without a badge: "
     "place a duplicate that has the badge."},
    {operation::place, EPIPE, "The actor to place it in has died: nothing was placed."},
    {operation::place, EDQUOT,
     "The other actor's user holds as many capabilities as it may (max_capabilities), or this user "
     "has as many messages under way (max_messages). Nothing was placed."},
    {operation::watch, EPERM,
     "Watch with a capability that has the right to, and be told at a port of this actor's own."},
    {operation::watch, EPIPE,
     "The port to be told at is gone: name another, or 0 for the default."},
    {operation::watch, EDQUOT,
     "A watch is a message, of which this user has as many as it may: abort() some, or raise the "
     "module's max_messages."},
    {operation::port_create, EDQUOT,
     "This user has as many ports or capabilities as it may: remove some, or raise the module's "
     "max_ports or max_capabilities."},
    {operation::port_create, EMSGSIZE,
     "Ask for a queue limit within the module's max_queue_limit; query() tells it."},
    {operation::port_remove, EBUSY, "The default port goes with its actor, not before."},
    {operation::port_enable, EINVAL, "Priorities go from 0, the first, to 255."},
    {operation::port_disable, EBUSY, "It is not enabled: nothing is left to do."},
    {operation::revoke, ENOENT, "Nothing has this badge now: nothing is left to do."},
    {operation::migrate, EBUSY, "The default port stays where it is, and others move to others."},
    {operation::migrate, EPERM,
     "Move a port of this actor's own, with the right to manage it, to an actor that has given a "
     "capability with the right to accept."},
    {operation::migrate, EPIPE, "The port is gone, or the actor that was to have it has died."},
    {operation::migrate, EDQUOT,
     "The new owner's user has as many ports, capabilities or names as it may: raise the module's "
     "max_ports, max_capabilities or max_names. Nothing has moved."},
    {operation::signal, EINVAL, "Set at least one bit."},
    {operation::send, EPIPE, unseen_text},
    {operation::call, EPIPE, unseen_text},
    {operation::send, EAGAIN,
     "The queue is full, or this user has its share of it: give a deadline to wait for room, or "
     "try again when the receiver has caught up."},
    {operation::call, EAGAIN,
     "The queue is full, or this user has its share of it: call without no_wait_queue to wait for "
     "room, or try again later."},
    {operation::send, EINVAL,
     "Check that the operation is below 64, the mode is either copy or defer or neither, and "
     "bodies given as pieces are well-formed. Actors and io_urings cannot go along, AF_UNIX "
     "sockets "
     "only to ports that allow it."},
    {operation::call, EINVAL,
     "Check that the operation is below 64, the deadline is not no_wait (a call waits for its "
     "answer), the mode is not defer and bodies given as pieces are well-formed. Actors and "
     "io_urings cannot go along, AF_UNIX sockets only to ports that allow it."},
    {operation::call, EBUSY, "The default port's own handle cannot be moved: send a copy of it."},
    {operation::send, EBUSY, "The default port's own handle cannot be moved: send a copy of it."},
    {operation::send, EDQUOT,
     "This user's share is used up: of messages (max_messages), of bytes in the kernel "
     "(max_kernel_bytes) or of pinned bytes (max_pinned, and RLIMIT_MEMLOCK for defer). Let "
     "receivers catch up, or raise the module's parameter."},
    {operation::call, EDQUOT,
     "This user's share is used up: of messages (max_messages), of bytes in the kernel "
     "(max_kernel_bytes) or of pinned bytes (max_pinned). Have fewer calls under way, or raise the "
     "module's parameter."},
    {operation::reply, EDQUOT,
     "The caller's user has no room for so large an answer (max_kernel_bytes), or with defer this "
     "user has pinned all it may (max_pinned, RLIMIT_MEMLOCK). Answer with less, or discard the "
     "message, which is still held."},
    {operation::receive, EDQUOT,
     "This user holds too many messages that were never ended, cancelled calls or one-way ones: "
     "reply to them or discard them."},
    {operation::send, EMSGSIZE,
     "Keep annexes to 128 bytes, bodies to 64 MiB in 1,024 pieces, what goes along to 64 "
     "capabilities and 64 descriptors, and what is copied when sent to "
     "the module's max_copied_body: use defer above it."},
    {operation::reply, EMSGSIZE,
     "Keep annexes to 128 bytes, bodies to 64 MiB in 1,024 pieces, what goes along to 64 "
     "capabilities and 64 descriptors, and what is copied when sent to "
     "the module's max_copied_body: use defer above it. The message is still held."},
    {operation::call, EMSGSIZE,
     "Keep annexes to 128 bytes, bodies to 64 MiB in 1,024 pieces, and what goes along, either "
     "way, "
     "to 64 capabilities and 64 descriptors. A body that cannot be pinned, "
     "or is sent with copy, is limited to the module's max_copied_body."},
    {operation::call, ETIMEDOUT, unsure_text},
    {operation::call, EINTR, unsure_text},
    {operation::send, ETIMEDOUT,
     "The queue stayed full until the deadline: nothing was sent. Wait longer, or give up."},
    {operation::receive, EAGAIN,
     "Nothing is there: give a deadline to wait, or poll the actor first. Only enabled ports take "
     "part in receiving from any."},
    {operation::receive, ETIMEDOUT, "Nothing came in time: receive again when it suits."},
    {operation::receive, EMSGSIZE,
     "Receive into at most 1,024 pieces, and give room for at most 64 capabilities and 64 "
     "descriptors."},
    {operation::receive_batch, EINVAL, "Give a batch room for at least one message."},
    {operation::receive_batch, EMSGSIZE,
     "Give a batch room for at most 1,024 messages, each of at most 1,024 pieces."},
    {operation::read, EMSGSIZE,
     "Read into at most 1,024 pieces, and give room for at most 64 capabilities and 64 "
     "descriptors."},
    {operation::read, EDQUOT,
     "This user may not have as many capabilities more as came along (max_capabilities): close "
     "some, or raise the limit. The message is still held, with all of them."},
    {operation::reply, EINVAL,
     "Only a call, or a message that named a source port, can be answered; end others with "
     "discard()."},
    {operation::reply, ECANCELED,
     "The caller has gone, and the message with it: nothing is left to do."},
    {operation::forward, EINVAL,
     "Only a call or a one-way message can be forwarded, and only to a port."},
    {operation::forward, ECANCELED,
     "The caller has gone, and the message with it: nothing is left to do."},
    {operation::forward, EPIPE,
     "The port to forward to is gone: the message is still held, so answer it, or forward it to "
     "another."},
    {operation::forward, EAGAIN,
     "The queue is full, or the caller's user has its share of it: the message is still held, so "
     "answer it, or try again later."},
    {operation::register_service, EEXIST,
     "A living actor, perhaps this one, holds the name: end it, replace it, choose another name, "
     "or let both be for the newest to win."},
    {operation::register_service, EINVAL, name_text},
    {operation::register_service, EPERM,
     "Names beginning with '.' take CAP_SYS_ADMIN over the network namespace, those of another "
     "user CAP_SETUID, those of another group CAP_SETGID; all the right to manage a port of one's "
     "own."},
    {operation::register_service, EDQUOT,
     "This user holds as many names as it may: give some back, or raise the module's max_names."},
    {operation::unregister, ENOENT,
     "This user has no such name in this network namespace: nothing is left to do."},
    {operation::unregister, EPERM, "Only the actor that registered a name can give it back."},
    {operation::unregister, EINVAL, name_text},
    {operation::connect, ENOENT,
     "No living server of that uid has registered the name in this network namespace: start it, "
     "or check name and uid."},
    {operation::connect, EACCES,
     "The service does not let this user in, or grants fewer operations than asked for."},
    {operation::connect, EINVAL,
     "Use 1 to 63 of A-Z a-z 0-9 _ . - for the name of a service, and ids that exist in this user "
     "namespace; with neither uid nor gid say which uids are trusted, and only then."},
    {operation::connect, ETIMEDOUT,
     "No such service appeared, or its server gave no verdict, in time: start it, or check name "
     "and ids."},
    {operation::connect, EAGAIN,
     "The server is asked who may connect: give a deadline for its verdict."},
    {operation::connect, ECONNREFUSED,
     "The server went, or dropped the application, without a verdict: try again."},
    {operation::reply, EBADMSG,
     "The verdict grants what was not asked for, or makes no sense, so the client was rejected: "
     "accept() or reject() with what the application allows."},
    {operation::connect, EMSGSIZE, "Trust at most 16 uids."},
    {operation::send, ENOENT, no_member_text},
    {operation::call, ENOENT, no_member_text},
    {operation::group_create, EDQUOT,
     "This user has made as many groups or capabilities as it may: let some go, or raise the "
     "module's max_groups or max_capabilities."},
    {operation::group_insert, EPERM,
     "Insert through a capability to the group with the right to insert, and one to the port with "
     "the right to manage; their givers can add them."},
    {operation::group_insert, EBUSY, "The port is a member already: nothing is left to do."},
    {operation::group_insert, EPIPE, "The group was disbanded, or the port is gone: use others."},
    {operation::group_insert, EMSGSIZE,
     "The group is full: remove members, or raise the module's max_group_members."},
    {operation::group_remove, ENOENT, "The port is no member: nothing is left to do."},
    {operation::group_remove, EPERM,
     "Remove through a capability to the group with the right to manage, or with the right to "
     "insert and one to the port with the right to manage."},
    {operation::group_remove, EPIPE, "The group was disbanded: nothing is left to do."},
    {operation::group_delete, EPIPE, "The group was disbanded already: nothing is left to do."},
    {operation::group_info, EPIPE, "The group was disbanded: use another."},
    {operation::connect, EDQUOT,
     "This user has as many handles or connections as it may: close some, let the server receive "
     "what tells that others have ended, or raise max_capabilities or max_connections."},
};

// What an errno means wherever it comes from.
constexpr advice generals[] = {
    {EBADF, "Use a capability that this actor holds and has not closed, and an open actor."},
    {EPERM, "Use a capability that has the right this needs, to a port of this actor's own where "
            "only its owner may do this; its info() tells both."},
    {EACCES, "The capability's mask does not have this operation: get one from the server that "
             "does."},
    {EKEYREVOKED, "The server has revoked this capability: ask it for another, or connect again."},
    {EPIPE, "The port is gone, and what was queued there: use another."},
    {ECONNRESET, "The server took the call and died, or dropped it: ask before doing it again."},
    {EAGAIN, "It would have to wait: give a deadline, or try again later."},
    {EDQUOT, "This user's share is used up: give something back, or raise the module's limit."},
    {EMSGSIZE, "Stay within the limits that query() tells."},
    {ENOMSG, "The message is unknown, or has been answered or discarded already: keep its id only "
             "until then."},
    {ECANCELED, "The caller has gone: discard the message."},
    {EIDRM, "The port was removed while waiting on it: receive from another."},
    {ENOTCONN, "An actor works only in the process that opened it, and only until that ends: open "
               "one here (after a fork, in the child)."},
    {EINTR, "A signal handler ran: do it again, or install the handler with SA_RESTART."},
    {ETIMEDOUT, "The deadline passed: wait longer, or give up."},
    {EINVAL, "An argument is out of range: see libcapsuser(3)."},
    {E2BIG, "The program was built for a newer module: load that one."},
    {ENOTTY, "The descriptor is no actor, or the module is older than the library: load the one "
             "that came with it."},
    {EFAULT, "Pass memory that is mapped, and writable where something is to be written."},
    {EBUSY, "It is so already, or another thread is using it: look, then do it again."},
    {ENOMEM, "The system is out of memory, or this control group is: free some, do it again."},
    {EMFILE, "Too many file descriptors (see RLIMIT_NOFILE), or too many handles or messages of "
             "one actor: close or end some."},
    {ENFILE, "The system is out of files: raise fs.file-max."},
};

constexpr std::string_view unknown = "Not an error that caps(7) knows: see the kernel's log.";

constexpr operation parent_of(operation what) noexcept {
    switch (what) {
    case operation::call_async:
        return operation::send;
    case operation::receive_batch:
        return operation::receive;
    default:
        return what;
    }
}

std::string_view look_up(operation what, int code) noexcept {
    for (const operation one : {what, parent_of(what)})
        for (const particular &entry : particulars)
            if (entry.what == one && entry.code == code)
                return entry.text;
    for (const advice &entry : generals)
        if (entry.code == code)
            return entry.text;
    return unknown;
}

} // namespace

std::string_view remedy(operation what, int code, bool taken, bool answered) noexcept {
    if (what == operation::call) {
        if (answered)
            return answered_text;
        if (code == ETIMEDOUT || code == EINTR)
            return taken ? taken_text : not_taken_text;
    }
    return look_up(what, code);
}

} // namespace caps::detail

extern "C" const char *capsu_remedy(unsigned long command, int error) {
    using caps::operation;
    static constexpr std::pair<unsigned long, operation> commands[] = {
        {0, operation::open},
        {CAPS_QUERY, operation::query},
        {CAPS_ACTOR_INFO, operation::actor_info},
        {CAPS_ACTOR_SELF, operation::actor_self},
        {CAPS_KEEP, operation::keep},
        {CAPS_ADOPT, operation::adopt},
        {CAPS_DUPLICATE, operation::duplicate},
        {CAPS_CLOSE, operation::close},
        {CAPS_CAPABILITY_INFO, operation::capability_info},
        {CAPS_EXPORT, operation::export_fd},
        {CAPS_IMPORT, operation::import_fd},
        {CAPS_PLACE, operation::place},
        {CAPS_PORT_CREATE, operation::port_create},
        {CAPS_PORT_DELETE, operation::port_remove},
        {CAPS_PORT_ENABLE, operation::port_enable},
        {CAPS_PORT_DISABLE, operation::port_disable},
        {CAPS_PORT_INFO, operation::port_info},
        {CAPS_REVOKE, operation::revoke},
        {CAPS_PORT_MIGRATE, operation::migrate},
        {CAPS_PORT_FILE, operation::poll_file},
        {CAPS_WATCH, operation::watch},
        {CAPS_SIGNAL, operation::signal},
        {CAPS_SEND, operation::send},
        {CAPS_CALL, operation::call},
        {CAPS_CALL_ASYNC, operation::call_async},
        {CAPS_RECEIVE, operation::receive},
        {CAPS_RECEIVE_BATCH, operation::receive_batch},
        {CAPS_GET_DATA, operation::read},
        {CAPS_REPLY, operation::reply},
        {CAPS_REPLY_RECEIVE, operation::receive},
        {CAPS_DISCARD, operation::discard},
        {CAPS_FORWARD, operation::forward},
        {CAPS_ABORT, operation::abort},
        {CAPS_HEADER, operation::header},
        {CAPS_IDENTITY, operation::identity},
        {CAPS_REGISTER, operation::register_service},
        {CAPS_UNREGISTER, operation::unregister},
        {CAPS_CONNECT, operation::connect},
        {CAPS_GROUP_CREATE, operation::group_create},
        {CAPS_GROUP_INSERT, operation::group_insert},
        {CAPS_GROUP_REMOVE, operation::group_remove},
        {CAPS_GROUP_DELETE, operation::group_delete},
        {CAPS_GROUP_INFO, operation::group_info},
        {CAPS_SERVICES, operation::services},
        {CAPS_GENERATION, operation::generation},
        {CAPS_GENERATION_SET, operation::set_generation},
    };
    const int code = error < 0 ? -error : error;
    for (const auto &[number, what] : commands)
        if (number == command)
            return caps::detail::look_up(what, code).data();
    return caps::detail::look_up(operation::query, code).data();
}
