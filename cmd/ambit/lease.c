/* ambit lease: a credential for the task this runs in, into one program's environment.
 *
 * It comes over the agent socket as a descriptor of sealed memory: the server's edge never holds the bytes, and here they go from the
 * mapping into the environment of the program that replaces this one. */
#include "cli.h"
#include "exchange.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CREDENTIAL_MAX = 65536, WAIT_MS = 1000 };

struct lent {
	const struct json *lease;      /* as core knows it */
	const struct json *secret;     /* credential, env, secret */
};

/* "pg/staging.read" names the template as well. */
static status
put_question(struct cli *c, struct buf *b)
{
	const char *name = c->args.pos[0], *template = args_str(&c->args, "template"), *dot = strrchr(name, '.');
	struct json_writer w = json_w(b);
	json_w_obj(&w);
	json_w_kstr(&w, "upstream", !template && dot ? span_make(name, (size_t)(dot - name)) : span_str(name));
	if (template || dot)
		json_w_kcstr(&w, "template", template ? template : dot + 1);
	if (args_has(&c->args, "ttl"))
		json_w_kint(&w, "ttl_seconds", args_int(&c->args, "ttl", 0));
	if (args_has(&c->args, "reason"))
		json_w_kcstr(&w, "reason", args_str(&c->args, "reason"));
	json_w_obj_end(&w);
	return buf_finish(b);
}

static status
ask(struct cli *c, span question, unsigned *ret_http, const struct json **ret, int *ret_fd)
{
	struct exchange x;
	struct buf body;
	static const struct json_opts opts = { .max_bytes = 1 << 20 };
	buf_init(&body, 1 << 20);
	status s = exchange_open(&x, c->ctx.agent_socket);
	if (!failed(s))
		s = exchange_send(&x, "/v1/lease/open", SPAN("Ambit-Credential: fd\r\n"), question);
	if (!failed(s))
		s = exchange_run(&x, c->timeout > 60 ? c->timeout : 60, &body);
	*ret_fd = x.got_fd;
	x.got_fd = -1;
	*ret_http = x.head.status;
	exchange_close(&x);
	if (!failed(s))
		s = json_parse(arena_copy(&c->arena, buf_span(&body)), &opts, &c->arena, ret, NULL);
	buf_fini(&body);
	return s;
}

/* The mapping stays until the program is replaced or ends; the kernel clears its pages when the last user is gone. */
static status
read_fd(struct cli *c, int fd, const struct json **ret)
{
	static const struct json_opts opts = { .max_bytes = CREDENTIAL_MAX };
	struct stat st;
	ENSURE(fd >= 0 && fstat(fd, &st) == 0 && st.st_size > 0 && st.st_size <= CREDENTIAL_MAX, E_UPSTREAM);
	void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	ENSURE(p != MAP_FAILED, E_IO);
	close(fd);
	return json_parse(span_make(p, (size_t)st.st_size), &opts, &c->arena, ret, NULL);
}

/* Until a human has answered, the same question is asked again. */
static bool
borrow(struct cli *c, struct lent *ret, int *ret_code)
{
	struct buf q;
	int64_t waited = 0, patience = args_int(&c->args, "wait", 0) * 1000;
	buf_init(&q, 65536);
	status s = put_question(c, &q);
	for (;; waited += WAIT_MS) {
		const struct json *v = NULL;
		unsigned http;
		int fd = -1;
		if (!failed(s))
			s = ask(c, buf_span(&q), &http, &v, &fd);
		const struct json *error = failed(s) ? NULL : json_gets(v, "error");
		if (!failed(s) && !error)
			s = read_fd(c, fd, &ret->secret);
		if (!failed(s) && !error) {
			ret->lease = json_gets(v, "lease");
			buf_fini(&q);
			return true;
		}
		const struct json *code = json_gets(error, "code");
		bool pending = json_is_str(code) && span_is(code->str, "approval_pending");
		if (failed(s) || !pending || waited >= patience) {
			*ret_code = failed(s) ? cli_unreachable(c, s, PEER_AGENT) : cli_refused(c, error);
			buf_fini(&q);
			return false;
		}
		if (waited == 0)
			fprintf(stderr, "ambit: waiting for a human (ambit approve %s)\n", text_at(c, error, "approval"));
		usleep(WAIT_MS * 1000);
	}
}

