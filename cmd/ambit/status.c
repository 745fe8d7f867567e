/* status, whoami, agent enrol, contexts. */
#include "cli.h"
#include "base/env.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static void
put_status(struct cli *c, const struct json *v, struct buf *b)
{
	buf_printf(b, "server    %s  %s %s  %s  epoch %s\n", text_at(c, v, "node"), text_at(c, v, "mode"), text_at(c, v, "version"),
	    true_at(v, "healthy") ? "healthy" : "NOT HEALTHY", text_at(c, v, "epoch"));
	buf_printf(b, "store     %s %s  seq %s\n", text_at(c, v, "store.kind"), true_at(v, "store.ok") ? "ok" : "FAILED", text_at(c, v, "store.seq"));
	buf_printf(b, "chain     %s  %s events  checkpoint at %s\n", true_at(v, "chain.ok") ? "ok" : "BROKEN", text_at(c, v, "chain.seq"), text_at(c, v, "chain.checkpoint_seq"));
	buf_printf(b, "now       %s tasks · %s pending approvals · %s quarantined tools · %s unconfirmed revocations\n", text_at(c, v, "counts.tasks"),
	    text_at(c, v, "counts.pending"), text_at(c, v, "counts.quarantined"), text_at(c, v, "counts.unconfirmed"));
	buf_put_str(b, "roles    ");
	json_for_items(r, json_gets(v, "roles"))
		buf_printf(b, " %s%s", text_at(c, r, "name"), true_at(r, "up") ? "" : " DOWN");
	buf_put_u8(b, '\n');
	const struct json *world = json_gets(v, "world");
	if (json_is_str(world) && !span_is(world->str, "running"))
		buf_printf(b, "world     %s: nothing is allowed (ambit resume world)\n", text_at(c, v, "world"));
	json_for_items(f, json_gets(v, "findings"))
		buf_printf(b, "finding   %s   %s\n", text_at(c, f, "text"), text_at(c, f, "next"));
	buf_printf(b, "context   %s (from %s)  user %s\n", *c->ctx.name ? c->ctx.name : "none", c->ctx.why, c->as ? c->as : c->ctx.user ? c->ctx.user : "by uid");
	if (strcmp(c->ctx.people_from, "AMBIT_PEOPLE_SOCKET") == 0)
		buf_printf(b, "socket    %s (from AMBIT_PEOPLE_SOCKET, over the context's)\n", c->ctx.people_socket);
}

int
status_run(struct cli *c)
{
	struct answer a;
	int code;
	if (!cli_get(c, PEER_PEOPLE, "status/show", SPAN("{}"), &a, &code))
		return code;
	const struct json *f = json_gets(a.json, "findings");
	bool fine = true_at(a.json, "healthy") && !(json_is_arr(f) && f->arr.n);
	if (!out_machine(c, a.json, &code)) {
		struct buf b;
		buf_init(&b, 1 << 20);
		put_status(c, a.json, &b);
		code = out_write(buf_span(&b));
		buf_fini(&b);
	}
	return code ? code : fine ? 0 : 10;
}

int
whoami_run(struct cli *c)
{
	struct answer a;
	int code;
	enum peer peer = args_has(&c->args, "agent-socket") || getenv("AMBIT_TASK") ? PEER_AGENT : PEER_PEOPLE;
	return cli_get(c, peer, "whoami/show", SPAN("{}"), &a, &code) ? out_value(c, a.json) : code;
}

int
agent_enrol_run(struct cli *c)
{
	struct buf b;
	buf_init(&b, 65536);
	struct json_writer w = json_w(&b);
	json_w_obj(&w);
	op_params(c, &w);
	json_w_obj_end(&w);
	struct answer a;
	int code;
	if (cli_get(c, PEER_PEOPLE, "agent/enrol", buf_span(&b), &a, &code) && !out_machine(c, a.json, &code)) {
		buf_reset(&b);
		buf_printf(&b, "%s\n", text_at(c, a.json, "token"));
		dprintf(2, "enrolment %s of %s, one use, until %s\n", text_at(c, a.json, "enrolment"), text_at(c, a.json, "agent"), text_at(c, a.json, "expires"));
		code = out_write(buf_span(&b));
	}
	buf_fini(&b);
	return code;
}

