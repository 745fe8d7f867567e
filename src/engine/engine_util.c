#include "crypto/seal.h"
#include "engine/engine_priv.h"
#include "text/utf8.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <time.h>

/* Makes text one printable line in place. */
static void
clean(char *s)
{
	span all = span_str(s);
	size_t at = 0, out = 0;
	bool blank = true;
	while (at < all.n) {
		size_t from = at;
		uint32_t cp;
		if (!utf8_next(all, &at, &cp)) {
			cp = '?';
			at++;
		} else if (cp >= 0x7f && cp < 0xa0) {
			cp = '?';
		}
		bool space = cp <= ' ';
		if (space && blank)
			continue;
		if (space || cp == '?')
			s[out++] = space ? ' ' : '?';
		else
			while (from < at)
				s[out++] = s[from++];
		blank = space;
	}
	while (out && s[out - 1] == ' ')
		out--;
	s[out] = '\0';
}

void
engine_because(struct engine *e, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(e->why, sizeof e->why, fmt, ap);
	va_end(ap);
	clean(e->why);
}

status
engine_password(struct secret **ret)
{
	static const char letters[] = "0123456789abcdefghjkmnpqrstvwxyz";
	CLEANUP(secret_freep) struct secret *bits = NULL, *word = NULL;
	TRY(seal_key_generate(&bits));
	TRY(secret_new(32, &word));
	for (size_t i = 0; i < 32; i++)
		secret_writable(word)[i] = (uint8_t)letters[secret_reveal(bits).p[i] & 31];
	*ret = TAKE(word);
	return OK;
}

status
engine_field_secret(struct engine_credential *c, const char *name, const char *env, struct secret *own)
{
	if (c->n == ENGINE_FIELDS) {
		secret_free(own);
		return FAIL(E_LIMIT);
	}
	c->fields[c->n++] = (struct engine_field){ .name = name, .env = env, .value = own, .is_secret = true };
	return OK;
}

status
engine_field_put(struct engine_credential *c, const char *name, const char *env, span value)
{
	struct secret *s;
	TRY(secret_new(value.n, &s));
	if (value.n)
		memcpy(secret_writable(s), value.p, value.n);
	TRY(engine_field_secret(c, name, env, s));
	c->fields[c->n - 1].is_secret = false;
	return OK;
}

void
engine_credential_fini(struct engine_credential *c)
{
	for (size_t i = 0; i < c->n; i++)
		secret_free(c->fields[i].value);
	*c = (struct engine_credential){ 0 };
}

span
engine_credential_get(const struct engine_credential *c, const char *name)
{
	for (size_t i = 0; i < c->n; i++)
		if (strcmp(c->fields[i].name, name) == 0)
			return secret_reveal(c->fields[i].value);
	return (span){ 0 };
}

void
engine_comment_name(span name, struct buf *out)
{
	for (size_t i = 0; i < name.n && i < 64; i++) {
		uint8_t c = name.p[i];
		bool plain = c >= ' ' && c < 0x7f && c != '\'' && c != '"' && c != '\\' && c != '`';
		buf_put_u8(out, plain ? c : '?');
	}
}

int64_t
engine_now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * TIME_SECOND + t.tv_nsec;
}

int64_t
engine_wall(void)
{
	return (int64_t)time(NULL);
}

int64_t
engine_deadline(const struct engine *e)
{
	return engine_now() + e->options->timeout;
}

status
engine_wait(int fd, short events, int64_t deadline)
{
	for (;;) {
		int64_t left = deadline - engine_now();
		struct pollfd p = { .fd = fd, .events = events };
		int n = poll(&p, 1, left > 0 ? (int)(left / 1000000 + 1) : 0);
		if (n > 0)
			return OK;
		ENSURE(n == 0 || errno == EINTR, E_IO);
		ENSURE(left > 0, E_TIMEOUT);
	}
}

status
engine_pause(unsigned *tries, int64_t deadline)
{
	int64_t left = deadline - engine_now();
	ENSURE(left > 0, E_TIMEOUT);
	long ns = 1000000L << (*tries < 6 ? *tries : 6);
	++*tries;
	if (ns > left)
		ns = (long)left;
	nanosleep(&(struct timespec){ .tv_nsec = ns }, NULL);
	return OK;
}
