/* SSH user certificates. There is no account: revoking is putting the certificate's serial, which is the lease's id, on the revocation list
 * that the hosts' sshd reads. The root credential is the authority's private key. */
#include "crypto/seal.h"
#include "crypto/sign.h"
#include "engine/revoked.h"
#include "engine/ssh_cert.h"

#include <stdio.h>

enum { LIST_MAX = 4 << 20, PATH_MAX_ = 4000, SKEW = 60 };

struct ssh_options {
	struct engine_options common;
	span host, krl, session;
	int64_t port, max_ttl;
};

struct ssh_engine {
	struct engine e;
	struct sign_key *ca;
	uint8_t public[SSH_KEY];
};

struct ssh_grant {
	struct schema_list principals;
	span force_command, source_address;
	bool pty, port_forwarding, agent_forwarding;
};

static const struct ssh_options upstream_init = { .port = 22, .max_ttl = 24 * 3600 * TIME_SECOND };
static const struct schema_field upstream_fields[] = {
	ENGINE_COMMON_FIELDS(struct ssh_options),
	{ "host", SCHEMA_STR, SCHEMA_AT(struct ssh_options, host), .required = true, .min = 1, .max = 253, .doc = "what holders are told" },
	{ "port", SCHEMA_INT, SCHEMA_AT(struct ssh_options, port), .min = 1, .max = 65535, .doc = "likewise. Default 22" },
	{ "krl", SCHEMA_STR, SCHEMA_AT(struct ssh_options, krl), .required = true, .min = 2, .max = PATH_MAX_, .doc = "file of the revocation list that Ambit writes, for sshd's `RevokedKeys`; beside it `.list`, which Ambit keeps it from" },
	{ "session", SCHEMA_STR, SCHEMA_AT(struct ssh_options, session), .min = 2, .max = 1024, .doc = "the hosts' `ambit-ssh-session` and its list, as one command: it becomes the certificate's forced command and ends sessions that are revoked or over" },
	{ "max_ttl", SCHEMA_DURATION, SCHEMA_AT(struct ssh_options, max_ttl), .min = TIME_SECOND, .max = 31 * 24 * 3600 * TIME_SECOND, .doc = "no certificate lives longer; so long a serial stays on the list. Only ever make it longer. Default `24h`" },
};
static const struct schema upstream_schema = { .name = "ssh upstream", .fields = upstream_fields, .n = ARRAY_LEN(upstream_fields),
	.size = sizeof(struct ssh_options), .init = &upstream_init };

static const struct schema_field grant_fields[] = {
	{ "principals", SCHEMA_STRS, SCHEMA_AT(struct ssh_grant, principals), .required = true, .min = 1, .max = 32, .doc = "the accounts (or `AuthorizedPrincipals`) it is good for; the first is the `username`" },
	{ "force_command", SCHEMA_STR, SCHEMA_AT(struct ssh_grant, force_command), .min = 1, .max = 4096, .doc = "runs instead of whatever the holder asks for" },
	{ "source_address", SCHEMA_STR, SCHEMA_AT(struct ssh_grant, source_address), .min = 1, .max = 1024, .doc = "addresses and networks it may come from: `10.0.0.0/8,192.0.2.7`" },
	{ "pty", SCHEMA_BOOL, SCHEMA_AT(struct ssh_grant, pty), .doc = "may have a terminal" },
	{ "port_forwarding", SCHEMA_BOOL, SCHEMA_AT(struct ssh_grant, port_forwarding), .doc = "may forward ports: through the host to all that it reaches" },
	{ "agent_forwarding", SCHEMA_BOOL, SCHEMA_AT(struct ssh_grant, agent_forwarding), .doc = "may forward an agent" },
};
static const struct schema grant_schema = SCHEMA(struct ssh_grant, grant_fields, "ssh template");

static inline struct ssh_engine *
ssh_of(struct engine *e)
{
	return (struct ssh_engine *)e;
}

static inline const struct ssh_options *
ssh_options(const struct engine *e)
{
	return (const struct ssh_options *)e->options;
}

/* ---- keys ---- */

/* RFC 8410: the seed within PKCS#8. */
static const uint8_t pkcs8[16] = { 0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20 };

