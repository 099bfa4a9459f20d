// SPDX-License-Identifier: MIT
// Unique identifiers as data. Needs no device.
#include "protection.hpp"

#include <chorus.h>

#include <gtest/gtest.h>

#include <initializer_list>

namespace {

TEST(ui_test, ABuiltNameIsTheSameForAll) {
    KnUniqueId one{};
    KnUniqueId other{};
    EXPECT_EQ(uiBuild(&one, K_UIPORT, 1, 42), K_OK);
    EXPECT_EQ(uiBuild(&other, K_UIPORT, 1, 42), K_OK);
    EXPECT_TRUE(uiEqual(&one, &other));
    for (const auto &[type, site, stamp] :
         {std::tuple{K_UIGROUP, 1U, 42U}, {K_UIPORT, 2U, 42U}, {K_UIPORT, 1U, 43U}}) {
        EXPECT_EQ(uiBuild(&other, type, site, stamp), K_OK);
        EXPECT_FALSE(uiEqual(&one, &other));
    }
}

TEST(ui_test, WhatCannotBeBuiltIsRefused) {
    KnUniqueId ui{};
    EXPECT_EQ(uiBuild(nullptr, K_UIPORT, 1, 1), K_EFAULT);
    EXPECT_EQ(uiBuild(&ui, 4, 1, 1), K_EINVAL);
    EXPECT_EQ(uiBuild(&ui, K_UIPORT, 0x10000, 1), K_EINVAL);
}

TEST(ui_test, SitesHaveNames) {
    KnUniqueId ui{};
    EXPECT_EQ(uiGetSite(&ui), K_EINVAL);
    EXPECT_FALSE(uiValid(&ui));
    int site = 0;
    EXPECT_EQ(uiLocalSite(&site), K_OK);
    EXPECT_EQ(site, K_LOCALSITE);
    EXPECT_EQ(uiLocalSite(nullptr), K_EFAULT);
    EXPECT_EQ(uiSite(&ui, K_LOCALSITE), K_OK);
    EXPECT_TRUE(uiValid(&ui));
    EXPECT_EQ(uiGetSite(&ui), K_LOCALSITE);
    EXPECT_TRUE(uiIsLocal(&ui));
    EXPECT_EQ(uiSite(&ui, 7), K_OK);
    EXPECT_EQ(uiGetSite(&ui), 7);
    EXPECT_FALSE(uiIsLocal(&ui));
    uiClear(&ui);
    EXPECT_FALSE(uiValid(&ui));
    EXPECT_EQ(uiGetSite(nullptr), K_EFAULT);
}

TEST(ui_test, TheModeIsPartOfAGroupsName) {
    KnUniqueId group{};
    ASSERT_EQ(uiBuild(&group, K_UIGROUP, 1, 42), K_OK);
    const KnUniqueId unstamped = group;
    EXPECT_EQ(ipcTarget(&group, K_FUNCMODE), K_OK);
    EXPECT_FALSE(uiEqual(&group, &unstamped));
    EXPECT_EQ(ipcTarget(&group, K_BROADMODE), K_OK);
    EXPECT_TRUE(uiEqual(&group, &unstamped)); // an unstamped one is for broadcasting
    EXPECT_EQ(ipcTarget(&group, 4), K_EINVAL);
    EXPECT_EQ(ipcTarget(nullptr, K_FUNCMODE), K_EFAULT);
    KnUniqueId port{};
    ASSERT_EQ(uiBuild(&port, K_UIPORT, 1, 42), K_OK);
    EXPECT_EQ(ipcTarget(&port, K_FUNCMODE), K_EINVAL); // groups only
}

TEST(ui_test, NoLargeUserIdLooksLikeTheSuperUsers) {
    const KnProtId large = chorus::protection_of(0x10000, 0x20000);
    EXPECT_EQ(large.uid, 65534);
    EXPECT_EQ(large.gid, 65534);
    const KnProtId plain = chorus::protection(chorus::value({65535, 7, 8}));
    EXPECT_EQ(plain.uid, 65535);
    EXPECT_EQ(plain.gid, 7);
    EXPECT_EQ(plain.did, 8);
}

} // namespace
