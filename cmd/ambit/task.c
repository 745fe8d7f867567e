/* Tasks: create, delegate, tree, receipt, token. */
#include "cli.h"
#include "envelope.h"

#include <stdio.h>
#include <stdlib.h>

static int
open_task(struct cli *c, enum peer peer, const char *agent)
{
	struct buf b;
	buf_init(&b, 1 << 20);
	struct json_writer w = json_w(&b);
	json_w_obj(&w);
	if (agent)
		json_w_kcstr(&w, "agent", agent);
	const char *problem = "arguments cannot be read";
	status s = envelope_put(c, &w, &problem);
	json_w_obj_end(&w);
	int code;
	struct answer a;
	if (failed(s) || failed(buf_finish(&b)))
		code = cli_fail(c, E_BAD_REQUEST, NULL, NULL, "%s", problem);
	else if (cli_get(c, peer, c->cmd->op, buf_span(&b), &a, &code))
		code = out_value(c, a.json);
	buf_fini(&b);
	return code;
}

int
task_create_run(struct cli *c)
{
	if (!args_has(&c->args, "allow") && !args_has(&c->args, "workflow"))
		return cli_fail(c, E_BAD_REQUEST, "a task without tools can do nothing", "--allow PATTERN or --workflow NAME", "what may the task do?");
	return open_task(c, PEER_PEOPLE, c->args.pos[0]);
}

int
delegate_run(struct cli *c)
{
	if (!args_has(&c->args, "allow"))
		return cli_fail(c, E_BAD_REQUEST, "a delegated task gets only what is named", "--allow PATTERN", "what may the delegated task do?");
	return open_task(c, PEER_AGENT, args_str(&c->args, "agent"));
}

int
token_run(struct cli *c)
{
	struct answer a;
	int code;
	if (!cli_get(c, PEER_AGENT, "token/issue", SPAN("{}"), &a, &code) || out_machine(c, a.json, &code))
		return code;
	struct buf b;
	buf_init(&b, 65536);
	out_scalar(json_gets(a.json, "token"), &b);
	buf_put_u8(&b, '\n');
	code = out_write(buf_span(&b));
	buf_fini(&b);
	return code;
}

/* ---- tree ---- */

static void
put_node(struct cli *c, const struct json *items, const struct json *t, unsigned depth, struct buf *b)
{
	buf_printf(b, "%*s%s  %s  %s  %s calls, %s denied  \"%s\"\n", (int)(2 * depth), "", text_at(c, t, "id"), text_at(c, t, "agent"), text_at(c, t, "state"),
	    text_at(c, t, "calls"), text_at(c, t, "denied"), text_at(c, t, "purpose"));
	json_for_items(k, items)
		if (depth < 32 && json_is_str(json_gets(k, "parent")) && json_equal(json_gets(k, "parent"), json_gets(t, "id")))
			put_node(c, items, k, depth + 1, b);
}

static bool
is_listed(const struct json *items, const struct json *id)
{
	json_for_items(k, items)
		if (json_equal(json_gets(k, "id"), id))
			return true;
	return false;
}

int
task_tree_run(struct cli *c)
{
	const char *root = c->args.n_pos ? c->args.pos[0] : NULL;
	struct buf b;
	buf_init(&b, 64 << 20);
	struct answer a;
	int code;
	bool all = args_has(&c->args, "all") || root;
	if (cli_get(c, PEER_PEOPLE, "task/list", all ? SPAN("{\"all\":true,\"limit\":1000}") : SPAN("{\"limit\":1000}"), &a, &code) && !out_machine(c, a.json, &code)) {
		const struct json *items = json_gets(a.json, "items");
		bool found = !root;
		json_for_items(t, items) {
			bool top = root ? json_is_str(json_gets(t, "id")) && span_is(json_gets(t, "id")->str, root) :
			                  !json_is_str(json_gets(t, "parent")) || !is_listed(items, json_gets(t, "parent"));
			found |= top;
			if (top)
				put_node(c, items, t, 0, &b);
		}
		code = found ? out_write(buf_span(&b)) : cli_fail(c, E_TASK_UNKNOWN, NULL, "ambit task list --all", "no task %s", root);
	}
	buf_fini(&b);
	return code;
}

/* ---- receipt ---- */

static void
put_list(struct cli *c, const char *label, const struct json *v, struct buf *b)
{
	if (json_is_arr(v) && v->arr.n) {
		buf_printf(b, "%-11s ", label);
		out_scalar(v, b);
		buf_put_u8(b, '\n');
	}
}

static void
receipt_put(struct cli *c, const struct json *r, struct buf *b)
{
	const struct json *t = json_gets(r, "task");
	buf_printf(b, "Receipt     %s \"%s\"\n", text_at(c, t, "id"), text_at(c, t, "purpose"));
	buf_printf(b, "Agent       %s%s%s\n", text_at(c, t, "agent"), *text_at(c, t, "user") ? " for " : "", text_at(c, t, "user"));
	buf_printf(b, "State       %s%s%s%s\n", text_at(c, t, "state"), *text_at(c, t, "end_reason") ? " (" : "", text_at(c, t, "end_reason"), *text_at(c, t, "end_reason") ? ")" : "");
	buf_printf(b, "Decisions   %s allowed · %s denied · %s approved by a human\n", text_at(c, r, "allowed"), text_at(c, r, "denied"), text_at(c, r, "approved"));
	json_for_items(k, json_gets(r, "tools"))
		buf_printf(b, "  %-28s %s calls, %s denied\n", text_at(c, k, "tool"), text_at(c, k, "calls"), text_at(c, k, "denied"));
	json_for_items(k, json_gets(r, "denials"))
		buf_printf(b, "  denied %-21s %s ×%s\n", text_at(c, k, "tool"), text_at(c, k, "code"), text_at(c, k, "count"));
	put_list(c, "Touched", json_gets(r, "resources"), b);
	if (*text_at(c, t, "sensitivity"))
		buf_printf(b, "Highest     %s\n", text_at(c, t, "sensitivity"));
	put_list(c, "Unknown", json_gets(r, "unknown"), b);
	json_for_items(k, json_gets(r, "children"))
		buf_printf(b, "Delegated   %s %s %s\n", text_at(c, k, "task"), text_at(c, k, "agent"), text_at(c, k, "state"));
	buf_printf(b, "Sessions    %s ended, %s unconfirmed\n", text_at(c, r, "sessions.stopped"), text_at(c, r, "sessions.unconfirmed"));
	buf_printf(b, "Chain       events %s to %s, head %s\n", text_at(c, r, "chain.first_seq"), text_at(c, r, "chain.last_seq"), text_at(c, r, "chain.head"));
}

int
receipt_run(struct cli *c)
{
	struct buf b;
	buf_init(&b, 64 << 20);
	struct json_writer w = json_w(&b);
	json_w_obj(&w);
	op_params(c, &w);
	json_w_obj_end(&w);
	struct answer a;
	int code;
	if (cli_get(c, PEER_PEOPLE, "task/receipt", buf_span(&b), &a, &code) && !out_machine(c, a.json, &code)) {
		buf_reset(&b);
		receipt_put(c, a.json, &b);
		code = out_write(buf_span(&b));
	}
	buf_fini(&b);
	return code;
}
