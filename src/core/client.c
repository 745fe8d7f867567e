#include "core/client.h"

#include "core/core_priv.h"
#include "identity/assertion.h"

#define ASSERTION_JWT "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

struct agent *
client_find(const struct core *c, span id)
{
	struct agent *a = agent_named(c, id), *found = NULL;
	if (a)
		return a;
	list_for(it, &c->agents) {
		a = container_of(it, struct agent, all);
		for (uint32_t i = 0; i < a->client_n; i++) {
			if (!span_eq(a->clients[i], id))
				continue;
			/* Two agents that claim one client: it is neither's. */
			if (found && found != a)
				return NULL;
			found = a;
		}
	}
	return found;
}

static status
by_assertion(struct core *c, struct op_call *o, span text, span client_id, struct agent **ret)
{
	struct assertion as;
	TRY(assertion_parse(text, &c->arena, &as));
	ENSURE(!client_id.n || span_eq(client_id, as.client), E_CLIENT_INVALID);
	struct agent *a = client_find(c, as.client);
	ENSURE(a && a->keys, E_CLIENT_INVALID);
	int64_t now = wall_now(c) / NS_PER_S;
	TRY(assertion_verify(&as, a->keys, c->config.audience, now));
	status s = once_use(c, &as.id, (as.exp - now + 1) * NS_PER_S, true);
	if (s.code == E_CONFLICT)
		return op_fail(o, E_CLIENT_INVALID, "client_assertion: was used before");
	TRY(s);
	*ret = a;
	return OK;
}

status
client_identify(struct core *c, struct op_call *o, struct agent **ret, bool *ret_public)
{
	span id = { 0 }, type = { 0 }, text = { 0 };
	TRY(op_opt_str(o, "client_id", &id));
	TRY(op_opt_str(o, "client_assertion_type", &type));
	TRY(op_opt_str(o, "client_assertion", &text));
	*ret_public = false;
	if (json_gets(o->params, "client_secret"))
		return op_fail(o, E_CLIENT_INVALID, "client_secret: Ambit has no shared secrets; register a key");
	if (text.n || type.n) {
		if (!span_is(type, ASSERTION_JWT))
			return op_fail(o, E_CLIENT_INVALID, "client_assertion_type: is not supported");
		return by_assertion(c, o, text, id, ret);
	}
	struct agent *a = peer_agent(c, o->peer);
	/* A process of this host needs no client_id; a certificate does (RFC 8705 §2). */
	if (a && (id.n ? client_find(c, id) == a : !o->peer->tls)) {
		*ret = a;
		return OK;
	}
	*ret = id.n ? client_find(c, id) : NULL;
	*ret_public = true;
	ENSURE(*ret, E_CLIENT_INVALID);
	return OK;
}

status
client_login(struct core *c, struct op_call *o)
{
	bool public;
	struct agent *a;
	TRY(client_identify(c, o, &a, &public));
	o->user = NULL;
	ENSURE(a->object && (!public || (!a->keys && (a->redirect_n || a->client_n))), E_CLIENT_INVALID);
	o->client = a;
	return op_name_actor(c, o);
}

status
client_authenticate(struct core *c, struct op_call *o)
{
	bool public;
	struct agent *a;
	TRY(client_identify(c, o, &a, &public));
	/* Whoever's uid a local client runs under: it acts for itself. A person comes in only by an answer of that person's. */
	o->user = NULL;
	ENSURE(!public && a->object, E_CLIENT_INVALID);
	o->client = a;
	return op_name_actor(c, o);
}
