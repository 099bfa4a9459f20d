// SPDX-License-Identifier: MIT
// The calls of venter.h.
#include "client.hpp"
#include "file.hpp"
#include "open.hpp"
#include "process.hpp"
#include "server.hpp"

#include <venter.h>

#include <memory>

using namespace venter;

namespace {

int told(int result) {
    if (result >= 0)
        return result;
    errno = -result;
    return -1;
}

/// A port that this thread is at.
class use {
  public:
    use(process &home, int number) : home_(home), here_(home.find(number)) {
        if (here_ == nullptr || !lock() || here_->at != nullptr)
            return;
        // Perhaps the parent has opened it meanwhile.
        held_.unlock();
        home.relatives().pick_up();
        lock();
    }

    /// 0, or why it cannot be used.
    int error() const { return here_ == nullptr ? -EBADF : held_ ? 0 : -EBUSY; }
    int error_unless_open() const {
        return error() == 0 && here_->at == nullptr ? -EBADF : error();
    }
    int error_unless_closed() const {
        return error() == 0 && here_->at != nullptr ? -EBUSY : error();
    }
    port &operator*() const { return *here_; }
    port *operator->() const { return here_; }

  private:
    bool lock() {
        held_ = home_.enter(*here_);
        return held_.owns_lock();
    }

    process &home_;
    port *here_;
    std::unique_lock<std::mutex> held_;
};

template <class T>
T value(const T *from) {
    return from != nullptr ? *from : T{};
}

template <class T>
void set(T *to, const T &value) {
    if (to != nullptr)
        *to = value;
}

/// The program's variables.
struct variables {
    int *io_port;
    unsigned *operation;
    std::uint64_t *address;
    std::size_t *out_len;
    void **out_buf;
    std::size_t *in_len;
    void **in_buf;

    parameters get() const {
        return {value(operation), value(address), value(out_len),
                value(out_buf),   value(in_len),  value(in_buf)};
    }
    void put(const parameters &p) const {
        set(operation, p.operation);
        set(address, p.address);
        set(out_len, p.out_len);
        set(out_buf, p.out_buf);
        set(in_len, p.in_len);
        set(in_buf, p.in_buf);
    }
};

int io(const variables &v) {
    process *const home = process::mine();
    if (home == nullptr)
        return -ENODEV;
    use at(*home, value(v.io_port));
    int result = at.error_unless_open();
    if (result != 0)
        return result;
    parameters p = v.get();
    result = at->at->exchange(p);
    if (result >= 0)
        v.put(p);
    return result;
}

int initiate(const variables &v) {
    process *const home = process::mine();
    if (home == nullptr)
        return -ENODEV;
    bool unknown = false; // to those who wait for any port
    int result = 0;
    {
        use at(*home, value(v.io_port));
        result = at.error_unless_open();
        if (result == 0)
            result = at->at->initiate(v.get());
        unknown = result == 0 && at->at->is_worth_trying();
    }
    if (unknown)
        home->wake_any();
    return result;
}

int complete(const variables &v, waiting how) {
    process *const home = process::mine();
    if (home == nullptr)
        return -ENODEV;
    if (v.io_port == nullptr)
        return -EFAULT;
    parameters p;
    int result = 0;
    if (*v.io_port == IO_ANY_PORT) {
        result = home->complete_any(*v.io_port, p, how);
    } else {
        use at(*home, *v.io_port);
        result = at.error_unless_open();
        if (result == 0)
            result = at->at->complete(p, how);
    }
    if (result >= 0)
        v.put(p);
    return result;
}

// --- opening ---

int open_own(process &home, int number, const char *object, std::uint64_t desired,
             int milliseconds) {
    use at(home, number);
    int error = at.error_unless_closed();
    if (error != 0)
        return error;
    opening it;
    error = open_object(home, object, desired, milliseconds, it);
    if (error != 0)
        return error;
    std::unique_ptr<end> made;
    if (it.what == opening::kind::file)
        made = std::make_unique<file>(it.descriptor, it.operations, at->descriptor);
    else
        made = std::make_unique<client>(home, number, it.handle, it.operations);
    home.install(*at, std::move(made));
    return 0;
}

int open_childs(process &home, pid_t child, int number, const char *object, std::uint64_t desired,
                int milliseconds) {
    opening it;
    int error = home.relatives().reserve(child, number);
    if (error != 0)
        return error;
    error = open_object(home, object, desired, milliseconds, it);
    if (error == 0)
        error = home.relatives().give(child, number, it);
    if (error != 0)
        home.relatives().release(child, number);
    return error;
}

int open_port(int child, int number, const char *object, std::uint64_t desired, int milliseconds) {
    process *const home = process::mine();
    if (home == nullptr)
        return -ENODEV;
    if (child == IO_SELF)
        return open_own(*home, number, object, desired, milliseconds);
    return open_childs(*home, child, number, object, desired, milliseconds);
}

// --- connecting ---

/// One of the two to be connected, which stays closed to others meanwhile.
class half {
  public:
    half(process &home, int owner, int number) : home_(home), owner_(owner), number_(number) {
        if (owner == IO_SELF)
            own_ = std::make_unique<use>(home, number);
        error_ = owner == IO_SELF ? own_->error_unless_closed()
                                  : home.relatives().reserve(owner, number);
    }
    half(const half &) = delete;
    half &operator=(const half &) = delete;
    ~half() {
        if (owner_ != IO_SELF && error_ == 0 && !given_)
            home_.relatives().release(owner_, number_);
    }

