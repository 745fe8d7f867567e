/* sandbox: what `ambit run` takes from its child before the program starts.
 *
 * no_new_privs; the server's state and people socket are out of sight; under Landlock no mount can be undone and no process outside
 * can be signalled. Where the kernel cannot do a part, the part is missing and the caller is told; the server refuses approvals from inside a
 * task by itself, whatever happens here. */
#ifndef AMBIT_CMD_SANDBOX_H
#define AMBIT_CMD_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>

enum { SANDBOX_HIDDEN = 1, SANDBOX_LANDLOCK = 2 };

/* For the child, just before exec. `hide`: folders, absolute; those that do not exist are skipped. `keep`: a folder
 * that stays in sight even below a hidden one (the agent socket's), or NULL. Returns the bits of what was
 * done; -1 when no_new_privs could not be set. */
int sandbox_enter(const char *const *hide, size_t n, const char *keep);

/* The kernel's Landlock ABI; 0 when it has none. */
int sandbox_landlock_abi(void);

#endif
