/* Verdicts in words, from the very evaluation that decided. */
#include "core/core_priv.h"
#include "core/decision.h"
#include "text/time.h"

#include <stdio.h>

static void
write_rules(struct json_writer *w, const char *key, const struct rule *const *rules, uint8_t n)
{
	json_w_karr(w, key);
	for (uint8_t i = 0; i < n; i++)
		json_w_raw(w, rules[i]->json);
	json_w_arr_end(w);
}

/* `Path::"/data/x"` as Cedar writes it. */
static void
resource_text(const struct decision *d, struct buf *b)
{
	if (!d->resource_type.n)
		return;
	buf_put(b, d->resource_type);
	buf_put_str(b, "::");
	struct json_writer w = json_w(b);
	json_w_str(&w, d->resource_id);
}

static void
message(const struct decision *d, struct buf *b)
{
	buf_printf(b, "agent %.*s ", SPAN_ARG(d->agent ? str_span(d->agent->name) : SPAN("?")));
	buf_put_str(b, d->verdict == VERDICT_ALLOW ? "may call " : d->verdict == VERDICT_PENDING ? "needs a human to call " : "may not call ");
	buf_put(b, d->tool ? str_span(d->tool->name) : d->tool_name);
	if (d->resource_type.n) {
		buf_put_str(b, " on ");
		resource_text(d, b);
	}
}

/* One line for the first of the two: in brackets, what decided. */
static void
reason(const struct decision *d, struct buf *b)
{
	if (d->code == E_POLICY_DENIED && d->rule_n) {
		buf_put(b, d->rules[0]->id);
		if (d->rules[0]->reason.n) {
			buf_put_str(b, ": ");
			buf_put(b, d->rules[0]->reason);
		}
		return;
	}
	buf_put_str(b, error_text(d->code));
	if (d->nearest)
		buf_printf(b, "; the nearest, \"%.*s\", %.*s", SPAN_ARG(d->nearest->id), SPAN_ARG(d->lacked));
	if (d->misfit.constraint) {
		const struct constraint *con = d->misfit.constraint;
		buf_printf(b, ": %.*s must be %s ", SPAN_ARG(con->path), constraint_op_name((enum constraint_op)con->op));
		if (con->value && !failed(json_canonical(con->value, b)))
			return;
	} else if (d->detail[0]) {
		buf_printf(b, ": %s", d->detail);
	} else if (d->misfit.what) {
		buf_printf(b, ": %s", d->misfit.what);
	}
}

/* People's words, which may or may not end as a sentence does. */
static void
sentence(span s, struct buf *b)
{
	while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\n'))
		s.n--;
	buf_put(b, s);
	if (s.n && s.p[s.n - 1] != '.' && s.p[s.n - 1] != '!' && s.p[s.n - 1] != '?')
		buf_put_u8(b, '.');
}

/* What can be done about it; the second line. */
static void
advice(const struct decision *d, struct buf *b)
{
	for (uint8_t i = 0; i < d->rule_n; i++)
		if (d->rules[i]->advice.n) {
			buf_put_str(b, "You may: ");
			sentence(d->rules[i]->advice, b);
			buf_put_str(b, " Do not retry unchanged.");
			return;
		}
	switch (d->code) {
	case E_RATE_LIMITED: buf_put_str(b, "You may: wait a minute, then call again."); return;
	case E_BAD_ARGUMENTS: buf_put_str(b, "You may: correct the arguments and call again."); return;
	case E_ARGUMENT_REFUSED: buf_put_str(b, "You may: call again with arguments inside the bound. Do not retry unchanged."); return;
	case E_TOOL_UNKNOWN: buf_put_str(b, "You may: use a tool of tools/list."); return;
	case E_AUDIT_UNAVAILABLE: case E_UNAVAILABLE: buf_put_str(b, "You may: try again later."); return;
	case E_TASK_ENDED: case E_TASK_EXPIRED: case E_REVOKED: case E_WORLD_STOPPED: case E_AGENT_INACTIVE:
		buf_put_str(b, "You may: stop here and tell the person you work for. Do not retry.");
		return;
	case E_TOOL_QUARANTINED:
		buf_put_str(b, "You may: ask an administrator to review the tool (ambit tool review). Do not retry unchanged.");
		return;
	default:
		buf_put_str(b, "You may: use another tool of tools/list, or call ambit__explain to see why this one is closed. "
		               "Do not retry unchanged.");
	}
}