/* ---- contexts ---- */

static const struct json *
read_config(struct cli *c)
{
	struct buf b;
	buf_init(&b, 1 << 20);
	const struct json *root = NULL;
	if (!failed(env_read_file(env_posix(), c->ctx.file, &b)))
		IGNORE(json_parse(buf_span(&b), &(struct json_opts){ .copy = true }, &c->arena, &root, NULL));
	buf_fini(&b);
	return root;
}

static const struct json *
parse_built(struct cli *c, struct buf *b)
{
	const struct json *v = NULL;
	if (!failed(buf_finish(b)))
		IGNORE(json_parse(buf_span(b), &(struct json_opts){ .copy = true }, &c->arena, &v, NULL));
	return v;
}

int
context_list_run(struct cli *c)
{
	const struct json *root = read_config(c);
	struct buf b;
	buf_init(&b, 1 << 20);
	struct json_writer w = json_w(&b);
	json_w_obj(&w);
	json_w_karr(&w, "items");
	json_for_members(m, json_gets(root, "contexts")) {
		json_w_obj(&w);
		json_w_kstr(&w, "name", m->key);
		json_w_kbool(&w, "current", span_is(m->key, c->ctx.name));
		json_for_members(k, &m->value) {
			json_w_key(&w, k->key);
			json_w_value(&w, &k->value);
		}
		json_w_obj_end(&w);
	}
	json_w_arr_end(&w);
	json_w_obj_end(&w);
	const struct json *v = parse_built(c, &b);
	buf_fini(&b);
	return v ? out_value(c, v) : cli_fail(c, E_BAD_CONFIG, NULL, NULL, "%s cannot be read", c->ctx.file);
}

static void
put_setting(struct json_writer *w, const char *key, const char *value, const char *from)
{
	if (!value)
		return;
	json_w_kobj(w, key);
	json_w_kcstr(w, "value", value);
	json_w_kcstr(w, "from", from);
	json_w_obj_end(w);
}

int
context_show_run(struct cli *c)
{
	struct buf b;
	const struct context *x = &c->ctx;
	buf_init(&b, 1 << 20);
	struct json_writer w = json_w(&b);
	json_w_obj(&w);
	json_w_kcstr(&w, "name", x->name);
	json_w_kcstr(&w, "file", x->file);
	put_setting(&w, "context", x->name, x->why);
	put_setting(&w, "people_socket", x->people_socket, x->people_from);
	put_setting(&w, "agent_socket", x->agent_socket, x->agent_from);
	put_setting(&w, "user", c->as ? c->as : x->user, c->as ? (args_has(&c->args, "as") ? "--as" : "AMBIT_AS") : x->file);
	put_setting(&w, "data", x->data, x->file);
	put_setting(&w, "api", x->api, x->file);
	json_w_obj_end(&w);
	const struct json *v = parse_built(c, &b);
	buf_fini(&b);
	return v ? out_value(c, v) : 1;
}

int
context_use_run(struct cli *c)
{
	const struct json *root = read_config(c);
	const char *name = c->args.pos[0];
	if (!json_gets(json_gets(root, "contexts"), name))
		return cli_fail(c, E_NOT_FOUND, c->ctx.file, "ambit context list", "no context \"%s\"", name);
	struct buf b;
	buf_init(&b, 1 << 20);
	struct json_writer w = json_w_pretty(&b);
	json_w_obj(&w);
	json_w_kcstr(&w, "current", name);
	json_for_members(m, root)
		if (!span_is(m->key, "current")) {
			json_w_key(&w, m->key);
			json_w_value(&w, &m->value);
		}
	json_w_obj_end(&w);
	buf_put_u8(&b, '\n');
	status s = buf_finish(&b);
	if (!failed(s))
		s = env_write_file(env_posix(), c->ctx.file, 0600, buf_span(&b));
	buf_reset(&b);
	w = json_w(&b);
	json_w_obj(&w);
	json_w_kcstr(&w, "name", name);
	json_w_obj_end(&w);
	const struct json *v = parse_built(c, &b);
	buf_fini(&b);
	if (failed(s))
		return cli_fail(c, E_IO, error_text(s.code), NULL, "cannot write %s", c->ctx.file);
	return v ? out_value(c, v) : 1;
}