    int error() const { return error_; }
    int give(const opening &it) {
        if (owner_ != IO_SELF) {
            const int error = home_.relatives().give(owner_, number_, it);
            given_ = error == 0;
            return error;
        }
        port &here = **own_;
        if (it.what == opening::kind::client) {
            home_.install(here, std::make_unique<client>(home_, number_, it.handle, it.operations));
        } else {
            auto asked = std::make_unique<server>(home_, here.options);
            asked->be_connected(it.handle, it.cookie);
            home_.install(here, std::move(asked));
        }
        return 0;
    }
    /// What was installed is not to be.
    void take_back() {
        if (owner_ == IO_SELF)
            home_.install(**own_, nullptr);
    }

  private:
    process &home_;
    int owner_;
    int number_;
    std::unique_ptr<use> own_;
    int error_ = 0;
    bool given_ = false;
};

/// A port of the kernel's and a capability to it.
int make_link(process &home, int number, opening &asked, opening &asking) {
    caps_port_create made{};
    made.cookie = home.new_cookie(number);
    int error = command(home.device(), CAPS_PORT_CREATE, &made);
    if (error != 0)
        return error;
    caps_duplicate one{};
    one.capability = made.capability;
    one.operations = CAPS_ALL_OPERATIONS;
    one.badge = 1;
    one.rights = CAPS_RIGHT_SEND | CAPS_RIGHT_GRANT | CAPS_RIGHT_WATCH;
    one.flags = CAPS_DUP_BADGE | CAPS_DUP_DISCONNECTED;
    error = command(home.device(), CAPS_DUPLICATE, &one);
    if (error != 0) {
        home.close_capability(made.capability);
        return error;
    }
    asked = {opening::kind::server, -1, made.capability, made.cookie, 0};
    asking = {opening::kind::client, -1, one.result, 0, CAPS_ALL_OPERATIONS};
    return 0;
}

int connect_ports(int process_a, int port_x, int process_b, int port_y) {
    process *const home = process::mine();
    if (home == nullptr)
        return -ENODEV;
    if (process_a == process_b && port_x == port_y)
        return -EINVAL;
    half a(*home, process_a, port_x);
    half b(*home, process_b, port_y);
    int error = a.error() != 0 ? a.error() : b.error();
    if (error != 0)
        return error;
    opening asked;
    opening asking;
    error = make_link(*home, port_y, asked, asking);
    if (error != 0)
        return error;
    error = b.give(asked);
    if (error != 0) {
        home->close_capability(asking.handle);
        return error;
    }
    error = a.give(asking);
    if (error != 0)
        b.take_back();
    return error;
}

int make_available(int number, const parameters &p) {
    process *const home = process::mine();
    if (home == nullptr)
        return -ENODEV;
    use at(*home, number);
    if (at.error() != 0)
        return at.error();
    if (at->at != nullptr && !at->at->has_ended())
        return -EBUSY;
    auto it = std::make_unique<server>(*home, at->options);
    const int error = it->make_available(number, p);
    // The one before goes only now, so the name is never without a port.
    if (error == 0)
        home->install(*at, std::move(it));
    return error;
}

} // namespace

