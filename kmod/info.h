/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Commands that only tell; each fills the fields marked "out".
 */
#ifndef _CAPS_INFO_H
#define _CAPS_INFO_H

#include "caps.h"

struct caps_actor;

void caps_info_query(struct caps_query *args);
void caps_info_actor(struct caps_actor *actor, struct caps_actor_info *args);
int caps_info_capability(struct caps_actor *actor,
			 struct caps_capability_info *args);
int caps_info_port(struct caps_actor *actor, struct caps_port_info *args);

#endif
