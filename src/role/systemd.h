/* systemd: the two small protocols of a service: readiness and sockets opened beforehand (sd_notify(3), sd_listen_fds(3)). */
#ifndef AMBIT_ROLE_SYSTEMD_H
#define AMBIT_ROLE_SYSTEMD_H

#include "msg/enums.h"
#include "base/span.h"

/* Sends one line to NOTIFY_SOCKET; nothing where that is not set. Failures are nobody's concern. */
void systemd_notify(const char *state);
/* Listening sockets by LISTEN_FDNAMES "api", "agent", "people", "pages" into listeners[enum listen_kind]; the others stay as they are.
 * E_BAD_CONFIG: a name that is none of these. */
status systemd_listeners(int listeners[static LISTEN_COUNT]);

#endif
