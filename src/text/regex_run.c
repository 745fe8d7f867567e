/* A program runs as a set of threads (Thompson, Pike), so no text can make it back up. */
#include "text/regex_priv.h"
#include "text/utf8.h"

#include <stdlib.h>

enum { ON_STACK = 64 };

/* A sparse set of instructions: i is in it when dense[where[i]] == i and where[i] < n. */
struct threads {
	uint32_t *dense, *where, n;
};

struct run {
	const struct regex *r;
	struct threads now, then;
	uint32_t *stack;
	uint64_t *work;
	bool matched;
	bool begin, end, word_before, word_after;      /* of the place at hand */
};

static bool
is_word(uint32_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || c == '_' || (c >= 'a' && c <= 'z');
}

static bool
spend(struct run *x, uint32_t n)
{
	if (*x->work < n)
		return false;
	*x->work -= n;
	return true;
}

/* Adds `at` and all that it leads to without reading. Each instruction enters the stack once at most, but for the two of a fork. */
static bool
follow(struct run *x, struct threads *t, uint32_t at)
{
	uint32_t n = 0;
	x->stack[n++] = at;
	while (n) {
		uint32_t i = x->stack[--n];
		const struct inst *in = &x->r->code[i];
		if (t->where[i] < t->n && t->dense[t->where[i]] == i)
			continue;
		if (!spend(x, 1))
			return false;
		t->where[i] = t->n;
		t->dense[t->n++] = i;
		bool go = true;
		switch (in->op) {
		case OP_SET: go = false; break;
		case OP_MATCH: x->matched = true; go = false; break;
		case OP_BOL: go = x->begin; break;
		case OP_EOL: go = x->end; break;
		case OP_WORD_EDGE: go = x->word_before != x->word_after; break;
		case OP_NO_WORD_EDGE: go = x->word_before == x->word_after; break;
		case OP_JUMP: x->stack[n++] = in->x; go = false; break;
		case OP_FORK: x->stack[n++] = in->y; x->stack[n++] = in->x; go = false; break;
		}
		if (go)
			x->stack[n++] = i + 1;
	}
	return true;
}

static bool
in_set(const struct set *s, uint32_t c)
{
	bool found = false;
	for (const struct range *r = s->ranges; r && !found; r = r->next)
		found = c >= r->lo && c <= r->hi;
	return found != s->negated;
}

/* The place before the code point at `at`. */
static void
look(struct run *x, span text, size_t at, uint32_t before)
{
	uint32_t c;
	size_t to = at;
	x->begin = at == 0;
	x->end = at == text.n;
	x->word_before = at && is_word(before);
	x->word_after = at < text.n && utf8_next(text, &to, &c) && is_word(c);
}

static bool
run(struct run *x, span text)
{
	uint32_t c = 0;
	look(x, text, 0, 0);
	for (size_t at = 0;;) {
		if (!follow(x, &x->now, 0))
			return false;
		if (x->matched || at == text.n)
			return true;
		if (!utf8_next(text, &at, &c))
			return true;
		look(x, text, at, c);
		x->then.n = 0;
		for (uint32_t k = 0; k < x->now.n; k++) {
			const struct inst *in = &x->r->code[x->now.dense[k]];
			if (in->op != OP_SET)
				continue;
			if (!spend(x, 1 + in->set->count))
				return false;
			if (in_set(in->set, c) && !follow(x, &x->then, x->now.dense[k] + 1))
				return false;
		}
		struct threads t = x->now;
		x->now = x->then;
		x->then = t;
	}
}

status
regex_search(const struct regex *r, span text, uint64_t *work, bool *ret)
{
	uint32_t room[ON_STACK * 6], *p = room;
	struct run x = { .r = r, .work = work };
	if (r->n > ON_STACK) {
		p = calloc(r->n, 6 * sizeof *p);
		ENSURE(p, E_NO_MEMORY);
	} else {
		memset(room, 0, sizeof room);
	}
	x.now = (struct threads){ p, p + r->n, 0 };
	x.then = (struct threads){ p + 2 * r->n, p + 3 * r->n, 0 };
	/* Two per instruction: see follow(). */
	x.stack = p + 4 * r->n;
	bool enough = run(&x, text);
	if (p != room)
		free(p);
	ENSURE(enough, E_LIMIT);
	*ret = x.matched;
	return OK;
}
