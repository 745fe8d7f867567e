/* The validator. Everything that takes time is charged to one budget, so neither schema nor value can make it long. */
#include "text/jsonschema_priv.h"
#include "base/map.h"
#include "text/utf8.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { MAX_NEST = 256, MAX_WORK = 1000000, FEW_ITEMS = 16 };

struct check {
	uint64_t work;
	unsigned nest, quiet;           /* quiet: within anyOf and the like, where a failure is no error */
	uint16_t stopped;               /* E_LIMIT, E_NO_MEMORY; then every answer is false and means nothing */
	struct jsonschema_error *err;
};

static bool valid(struct check *c, const struct node *n, const struct json *v, const struct step *at);

[[gnu::format(printf, 3, 4)]] static bool
wrong(struct check *c, const struct step *at, const char *fmt, ...)
{
	va_list ap;
	if (c->quiet || c->stopped || !c->err)
		return false;
	jsonschema_put_pointer(at, c->err);
	va_start(ap, fmt);
	vsnprintf(c->err->reason, sizeof c->err->reason, fmt, ap);
	va_end(ap);
	return false;
}

static bool
stop(struct check *c, uint16_t code)
{
	if (!c->stopped)
		c->stopped = code;
	return false;
}

static bool
spend(struct check *c, uint64_t n)
{
	if (c->stopped || c->work < n)
		return stop(c, E_LIMIT);
	c->work -= n;
	return true;
}

/* ---- numbers ---- */

/* Exact: a 64-bit integer against a double is not done in double. */
static int
compare_int(int64_t i, double d)
{
	if (d >= 0x1p63)
		return -1;
	if (d < -0x1p63)
		return 1;
	int64_t whole = (int64_t)d;
	if (i != whole)
		return i < whole ? -1 : 1;
	double rest = d - (double)whole;
	return (rest < 0) - (rest > 0);
}

static int
compare(const struct json *a, const struct json *b)
{
	if (a->kind == JSON_INT && b->kind == JSON_INT)
		return (a->i > b->i) - (a->i < b->i);
	if (a->kind == JSON_INT)
		return compare_int(a->i, b->num.d);
	if (b->kind == JSON_INT)
		return -compare_int(b->i, a->num.d);
	return (a->num.d > b->num.d) - (a->num.d < b->num.d);
}

static double
as_double(const struct json *v)
{
	return v->kind == JSON_INT ? (double)v->i : v->num.d;
}

/* Integers exactly; fractions as far as decimal fractions in binary allow (0.07 is a multiple of 0.01). */
static bool
is_multiple(const struct json *v, const struct json *of)
{
	if (v->kind == JSON_INT && of->kind == JSON_INT)
		return v->i % of->i == 0;
	double q = as_double(v) / as_double(of);
	return isfinite(q) && fabs(q - rint(q)) < 1e-9;
}

static bool
check_number(struct check *c, const struct node *n, const struct json *v, const struct step *at)
{
	/* ORDER number_bound */
	static const char *const number_words[] = { "less than", "greater than", "not greater than", "not less than", "not a multiple of" };
	for (int i = 0; i < NUMBER_BOUNDS; i++) {
		const struct json *b = n->bound[i];
		if (!b)
			continue;
		int order = compare(v, b);
		bool good = i == MINIMUM ? order >= 0 : i == MAXIMUM ? order <= 0 : i == EXCLUSIVE_MINIMUM ? order > 0 :
		            i == EXCLUSIVE_MAXIMUM ? order < 0 : is_multiple(v, b);
		if (!good)
			return b->kind == JSON_INT ? wrong(c, at, "is %s %lld", number_words[i], (long long)b->i)
			                           : wrong(c, at, "is %s %g", number_words[i], b->num.d);
	}
	return true;
}

/* ---- sizes, strings ---- */

static bool
check_size(struct check *c, const struct node *n, enum size_of what, size_t size, const struct step *at)
{
	/* ORDER size_of */
	static const char *const words[] = { "characters", "items", "members" };
	if (n->low[what] >= 0 && size < (uint64_t)n->low[what])
		return wrong(c, at, "has fewer than %lld %s", (long long)n->low[what], words[what]);
	if (n->high[what] >= 0 && size > (uint64_t)n->high[what])
		return wrong(c, at, "has more than %lld %s", (long long)n->high[what], words[what]);
	return true;
}

static bool
found(struct check *c, const struct regex *r, span text)
{
	bool hit = false;
	status s = regex_search(r, text, &c->work, &hit);
	if (failed(s))
		return stop(c, s.code);
	return hit;
}

static bool
check_string(struct check *c, const struct node *n, const struct json *v, const struct step *at)
{
	if (!spend(c, v->str.n / 64))
		return false;
	if ((n->low[SIZE_STRING] >= 0 || n->high[SIZE_STRING] >= 0) && !check_size(c, n, SIZE_STRING, utf8_count(v->str), at))
		return false;
	return !n->pattern || found(c, n->pattern, v->str) || wrong(c, at, "does not match the pattern");
}

