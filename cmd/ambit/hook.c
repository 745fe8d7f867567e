/* ambit hook claude-code: the client's question before it runs a tool, answered within a moment.
 *
 * Clients let the tool run when a hook fails, so every fault here leaves with 2, which blocks. Tools that come through Ambit are decided at
 * the gateway anyway; a denial here only comes earlier and better explained. Other tools are decided as tools of the server
 * `claude-code`; where none is registered under that name Ambit has no opinion. */
#include "cli.h"
#include "exchange.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { HOOK_MAX = 4 << 20 };

static int
block(const char *why)
{
	dprintf(STDERR_FILENO, "Ambit blocks this tool: %s. Nothing was executed.\n", why);
	return 2;
}

/* mcp__ambit__files__read_file -> files/read_file; Bash -> claude-code/Bash. Tools of other MCP servers do not pass Ambit. */
static bool
tool_of(span name, struct buf *b)
{
	static const char prefix[] = "mcp__ambit__";
	bool ours = span_starts(name, span_str(prefix));
	if (!ours && span_starts(name, SPAN("mcp__")))
		return false;
	span rest = ours ? span_sub(name, sizeof prefix - 1, name.n) : name;
	if (!ours) {
		buf_put_str(b, "claude-code/");
		buf_put(b, rest);
		return true;
	}
	size_t i = 0;
	while (i + 1 < rest.n && !(rest.p[i] == '_' && rest.p[i + 1] == '_'))
		i++;
	if (i + 1 >= rest.n)
		return false;
	buf_put(b, span_sub(rest, 0, i));
	buf_put_u8(b, '/');
	buf_put(b, span_sub(rest, i + 2, rest.n));
	return !span_starts(rest, SPAN("ambit__"));
}

static void
put_question(struct buf *b, span tool, const struct json *input, const struct json *use_id)
{
	struct json_writer w = json_w(b);
	const char *task = getenv("AMBIT_TASK");
	json_w_obj(&w);
	json_w_kobj(&w, "subject");
	json_w_kcstr(&w, "type", "task");
	json_w_kcstr(&w, "id", task ? task : "self");
	json_w_obj_end(&w);
	json_w_kobj(&w, "action");
	json_w_kstr(&w, "name", tool);
	json_w_obj_end(&w);
	json_w_kobj(&w, "resource");
	json_w_kcstr(&w, "type", "tool");
	json_w_kstr(&w, "id", tool);
	json_w_obj_end(&w);
	json_w_kobj(&w, "context");
	json_w_kbool(&w, "dry_run", true);
	json_w_key(&w, SPAN("arguments"));
	if (json_is_obj(input))
		json_w_value(&w, input);
	else
		json_w_raw(&w, SPAN("{}"));
	if (json_is_str(use_id) && use_id->str.n <= 128)
		json_w_kstr(&w, "client_ref", use_id->str);
	json_w_obj_end(&w);
	json_w_obj_end(&w);
}

/* No opinion: the client goes on as it would. */
static int
pass(void)
{
	return out_write(SPAN("{}\n")) ? 2 : 0;
}

static int
deny(struct cli *c, const struct json *v)
{
	struct buf b;
	buf_init(&b, 1 << 20);
	struct json_writer w = json_w(&b);
	const struct json *text = json_path(v, "context.text");
	if (!text)
		text = json_path(v, "context.message");
	json_w_obj(&w);
	json_w_kobj(&w, "hookSpecificOutput");
	json_w_kcstr(&w, "hookEventName", "PreToolUse");
	json_w_kcstr(&w, "permissionDecision", "deny");
	json_w_kstr(&w, "permissionDecisionReason", json_is_str(text) ? text->str : SPAN("Denied by Ambit. Nothing was executed."));
	json_w_obj_end(&w);
	json_w_obj_end(&w);
	buf_put_u8(&b, '\n');
	int code = failed(buf_finish(&b)) ? 2 : out_write(buf_span(&b)) ? 2 : 0;
	buf_fini(&b);
	return code;
}

static int
judge(struct cli *c, const struct json *v, unsigned http)
{
	const struct json *d = json_gets(v, "decision"), *code = json_path(v, http >= 400 ? "error.code" : "context.code");
	bool no_task = json_is_str(code) && (span_is(code->str, "task_unknown") || span_is(code->str, "agent_unproven") || span_is(code->str, "unauthenticated"));
	if (http >= 400) {
		/* Outside a task there is nothing Ambit could say about the client's own tools. */
		return no_task && !getenv("AMBIT_TASK") ? pass() : block(json_is_str(code) ? text_at(c, v, "error.message") : "the server's answer cannot be read");
	}
	if (!json_is_bool(d))
		return block("the server's answer cannot be read");
	if (d->truth || (json_is_str(code) && (span_is(code->str, "tool_unknown") || span_is(code->str, "approval_pending"))))
		return pass();
	if (no_task && !getenv("AMBIT_TASK"))
		return pass();
	return deny(c, v);
}

static int
ask(struct cli *c, span question)
{
	struct exchange x;
	struct buf body;
	const struct json *v = NULL;
	buf_init(&body, 1 << 20);
	status s = exchange_open(&x, c->ctx.agent_socket);
	if (!failed(s))
		s = exchange_send(&x, "/access/v1/evaluation", (span){ 0 }, question);
	if (!failed(s))
		s = exchange_run(&x, c->timeout > 5 ? 5 : c->timeout, &body);
	if (!failed(s))
		s = json_parse(buf_span(&body), &(struct json_opts){ .copy = true }, &c->arena, &v, NULL);
	int code = failed(s) ? block(s.code == E_UNAVAILABLE ? "the server is not running" : "the server did not answer") : judge(c, v, x.head.status);
	exchange_close(&x);
	buf_fini(&body);
	return code;
}

int
hook_run(struct cli *c)
{
	struct buf in, tool, question;
	const struct json *v = NULL;
	int code;
	ssize_t n;
	uint8_t room[65536];
	buf_init(&in, HOOK_MAX);
	while ((n = read(STDIN_FILENO, room, sizeof room)) > 0 || (n < 0 && errno == EINTR))
		if (n > 0)
			buf_put(&in, span_make(room, (size_t)n));
	buf_init(&tool, 4096);
	buf_init(&question, HOOK_MAX + 65536);
	static const struct json_opts opts = { .max_bytes = HOOK_MAX, .max_depth = 128, .max_nodes = 1 << 20, .allow_nul = true };
	const struct json *name = NULL;
	if (in.err || failed(json_parse(buf_span(&in), &opts, &c->arena, &v, NULL)))
		code = block("the hook's input cannot be read");
	else if (!json_is_str(name = json_gets(v, "tool_name")))
		code = block("the hook's input names no tool");
	else if (!tool_of(name->str, &tool))
		code = pass();
	else {
		put_question(&question, buf_span(&tool), json_gets(v, "tool_input"), json_gets(v, "tool_use_id"));
		code = failed(buf_finish(&question)) ? block("the hook's input is too large") : ask(c, buf_span(&question));
	}
	buf_fini(&question);
	buf_fini(&tool);
	buf_fini(&in);
	return code;
}
