#include "crypto/cert_name.h"

#include "crypto/der.h"

static uint8_t lower(uint8_t c) { return c >= 'A' && c <= 'Z' ? c | 0x20 : c; }
static bool is_alnum(uint8_t c) { return (lower(c) >= 'a' && lower(c) <= 'z') || (c >= '0' && c <= '9'); }

/* ---- which are well-formed ------------------------------------------------------------------------------------------ */

static bool
label_ok(span l)
{
	if (l.n == 0 || l.n > 63 || !is_alnum(l.p[0]) || !is_alnum(l.p[l.n - 1]))
		return false;
	for (size_t i = 0; i < l.n; i++)
		if (!is_alnum(l.p[i]) && l.p[i] != '-')
			return false;
	return true;
}

bool
cert_dns_ok(span name, bool wildcard)
{
	size_t labels = 0;
	bool starred = name.n >= 2 && name.p[0] == '*' && name.p[1] == '.';

	if (name.n == 0 || name.n > 253 || (starred && !wildcard))
		return false;
	span rest = starred ? span_sub(name, 2, name.n) : name;
	for (;;) {
		size_t dot = span_find(rest, '.');
		if (!label_ok(span_sub(rest, 0, dot)))
			return false;
		labels++;
		if (dot == rest.n)
			/* A star over a whole top-level domain is nobody's to have. */
			return !starred || labels >= 2;
		rest = span_sub(rest, dot + 1, rest.n);
	}
}

/* RFC 5321 §4.1.2, without quoted strings. */
static bool
mailbox_ok(span v)
{
	size_t at = span_find(v, '@');

	if (at == 0 || at == v.n || v.p[0] == '.' || v.p[at - 1] == '.' || at > 64)
		return false;
	for (size_t i = 0; i < at; i++)
		if (!is_alnum(v.p[i]) && !memchr("!#$%&'*+-/=?^_`{|}~.", v.p[i], 20))
			return false;
	return cert_dns_ok(span_sub(v, at + 1, v.n), false);
}

/* "scheme:rest" of visible ASCII. */
static bool
uri_ok(span v)
{
	size_t colon = span_find(v, ':');

	if (v.n > 2048 || colon == 0 || colon + 1 >= v.n || !is_alnum(v.p[0]))
		return false;
	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] <= ' ' || v.p[i] >= 0x7f)
			return false;
	return true;
}

bool
cert_rdns_ok(span name)
{
	span set, pair, oid;

	while (name.n) {
		if (!der_get(&name, DER_SET, &set) || set.n == 0)
			return false;
		while (set.n)
			if (!der_get(&set, DER_SEQUENCE, &pair) || !der_get(&pair, DER_OID, &oid) || oid.n == 0 ||
			    !der_any(&pair, NULL, NULL, NULL) || pair.n)
				return false;
	}
	return true;
}

static bool
directory_ok(span v)
{
	span content;

	return der_get(&v, DER_SEQUENCE, &content) && v.n == 0 && cert_rdns_ok(content);
}

bool
cert_san_ok(enum cert_name kind, span v)
{
	switch (kind) {
	case CERT_NAME_DNS:
		return cert_dns_ok(v, true);
	case CERT_NAME_EMAIL:
		return mailbox_ok(v);
	case CERT_NAME_URI:
		return uri_ok(v);
	case CERT_NAME_IP:
		return v.n == 4 || v.n == 16;
	case CERT_NAME_DIRECTORY:
		return directory_ok(v);
	case CERT_NAME_OTHER:
	case CERT_NAME_X400:
	case CERT_NAME_EDI:
	case CERT_NAME_REGISTERED:
		return v.n > 0;
	}
	return false;
}

static bool
mask_ok(span mask)
{
	bool ended = false;

	for (size_t i = 0; i < mask.n; i++)
		for (int bit = 7; bit >= 0; bit--) {
			bool set = mask.p[i] >> bit & 1;
			if (set && ended)
				return false;
			ended |= !set;
		}
	return true;
}