/* ---- equality ---- */

/* Values in a tree, texts by their length: what comparing it may cost. */
static uint64_t
weight(const struct json *v)
{
	uint64_t n = 1;
	if (v->kind == JSON_STR)
		n += v->str.n / 64;
	json_for_items(it, v)
		n += weight(it);
	json_for_members(m, v)
		n += weight(&m->value) + m->key.n / 64;
	return n;
}

/* Equal trees have equal hashes: numbers by their double, members in any order. */
static uint64_t
hash(const struct json *v)
{
	uint64_t h = v->kind == JSON_NUM ? JSON_INT : v->kind;
	double d;
	switch ((enum json_kind)v->kind) {
	case JSON_NULL: break;
	case JSON_BOOL: h += 16 + v->truth; break;
	case JSON_INT:
	case JSON_NUM:
		d = as_double(v) + 0.0;         /* -0 becomes 0 */
		h = siphash13(h, 0, span_make(&d, sizeof d));
		break;
	case JSON_STR: h = siphash13(h, 0, v->str); break;
	case JSON_ARR:
		json_for_items(it, v)
			h = h * 0x9e3779b97f4a7c15 + hash(it);
		break;
	case JSON_OBJ:
		json_for_members(m, v)
			h += siphash13(0, hash(&m->value), m->key);
		break;
	}
	return h;
}

struct hashed {
	uint64_t hash;
	const struct json *v;
};

static int
by_hash(const void *a, const void *b)
{
	uint64_t x = ((const struct hashed *)a)->hash, y = ((const struct hashed *)b)->hash;
	return (x > y) - (x < y);
}

/* No two of the items with one hash are equal. */
static bool
distinct(struct check *c, const struct hashed *h, size_t n)
{
	for (size_t i = 1; i < n; i++)
		for (size_t j = i; j-- > 0 && h[j].hash == h[i].hash;)
			if (!spend(c, weight(h[i].v)) || json_equal(h[i].v, h[j].v))
				return false;
	return true;
}

static bool
check_unique(struct check *c, const struct json *v, const struct step *at)
{
	struct hashed few[FEW_ITEMS], *h = few;
	if (!spend(c, weight(v)))
		return false;
	if (v->arr.n > FEW_ITEMS && !(h = malloc(v->arr.n * sizeof *h)))
		return stop(c, E_NO_MEMORY);
	for (size_t i = 0; i < v->arr.n; i++)
		h[i] = (struct hashed){ hash(&v->arr.items[i]), &v->arr.items[i] };
	qsort(h, v->arr.n, sizeof *h, by_hash);
	bool good = distinct(c, h, v->arr.n);
	if (h != few)
		free(h);
	return good || wrong(c, at, "has equal items");
}

static bool
check_values(struct check *c, const struct node *n, const struct json *v, const struct step *at)
{
	bool hit = !n->enums;
	if (n->constant && (!spend(c, weight(n->constant)) || !json_equal(v, n->constant)))
		return wrong(c, at, "is not the one value allowed");
	json_for_items(it, n->enums) {
		if (!spend(c, weight(it)))
			return false;
		if (json_equal(v, it)) {
			hit = true;
			break;
		}
	}
	return hit || wrong(c, at, "is not one of the values allowed");
}

/* ---- containers ---- */

static bool
check_array(struct check *c, const struct node *n, const struct json *v, const struct step *up)
{
	if (!check_size(c, n, SIZE_ARRAY, v->arr.n, up) || (n->unique && !check_unique(c, v, up)))
		return false;
	for (size_t i = 0; i < v->arr.n; i++) {
		const struct node *item = i < n->prefix.n ? n->prefix.nodes[i] : n->items;
		struct step at = { .up = up, .i = i, .item = true };
		if (!item)
			break;
		if (!valid(c, item, &v->arr.items[i], &at))
			return false;
	}
	return true;
}

static bool
has_all(struct check *c, const struct json *names, const struct json *v, const struct step *at)
{
	json_for_items(name, names) {
		if (!spend(c, 1))
			return false;
		if (!json_get(v, name->str))
			return wrong(c, at, "lacks the member \"%.*s\"", (int)(name->str.n < 80 ? name->str.n : 80), (const char *)name->str.p);
	}
	return true;
}