static void
pending_text(const struct approval *a, struct buf *b)
{
	char id[ID_TEXT + 1], end[TIME_TEXT + 1];
	id_text(a->id, id);
	size_t n = time_text(a->term.expires, end);
	buf_printf(b, "WAITING for human approval %s (%.*s, expires %.*sZ). Nothing was executed yet.\n", id,
	           SPAN_ARG(a->quorum_n ? str_span(a->quorums[0]) : SPAN("?")), 5, n >= 16 ? end + 11 : end);
	buf_printf(b, "Call this tool again with identical arguments to continue, or call ambit__await {\"approval\":\"%s\"}.", id);
}

static void
text(const struct decision *d, struct buf *b)
{
	if (d->verdict == VERDICT_ALLOW) {
		buf_put_str(b, "ALLOWED by Ambit.");
		return;
	}
	if (d->verdict == VERDICT_PENDING && d->approval) {
		pending_text(d->approval, b);
		return;
	}
	if (d->code == E_APPROVAL_REJECTED && d->approval) {
		buf_put_str(b, "REJECTED by a human");
		if (d->approval->reason)
			buf_printf(b, " (%.*s)", SPAN_ARG(str_span(d->approval->reason)));
		buf_put_str(b, ". Nothing was executed.\nYou may: ");
		sentence(d->approval->tell ? str_span(d->approval->tell) : SPAN("do something else"), b);
		buf_put_str(b, " Do not retry unchanged.");
		return;
	}
	buf_put_str(b, "DENIED by Ambit (");
	reason(d, b);
	buf_put_str(b, "). Nothing was executed.\n");
	advice(d, b);
}

static void
put_text(struct json_writer *w, const char *key, struct buf *b)
{
	if (!buf_finish(b).code)
		json_w_kstr(w, key, buf_span(b));
	buf_reset(b);
}

static void
write_constraint(struct json_writer *w, const struct decision *d)
{
	json_w_kobj(w, "constraint");
	if (d->by)
		write_id(w, "by", d->by->id);
	json_w_kcstr(w, "member", d->misfit.what);
	if (d->misfit.constraint) {
		const struct constraint *con = d->misfit.constraint;
		json_w_kstr(w, "path", con->path);
		json_w_kcstr(w, "op", constraint_op_name((enum constraint_op)con->op));
		if (con->value) {
			json_w_key(w, SPAN("value"));
			json_w_value(w, con->value);
		}
	}
	json_w_obj_end(w);
}

static void
write_approval(struct json_writer *w, const struct approval *a)
{
	write_id(w, "approval", a->id);
	json_w_key(w, SPAN("expires"));
	write_time(w, a->term.expires);
	json_w_karr(w, "quorums");
	for (uint8_t i = 0; i < a->quorum_n; i++)
		json_w_str(w, str_span(a->quorums[i]));
	json_w_arr_end(w);
}

static void
write_next(struct json_writer *w, const struct decision *d)
{
	json_w_karr(w, "next");
	if (d->verdict == VERDICT_PENDING && d->approval) {
		char line[64], id[ID_TEXT + 1];
		id_text(d->approval->id, id);
		snprintf(line, sizeof line, "ambit__await {\"approval\":\"%s\"}", id);
		json_w_str(w, span_str(line));
	} else if (d->verdict == VERDICT_DENY && d->code == E_TOOL_QUARANTINED && d->tool) {
		char line[TOOL_NAME_MAX + 64];
		snprintf(line, sizeof line, "ambit tool review %.*s", SPAN_ARG(str_span(d->tool->name)));
		json_w_str(w, span_str(line));
	} else if (d->verdict == VERDICT_DENY) {
		json_w_str(w, SPAN("ambit__explain {}"));
	}
	json_w_arr_end(w);
}