/* Values are quoted for a POSIX shell. */
static void
put_exports(const struct json *env, struct buf *b)
{
	json_for_members(it, env) {
		buf_printf(b, "export %.*s='", SPAN_ARG(it->key));
		for (size_t i = 0; i < it->value.str.n; i++) {
			if (it->value.str.p[i] == '\'')
				buf_put_str(b, "'\\''");
			else
				buf_put_u8(b, it->value.str.p[i]);
		}
		buf_put_str(b, "'\n");
	}
}

static int
become(struct cli *c, const struct json *env)
{
	if (!c->args.rest)
		return cli_fail(c, E_BAD_REQUEST, NULL, "ambit lease pg/staging --exec -- psql", "--exec needs a program after --");
	json_for_members(it, env) {
		const char *name = arena_cstr(&c->arena, it->key), *value = arena_cstr(&c->arena, it->value.str);
		if (!name || !value || setenv(name, value, 1) != 0)
			return cli_fail(c, E_NO_MEMORY, NULL, NULL, "the environment could not be set");
	}
	execvp(c->args.rest[0], c->args.rest);
	int e = errno;
	fprintf(stderr, "ambit: cannot run %s: %s\n", c->args.rest[0], strerror(e));
	return e == ENOENT ? 127 : 126;
}

int
lease_open_run(struct cli *c)
{
	struct lent l;
	int code;
	if (!borrow(c, &l, &code))
		return code;
	const struct json *env = json_gets(l.secret, "env");
	if (args_has(&c->args, "exec") || c->args.rest)
		return become(c, env);
	struct buf b;
	buf_init(&b, 4 * CREDENTIAL_MAX);
	struct json_writer w = json_w(&b);
	if (args_has(&c->args, "env")) {
		put_exports(env, &b);
	} else {
		json_w_obj(&w);
		json_w_key(&w, SPAN("lease"));
		json_w_value(&w, l.lease);
		/* To a terminal only what may be seen over a shoulder; a program that reads asks for JSON. */
		if (cli_json(c) || !c->tty_out) {
			json_w_key(&w, SPAN("credential"));
			json_w_value(&w, json_gets(l.secret, "credential"));
		}
		json_w_obj_end(&w);
		buf_put_u8(&b, '\n');
	}
	code = failed(buf_finish(&b)) ? cli_fail(c, E_NO_MEMORY, NULL, NULL, "out of memory") : out_write(buf_span(&b));
	explicit_bzero(b.p, b.n);
	buf_fini(&b);
	return code;
}

/* Inside a task its own leases, elsewhere what a person may see. */
int
lease_list_run(struct cli *c)
{
	struct answer a;
	int code;
	if (!getenv("AMBIT_TASK"))
		return op_run(c);
	if (!cli_get(c, PEER_AGENT, "lease/mine", SPAN("{}"), &a, &code))
		return code;
	return out_value(c, a.json);
}

static int
by_id(struct cli *c, const char *op, bool ttl)
{
	struct buf b;
	struct answer a;
	int code;
	buf_init(&b, 4096);
	struct json_writer w = json_w(&b);
	json_w_obj(&w);
	json_w_kcstr(&w, "lease", c->args.pos[0]);
	if (ttl && args_has(&c->args, "ttl"))
		json_w_kint(&w, "ttl_seconds", args_int(&c->args, "ttl", 0));
	json_w_obj_end(&w);
	if (failed(buf_finish(&b)))
		code = cli_fail(c, b.err, NULL, NULL, "the arguments are not valid UTF-8 or too long");
	else if (cli_get(c, ttl || getenv("AMBIT_TASK") ? PEER_AGENT : PEER_PEOPLE, op, buf_span(&b), &a, &code))
		code = out_value(c, a.json);
	buf_fini(&b);
	return code;
}

int lease_renew_run(struct cli *c) { return by_id(c, "lease/renew", true); }
int lease_revoke_run(struct cli *c) { return by_id(c, "lease/revoke", false); }
