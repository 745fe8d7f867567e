/* socket: making and naming sockets. All descriptors are close-on-exec and non-blocking. */
#ifndef AMBIT_NET_SOCKET_H
#define AMBIT_NET_SOCKET_H

#include "base/span.h"

#include <sys/socket.h>

/* Listening TCP socket on a numeric address ("127.0.0.1", "::1"); port 0 lets the kernel choose. E_BAD_CONFIG for an address that is not one, E_IO. */
status net_listen_tcp(const char *addr, uint16_t port, bool reuseport, int *ret_fd);
/* Listening unix socket at `path` with permission bits `mode`. A dead socket file there is replaced; a live one, or any other file, is E_EXISTS. */
status net_listen_unix(const char *path, unsigned mode, int *ret_fd);
/* The port a listening TCP socket got. */
status net_local_port(int fd, uint16_t *ret);

/* E_BAD_CONFIG when longer than a socket address can hold. */
status net_unix_addr(const char *path, struct sockaddr_storage *ret, socklen_t *ret_len);
/* "127.0.0.1" / "::1" and port. */
status net_ip_addr(const char *addr, uint16_t port, struct sockaddr_storage *ret, socklen_t *ret_len);
/* Name to address, BLOCKING: for start-up and configuration, never inside a loop. E_NOT_FOUND. */
status net_resolve(const char *host, uint16_t port, struct sockaddr_storage *ret, socklen_t *ret_len);

#endif
