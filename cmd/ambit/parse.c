/* Arguments against the command table: whole names only, every flag known, every value checked. */
#include "cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

const struct flag global_flags[] = {
	{ "output", 'o', FLAG_STR, NULL, "FORM", "table, wide, json, jsonl or name (also AMBIT_OUTPUT)", COMP_WORDS, "table wide json jsonl name" },
	{ "json", 0, FLAG_BOOL, NULL, NULL, "the same as -o json" },
	{ "quiet", 'q', FLAG_BOOL, NULL, NULL, "print names or ids only" },
	{ "field", 0, FLAG_STR, NULL, "A.B", "print one member of the answer, raw" },
	{ "context", 0, FLAG_STR, NULL, "NAME", "use this context (also AMBIT_CONTEXT)" },
	{ "as", 0, FLAG_STR, NULL, "USER", "act as this user of yours, where several are (also AMBIT_AS)" },
	{ "yes", 'y', FLAG_BOOL, NULL, NULL, "do not ask for confirmation" },
	{ "no-input", 0, FLAG_BOOL, NULL, NULL, "never ask; fail instead (also AMBIT_NO_INPUT)" },
	{ "no-color", 0, FLAG_BOOL, NULL, NULL, "no colour (also NO_COLOR)" },
	{ "timeout", 0, FLAG_SECONDS, NULL, "TIME", "give up on the server after this; 30s" },
	{ "help", 'h', FLAG_BOOL, NULL, NULL, "show help" },
	{ 0 },
};

static const struct flag *
find_flag(const struct command *cmd, const char *name, size_t n, char letter)
{
	for (int pass = 0; pass < 2; pass++) {
		const struct flag *f = pass == 0 ? (cmd ? cmd->flags : NULL) : global_flags;
		size_t max = pass == 0 ? COMMAND_MAX_FLAGS : 64;
		for (size_t i = 0; f && i < max && f[i].name; i++)
			if (letter ? f[i].letter == letter : strlen(f[i].name) == n && memcmp(f[i].name, name, n) == 0)
				return &f[i];
	}
	return NULL;
}

/* Edit distance of short words, for "did you mean". */
static size_t
distance(span a, span b)
{
	size_t row[33];
	if (a.n > 32 || b.n > 32)
		return 99;
	for (size_t j = 0; j <= b.n; j++)
		row[j] = j;
	for (size_t i = 1; i <= a.n; i++) {
		size_t diag = row[0];
		row[0] = i;
		for (size_t j = 1; j <= b.n; j++) {
			size_t best = diag + (a.p[i - 1] != b.p[j - 1]);
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			diag = row[j];
			row[j] = best;
		}
	}
	return row[b.n];
}

static const char *
suggest_flag(const struct command *cmd, span name)
{
	const char *best = NULL;
	size_t least = 3;
	for (int pass = 0; pass < 2; pass++) {
		const struct flag *f = pass == 0 ? (cmd ? cmd->flags : NULL) : global_flags;
		for (size_t i = 0; f && i < 64 && f[i].name; i++) {
			size_t d = distance(name, span_str(f[i].name));
			if (d < least) {
				least = d;
				best = f[i].name;
			}
		}
	}
	return best;
}

const char *
suggest_command(const char *word)
{
	size_t n, least = 3;
	const struct command *t = commands(&n);
	const char *best = NULL;
	for (size_t i = 0; i < n; i++) {
		const char *names[] = { t[i].noun, t[i].alias };
		for (size_t k = 0; k < ARRAY_LEN(names); k++) {
			size_t d = names[k] && !t[i].hidden ? distance(span_str(word), span_str(names[k])) : 99;
			if (d < least) {
				least = d;
				best = names[k];
			}
		}
	}
	return best;
}