static status
key_of_seed(const struct secret *seed, struct sign_key **ret, uint8_t public[static SSH_KEY])
{
	CLEANUP(secret_freep) struct secret *der = NULL;
	CLEANUP(sign_key_freep) struct sign_key *k = NULL;
	CLEANUP(verify_key_freep) struct verify_key *v = NULL;
	TRY(secret_new(sizeof pkcs8 + SSH_KEY, &der));
	memcpy(secret_writable(der), pkcs8, sizeof pkcs8);
	memcpy(secret_writable(der) + sizeof pkcs8, secret_reveal(seed).p, SSH_KEY);
	TRY(sign_key_load(der, &k));
	TRY(sign_key_public(k, &v));
	TRY(verify_key_raw(v, public));
	*ret = TAKE(k);
	return OK;
}

static status
open_ssh(struct engine *e)
{
	struct ssh_engine *g = ssh_of(e);
	CLEANUP(secret_freep) struct secret *seed = NULL;
	if (ssh_options(e)->krl.p[0] != '/') {
		engine_because(e, "krl: an absolute path");
		return FAIL(E_BAD_CONFIG);
	}
	if (!e->root)
		return OK;   /* to look only */
	status s = ssh_private_read(e->root, &seed);
	if (failed(s)) {
		engine_because(e, "the root credential is not an unencrypted Ed25519 key as `ssh-keygen -t ed25519` writes it");
		return s;
	}
	return key_of_seed(seed, &g->ca, g->public);
}

static void
close_ssh(struct engine *e)
{
	sign_key_free(ssh_of(e)->ca);
}

static status
has_root(struct engine *e)
{
	if (ssh_of(e)->ca)
		return OK;
	engine_because(e, "ssh: there is no root credential");
	return FAIL(E_NOT_PERMITTED);
}

/* ---- certificates ---- */

static status
check_grant(const void *grant, struct buf *reterr)
{
	CLEANUP(buf_fini) struct buf b;
	const struct ssh_grant *t = grant;
	struct ssh_cert_spec c = { .serial = 1, .key_id = SPAN("x"), .principals = t->principals.items, .n_principals = t->principals.n, .not_after = 1,
		.force_command = t->force_command, .source_address = t->source_address };
	buf_init(&b, 65536);
	status s = ssh_cert_tbs(&c, c.key, &b);
	if (s.code != E_BAD_REQUEST)
		return s;
	if (reterr)
		buf_put_str(reterr, "a principal is empty, longer than 256 bytes or holds blanks or signs like \",\" and \"*\", or source_address is no list of addresses\n");
	return FAIL(E_BAD_CONFIG);
}

/* What the host runs: the template's command, or the holder's, watched by the host's ambit-ssh-session where there is one. A forced command of
 * sshd's own configuration would go before the certificate's, so the watcher is named here. */
static status
put_command(const struct ssh_options *o, const struct ssh_grant *t, struct buf *out)
{
	if (!o->session.n) {
		buf_put(out, t->force_command);
		return buf_finish(out);
	}
	buf_put(out, o->session);
	if (t->force_command.n)
		buf_put_str(out, " '");
	for (size_t i = 0; i < t->force_command.n; i++) {
		if (t->force_command.p[i] == '\'')
			buf_put_str(out, "'\\''");
		else
			buf_put_u8(out, t->force_command.p[i]);
	}
	if (t->force_command.n)
		buf_put_str(out, "'");
	return buf_finish(out);
}

static status
make(struct ssh_engine *g, const struct lease_spec *l, const struct ssh_grant *t, const uint8_t key[static SSH_KEY], struct buf *line)
{
	CLEANUP(buf_fini) struct buf cert, id, command;
	CLEANUP(secret_freep) struct secret *nonce = NULL;
	char lease[ID_TEXT + 1];
	uint8_t sig[SSH_SIGNATURE];
	buf_init(&cert, 65536);
	buf_init(&id, 512);
	buf_init(&command, 32768);
	TRY(put_command(ssh_options(&g->e), t, &command));
	id_text(l->lease, lease);
	buf_printf(&id, "ambit %s ", lease);
	engine_comment_name(l->task, &id);
	buf_put_u8(&id, ' ');
	engine_comment_name(l->agent, &id);
	TRY(buf_finish(&id));
	TRY(seal_key_generate(&nonce));
	struct ssh_cert_spec c = { .serial = id_bits(l->lease), .key_id = buf_span(&id), .principals = t->principals.items, .n_principals = t->principals.n,
		.not_before = engine_wall() - SKEW, .not_after = l->end, .force_command = buf_span(&command), .source_address = t->source_address,
		.pty = t->pty, .port_forwarding = t->port_forwarding, .agent_forwarding = t->agent_forwarding };
	memcpy(c.key, key, SSH_KEY);
	memcpy(c.nonce, secret_reveal(nonce).p, sizeof c.nonce);
	TRY(ssh_cert_tbs(&c, g->public, &cert));
	TRY(sign_make(g->ca, buf_span(&cert), sig));
	ssh_cert_sign(&cert, sig);
	TRY(buf_finish(&cert));
	return ssh_cert_line(buf_span(&cert), span_str(lease), line);
}

