/* url: absolute http and https URLs of configuration and upstreams, parsed more narrowly than browsers do.
 *
 * Accepted: scheme "://" host [":" port] [path] ["?" query], ASCII only, fragment refused. A host is a name of letters, digits,
 * '-', '_' and '.' (folded to lower case), a dotted IPv4 address in plain decimal, or an IPv6 address in brackets. What
 * another parser would read differently is refused, never repaired: user information, back slashes, blanks, control
 * characters, percent signs in the host, IPv4 in hexadecimal, octal or with fewer than four parts, zone ids, empty labels,
 * a path with "." or ".." segments (also percent-encoded). */
#ifndef AMBIT_TEXT_URL_H
#define AMBIT_TEXT_URL_H

#include "base/arena.h"

enum url_host { URL_NAME, URL_IPV4, URL_IPV6 };

struct url {
	bool https;
	uint8_t host_kind;      /* enum url_host */
	uint8_t addr[16];       /* network order: 4 bytes for URL_IPV4, 16 for URL_IPV6 */
	uint16_t port;          /* given or default */
	bool port_given;
	span host;              /* lower case, without brackets; IPv6 in RFC 5952 form */
	span path;              /* from '/'; "/" when absent */
	span query;             /* after '?', without it; p == NULL when there is none */
	span origin;            /* "https://host:port", port left out when default, IPv6 in brackets */
};

/* Parses into the arena. At most 4,096 bytes, host at most 253. E_BAD_REQUEST with *reterr (may be NULL) saying why, E_LIMIT,
 * E_NO_MEMORY. */
status url_parse(span text, struct arena *a, struct url *ret, const char **reterr);

/* Textual IPv4 (four decimal parts, no leading zero) or IPv6 (RFC 4291 §2.2, no zone, no brackets). */
bool url_parse_ipv4(span s, uint8_t ret[static 4]);
bool url_parse_ipv6(span s, uint8_t ret[static 16]);
/* RFC 5952 text; returns its length (at most 39) and ends it with NUL. */
size_t url_ipv6_text(const uint8_t addr[static 16], char out[static 46]);

/* What an address is for; n is 4 or 16. IPv4 within IPv6 (mapped, NAT64, 6to4, Teredo) counts as the address it carries, or is
 * special.
 *   loopback  127/8, ::1
 *   private   what a server must not reach on a stranger's word: everything that is not a public unicast address, loopback
 *             included (RFC 6890 registries: this-network, private, shared, link-local, documentation, benchmarking,
 *             multicast, reserved, unique-local, discard) */
bool url_addr_is_loopback(const uint8_t *addr, size_t n);
bool url_addr_is_private(const uint8_t *addr, size_t n);
/* The host is a loopback address or "localhost" or below ".localhost" (RFC 6761 §6.3). */
bool url_is_loopback(const struct url *u);
/* The host is an address that is private, or a localhost name. A name proves nothing: check what it resolves to. */
bool url_is_private(const struct url *u);

#endif
