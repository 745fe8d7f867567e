#include "ipc/jail_priv.h"

#include "base/secret.h"

#include <stdlib.h>

static void
put_list(struct buf *b, const span *list, size_t n)
{
	buf_put_u16(b, (uint16_t)n);
	for (size_t i = 0; i < n; i++)
		buf_put_vec16(b, list[i]);
}

void
jail_encode(uint64_t id, const struct jail_spec *s, struct buf *out)
{
	buf_put_u64(out, id);
	put_list(out, s->argv, s->argc);
	put_list(out, s->env, s->envc);
	put_list(out, s->read, s->reads);
	put_list(out, s->write, s->writes);
	buf_put_vec16(out, s->cwd);
	buf_put_u8(out, s->network);
	buf_put_u32(out, s->memory_mb ? s->memory_mb : 512);
	buf_put_u32(out, s->processes ? s->processes : 64);
	buf_put_u32(out, s->files ? s->files : 256);
	buf_put_u32(out, s->cpu_seconds);
}

/* Strings go one after another into `at`, each with its NUL. */
static char *
take_string(struct reader *r, char **at)
{
	span s = rd_vec16(r);
	char *text = *at;

	if (!r->ok || span_find(s, 0) < s.n) {
		r->ok = false;
		return NULL;
	}
	if (s.n)
		memcpy(text, s.p, s.n);
	text[s.n] = 0;
	*at += s.n + 1;
	return text;
}

static size_t
take_list(struct reader *r, char **list, char **at)
{
	size_t n = rd_u16(r);

	if (n > JAIL_ARGS_MAX)
		r->ok = false;
	for (size_t i = 0; i < n && r->ok; i++)
		list[i] = take_string(r, at);
	return r->ok ? n : 0;
}

status
jail_decode(span request, struct jail_plan *ret)
{
	struct reader r = rd_make(request);
	struct jail_plan p = { .strings = malloc(request.n + 8), .strings_n = request.n + 8 };   /* every string lost a u16 length and got a NUL */
	char *at = p.strings;

	ENSURE(p.strings, E_NO_MEMORY);
	p.id = rd_u64(&r);
	p.argc = take_list(&r, p.argv, &at);
	p.envc = take_list(&r, p.env, &at);
	p.reads = take_list(&r, p.read, &at);
	p.writes = take_list(&r, p.write, &at);
	p.cwd = take_string(&r, &at);
	p.network = rd_u8(&r) == 1;
	p.memory_mb = rd_u32(&r);
	p.processes = rd_u32(&r);
	p.files = rd_u32(&r);
	p.cpu_seconds = rd_u32(&r);
	if (failed(rd_end(&r)) || p.argc == 0) {
		free(p.strings);
		return FAIL(E_BAD_MESSAGE);
	}
	*ret = p;
	return OK;
}

void
jail_plan_fini(struct jail_plan *p)
{
	if (p->strings)
		secret_wipe(p->strings, p->strings_n);
	free(p->strings);
	p->strings = NULL;
}