void
verdict_write(struct core *c, const struct decision *d, struct json_writer *w)
{
	static const char *const names[] = { "deny", "allow", "pending" };
	struct buf *b = &c->words;
	buf_reset(b);
	json_w_obj(w);
	json_w_kcstr(w, "decision", names[d->verdict]);
	if (d->code)
		json_w_kcstr(w, "code", error_name(d->code));
	message(d, b);
	put_text(w, "message", b);
	if (d->agent) {
		buf_put_str(b, "Agent::");
		struct json_writer q = json_w(b);
		json_w_str(&q, str_span(d->agent->name));
		put_text(w, "principal", b);
	}
	json_w_kstr(w, "action", d->tool ? str_span(d->tool->name) : d->tool_name);
	if (d->resource_type.n) {
		resource_text(d, b);
		put_text(w, "resource", b);
	}
	if (d->task) {
		write_id(w, "task", d->task->id);
		json_w_kstr(w, "purpose", str_span(d->task->purpose));
	}
	write_rules(w, "determining", d->rules, d->rule_n);
	if (d->nearest) {
		json_w_kobj(w, "nearest");
		json_w_kstr(w, "policy", d->nearest->file);
		json_w_kint(w, "line", d->nearest->line);
		json_w_kstr(w, "id", d->nearest->id);
		json_w_kstr(w, "lacked", d->lacked);
		json_w_obj_end(w);
	}
	if (d->misfit.code)
		write_constraint(w, d);
	if (d->detail[0])
		json_w_kcstr(w, "detail", d->detail);
	write_rules(w, "evaluation_errors", d->failed, d->failed_n);
	write_rules(w, "observed", d->observed, d->observed_n);
	if (d->approval && d->verdict != VERDICT_ALLOW)
		write_approval(w, d->approval);
	write_next(w, d);
	if (d->event)
		write_id(w, "event", id_make(ID_EVENT, d->event));
	json_w_kbool(w, "retryable", d->code == E_RATE_LIMITED || d->code == E_APPROVAL_PENDING || error_http(d->code) == 503);
	text(d, b);
	put_text(w, "text", b);
	json_w_obj_end(w);
}

static void
brief_rules(struct buf *b, span key, const struct rule *const *rules, uint8_t n)
{
	buf_put(b, key);
	for (uint8_t i = 0; i < n; i++) {
		if (i)
			buf_put_u8(b, ',');
		buf_put(b, rules[i]->json);
	}
	buf_put_u8(b, ']');
}

/* Piece by piece: most decisions end here, and only the tool's name can hold anything that needs care. */
void
verdict_brief(const struct decision *d, struct buf *b)
{
	char task[ID_TEXT + 1], event[ID_TEXT + 1];
	struct json_writer w = json_w(b);
	id_text(d->task->id, task);
	id_text(id_make(ID_EVENT, d->event), event);
	buf_put(b, SPAN("{\"decision\":\"allow\",\"action\":"));
	json_w_str(&w, str_span(d->tool->name));
	buf_put(b, SPAN(",\"task\":\""));
	buf_put(b, span_make(task, ID_TEXT));
	brief_rules(b, SPAN("\",\"determining\":["), d->rules, d->rule_n);
	if (d->failed_n)
		brief_rules(b, SPAN(",\"evaluation_errors\":["), d->failed, d->failed_n);
	if (d->observed_n)
		brief_rules(b, SPAN(",\"observed\":["), d->observed, d->observed_n);
	buf_put(b, SPAN(",\"event\":\""));
	buf_put(b, span_make(event, ID_TEXT));
	buf_put(b, SPAN("\"}"));
}

void
verdict_plain(const struct core *c, const struct task *t, span tool, uint16_t code, struct buf *out)
{
	struct decision d = { .verdict = VERDICT_DENY, .code = code, .tool_name = tool };
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 2048);
	struct json_writer w = json_w(out);
	json_w_obj(&w);
	json_w_kcstr(&w, "decision", "deny");
	json_w_kcstr(&w, "code", error_name(code));
	json_w_kcstr(&w, "message", error_text(code));
	if (tool.n)
		json_w_kstr(&w, "action", tool);
	if (t) {
		write_id(&w, "task", t->id);
		json_w_kstr(&w, "purpose", str_span(t->purpose));
	}
	json_w_kbool(&w, "retryable", error_http(code) == 503);
	if (code == E_CALL_CUT || code == E_CALL_UNKNOWN || code == E_REVOKED || code == E_TIMEOUT || code == E_TASK_ENDED || code == E_TASK_EXPIRED)
		buf_printf(&b, "CUT OFF by Ambit (%s). It is not known whether it had an effect.\n", error_text(code));
	else
		buf_printf(&b, "DENIED by Ambit (%s). Nothing was executed.\n", error_text(code));
	advice(&d, &b);
	put_text(&w, "text", &b);
	json_w_obj_end(&w);
}

void
verdict_refuse(struct core *c, enum role edge, unsigned index, uint64_t req, uint16_t code)
{
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 4096);
	verdict_plain(c, NULL, (span){ 0 }, code, &b);
	struct msg m = msg_make(MSG_VERDICT);
	m.verdict.req = req;
	m.verdict.verdict = VERDICT_DENY;
	m.verdict.error = code;
	m.verdict.detail = buf_span(&b);
	send_now(c, edge, index, &m);
}