static bool
check_member(struct check *c, const struct node *n, const struct json_member *m, const struct step *up)
{
	struct step at = { .up = up, .key = m->key };
	const struct json *declared = json_get(n->properties, m->key);
	bool covered = declared != NULL;
	if (!spend(c, 1))
		return false;
	if (n->names) {
		struct json name = json_make_str(m->key);
		if (!valid(c, n->names, &name, &at))
			return wrong(c, &at, "has a name that is not allowed");
	}
	if (declared) {
		size_t i = (size_t)(container_of(declared, struct json_member, value) - n->properties->obj.members);
		if (!valid(c, n->property[i], &m->value, &at))
			return false;
	}
	for (size_t i = 0; i < n->n_patterns; i++) {
		bool hit = found(c, n->patterns[i].pattern, m->key);
		if (c->stopped || (hit && !valid(c, n->patterns[i].node, &m->value, &at)))
			return false;
		covered = covered || hit;
	}
	if (covered || !n->additional)
		return true;
	if (n->additional->never)
		return wrong(c, &at, "is not a known member");
	return valid(c, n->additional, &m->value, &at);
}

static bool
check_object(struct check *c, const struct node *n, const struct json *v, const struct step *at)
{
	if (!check_size(c, n, SIZE_OBJECT, v->obj.n, at) || (n->required && !has_all(c, n->required, v, at)))
		return false;
	json_for_members(m, n->dependent)
		if (!spend(c, 1) || (json_get(v, m->key) && !has_all(c, &m->value, v, at)))
			return false;
	json_for_members(m, v)
		if (!check_member(c, n, m, at))
			return false;
	return true;
}

/* ---- combinations ---- */

static bool
quietly(struct check *c, const struct node *n, const struct json *v, const struct step *at)
{
	c->quiet++;
	bool good = valid(c, n, v, at);
	c->quiet--;
	return good;
}

/* How many of the list fit, counting to `enough`. */
static size_t
fitting(struct check *c, const struct node_list *l, size_t enough, const struct json *v, const struct step *at)
{
	size_t hits = 0;
	for (size_t i = 0; i < l->n && hits < enough && !c->stopped; i++)
		hits += quietly(c, l->nodes[i], v, at);
	return hits;
}

static bool
check_combinations(struct check *c, const struct node *n, const struct json *v, const struct step *at)
{
	for (size_t i = 0; i < n->all.n; i++)
		if (!valid(c, n->all.nodes[i], v, at))
			return false;
	if (n->any.n && fitting(c, &n->any, 1, v, at) == 0)
		return wrong(c, at, "fits none of the alternatives");
	if (n->one.n) {
		size_t hits = fitting(c, &n->one, 2, v, at);
		if (hits != 1)
			return wrong(c, at, hits ? "fits more than one of the alternatives" : "fits none of the alternatives");
	}
	if (n->not && quietly(c, n->not, v, at))
		return wrong(c, at, "is of a form that is not allowed");
	if (n->cond) {
		const struct node *next = quietly(c, n->cond, v, at) ? n->then : n->otherwise;
		if (c->stopped || (next && !valid(c, next, v, at)))
			return false;
	}
	return true;
}

static uint8_t
type_of(const struct json *v)
{
	/* ORDER json_kind */
	static const uint8_t bits[] = { TYPE_NULL, TYPE_BOOL, TYPE_INTEGER, TYPE_NUMBER, TYPE_STRING, TYPE_ARRAY, TYPE_OBJECT };
	/* 1.0 is an integer. */
	return v->kind == JSON_NUM && v->num.d == rint(v->num.d) ? TYPE_INTEGER : bits[v->kind];
}

static bool
check_here(struct check *c, const struct node *n, const struct json *v, const struct step *at)
{
	if (n->never)
		return wrong(c, at, "is not allowed");
	if (n->types && !(n->types & type_of(v)))
		return wrong(c, at, "is of the wrong type (%s)", json_kind_name(v->kind));
	if (!check_values(c, n, v, at))
		return false;
	if (json_is_number(v) && !check_number(c, n, v, at))
		return false;
	if (v->kind == JSON_STR && !check_string(c, n, v, at))
		return false;
	if (v->kind == JSON_ARR && !check_array(c, n, v, at))
		return false;
	if (v->kind == JSON_OBJ && !check_object(c, n, v, at))
		return false;
	return check_combinations(c, n, v, at) && (!n->ref || valid(c, n->ref, v, at));
}

static bool
valid(struct check *c, const struct node *n, const struct json *v, const struct step *at)
{
	if (!spend(c, 1))
		return false;
	if (c->nest == MAX_NEST)
		return stop(c, E_LIMIT);
	c->nest++;
	bool good = check_here(c, n, v, at);
	c->nest--;
	/* What stopped may look good: `not`, for one, is met by what could not be looked at. */
	return good && !c->stopped;
}

status
jsonschema_validate(const struct jsonschema *s, const struct json *v, struct jsonschema_error *reterr)
{
	struct check c = { .work = MAX_WORK, .err = reterr };
	if (valid(&c, s->root, v, NULL))
		return OK;
	if (c.stopped == E_LIMIT && reterr) {
		reterr->pointer[0] = '\0';
		snprintf(reterr->reason, sizeof reterr->reason, "takes too much work to check");
	}
	return FAIL(c.stopped ? c.stopped : E_BAD_ARGUMENTS);
}
