/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Process images: which actors die when an address space ends.
 *
 * One mmu notifier per address space, made at its first open of the device
 * and kept until the address space or the module goes, because registering one
 * takes every lock of the address space. Its release runs at exec and at exit,
 * in whatever context drops the last user, and marks the actors dead.
 */
#ifndef _CAPS_IMAGE_H
#define _CAPS_IMAGE_H

struct caps_actor;

int caps_image_join(struct caps_actor *actor);
void caps_image_leave(struct caps_actor *actor);
void caps_images_exit(void);

#endif
