/* SPDX-License-Identifier: MIT */
/* Unique identifiers as data: building, comparing, taking apart. */
#ifndef CAPS_CHORUS_IPC_CHID_H
#define CAPS_CHORUS_IPC_CHID_H

#include <chTypes.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a name names, for uiBuild(). */
#define K_UIPORT 0u
#define K_UIGROUP 1u /* the static system group of that stamp */
#define K_UIACTOR 2u
#define K_UISITE 3u

/* This machine's site number. */
#define K_LOCALSITE 1

int uiBuild(KnUniqueId *ui, unsigned int type, unsigned int site, unsigned int stamp);
int uiSite(KnUniqueId *ui, unsigned int site);
int uiLocalSite(int *site);
int uiGetSite(const KnUniqueId *ui);
int uiIsLocal(const KnUniqueId *ui);
int uiEqual(const KnUniqueId *one, const KnUniqueId *other);
int uiValid(const KnUniqueId *ui);
void uiClear(KnUniqueId *ui);

#ifdef __cplusplus
}
#endif

#endif