/* Of a mailbox: one of them, a host, or ".domain". Of a URI: a host or ".domain"; trust domains may hold an underscore. */
static bool
host_base_ok(span v)
{
	span host = v.n && v.p[0] == '.' ? span_sub(v, 1, v.n) : v;

	if (host.n == 0 || host.n > 255)
		return false;
	for (size_t i = 0; i < host.n; i++)
		if (!is_alnum(host.p[i]) && !memchr("-._", host.p[i], 3))
			return false;
	return host.p[0] != '.' && host.p[host.n - 1] != '.' && !memmem(host.p, host.n, "..", 2);
}

bool
cert_base_ok(enum cert_name kind, span v)
{
	switch (kind) {
	case CERT_NAME_DNS:
		return v.n == 0 || cert_dns_ok(v, false);
	case CERT_NAME_EMAIL:
		return span_find(v, '@') < v.n ? mailbox_ok(v) : host_base_ok(v);
	case CERT_NAME_URI:
		return host_base_ok(v);
	case CERT_NAME_IP:
		return (v.n == 8 || v.n == 32) && mask_ok(span_sub(v, v.n / 2, v.n / 2));
	case CERT_NAME_DIRECTORY:
		return directory_ok(v);
	case CERT_NAME_OTHER:
	case CERT_NAME_X400:
	case CERT_NAME_EDI:
	case CERT_NAME_REGISTERED:
		return true;
	}
	return false;
}

bool
cert_subtree_next(span *at, enum cert_name *kind, span *base)
{
	span seq, v, in = *at;
	uint8_t tag;

	/* minimum must be 0, the default, which DER leaves out; maximum must be absent. */
	if (!der_get(&in, DER_SEQUENCE, &seq) || !der_any(&seq, &tag, &v, NULL) || seq.n || (tag & 0xc0) != 0x80 ||
	    (tag & 0x1f) > CERT_NAME_REGISTERED)
		return false;
	*kind = (enum cert_name)(tag & 0x1f);
	*base = v;
	*at = in;
	return true;
}

/* ---- what a host matches -------------------------------------------------------------------------------------------- */

/* `name` may begin with "*.", which stands for one whole label. */
static bool
dns_matches(span name, span host)
{
	if (name.n > 2 && name.p[0] == '*') {
		size_t dot = span_find(host, '.');
		return dot > 0 && dot < host.n && span_eq_nocase(span_sub(name, 1, name.n), span_sub(host, dot, host.n));
	}
	return span_eq_nocase(name, host);
}

bool
cert_has_dns(const struct cert *c, span host)
{
	span at = c->san, v;
	enum cert_name kind;

	if (!cert_dns_ok(host, false))
		return false;
	while (cert_san_next(&at, &kind, &v))
		if (kind == CERT_NAME_DNS && dns_matches(v, host))
			return true;
	return false;
}

bool
cert_has_ip(const struct cert *c, span address)
{
	span at = c->san, v;
	enum cert_name kind;

	while (cert_san_next(&at, &kind, &v))
		if (kind == CERT_NAME_IP && address.n && span_eq(v, address))
			return true;
	return false;
}

static bool
mailbox_eq(span a, span b)
{
	size_t at = span_find(a, '@');

	return at == span_find(b, '@') && span_eq(span_sub(a, 0, at), span_sub(b, 0, at)) &&
	       span_eq_nocase(span_sub(a, at, a.n), span_sub(b, at, b.n));
}

bool
cert_has_email(const struct cert *c, span mailbox)
{
	span at = c->san, v;
	enum cert_name kind;

	while (cert_san_next(&at, &kind, &v))
		if (kind == CERT_NAME_EMAIL && mailbox_eq(v, mailbox))
			return true;
	return false;
}

/* ---- constraints ---------------------------------------------------------------------------------------------------- */

