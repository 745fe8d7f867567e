#include "crypto/cert_path.h"

#include "crypto/cert_name.h"
#include "crypto/cert_priv.h"
#include "crypto/crl.h"
#include "text/url.h"

#include <stdio.h>

struct search {
	const struct cert *between, *anchors;
	size_t n_between, n_anchors;
	const struct cert_path_rules *rules;
	struct cert_path path;
	unsigned signatures, names;
	const char *why;
	size_t why_at;
};

/* Of several reasons the one that came furthest is the one worth telling. */
static bool
no(struct search *s, const char *why)
{
	if (!s->why || s->path.n > s->why_at) {
		s->why = why;
		s->why_at = s->path.n;
	}
	return false;
}

/* ---- one certificate ------------------------------------------------------------------------------------------------ */

static bool
in_time(struct search *s, const struct cert *c)
{
	if (s->rules->now < c->not_before)
		return no(s, "a certificate is not valid yet");
	return s->rules->now <= c->not_after || no(s, "a certificate has expired");
}

/* Any-usage is accepted in a CA's certificate only: a leaf says what it is for. */
static bool
usage_ok(struct search *s, const struct cert *c, bool leaf)
{
	if (!s->rules->usage)
		return true;
	if (s->rules->public_ca && leaf && (!c->has_eku || c->eku_critical))
		return no(s, "the leaf's extended key usage is missing or critical");
	if (!c->has_eku || (c->eku & s->rules->usage) || (!leaf && (c->eku & CERT_EKU_ANY)))
		return true;
	return no(s, "a certificate is not for this use");
}

/* The common name of a server's certificate must be one of its alternative names, letter for letter (CA/Browser Forum BR §7.1.4.3). */
static bool
common_name_ok(const struct cert *c)
{
	span cn = cert_common_name(c), at = c->san, v;
	enum cert_name kind;
	char text[64];

	if (cn.n == 0)
		return true;
	while (cert_san_next(&at, &kind, &v)) {
		if (kind == CERT_NAME_DNS && span_eq(v, cn))
			return true;
		if (kind != CERT_NAME_IP)
			continue;
		if (v.n == 4)
			snprintf(text, sizeof text, "%u.%u.%u.%u", v.p[0], v.p[1], v.p[2], v.p[3]);
		else
			url_ipv6_text(v.p, text);
		if (span_is(cn, text))
			return true;
	}
	return false;
}

static bool
leaf_ok(struct search *s, const struct cert *c)
{
	if (c->unknown_critical)
		return no(s, "the leaf has a critical extension that is not understood");
	if (!s->rules->allow_ca_leaf && (c->is_ca || (c->key_usage & CERT_KU_CERT_SIGN)))
		return no(s, "the leaf is a CA's certificate");
	if (c->has_usage && !(c->key_usage & CERT_KU_DIGITAL_SIGNATURE) && !c->is_ca)
		return no(s, "the leaf's key may not sign");
	/* RFC 5280 §4.2.1.1: all but self-signed certificates name their issuer's key. */
	if (!c->aki.n && !cert_self_issued(c))
		return no(s, "the leaf has no authority key identifier");
	if (s->rules->public_ca && (c->san_critical && c->subject.n > 2))
		return no(s, "critical alternative names beside a subject");
	if (s->rules->public_ca && !c->has_san)
		return no(s, "the leaf has no alternative names");
	if (s->rules->common_name && !common_name_ok(c))
		return no(s, "the common name is not one of the alternative names");
	return usage_ok(s, c, true) && in_time(s, c);
}

static bool
own_signature(struct search *s, const struct cert *c)
{
	return s->signatures && s->signatures-- && cert_verify(c->spki, c->key_kind, c->sig_alg, c->tbs, c->signature);
}

static bool
ca_ok(struct search *s, const struct cert *c, bool anchor)
{
	if (!c->has_basic || !c->is_ca || !c->basic_critical)
		return no(s, "an issuer is not a CA");
	if (!c->has_usage || !(c->key_usage & CERT_KU_CERT_SIGN))
		return no(s, "an issuer may not sign certificates");
	if (c->unknown_critical)
		return no(s, "an issuer has a critical extension that is not understood");
	if (c->subject.n <= 2 || !c->ski.n)
		return no(s, "an issuer without a name or a key identifier");
	bool self = cert_self_issued(c);
	/* Only a self-signed certificate may leave its issuer's key unnamed, and only an anchor may be one. */
	if (!c->aki.n && !(anchor && (self || own_signature(s, c))))
		return no(s, "an issuer has no authority key identifier");
	if (self && anchor && c->aki.n && !span_eq(c->aki, c->ski))
		return no(s, "a root names another key as its issuer's");
	if (self && anchor && s->rules->public_ca && c->has_aki && (c->aki_names_issuer || !c->aki.n))
		return no(s, "a root's authority key identifier is not as public CAs have it");
	if (anchor && s->rules->public_ca && c->has_eku)
		return no(s, "a root with an extended key usage");
	return usage_ok(s, c, false) && in_time(s, c);
}

/* ---- what it does to those below it --------------------------------------------------------------------------------- */