bool
parse_seconds(const char *s, int64_t *ret)
{
	char *end;
	errno = 0;
	if (*s < '0' || *s > '9')
		return false;
	long long v = strtoll(s, &end, 10);
	if (errno)
		return false;
	int64_t unit = *end == 0 || strcmp(end, "s") == 0 ? 1 : strcmp(end, "m") == 0 ? 60 : strcmp(end, "h") == 0 ? 3600 :
	               strcmp(end, "d") == 0 ? 86400 : 0;
	return unit != 0 && !__builtin_mul_overflow((int64_t)v, unit, ret) && *ret <= INT64_C(3153600000);
}

/* RFC 3339, a date, or an age. */
static bool
parse_moment(const char *s, int64_t *ret)
{
	char whole[32];
	int64_t age;
	if (parse_seconds(s, &age) && !strchr(s, '-')) {
		*ret = (int64_t)time(NULL) - age;
		return true;
	}
	if (strlen(s) == 10)
		snprintf(whole, sizeof whole, "%sT00:00:00Z", s);
	else if (strlen(s) == 17 && s[16] == 'Z')
		snprintf(whole, sizeof whole, "%.16s:00Z", s);
	else if (strlen(s) < sizeof whole)
		strcpy(whole, s);
	else
		return false;
	return parse_time(span_str(whole), ret);
}

static bool
one_of(const char *words, const char *s)
{
	size_t n = strlen(s);
	for (const char *w = words; *w;) {
		size_t k = strcspn(w, " ");
		if (k == n && memcmp(w, s, n) == 0)
			return true;
		w += k + (w[k] == ' ');
	}
	return false;
}

struct parser {
	const struct command *cmd;
	struct arena *a;
	struct args *out;
	const char **problem;
};

static status
problem(struct parser *p, const char *fmt, ...)
{
	struct buf b;
	buf_init(&b, 4096);
	va_list ap;
	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	*p->problem = arena_cstr(p->a, buf_span(&b));
	buf_fini(&b);
	if (!*p->problem)
		*p->problem = "arguments cannot be read";
	return FAIL(E_BAD_REQUEST);
}

static status
add(struct parser *p, const struct flag *f, const char *text)
{
	struct args *o = p->out;
	struct arg v = { .flag = f, .text = text, .number = 1 };
	if (f->kind != FLAG_LIST && args_has(o, f->name))
		return problem(p, "--%s is given twice", f->name);
	if (f->kind == FLAG_INT && !span_to_i64(span_str(text), &v.number))
		return problem(p, "--%s wants a whole number, not \"%s\"", f->name, text);
	if (f->kind == FLAG_SECONDS && !parse_seconds(text, &v.number))
		return problem(p, "--%s wants a time like 90s, 5m, 2h or 1d, not \"%s\"", f->name, text);
	if (f->kind == FLAG_TIME && !parse_moment(text, &v.number))
		return problem(p, "--%s wants a moment like 2026-11-20, 2026-11-20T10:00:00Z or 2h (ago), not \"%s\"", f->name, text);
	if (f->complete == COMP_WORDS && !one_of(f->words, text))
		return problem(p, "--%s is one of: %s; not \"%s\"", f->name, f->words, text);
	if (o->n_set == o->cap_set) {
		size_t cap = o->cap_set ? 2 * o->cap_set : 16;
		struct arg *grown = arena_array(p->a, cap, sizeof *grown);
		ENSURE(grown, E_NO_MEMORY);
		if (o->n_set)
			memcpy(grown, o->set, o->n_set * sizeof *grown);
		o->set = grown;
		o->cap_set = cap;
	}
	o->set[o->n_set++] = v;
	if (strcmp(f->name, "help") == 0)
		o->help = true;
	return OK;
}

static status
long_flag(struct parser *p, int argc, char **argv, int *i)
{
	const char *name = argv[*i] + 2, *eq = strchrnul(name, '=');
	const struct flag *f = find_flag(p->cmd, name, (size_t)(eq - name), 0);
	if (!f) {
		const char *near = suggest_flag(p->cmd, span_make(name, (size_t)(eq - name)));
		return near ? problem(p, "unknown flag --%.*s; did you mean --%s?", (int)(eq - name), name, near) :
		              problem(p, "unknown flag --%.*s", (int)(eq - name), name);
	}
	if (f->kind == FLAG_BOOL) {
		if (*eq)
			return problem(p, "--%s takes no value", f->name);
		return add(p, f, "");
	}
	if (*eq)
		return add(p, f, eq + 1);
	if (*i + 1 >= argc)
		return problem(p, "--%s wants a value: %s", f->name, f->arg);
	return add(p, f, argv[++*i]);
}

