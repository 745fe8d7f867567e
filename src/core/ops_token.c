/* Tokens, for people: what one stands for, and ending it before its time. */
#include "core/core_priv.h"
#include "core/issue.h"
#include "core/ops.h"

/* By its text, or by the id that events name. */
static status
find_token(struct core *c, struct op_call *o, struct token **ret, struct task **ret_task)
{
	span text;
	uint64_t id;
	struct token *k = NULL;
	TRY(op_str(o, "token", &text));
	if (id_parse_kind(text, ID_TOKEN, &id)) {
		map_for(it, &c->tokens) {
			struct token *at = container_of(it, struct token, node);
			k = at->id == id ? at : k;
		}
	} else {
		digest hash = sha256(text);
		k = token_find(c, &hash);
	}
	*ret_task = k ? task_find(c, k->task_id) : NULL;
	if (!*ret_task)
		return op_fail(o, E_NOT_FOUND, "token: this server knows no such token; it has run out, or was ended");
	*ret = k;
	return OK;
}

static void
write_token(struct core *c, const struct token *k, const struct task *t, struct json_writer *w)
{
	static const char *const channels[] = {
		[BINDING_LOCAL_PEER] = "process", [BINDING_CERT] = "certificate", [BINDING_KEY] = "key", [BINDING_NONE] = "nothing",
	};
	CLEANUP(buf_fini) struct buf b = { 0 };
	const struct task *by;
	buf_init(&b, 8192);
	audience_put(c, (enum audience)k->audience, &b);
	json_w_obj(w);
	write_id(w, "id", k->id);
	write_id(w, "task", t->id);
	json_w_kstr(w, "agent", str_span(t->agent->name));
	json_w_kstr(w, "user", str_span(t->user));
	json_w_kcstr(w, "bound_to", channels[k->binding]);
	json_w_kstr(w, "resource", buf_span(&b));
	if (k->issued) {
		json_w_key(w, SPAN("issued"));
		write_time(w, k->issued);
	}
	json_w_key(w, SPAN("expires"));
	write_time(w, k->term.expires);
	json_w_kbool(w, "active", !term_over(&c->clock, k->term) && task_alive(c, t, &by) == E_OK);
	json_w_obj_end(w);
}

status
op_TOKEN_SHOW(struct core *c, struct op_call *o, struct json_writer *w)
{
	static const char *const names[] = { "token", NULL };
	struct token *k;
	struct task *t;
	TRY(op_only(o, names));
	TRY(find_token(c, o, &k, &t));
	write_token(c, k, t, w);
	return OK;
}

status
op_TOKEN_REVOKE(struct core *c, struct op_call *o, struct json_writer *w)
{
	static const char *const names[] = { "token", NULL };
	struct token *k;
	struct task *t;
	TRY(op_only(o, names));
	TRY(find_token(c, o, &k, &t));
	/* Who may end the task may end less. */
	ENSURE(op_may_end(o, t), E_NOT_PERMITTED);
	uint64_t id = k->id;
	token_revoke(c, k, SPAN("revoked by a person"), o->actor);
	json_w_obj(w);
	write_id(w, "id", id);
	json_w_kbool(w, "active", false);
	json_w_obj_end(w);
	return OK;
}