/* Self-issued certificates do not count (RFC 5280 §4.2.1.9). */
static int
intermediates(const struct cert_path *p)
{
	int n = 0;

	for (size_t i = 1; i < p->n; i++)
		n += !cert_self_issued(p->certs[i]);
	return n;
}

static bool
holds_below(struct search *s, const struct cert *c)
{
	int below = intermediates(&s->path);

	if (c->path_len >= 0 && below > c->path_len)
		return no(s, "the path is longer than an issuer allows");
	if (!c->has_constraints)
		return true;
	for (size_t i = 0; i < s->path.n; i++) {
		/* RFC 5280 §6.1.3: not to self-issued certificates, but to the leaf whatever it is. */
		if (i > 0 && cert_self_issued(s->path.certs[i]))
			continue;
		if (!cert_names_within(s->path.certs[i], c, &s->names))
			return no(s, s->names ? "a name is outside an issuer's name constraints" : "too many names and constraints");
	}
	return true;
}

static bool
fits(const struct cert *child, const struct cert *c)
{
	return span_eq(child->issuer, c->subject) && (!child->aki.n || span_eq(child->aki, c->ski));
}

static bool
signed_by(struct search *s, span tbs, enum cert_sig_alg alg, span signature, const struct cert *c)
{
	if (s->signatures == 0)
		return no(s, "too many signatures to look at");
	s->signatures--;
	return cert_verify(c->spki, c->key_kind, alg, tbs, signature) || no(s, "a signature does not fit its issuer's key");
}

/* Every list of this issuer must be good: one that can not be read may be the one that names the certificate (A29). */
static bool
not_revoked(struct search *s, const struct cert *child, const struct cert *c)
{
	for (size_t i = 0; i < s->rules->n_crls; i++) {
		struct crl l;
		if (failed(crl_read(s->rules->crls[i], &l, NULL)))
			return no(s, "a revocation list is malformed");
		if (!span_eq(l.issuer, c->subject) || !span_eq(l.aki, c->ski))
			continue;
		if (!(c->key_usage & CERT_KU_CRL_SIGN) || !signed_by(s, l.tbs, l.sig_alg, l.signature, c))
			return no(s, "a revocation list is not signed by its issuer");
		if (s->rules->now < l.this_update || s->rules->now > l.next_update)
			return no(s, "a revocation list is out of date");
		if (crl_lists(&l, child->serial))
			return no(s, "a certificate is revoked");
	}
	return true;
}

static bool
issues(struct search *s, const struct cert *c, bool anchor)
{
	const struct cert *child = s->path.certs[s->path.n - 1];

	return fits(child, c) && ca_ok(s, c, anchor) && holds_below(s, c) &&
	       signed_by(s, child->tbs, child->sig_alg, child->signature, c) && not_revoked(s, child, c);
}

/* ---- the search ----------------------------------------------------------------------------------------------------- */

static bool
in_path(const struct search *s, const struct cert *c)
{
	for (size_t i = 0; i < s->path.n; i++)
		if (span_eq(s->path.certs[i]->der, c->der))
			return true;
	return false;
}

/* One frame per certificate in the path: at[n] counts through the candidates that may follow certs[n-1]. */
static bool
find(struct search *s)
{
	size_t at[CERT_PATH_MAX + 1] = { 0 };
	size_t candidates = s->n_anchors + s->n_between;

	while (s->path.n) {
		size_t n = s->path.n, i = at[n]++;
		if (i >= candidates || n == CERT_PATH_MAX) {
			if (n == CERT_PATH_MAX)
				no(s, "the path is too long");
			s->path.n--;
			continue;
		}
		bool anchor = i < s->n_anchors;
		const struct cert *c = anchor ? &s->anchors[i] : &s->between[i - s->n_anchors];
		if (in_path(s, c) || !issues(s, c, anchor))
			continue;
		int limit = s->rules->max_intermediates;
		if (!anchor && limit >= 0 && intermediates(&s->path) + !cert_self_issued(c) > limit) {
			no(s, "the path is longer than allowed");
			continue;
		}
		s->path.certs[s->path.n++] = c;
		if (anchor)
			return true;
		at[s->path.n] = 0;
	}
	return false;
}

status
cert_path_find(const struct cert *leaf, const struct cert *between, size_t n_between, const struct cert *anchors,
               size_t n_anchors, const struct cert_path_rules *rules, struct cert_path *ret, const char **ret_why)
{
	struct search s = { .between = between, .n_between = n_between, .anchors = anchors, .n_anchors = n_anchors, .rules = rules,
	                    .signatures = CERT_PATH_SIGNATURES, .names = CERT_PATH_NAMES };

	s.path.certs[s.path.n++] = leaf;
	if (!leaf_ok(&s, leaf) || !find(&s)) {
		*ret_why = s.why ? s.why : "no trust anchor has issued it";
		return FAIL(E_CRYPTO);
	}
	s.path.not_after = leaf->not_after;
	for (size_t i = 1; i < s.path.n; i++)
		if (s.path.certs[i]->not_after < s.path.not_after)
			s.path.not_after = s.path.certs[i]->not_after;
	*ret = s.path;
	return OK;
}