static status
short_flags(struct parser *p, int argc, char **argv, int *i)
{
	for (const char *s = argv[*i] + 1; *s; s++) {
		const struct flag *f = find_flag(p->cmd, NULL, 0, *s);
		if (!f)
			return problem(p, "unknown flag -%c", *s);
		if (f->kind == FLAG_BOOL) {
			TRY(add(p, f, ""));
			continue;
		}
		if (s[1])
			return add(p, f, s + 1);
		if (*i + 1 >= argc)
			return problem(p, "-%c wants a value: %s", *s, f->arg);
		return add(p, f, argv[++*i]);
	}
	return OK;
}

static status
check_positionals(struct parser *p)
{
	size_t max = 0, min = 0;
	bool many = false;
	for (size_t k = 0; p->cmd && k < COMMAND_MAX_POS && p->cmd->pos[k].name; k++) {
		max++;
		min += !p->cmd->pos[k].optional;
		many |= p->cmd->pos[k].many;
	}
	if (p->out->help)
		return OK;
	if (p->out->n_pos > max && !many)
		return problem(p, "unexpected argument \"%s\"", p->out->pos[max]);
	if (p->out->n_pos < min)
		return problem(p, "%s is missing", p->cmd->pos[p->out->n_pos].name);
	for (size_t k = 0; k < p->out->n_pos && k < max; k++)
		if (p->cmd->pos[k].complete == COMP_WORDS && !one_of(p->cmd->pos[k].words, p->out->pos[k]))
			return problem(p, "%s is one of: %s; not \"%s\"", p->cmd->pos[k].name, p->cmd->pos[k].words, p->out->pos[k]);
	return OK;
}

status
args_parse(const struct command *cmd, int argc, char **argv, struct arena *a, struct args *ret, const char **ret_problem)
{
	struct parser p = { cmd, a, ret, ret_problem };
	*ret = (struct args){ 0 };
	*ret_problem = "out of memory";
	ret->pos = arena_array(a, (size_t)argc + 1, sizeof *ret->pos);
	ENSURE(ret->pos, E_NO_MEMORY);
	for (int i = 0; i < argc; i++) {
		const char *s = argv[i];
		if (strcmp(s, "--") == 0) {
			if (cmd && cmd->rest) {
				ret->rest = argv + i + 1;
				break;
			}
			for (i++; i < argc; i++)
				ret->pos[ret->n_pos++] = argv[i];
		} else if (s[0] == '-' && s[1] == '-') {
			TRY(long_flag(&p, argc, argv, &i));
		} else if (s[0] == '-' && s[1]) {
			TRY(short_flags(&p, argc, argv, &i));
		} else {
			ret->pos[ret->n_pos++] = argv[i];
		}
	}
	return check_positionals(&p);
}

const struct arg *
args_get(const struct args *a, const char *name)
{
	for (size_t i = 0; i < a->n_set; i++)
		if (strcmp(a->set[i].flag->name, name) == 0)
			return &a->set[i];
	return NULL;
}

const char *
args_str(const struct args *a, const char *name)
{
	const struct arg *v = args_get(a, name);
	return v ? v->text : NULL;
}

int64_t
args_int(const struct args *a, const char *name, int64_t absent)
{
	const struct arg *v = args_get(a, name);
	return v ? v->number : absent;
}

const char *
args_next(const struct args *a, const char *name, size_t *i)
{
	while (*i < a->n_set) {
		const struct arg *v = &a->set[(*i)++];
		if (strcmp(v->flag->name, name) == 0)
			return v->text;
	}
	return NULL;
}