/* `name` is `base` or something under it. */
static bool
dns_under(span name, span base)
{
	if (base.n == 0)
		return true;
	if (name.n == base.n)
		return span_eq_nocase(name, base);
	return name.n > base.n && name.p[name.n - base.n - 1] == '.' && span_eq_nocase(span_sub(name, name.n - base.n, base.n), base);
}

/* ".domain" is everything under it, without it; "host" is itself. */
static bool
host_under(span host, span base)
{
	if (base.n && base.p[0] == '.')
		return host.n > base.n && span_eq_nocase(span_sub(host, host.n - base.n, base.n), base);
	return span_eq_nocase(host, base);
}

static bool
ip_under(span ip, span base)
{
	if (base.n != 2 * ip.n)
		return false;
	for (size_t i = 0; i < ip.n; i++)
		if ((ip.p[i] ^ base.p[i]) & base.p[ip.n + i])
			return false;
	return true;
}

/* RFC 5280 §7.1, in part: strings of whatever kind without regard to case and to the amount of blanks. */
static bool
string_eq(span a, span b)
{
	size_t i = 0, j = 0;

	while (a.n && a.p[a.n - 1] == ' ')
		a.n--;
	while (b.n && b.p[b.n - 1] == ' ')
		b.n--;
	while (i < a.n && a.p[i] == ' ')
		i++;
	while (j < b.n && b.p[j] == ' ')
		j++;
	while (i < a.n && j < b.n) {
		if (lower(a.p[i]) != lower(b.p[j]))
			return false;
		if (a.p[i] == ' ') {
			while (a.p[i + 1] == ' ')
				i++;
			while (b.p[j + 1] == ' ')
				j++;
		}
		i++;
		j++;
	}
	return i == a.n && j == b.n;
}

static bool
is_string(uint8_t tag)
{
	return tag == DER_UTF8 || tag == DER_PRINTABLE || tag == DER_IA5 || tag == DER_T61 || tag == DER_VISIBLE;
}

/* Two RDNs, attribute by attribute in their DER order. */
static bool
rdn_eq(span a, span b)
{
	span pa, pb, oa, ob, va, vb;
	uint8_t ta, tb;

	while (a.n && b.n) {
		if (!der_get(&a, DER_SEQUENCE, &pa) || !der_get(&b, DER_SEQUENCE, &pb) || !der_get(&pa, DER_OID, &oa) ||
		    !der_get(&pb, DER_OID, &ob) || !der_any(&pa, &ta, &va, NULL) || !der_any(&pb, &tb, &vb, NULL) || !span_eq(oa, ob))
			return false;
		if (is_string(ta) && is_string(tb) ? !string_eq(va, vb) : ta != tb || !span_eq(va, vb))
			return false;
	}
	return a.n == 0 && b.n == 0;
}

/* `name` and `base` are whole Names; the base is a prefix of the name. */
static bool
directory_under(span name, span base)
{
	span n, b, rn, rb;

	if (!der_get(&name, DER_SEQUENCE, &n) || !der_get(&base, DER_SEQUENCE, &b))
		return false;
	while (b.n)
		if (!der_get(&b, DER_SET, &rb) || !der_get(&n, DER_SET, &rn) || !rdn_eq(rn, rb))
			return false;
	return true;
}

static span
uri_host(span uri)
{
	size_t colon = span_find(uri, ':');
	span rest = span_sub(uri, colon + 1, uri.n);

	if (!span_starts(rest, SPAN("//")))
		return (span){ 0 };
	rest = span_sub(rest, 2, rest.n);
	size_t end = 0;
	while (end < rest.n && rest.p[end] != '/' && rest.p[end] != '?' && rest.p[end] != '#')
		end++;
	span host = span_sub(rest, 0, end);
	size_t at = span_find(host, '@');
	if (at < host.n)
		host = span_sub(host, at + 1, host.n);
	return span_sub(host, 0, span_find(host, ':'));
}

