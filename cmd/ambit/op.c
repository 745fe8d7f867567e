/* The command that is one operation: flags and positionals become its params, the answer becomes the output. */
#include "cli.h"

static void
put_value(struct json_writer *w, const struct flag *f, const struct arg *v)
{
	char t[24];
	json_w_key(w, span_str(f->param));
	if (f->kind == FLAG_BOOL) {
		json_w_bool(w, true);
	} else if (f->kind == FLAG_INT || f->kind == FLAG_SECONDS) {
		json_w_int(w, v->number);
	} else if (f->kind == FLAG_TIME) {
		format_time(v->number, t);
		json_w_str(w, span_str(t));
	} else {
		json_w_str(w, span_str(v->text));
	}
}

void
op_params(struct cli *c, struct json_writer *w)
{
	for (size_t i = 0; i < COMMAND_MAX_FLAGS && c->cmd->flags[i].name; i++) {
		const struct flag *f = &c->cmd->flags[i];
		const struct arg *v = args_get(&c->args, f->name);
		if (v && f->param)
			put_value(w, f, v);
	}
	for (size_t i = 0; i < c->args.n_pos && i < COMMAND_MAX_POS; i++)
		if (c->cmd->pos[i].param)
			json_w_kcstr(w, c->cmd->pos[i].param, c->args.pos[i]);
}

int
op_run(struct cli *c)
{
	struct buf b;
	buf_init(&b, 1 << 20);
	struct json_writer w = json_w(&b);
	json_w_obj(&w);
	op_params(c, &w);
	json_w_obj_end(&w);
	int code;
	struct answer a;
	if (failed(buf_finish(&b)))
		code = cli_fail(c, b.err, NULL, NULL, "the arguments are not valid UTF-8 or too long");
	else if (cli_get(c, PEER_PEOPLE, c->cmd->op, buf_span(&b), &a, &code))
		code = out_value(c, a.json);
	buf_fini(&b);
	return code;
}
