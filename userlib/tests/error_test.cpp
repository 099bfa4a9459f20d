// SPDX-License-Identifier: MIT
// Failures: every errno of every operation has a remedy that fits. Needs no device.
#include <caps/caps.h>
#include <caps/caps.hpp>

#include <gtest/gtest.h>

#include <cstring>
#include <optional>
#include <set>
#include <string>

namespace {

using caps::failure;
using caps::operation;
using kinds = failure::object_kind;

constexpr int contract[] = {EBADF, EPERM,    EACCES, EPIPE,    ECONNRESET, ETIMEDOUT,
                            EINTR, EAGAIN,   EDQUOT, EMSGSIZE, ENOMSG,     ECANCELED,
                            EIDRM, ENOTCONN, EINVAL, E2BIG,    ENOTTY,     EFAULT,
                            EBUSY, ENOMEM,   EMFILE, ENFILE};
constexpr int last = static_cast<int>(operation::poll_file);

failure on_capability(operation what, int code, std::uint32_t result = 0) {
    return {what, code, kinds::capability, 0x100000002, result};
}

bool says(std::string_view text, std::string_view word) {
    return text.find(word) != text.npos;
}

TEST(error, has_a_remedy_for_each_errno_of_the_contract_in_each_operation) {
    for (int what = 0; what <= last; ++what)
        for (const int code : contract) {
            const auto remedy = on_capability(static_cast<operation>(what), code).remedy();
            EXPECT_GT(remedy.size(), 20u) << what << " " << code;
            EXPECT_FALSE(says(remedy, "Not an error")) << what << " " << strerrorname_np(code);
            EXPECT_EQ(remedy.back(), '.') << remedy;
        }
}

TEST(error, of_a_service_has_remedies_for_names) {
    const failure missing(operation::connect, ENOENT, kinds::service, "clock", 1001);
    EXPECT_TRUE(says(missing.remedy(), "registered the name")) << missing.remedy();
    const failure taken(operation::register_service, EEXIST, kinds::service, "clock", 0);
    EXPECT_TRUE(says(taken.remedy(), "holds the name")) << taken.remedy();
    const failure unknown(operation::unregister, ENOENT, kinds::service, "clock", 0);
    EXPECT_TRUE(says(unknown.remedy(), "no such name")) << unknown.remedy();
}

TEST(error, that_caps_does_not_know_says_so) {
    EXPECT_TRUE(says(on_capability(operation::send, EXDEV).remedy(), "Not an error"));
}

TEST(error, of_a_limit_names_it) {
    static constexpr struct {
        operation what;
        int code;
        std::string_view limit;
    } met[] = {
        {operation::open, EDQUOT, "max_actors"},
        {operation::duplicate, EDQUOT, "max_capabilities"},
        {operation::import_fd, EDQUOT, "max_capabilities"},
        {operation::place, EDQUOT, "max_capabilities"},
        {operation::connect, EDQUOT, "max_capabilities"},
        {operation::export_fd, EDQUOT, "max_files"},
        {operation::port_create, EDQUOT, "max_ports"},
        {operation::port_create, EMSGSIZE, "max_queue_limit"},
        {operation::register_service, EDQUOT, "max_names"},
        {operation::send, EDQUOT, "max_messages"},
        {operation::send, EDQUOT, "max_kernel_bytes"},
        {operation::send, EDQUOT, "max_pinned"},
        {operation::send, EDQUOT, "RLIMIT_MEMLOCK"},
        {operation::call_async, EDQUOT, "RLIMIT_MEMLOCK"},
        {operation::call, EDQUOT, "max_pinned"},
        {operation::reply, EDQUOT, "max_kernel_bytes"},
        {operation::send, EMSGSIZE, "max_copied_body"},
        {operation::call_async, EMSGSIZE, "max_copied_body"},
        {operation::call, EMSGSIZE, "max_copied_body"},
        {operation::reply, EMSGSIZE, "max_copied_body"},
        {operation::receive, EMSGSIZE, "1,024 pieces"},
        {operation::receive_batch, EMSGSIZE, "1,024 messages"},
    };
    for (const auto &[what, code, limit] : met) {
        const auto remedy = on_capability(what, code).remedy();
        EXPECT_TRUE(says(remedy, limit)) << caps::name_of(what) << ": " << remedy;
    }
}

TEST(error, of_a_full_queue_is_not_that_of_a_used_up_share) {
    for (const auto what : {operation::send, operation::call_async, operation::call}) {
        EXPECT_TRUE(says(on_capability(what, EAGAIN).remedy(), "queue is full"));
        EXPECT_FALSE(says(on_capability(what, EDQUOT).remedy(), "queue"));
    }
}

TEST(error, of_a_port_that_is_gone_speaks_of_a_message_only_where_there_was_one) {
    for (const auto what : {operation::send, operation::call_async, operation::call})
        EXPECT_TRUE(says(on_capability(what, EPIPE).remedy(), "never saw this message"));
    for (const auto what : {operation::receive, operation::port_enable, operation::duplicate})
        EXPECT_FALSE(says(on_capability(what, EPIPE).remedy(), "message"));
}

TEST(error, of_a_call_tells_whether_it_may_be_repeated) {
    for (const int code : {ETIMEDOUT, EINTR}) {
        const failure not_taken = on_capability(operation::call, code);
        const failure taken = on_capability(operation::call, code, CAPS_RESULT_TAKEN);
        EXPECT_FALSE(not_taken.taken());
        EXPECT_TRUE(taken.taken());
        EXPECT_TRUE(says(not_taken.remedy(), "safe to do it again")) << not_taken.remedy();
        EXPECT_TRUE(says(taken.remedy(), "may have been carried out")) << taken.remedy();
    }
    const failure lost = on_capability(operation::call, EFAULT, CAPS_RESULT_ANSWERED);
    EXPECT_TRUE(lost.answered());
    EXPECT_TRUE(says(lost.remedy(), "is lost")) << lost.remedy();
    EXPECT_FALSE(says(on_capability(operation::call, EFAULT).remedy(), "is lost"));
}

TEST(error, as_text_tells_operation_object_errno_and_remedy) {
    const failure why = on_capability(operation::call_async, EPIPE);
    const std::string text = why.message();
    EXPECT_TRUE(says(text, "call_async on capability 0x100000002: EPIPE, ")) << text;
    EXPECT_TRUE(says(text, why.remedy())) << text;
}

TEST(error, names_what_it_was_about) {
    EXPECT_EQ(failure(operation::open, EACCES, kinds::device, "/dev/caps").object(), "/dev/caps");
    EXPECT_EQ(failure(operation::connect, ENOENT, kinds::service, "clock", 7).object(),
              "service \"clock\" of uid 7");
    EXPECT_EQ(failure(operation::reply, ENOMSG, kinds::message, 255).object(), "message 0xff");
    EXPECT_EQ(failure(operation::query, ENOTTY, kinds::actor, 3).object(), "actor with fd 3");
    EXPECT_EQ(failure(operation::import_fd, EBADF, kinds::fd, std::uint64_t(-1)).object(), "fd -1");
}

TEST(error, cuts_a_name_that_no_service_can_have) {
    const failure why(operation::connect, EINVAL, kinds::service, std::string(500, 'x'), 0);
    EXPECT_EQ(why.object(), "service \"" + std::string(63, 'x') + "\" of uid 0");
}

TEST(error, of_each_operation_has_a_name_of_its_own) {
    std::set<std::string_view> names;
    for (int what = 0; what <= last; ++what)
        names.insert(caps::name_of(static_cast<operation>(what)));
    EXPECT_EQ(names.size(), static_cast<std::size_t>(last) + 1);
    EXPECT_EQ(caps::name_of(operation::connect), "connect");
}

TEST(error, as_an_exception_is_a_system_error_with_the_same_text) {
    try {
        caps::raise(on_capability(operation::send, EAGAIN));
        FAIL() << "raise() returned";
    } catch (const std::system_error &caught) {
        EXPECT_EQ(caught.code(), std::errc::resource_unavailable_try_again);
        EXPECT_EQ(caught.what(), on_capability(operation::send, EAGAIN).message());
    }
}

TEST(error, is_cheap_and_safe_to_copy) {
    static_assert(std::is_trivially_copyable_v<failure>);
    static_assert(std::is_nothrow_copy_constructible_v<caps::error>);
    std::optional<caps::error> first(on_capability(operation::send, EPIPE));
    const caps::error second = *first;
    first.reset();
    EXPECT_EQ(second.what(), on_capability(operation::send, EPIPE).message());
    EXPECT_EQ(second.why().code(), EPIPE);
}

TEST(error, compares_with_std_errc) {
    EXPECT_TRUE(on_capability(operation::send, EPIPE) == std::errc::broken_pipe);
    EXPECT_FALSE(on_capability(operation::send, EPIPE) == std::errc::timed_out);
}

TEST(error, in_c_has_the_same_remedies_for_either_sign) {
    const auto expected = on_capability(operation::send, EDQUOT).remedy();
    EXPECT_EQ(capsu_remedy(CAPS_SEND, EDQUOT), expected);
    EXPECT_EQ(capsu_remedy(CAPS_SEND, -EDQUOT), expected);
    EXPECT_TRUE(says(capsu_remedy(0, -ENOENT), "Load the module"));
    EXPECT_TRUE(says(capsu_remedy(CAPS_CALL, -ETIMEDOUT), "CAPS_RESULT_TAKEN"));
    EXPECT_GT(std::strlen(capsu_remedy(0xdeadbeef, EPERM)), 20u);
}

TEST(error, of_a_device_that_is_not_there_tells_to_load_the_module) {
    const auto opened = caps::actor::try_open("/nowhere/caps");
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code(), ENOENT);
    EXPECT_TRUE(says(opened.error().message(), "open on /nowhere/caps: ENOENT, "))
        << opened.error().message();
    EXPECT_TRUE(says(opened.error().remedy(), "Load the module"));
}

TEST(error, of_a_file_that_is_no_actor_is_enotty) {
    const auto null = caps::actor::open("/dev/null");
    const auto limits = null.try_query();
    ASSERT_FALSE(limits);
    EXPECT_EQ(limits.error().code(), ENOTTY) << limits.error().message();
    EXPECT_THROW((void)null.query(), caps::error);
}

} // namespace
