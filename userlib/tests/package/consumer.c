/* SPDX-License-Identifier: MIT */
/* The same from C, linked by what pkg-config says. */
#include <caps/caps.h>

#include <errno.h>
#include <stdio.h>

int main(void) {
    int outcome = capsu_open("/nowhere");

    printf("%s: %s\n", capsu_version(), capsu_remedy(0, outcome));
    return outcome == -ENOENT ? 0 : 1;
}