static bool
email_under(span mailbox, span base)
{
	size_t at = span_find(mailbox, '@');

	if (span_find(base, '@') < base.n)
		return mailbox_eq(mailbox, base);
	return host_under(span_sub(mailbox, at + 1, mailbox.n), base);
}

static bool
under(enum cert_name kind, span v, span base)
{
	switch (kind) {
	case CERT_NAME_DNS:
		return dns_under(v, base);
	case CERT_NAME_EMAIL:
		return email_under(v, base);
	case CERT_NAME_URI:
		return host_under(uri_host(v), base);
	case CERT_NAME_IP:
		return ip_under(v, base);
	case CERT_NAME_DIRECTORY:
		return directory_under(v, base);
	case CERT_NAME_OTHER:
	case CERT_NAME_X400:
	case CERT_NAME_EDI:
	case CERT_NAME_REGISTERED:
		break;
	}
	return false;
}

static bool
excluded_by(enum cert_name kind, span v, span base)
{
	switch (kind) {
	case CERT_NAME_DNS:
		/* "*.example.com" would serve bar.example.com, so a base one label below the star is hit by it. */
		return dns_under(v, base) || (v.n > 2 && v.p[0] == '*' && (dns_matches(v, base) || dns_under(span_sub(v, 2, v.n), base)));
	case CERT_NAME_URI:
		/* RFC 5280 §4.2.1.10: a URI without a host name can not be judged. */
		return uri_host(v).n == 0 || under(kind, v, base);
	case CERT_NAME_OTHER:
	case CERT_NAME_X400:
	case CERT_NAME_EDI:
	case CERT_NAME_REGISTERED:
		return true;   /* not comparable here: taken as hit */
	case CERT_NAME_EMAIL:
	case CERT_NAME_IP:
	case CERT_NAME_DIRECTORY:
		break;
	}
	return under(kind, v, base);
}

static bool
spend(unsigned *budget)
{
	return *budget && --*budget;
}

static bool
one_within(enum cert_name kind, span v, const struct cert *by, unsigned *budget)
{
	span at, base;
	enum cert_name of;
	bool asked = false, granted = false;

	for (at = by->excluded; cert_subtree_next(&at, &of, &base); )
		if (!spend(budget) || (of == kind && excluded_by(kind, v, base)))
			return false;
	for (at = by->permitted; cert_subtree_next(&at, &of, &base); ) {
		if (!spend(budget))
			return false;
		if (of != kind)
			continue;
		asked = true;
		granted |= under(kind, v, base);
	}
	return !asked || granted;
}

/* Mailboxes may stand in the subject as well (RFC 5280 §4.2.1.10). */
static bool
subject_mailboxes_within(const struct cert *c, const struct cert *by, unsigned *budget)
{
	static const span oid_email = SPAN("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x01");
	span all = c->subject, name, set, pair, oid, v;

	if (!der_get(&all, DER_SEQUENCE, &name))
		return false;
	while (der_get(&name, DER_SET, &set))
		while (der_get(&set, DER_SEQUENCE, &pair))
			if (der_get(&pair, DER_OID, &oid) && span_eq(oid, oid_email) &&
			    (!der_any(&pair, NULL, &v, NULL) || !one_within(CERT_NAME_EMAIL, v, by, budget)))
				return false;
	return true;
}

bool
cert_names_within(const struct cert *c, const struct cert *by, unsigned *budget)
{
	span at = c->san, v;
	enum cert_name kind;

	while (cert_san_next(&at, &kind, &v))
		if (!one_within(kind, v, by, budget))
			return false;
	/* An empty subject is no directory name. */
	if (c->subject.n > 2 && !one_within(CERT_NAME_DIRECTORY, c->subject, by, budget))
		return false;
	return subject_mailboxes_within(c, by, budget);
}
