// SPDX-License-Identifier: MIT
#include "ui.hpp"

#include <array>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <sys/random.h>

namespace chorus::ui {
namespace {

constexpr unsigned built = 1U << 31;
constexpr unsigned site_mask = 0xffff;

constexpr unsigned chosen_type_shift = 30;
constexpr unsigned chosen_mode_shift = 28;
constexpr unsigned built_type_shift = 29;
constexpr unsigned built_mode_shift = 27;

} // namespace

type type_of(KnUniqueId ui) {
    const unsigned bits =
        is_built(ui) ? ui.uiHead >> built_type_shift : ui.uiTail >> chosen_type_shift;
    return static_cast<type>(bits & 3);
}

unsigned mode_of(KnUniqueId ui) {
    return (is_built(ui) ? ui.uiHead >> built_mode_shift : ui.uiTail >> chosen_mode_shift) & 3;
}

KnUniqueId with_mode(KnUniqueId ui, unsigned mode) {
    if (is_built(ui))
        ui.uiHead = (ui.uiHead & ~(3U << built_mode_shift)) | mode << built_mode_shift;
    else
        ui.uiTail = (ui.uiTail & ~(3U << chosen_mode_shift)) | mode << chosen_mode_shift;
    return ui;
}

uid_t owner_of(KnUniqueId ui) {
    return is_built(ui) ? 0 : ui.uiHead;
}

bool choose(KnUniqueId &ui, type type, uid_t owner, unsigned number) {
    if (owner & built)
        return false;
    ui.uiHead = owner;
    ui.uiTail = static_cast<unsigned>(type) << chosen_type_shift | (number & number_mask);
    return true;
}

bool choose(KnUniqueId &ui, type type, uid_t owner) {
    unsigned number = 0;
    while (number == 0)
        number = static_cast<unsigned>(random_bits()) & number_mask;
    return choose(ui, type, owner, number);
}

std::string service_of(KnUniqueId ui) {
    std::array<char, 32> text{};
    if (is_built(ui) && is_group(ui) && uiIsLocal(&ui)) {
        const int length = std::snprintf(text.data(), text.size(), ".stamp.%u", ui.uiTail);
        return {text.data(), static_cast<std::size_t>(length)};
    }
    const int length = std::snprintf(text.data(), text.size(), "%schorus.%016" PRIx64,
                                     is_built(ui) ? "." : "", value(with_mode(ui, 0)));
    return {text.data(), static_cast<std::size_t>(length)};
}

std::uint64_t random_bits() {
    std::uint64_t bits = 0;
    // Fails only on kernels older than this module's.
    if (::getrandom(&bits, sizeof(bits), 0) != sizeof(bits))
        std::abort();
    return bits;
}

} // namespace chorus::ui

using namespace chorus;

int uiBuild(KnUniqueId *ui, unsigned int type, unsigned int site, unsigned int stamp) {
    if (ui == nullptr)
        return K_EFAULT;
    if (type > K_UISITE || site > ui::site_mask)
        return K_EINVAL;
    ui->uiHead = ui::built | type << ui::built_type_shift | site;
    ui->uiTail = stamp;
    return K_OK;
}

int uiSite(KnUniqueId *ui, unsigned int site) {
    return uiBuild(ui, K_UISITE, site, 0);
}

int uiLocalSite(int *site) {
    if (site == nullptr)
        return K_EFAULT;
    *site = K_LOCALSITE;
    return K_OK;
}

int uiGetSite(const KnUniqueId *ui) {
    if (ui == nullptr)
        return K_EFAULT;
    if (!uiValid(ui))
        return K_EINVAL;
    return ui::is_built(*ui) ? static_cast<int>(ui->uiHead & ui::site_mask) : K_LOCALSITE;
}

int uiIsLocal(const KnUniqueId *ui) {
    return uiGetSite(ui) == K_LOCALSITE;
}

int uiEqual(const KnUniqueId *one, const KnUniqueId *other) {
    return ui::equal(*one, *other);
}

int uiValid(const KnUniqueId *ui) {
    return ui->uiHead != 0 || ui->uiTail != 0;
}

void uiClear(KnUniqueId *ui) {
    *ui = KnUniqueId{};
}
