/* ambit secret: what people entrust to Ambit. The value is read from a file or standard input, never from the command line or the
 * environment, and leaves this process only as a box that the signer alone opens. */
#include "cli.h"

#include "crypto/vault.h"
#include "text/base64url.h"

#include <fcntl.h>
#include <stdio.h>
#include <termios.h>
#include <unistd.h>

/* Without the line end that editors and echo put behind it. */
static size_t
trimmed(const uint8_t *p, size_t n)
{
	if (n && p[n - 1] == '\n')
		n--;
	if (n && p[n - 1] == '\r')
		n--;
	return n;
}

static status
read_value(int fd, struct secret **ret)
{
	CLEANUP(secret_freep) struct secret *room = NULL, *s = NULL;
	size_t n = 0;
	TRY(secret_new(VAULT_PLAIN_MAX + 2, &room));
	for (;;) {
		ssize_t got = read(fd, secret_writable(room) + n, VAULT_PLAIN_MAX + 2 - n);
		ENSURE(got >= 0, E_IO);
		n += (size_t)got;
		if (got == 0)
			break;
		ENSURE(n < VAULT_PLAIN_MAX + 2, E_LIMIT);
	}
	n = trimmed(secret_writable(room), n);
	ENSURE(n > 0, E_BAD_REQUEST);
	TRY(secret_new(n, &s));
	memcpy(secret_writable(s), secret_writable(room), n);
	*ret = TAKE(s);
	return OK;
}

/* One line, without showing it. */
static status
ask_value(struct secret **ret)
{
	struct termios old, off;
	CLEANUP(secret_freep) struct secret *room = NULL, *s = NULL;
	size_t n = 0;
	TRY(secret_new(4096, &room));
	ENSURE(tcgetattr(STDIN_FILENO, &old) == 0, E_IO);
	off = old;
	off.c_lflag &= (tcflag_t)~ECHO;
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &off);
	dprintf(STDERR_FILENO, "Value (not shown): ");
	ssize_t got = read(STDIN_FILENO, secret_writable(room), 4096);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &old);
	dprintf(STDERR_FILENO, "\n");
	ENSURE(got >= 0, E_IO);
	n = trimmed(secret_writable(room), (size_t)got);
	ENSURE(n > 0, E_BAD_REQUEST);
	TRY(secret_new(n, &s));
	memcpy(secret_writable(s), secret_writable(room), n);
	*ret = TAKE(s);
	return OK;
}

static status
value(struct cli *c, const char **ret_where, struct secret **ret)
{
	const char *path = args_str(&c->args, "file");
	*ret_where = path && strcmp(path, "-") != 0 ? path : "standard input";
	if (!path && c->tty_in && !c->no_input)
		return ask_value(ret);
	if (!path || strcmp(path, "-") == 0)
		return read_value(STDIN_FILENO, ret);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ENSURE(fd >= 0, E_NOT_FOUND);
	status s = read_value(fd, ret);
	close(fd);
	return s;
}

static status
box(struct cli *c, span key, const struct secret *plain, struct buf *params)
{
	uint8_t to[HPKE_KEY];
	CLEANUP(buf_fini) struct buf sealed = { 0 }, text = { 0 };
	span name = span_str(c->args.pos[0]);
	TRY(base64url_decode_exact(key, to, sizeof to));
	buf_init(&sealed, VAULT_BOX_MAX);
	buf_init(&text, 2 * VAULT_BOX_MAX);
	TRY(hpke_seal(to, VAULT_INFO, name, plain, &sealed));
	base64url_encode(buf_span(&sealed), &text);
	TRY(buf_finish(&text));
	struct json_writer w = json_w(params);
	json_w_obj(&w);
	json_w_kstr(&w, "name", name);
	json_w_kstr(&w, "box", buf_span(&text));
	json_w_obj_end(&w);
	return buf_finish(params);
}

int
secret_set_run(struct cli *c)
{
	CLEANUP(secret_freep) struct secret *plain = NULL;
	CLEANUP(buf_fini) struct buf params = { 0 };
	struct answer a;
	const char *where;
	span key = { 0 };
	int code;
	status s = value(c, &where, &plain);
	if (failed(s))
		return cli_fail(c, s.code, s.code == E_BAD_REQUEST ? "it is empty" : s.code == E_LIMIT ? "a secret has at most 32768 bytes" : error_text(s.code),
		                "give the value on standard input, or with --file", "cannot read the value from %s", where);
	if (!cli_get(c, PEER_PEOPLE, "secret/key", SPAN("{}"), &a, &code))
		return code;
	buf_init(&params, 3 * VAULT_BOX_MAX);
	s = json_get_str(a.json, "key", &key, NULL);
	if (!failed(s))
		s = box(c, key, plain, &params);
	if (failed(s))
		return cli_fail(c, s.code, "the server's key or the name cannot be used", NULL, "cannot box the secret");
	if (!cli_get(c, PEER_PEOPLE, "secret/set", buf_span(&params), &a, &code))
		return code;
	return out_value(c, a.json);
}
