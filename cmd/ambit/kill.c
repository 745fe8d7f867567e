/* kill: shows what it would end, asks for the name, ends it, and says target by target what is confirmed. */
#include "cli.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

static bool
ask_kill(struct cli *c, const char *kind, const char *name, bool dry, struct answer *ret, int *ret_code)
{
	struct buf b;
	buf_init(&b, 65536);
	struct json_writer w = json_w(&b);
	json_w_obj(&w);
	json_w_kcstr(&w, "kind", kind);
	if (name)
		json_w_kcstr(&w, "name", name);
	if (args_has(&c->args, "reason"))
		json_w_kcstr(&w, "reason", args_str(&c->args, "reason"));
	json_w_kbool(&w, "dry_run", dry);
	json_w_obj_end(&w);
	bool ok = failed(buf_finish(&b)) ? (*ret_code = cli_fail(c, b.err, NULL, NULL, "the reason is too long or not UTF-8"), false) :
	                                   cli_get(c, PEER_PEOPLE, "kill/run", buf_span(&b), ret, ret_code);
	buf_fini(&b);
	return ok;
}

static void
put_radius(struct cli *c, const struct json *v, struct buf *b)
{
	static const struct { const char *member, *one, *many; } counts[] = {
		{ "agents", "agent", "agents" }, { "tasks", "task", "tasks" }, { "children", "delegated task", "delegated tasks" },
		{ "calls", "call in flight", "calls in flight" }, { "approvals", "pending approval", "pending approvals" }, { "sessions", "open session", "open sessions" },
	};
	buf_put_str(b, "blast radius ");
	for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
		int64_t n = int_at(v, counts[i].member, -1);
		if (n >= 0)
			buf_printf(b, "%s%lld %s", i ? " · " : " ", (long long)n, n == 1 ? counts[i].one : counts[i].many);
	}
	buf_put_u8(b, '\n');
}

static void
put_targets(struct cli *c, const struct json *v, struct buf *b)
{
	buf_printf(b, "%s   %s   %s tasks, %s calls cut   %s\n", text_at(c, v, "revocation"), *text_at(c, v, "target") ? text_at(c, v, "target") : text_at(c, v, "kind"), text_at(c, v, "tasks"), text_at(c, v, "calls_cut"),
	    text_at(c, v, "state"));
	json_for_items(t, json_gets(v, "targets")) {
		buf_printf(b, "  %-32s %-12s", text_at(c, t, "target"), text_at(c, t, "state"));
		if (json_gets(t, "seconds"))
			buf_printf(b, " %s s", text_at(c, t, "seconds"));
		if (json_gets(t, "reason"))
			buf_printf(b, "  %s", text_at(c, t, "reason"));
		if (json_gets(t, "expires")) {
			buf_put_str(b, "  dies by itself in ");
			out_cell(json_gets(t, "expires"), COL_UNTIL, true, b);
		}
		buf_put_u8(b, '\n');
	}
}

static bool
confirmed(const struct json *v)
{
	const struct json *s = json_gets(v, "state");
	return !json_is_str(s) || span_is(s->str, "confirmed");
}

/* Asks again until the revocation is confirmed or the time is up; the newest answer replaces *v. */
static void
wait_for(struct cli *c, const struct json **v)
{
	const struct json *id = json_gets(*v, "revocation");
	int64_t end = (int64_t)time(NULL) + args_int(&c->args, "wait", 10);
	struct buf b;
	buf_init(&b, 4096);
	struct json_writer w = json_w(&b);
	json_w_obj(&w);
	json_w_kstr(&w, "revocation", json_is_str(id) ? id->str : SPAN(""));
	json_w_obj_end(&w);
	for (long pause = 20; !confirmed(*v) && json_is_str(id) && (int64_t)time(NULL) < end; pause = pause < 500 ? pause * 2 : 500) {
		nanosleep(&(struct timespec){ 0, pause * 1000000 }, NULL);
		struct answer a;
		if (failed(cli_ask(c, PEER_PEOPLE, "revocation/list", buf_span(&b), &a)) || a.error)
			continue;
		json_for_items(it, json_gets(a.json, "items"))
			if (json_equal(json_gets(it, "revocation"), id))
				*v = it;
	}
	buf_fini(&b);
}

static int
confirm(struct cli *c, const char *kind, const char *name)
{
	const char *given = args_str(&c->args, "confirm");
	int code = 0;
	if (given)
		return strcmp(given, name) == 0 ? 0 : cli_fail(c, E_BAD_REQUEST, "--confirm repeats the name exactly", NULL, "\"%s\" is not \"%s\"", given, name);
	struct answer a;
	if (c->yes && strcmp(kind, "world") != 0)
		return 0;
	if (!ask_kill(c, kind, strcmp(kind, "world") == 0 ? NULL : name, true, &a, &code))
		return code;
	struct buf b;
	buf_init(&b, 65536);
	put_radius(c, a.json, &b);
	buf_printf(&b, "Kill all of this? type  %s : ", name);
	const char *q;
	if (!failed(buf_finish_str(&b, &q)) && !cli_confirm(c, q, name, strcmp(kind, "world") == 0, &code) && code == 2)
		dprintf(STDERR_FILENO, "%s--confirm %s\n", strcmp(kind, "world") == 0 ? "  next     " : "           or  ", name);
	buf_fini(&b);
	return code;
}

int
cmd_kill_run(struct cli *c)
{
	const char *kind = c->args.pos[0], *name = c->args.n_pos > 1 ? c->args.pos[1] : NULL;
	bool world = strcmp(kind, "world") == 0;
	if (!world == !name)
		return cli_fail(c, E_BAD_REQUEST, NULL, "ambit kill KIND NAME, or ambit kill world", world ? "the world takes no name" : "which %s?", kind);
	int code;
	struct answer a;
	struct buf b;
	buf_init(&b, 1 << 20);
	if (args_has(&c->args, "dry-run")) {
		if (ask_kill(c, kind, name, true, &a, &code) && !out_machine(c, a.json, &code)) {
			put_radius(c, a.json, &b);
			code = out_write(buf_span(&b));
		}
		code = code ? code : 11;
	} else if ((code = confirm(c, kind, world ? "world" : name)) == 0 && ask_kill(c, kind, name, false, &a, &code)) {
		const struct json *v = a.json;
		wait_for(c, &v);
		if (!out_machine(c, v, &code)) {
			put_targets(c, v, &b);
			if (!confirmed(v))
				buf_printf(&b, "not everything is confirmed. Watch: ambit revocations --revocation %s\n", text_at(c, v, "revocation"));
			code = out_write(buf_span(&b));
		}
		if (code == 0 && !confirmed(v))
			code = 12;
	}
	buf_fini(&b);
	return code;
}
