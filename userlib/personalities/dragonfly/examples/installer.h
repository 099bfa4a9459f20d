/* SPDX-License-Identifier: MIT */
/*
 * What the two halves of an installer tell each other, in the manner of that of
 * the BSDs: the front end shows forms and asks for the next, the back end does
 * the work. A message is a letter, which says what it is, and a text.
 */
#ifndef CAPS_EXAMPLE_INSTALLER_H
#define CAPS_EXAMPLE_INSTALLER_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/caps.h>
#include <sys/errno.h>
#include <sys/types.h>
#include <unistd.h>

/* From the front end. */
#define FE_READY 'r'    /* show me something */
#define FE_SUBMIT 's'   /* what the user filled in */
#define FE_CONTINUE 'c' /* the progress was shown */
#define FE_CANCEL 'x'   /* ... and the user wants no more of it */

/* From the back end. */
#define BE_READY 'R'    /* understood */
#define BE_PRESENT 'P'  /* a form */
#define BE_PROGRESS 'B' /* how far it is, in percent */
#define BE_STOP 'S'     /* that is all */

#define MESSAGE_SIZE 4096

#endif