static status
create(struct engine *e, const struct lease_spec *l, const char *, const void *grant, struct engine_credential *out)
{
	struct ssh_engine *g = ssh_of(e);
	const struct ssh_grant *t = grant;
	CLEANUP(secret_freep) struct secret *seed = NULL, *text = NULL;
	CLEANUP(sign_key_freep) struct sign_key *key = NULL;
	CLEANUP(buf_fini) struct buf line;
	uint8_t public[SSH_KEY];
	char port[16];
	buf_init(&line, 65536);
	TRY(has_root(e));
	if (l->end - engine_wall() > ssh_options(e)->max_ttl / TIME_SECOND) {
		engine_because(e, "ssh: the lease is longer than max_ttl");
		return FAIL(E_BAD_REQUEST);
	}
	TRY(seal_key_generate(&seed));
	TRY(key_of_seed(seed, &key, public));
	TRY(ssh_private_text(seed, public, &text));
	TRY(make(g, l, t, public, &line));
	TRY(engine_field_secret(out, "private_key", NULL, TAKE(text)));
	TRY(engine_field_put(out, "certificate", NULL, buf_span(&line)));
	TRY(engine_field_put(out, "username", NULL, ((const span *)t->principals.items)[0]));
	TRY(engine_field_put(out, "host", NULL, ssh_options(e)->host));
	snprintf(port, sizeof port, "%d", (int)ssh_options(e)->port);
	return engine_field_put(out, "port", NULL, span_str(port));
}

/* Puts the serial (0: none) on the list, and writes what sshd reads; also when it was on it: a crash may have come between the two files. */
static status
publish(struct engine *e, uint64_t serial, struct revoked *v)
{
	CLEANUP(buf_fini) struct buf krl;
	const struct ssh_options *o = ssh_options(e);
	int64_t now = engine_wall();
	buf_init(&krl, LIST_MAX);
	TRY(has_root(e));
	TRY(revoked_read(e, o->krl, o->max_ttl / TIME_SECOND, serial, v));
	TRY(ssh_krl(ssh_of(e)->public, v->serials, v->n, (uint64_t)now, now, &krl));
	return revoked_write(e, o->krl, v, buf_span(&krl));
}

static status
revoke_serial(struct engine *e, const struct lease_spec *l, const char *, struct engine_finding *f)
{
	CLEANUP(revoked_fini) struct revoked v = { 0 };
	TRY(publish(e, id_bits(l->lease), &v));
	f->was_there = !v.had;
	return OK;
}

static status
test(struct engine *e, struct buf *notes)
{
	CLEANUP(revoked_fini) struct revoked v = { 0 };
	TRY(publish(e, 0, &v));
	buf_put_str(notes, "for TrustedUserCAKeys: ");
	TRY(ssh_key_line(ssh_of(e)->public, SPAN("ambit"), notes));
	buf_printf(notes, "on the revocation list: %zu\n", v.n);
	return buf_finish(notes);
}

extern const struct engine_class engine_ssh;
const struct engine_class engine_ssh = {
	.name = "ssh", .title = "SSH user certificate", .traits = ENGINE_NATIVE_END,
	.upstream = &upstream_schema, .grant = &grant_schema, .writes = "krl", .size = sizeof(struct ssh_engine),
	.open = open_ssh, .close = close_ssh, .check = check_grant, .test = test, .create = create, .revoke = revoke_serial,
};