int Open(int process, int io_port, const char *object, uint64_t desired_ops) {
    return told(open_port(process, io_port, object, desired_ops, -1));
}

int Open_within(int process, int io_port, const char *object, uint64_t desired_ops,
                int milliseconds) {
    return told(open_port(process, io_port, object, desired_ops, milliseconds));
}

int Connect(int process_a, int port_x, int process_b, int port_y) {
    return told(connect_ports(process_a, port_x, process_b, port_y));
}

int Close(int io_port) {
    process *const home = process::mine();
    if (home == nullptr)
        return told(-ENODEV);
    use at(*home, io_port);
    const int error = at.error_unless_open();
    if (error == 0)
        home->install(*at, nullptr);
    return told(error);
}

uint64_t Operations(int io_port) {
    process *const home = process::mine();
    if (home == nullptr)
        return 0;
    use at(*home, io_port);
    return at.error_unless_open() == 0 ? at->at->operations() : 0;
}

int IO(int *io_port, unsigned *operation, uint64_t *address, size_t *out_len, void **out_buf,
       size_t *in_len, void **in_buf) {
    return told(io({io_port, operation, address, out_len, out_buf, in_len, in_buf}));
}

int Initiate_IO(int *io_port, unsigned *operation, uint64_t *address, size_t *out_len,
                void **out_buf, size_t *in_len, void **in_buf) {
    return told(initiate({io_port, operation, address, out_len, out_buf, in_len, in_buf}));
}

int Complete_IO(int *io_port, unsigned *operation, uint64_t *address, size_t *out_len,
                void **out_buf, size_t *in_len, void **in_buf) {
    return told(
        complete({io_port, operation, address, out_len, out_buf, in_len, in_buf}, waiting::yes));
}

int Try_to_complete_IO(int *io_port, unsigned *operation, uint64_t *address, size_t *out_len,
                       void **out_buf, size_t *in_len, void **in_buf) {
    return told(
        complete({io_port, operation, address, out_len, out_buf, in_len, in_buf}, waiting::no));
}

int Become_server(const char *name) {
    process *const home = process::mine();
    return told(home != nullptr ? home->become_server(name) : -ENODEV);
}

int Publish(const char *path) {
    process *const home = process::mine();
    if (home == nullptr)
        return told(-ENODEV);
    const std::string name = home->server_name();
    return told(name.empty() ? -EDESTADDRREQ : publish(name.c_str(), path));
}

int Make_available(int io_port, size_t in_len, void *in_buf) {
    parameters p;
    p.in_len = in_len;
    p.in_buf = in_buf;
    return told(make_available(io_port, p));
}

int Set_options(int io_port, unsigned options) {
    process *const home = process::mine();
    if (home == nullptr)
        return told(-ENODEV);
    port *const here = home->find(io_port);
    if (here == nullptr || (options & ~IO_INSTALLMENTS) != 0)
        return told(here == nullptr ? -EBADF : -EINVAL);
    here->options.store(options);
    return 0;
}

int Create_process(void) {
    process *const home = process::mine();
    return told(home != nullptr ? home->relatives().create() : -ENODEV);
}

int Start_process(int process) {
    venter::process *const home = venter::process::mine();
    return told(home != nullptr ? home->relatives().start(process) : -ENODEV);
}
