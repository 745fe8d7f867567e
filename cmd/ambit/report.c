/* Errors for people and programs: what happened, why, what next; at most five lines, the event last. */
#include "cli.h"
#include "escape.h"

#include <stdio.h>
#include <unistd.h>

static int
print_json_error(span body)
{
	struct buf b;
	buf_init(&b, 1 << 20);
	buf_put_str(&b, "{\"error\":");
	escape_json(body, &b);
	buf_put_str(&b, "}\n");
	IGNORE(buf_finish(&b));
	int done = (int)write(STDERR_FILENO, b.p, b.n);
	buf_fini(&b);
	return done;
}

int
cli_fail(struct cli *c, uint16_t code, const char *because, const char *next, const char *fmt, ...)
{
	struct buf what, clean, line;
	buf_init(&what, 1 << 16);
	buf_init(&clean, 1 << 18);
	buf_init(&line, 1 << 19);
	va_list ap;
	va_start(ap, fmt);
	buf_vprintf(&what, fmt, ap);
	va_end(ap);
	if (cli_json(c)) {
		struct json_writer w = json_w(&line);
		escape_text(buf_span(&what), false, &clean);     /* argv may hold bytes that are not UTF-8 */
		json_w_obj(&w);
		json_w_kcstr(&w, "code", error_name(code));
		json_w_kint(&w, "exit", error_exit(code));
		json_w_kstr(&w, "message", buf_span(&clean));
		if (because)
			json_w_kcstr(&w, "because", because);
		json_w_karr(&w, "next");
		if (next)
			json_w_str(&w, span_str(next));
		json_w_arr_end(&w);
		json_w_kbool(&w, "retryable", code == E_UNAVAILABLE || code == E_TIMEOUT || code == E_CONFLICT);
		buf_reset(&what);
		buf_printf(&what, "ambit help %s", error_name(code));
		json_w_kstr(&w, "docs", buf_span(&what));
		json_w_obj_end(&w);
		print_json_error(buf_span(&line));
	} else {
		buf_put_str(&line, "ambit: ");
		escape_text(buf_span(&what), false, &line);
		if (because) {
			buf_put_str(&line, "\n  because  ");
			escape_text(span_str(because), false, &line);
		}
		if (next)
			buf_printf(&line, "\n  next     %s", next);
		buf_put_u8(&line, '\n');
		IGNORE(buf_finish(&line));
		(void)!write(STDERR_FILENO, line.p, line.n);
	}
	buf_fini(&what);
	buf_fini(&clean);
	buf_fini(&line);
	return error_exit(code);
}

static void
put_line(struct cli *c, const char *label, const struct json *e, const char *path, struct buf *b)
{
	const char *s = text_at(c, e, path);
	if (*s)
		buf_printf(b, "  %-8s %s", label, s);
}

int
cli_refused(struct cli *c, const struct json *e)
{
	span name = { 0 };
	IGNORE(json_opt_str(e, "code", &name, NULL));
	uint16_t code = error_from_name((const char *)name.p, name.n);
	int code_exit = (int)int_at(e, "exit", error_exit(code ? code : E_INTERNAL));
	struct buf b;
	buf_init(&b, 1 << 20);
	if (cli_json(c)) {
		struct json_writer w = json_w(&b);
		json_w_value(&w, e);
		print_json_error(buf_span(&b));
		buf_fini(&b);
		return code_exit;
	}
	const char *kind = code_exit == 3 ? "denied: " : code_exit == 5 ? "waiting: " : "";
	buf_printf(&b, "ambit: %s%s", kind, text_at(c, e, "message"));
	if (json_gets(e, "detail"))
		buf_printf(&b, ": %s", text_at(c, e, "detail"));
	buf_put_u8(&b, '\n');
	if (json_gets(e, "task")) {
		put_line(c, "task", e, "task", &b);
		buf_printf(&b, " \"%s\"\n", text_at(c, e, "purpose"));
	} else if (json_gets(e, "resource")) {
		put_line(c, "in", e, "resource", &b);
		if (json_gets(e, "member"))
			buf_printf(&b, " %s", text_at(c, e, "member"));
		if (json_gets(e, "suggestion"))
			buf_printf(&b, "   did you mean %s?", text_at(c, e, "suggestion"));
		buf_put_u8(&b, '\n');
	}
	if (json_gets(e, "because")) {
		put_line(c, "because", e, "because", &b);
		buf_put_u8(&b, '\n');
	}
	if (json_path(e, "next.0")) {
		put_line(c, "next", e, "next.0", &b);
		buf_put_u8(&b, '\n');
	}
	if (json_gets(e, "event")) {
		put_line(c, "event", e, "event", &b);
		buf_printf(&b, "   details: ambit why %s\n", text_at(c, e, "event"));
	} else if (code) {
		buf_printf(&b, "  details  ambit help %s\n", error_name(code));
	}
	(void)!write(STDERR_FILENO, b.p, b.n);
	buf_fini(&b);
	return code_exit;
}

int
cli_unreachable(struct cli *c, status s, enum peer peer)
{
	const char *path = peer == PEER_PEOPLE ? c->ctx.people_socket : c->ctx.agent_socket;
	const char *from = peer == PEER_PEOPLE ? c->ctx.people_from : c->ctx.agent_from;
	char *because = arena_zalloc(&c->arena, 512);
	if (!because)
		return cli_fail(c, E_NO_MEMORY, NULL, NULL, "out of memory");
	if (s.code == E_TIMEOUT) {
		snprintf(because, 512, "nothing came within %d s on %s", (int)c->timeout, path);
		return cli_fail(c, E_TIMEOUT, because, "ambit doctor", "the server does not answer");
	}
	if (s.code == E_NOT_PERMITTED) {
		snprintf(because, 512, "%s may not be opened by this user (path from %s)", path, from);
		return cli_fail(c, E_UNAUTHENTICATED, because, "ambit doctor", "no access to the server's socket");
	}
	if (s.code == E_UPSTREAM || s.code == E_LIMIT) {
		snprintf(because, 512, "the answer on %s broke off or is not one of ambitd", path);
		return cli_fail(c, E_UNAVAILABLE, because, "ambit doctor", "the server's answer cannot be read");
	}
	snprintf(because, 512, "nobody listens on %s (path from %s)", path, from);
	return cli_fail(c, E_UNAVAILABLE, because, "ambitd dev       starts a server for this user", "cannot reach a server");
}

bool
cli_confirm(struct cli *c, const char *question, const char *want, bool typed_only, int *ret_exit)
{
	if (c->yes && !typed_only)
		return true;
	if (c->no_input || !c->tty_in) {
		*ret_exit = cli_fail(c, E_BAD_REQUEST, "standard input is not a terminal, or --no-input was given",
		    typed_only ? NULL : "repeat with --yes", "this needs a confirmation");
		return false;
	}
	dprintf(STDERR_FILENO, "%s", question);
	char line[256];
	if (!fgets(line, sizeof line, stdin))
		line[0] = 0;
	line[strcspn(line, "\n")] = 0;
	if (strcmp(line, want) == 0)
		return true;
	*ret_exit = 130;
	dprintf(STDERR_FILENO, "ambit: not confirmed; nothing was changed\n");
	return false;
}
