#include "cedar/memo.h"

#include <stdlib.h>

struct compiler {
	struct arena *arena;
	struct arena *scratch;           /* for values on their way; empty in between */
	struct cedar_memo *memo;         /* NULL: no numbering */
};

static void compile(struct compiler *c, const struct cedar_expr *x, struct cedar_op *out);

static struct cedar_op *
ops(struct compiler *c, uint32_t n)
{
	return arena_array(c->arena, n ? n : 1, sizeof(struct cedar_op));
}

static bool
constant(const struct cedar_op *op)
{
	return op->op == CEDAR_OP_CONST;
}

static bool
is_bool_const(const struct cedar_op *op, bool b)
{
	return constant(op) && op->value.kind == CEDAR_BOOL && op->value.b == b;
}

static void
set_const(struct cedar_op *op, struct cedar_value v)
{
	op->op = CEDAR_OP_CONST;
	op->sub = 0;
	op->n = 0;
	op->value = v;
}

/* Can this node give anything but a boolean (or fail)? */
static bool
gives_bool(const struct cedar_op *op)
{
	switch (op->op) {
	case CEDAR_OP_CONST:
		return op->value.kind == CEDAR_BOOL;
	case CEDAR_X_NOT: case CEDAR_X_AND: case CEDAR_X_OR: case CEDAR_X_EQ: case CEDAR_X_NE: case CEDAR_X_LT: case CEDAR_X_LE:
	case CEDAR_X_GT: case CEDAR_X_GE: case CEDAR_X_IN: case CEDAR_X_CONTAINS: case CEDAR_X_CONTAINS_ALL:
	case CEDAR_X_CONTAINS_ANY: case CEDAR_X_HAS_TAG: case CEDAR_X_IS_EMPTY: case CEDAR_X_HAS: case CEDAR_X_IS:
	case CEDAR_OP_IS_IN: case CEDAR_X_LIKE:
		return true;
	case CEDAR_X_CALL:
		return cedar_fn_info(op->sub)->ret == CEDAR_BOOL;
	default:
		return false;
	}
}

/* The value again in the arena `a`: what it points to in the tree stays there, what was made in passing is copied. */
static struct cedar_value
settle(struct arena *a, struct cedar_value v)
{
	if (v.kind == CEDAR_IP) {
		struct cedar_ip *ip = arena_alloc(a, sizeof *ip);
		if (ip)
			*ip = *v.ip;
		v.ip = ip;
	} else if (v.kind == CEDAR_SET && v.set->n) {
		size_t n = sizeof *v.set + v.set->n * sizeof v.set->items[0];
		struct cedar_set *set = arena_alloc(a, n);
		if (set)
			memcpy(set, v.set, n);
		for (uint32_t i = 0; set && i < set->n; i++)
			set->items[i] = settle(a, set->items[i]);
		v.set = set;
	} else if (v.kind == CEDAR_RECORD && v.record->n) {
		size_t n = sizeof *v.record + v.record->n * sizeof v.record->members[0];
		struct cedar_record *r = arena_alloc(a, n);
		if (r)
			memcpy(r, v.record, n);
		for (uint32_t i = 0; r && i < r->n; i++)
			r->members[i].value = settle(a, r->members[i].value);
		v.record = r;
	}
	return v;
}

/* A node whose operands are all constant is evaluated now; one that would fail stays as it is, to fail at its time. What was
 * allocated for it since `start`, operands included, is given back. */
static void
fold(struct compiler *c, struct arena_mark start, struct cedar_op *op, const struct cedar_op *operands, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (!constant(&operands[i]))
			return;
	if (!arena_ok(c->arena) || !arena_ok(c->scratch))
		return;
	struct cedar_eval e;
	e.arena = c->scratch;            /* nothing else is looked at */
	struct cedar_value v = cedar_eval_value(&e, op);
	if (v.kind != CEDAR_NONE)
		v = settle(c->scratch, v);       /* parts of it may lie in operands */
	/* Without memory: the scratch arena stays full, which the caller sees. */
	if (!arena_ok(c->scratch))
		return;
	if (v.kind != CEDAR_NONE) {
		arena_back(c->arena, start);
		set_const(op, settle(c->arena, v));
	}
	arena_reset(c->scratch);
}

/* Operands of && after the first that is always false are never reached; ones that are always true do nothing. Dually ||. */
static void
compile_chain(struct compiler *c, const struct cedar_expr *x, struct cedar_op *out)
{
	bool stop = x->kind == CEDAR_X_OR;
	struct cedar_op *list = ops(c, x->n);
	uint32_t m = 0;
	if (!list)
		return;
	for (uint32_t i = 0; i < x->n; i++) {
		compile(c, x->list.items[i], &list[m]);
		if (is_bool_const(&list[m], stop)) {
			m++;
			break;
		}
		if (!is_bool_const(&list[m], !stop))
			m++;
	}
	if (m == 0) {
		set_const(out, cedar_bool(!stop));
	} else if (m == 1 && gives_bool(&list[0])) {
		*out = list[0];
	} else {
		out->op = x->kind;
		out->a = list;
		out->n = m;
	}
}

static void
compile_if(struct compiler *c, const struct cedar_expr *x, struct cedar_op *out)
{
	struct cedar_op *list = ops(c, 3);
	if (!list)
		return;
	compile(c, x->x.a, &list[0]);
	if (is_bool_const(&list[0], true)) {
		compile(c, x->x.b, out);
		return;
	}
	if (is_bool_const(&list[0], false)) {
		compile(c, x->x.c, out);
		return;
	}
	compile(c, x->x.b, &list[1]);
	compile(c, x->x.c, &list[2]);
	out->a = list;
}

static void
compile_operands(struct compiler *c, const struct cedar_expr *x, struct cedar_op *out)
{
	struct arena_mark start = arena_mark(c->arena);
	uint32_t n = x->x.b ? 2 : 1;
	struct cedar_op *list = ops(c, n);
	if (!list)
		return;
	compile(c, x->x.a, &list[0]);
	if (n == 2)
		compile(c, x->x.b, &list[1]);
	out->a = list;
	/* These ask the store, even about literals. */
	if (x->kind != CEDAR_X_IN && x->kind != CEDAR_X_HAS_TAG && x->kind != CEDAR_X_GET_TAG)
		fold(c, start, out, list, n);
}

static void
compile_list(struct compiler *c, const struct cedar_expr *x, struct cedar_op *out)
{
	struct arena_mark start = arena_mark(c->arena);
	struct cedar_op *list = ops(c, x->n);
	if (!list)
		return;
	for (uint32_t i = 0; i < x->n; i++)
		compile(c, x->list.items[i], &list[i]);
	out->a = list;
	out->n = x->n;
	if (x->kind == CEDAR_X_RECORD) {
		struct cedar_key *keys = arena_array(c->arena, x->n, sizeof *keys);
		if (!keys)
			return;
		for (uint32_t i = 0; i < x->n; i++)
			keys[i] = (struct cedar_key){ x->list.keys[i], cedar_key_hash(x->list.keys[i]) };
		out->keys = keys;
	}
	fold(c, start, out, list, x->n);
}

static void
compile_has(struct compiler *c, const struct cedar_expr *x, struct cedar_op *out)
{
	struct cedar_op *target = ops(c, 1);
	struct cedar_key *keys = arena_array(c->arena, x->n, sizeof *keys);
	if (!target || !keys)
		return;
	compile(c, x->has.target, target);
	for (uint32_t i = 0; i < x->n; i++)
		keys[i] = (struct cedar_key){ x->has.path[i], cedar_key_hash(x->has.path[i]) };
	out->a = target;
	out->keys = keys;
	out->n = x->n;
}

/* A whole chain of accesses is one node. */
static void
compile_get(struct compiler *c, const struct cedar_expr *x, struct cedar_op *out)
{
	const struct cedar_expr *root = x;
	uint32_t n = 0;
	for (; root->kind == CEDAR_X_GET; root = root->get.target)
		n++;
	struct cedar_key *keys = arena_array(c->arena, n, sizeof *keys);
	if (!keys)
		return;
	out->keys = keys;
	out->n = n;
	for (; x->kind == CEDAR_X_GET; x = x->get.target)
		keys[--n] = (struct cedar_key){ x->get.attr, cedar_key_hash(x->get.attr) };
	if (root->kind == CEDAR_X_VAR) {
		out->op = CEDAR_OP_GET_VAR;
		out->sub = root->sub;
		return;
	}
	struct cedar_op *target = ops(c, 1);
	if (!target)
		return;
	out->a = target;
	compile(c, root, target);
}

static void
compile_is(struct compiler *c, const struct cedar_expr *x, struct cedar_op *out)
{
	struct arena_mark start = arena_mark(c->arena);
	uint32_t n = x->is.container ? 2 : 1;
	struct cedar_op *list = ops(c, n);
	if (!list)
		return;
	compile(c, x->is.target, &list[0]);
	out->a = list;
	out->type = x->is.type;
	if (n == 2) {
		out->op = CEDAR_OP_IS_IN;
		compile(c, x->is.container, &list[1]);
	} else {
		fold(c, start, out, list, 1);
	}
}

static void
compile_like(struct compiler *c, const struct cedar_expr *x, struct cedar_op *out)
{
	struct arena_mark start = arena_mark(c->arena);
	struct cedar_op *target = ops(c, 1);
	const struct cedar_pattern *pattern = cedar_pattern_new(c->arena, x->like.pattern, x->n);
	if (!target || !pattern)
		return;
	compile(c, x->like.target, target);
	out->a = target;
	out->pattern = pattern;
	fold(c, start, out, target, 1);
}

/* What takes longer than to look up what it gave before: tests, attributes of variables. */
static bool
worth_keeping(const struct cedar_op *op)
{
	switch (op->op) {
	case CEDAR_X_EQ: case CEDAR_X_NE: case CEDAR_X_LT: case CEDAR_X_LE: case CEDAR_X_GT: case CEDAR_X_GE: case CEDAR_X_IN:
	case CEDAR_X_CONTAINS: case CEDAR_X_CONTAINS_ALL: case CEDAR_X_CONTAINS_ANY: case CEDAR_X_HAS_TAG: case CEDAR_X_HAS:
	case CEDAR_X_LIKE: case CEDAR_OP_IS_IN: case CEDAR_X_CALL:
		return gives_bool(op);
	case CEDAR_OP_GET_VAR:
		return true;
	default:
		return false;
	}
}

/* On arena overflow nodes are left unfinished; the caller checks the arena and throws all away. */
static void
compile(struct compiler *c, const struct cedar_expr *x, struct cedar_op *out)
{
	struct arena_mark start = arena_mark(c->arena);
	*out = (struct cedar_op){ .op = x->kind, .sub = x->sub, .at = x };
	if (!arena_ok(c->arena)) {
		set_const(out, (struct cedar_value){ 0 });
		return;
	}
	switch ((enum cedar_expr_kind)x->kind) {
	case CEDAR_X_BOOL:
		set_const(out, cedar_bool(x->b));
		break;
	case CEDAR_X_LONG:
		set_const(out, cedar_long(x->i));
		break;
	case CEDAR_X_STRING:
		set_const(out, cedar_string(x->s));
		break;
	case CEDAR_X_ENTITY:
		set_const(out, cedar_entity(x->uid));
		break;
	case CEDAR_X_VAR:
		break;
	case CEDAR_X_AND: case CEDAR_X_OR:
		compile_chain(c, x, out);
		break;
	case CEDAR_X_IF:
		compile_if(c, x, out);
		break;
	case CEDAR_X_NOT: case CEDAR_X_NEG: case CEDAR_X_EQ: case CEDAR_X_NE: case CEDAR_X_LT: case CEDAR_X_LE: case CEDAR_X_GT:
	case CEDAR_X_GE: case CEDAR_X_ADD: case CEDAR_X_SUB: case CEDAR_X_MUL: case CEDAR_X_CONTAINS: case CEDAR_X_CONTAINS_ALL:
	case CEDAR_X_CONTAINS_ANY: case CEDAR_X_IS_EMPTY:
	case CEDAR_X_IN: case CEDAR_X_HAS_TAG: case CEDAR_X_GET_TAG:
		compile_operands(c, x, out);
		break;
	case CEDAR_X_SET: case CEDAR_X_RECORD: case CEDAR_X_CALL:
		compile_list(c, x, out);
		break;
	case CEDAR_X_HAS:
		compile_has(c, x, out);
		break;
	case CEDAR_X_GET:
		compile_get(c, x, out);
		break;
	case CEDAR_X_IS:
		compile_is(c, x, out);
		break;
	case CEDAR_X_LIKE:
		compile_like(c, x, out);
		break;
	case CEDAR_X_COUNT:
		break;
	}
	if (c->memo && worth_keeping(out)) {
		const struct cedar_key *own = out->keys;
		cedar_memo_note(c->memo, x, out);
		/* an attribute seen before: its names are those of the first, and there is nothing else of it */
		if (out->op == CEDAR_OP_GET_VAR && out->keys != own)
			arena_back(c->arena, start);
	}
}

const struct cedar_op *
cedar_compile_expr(struct arena *a, const struct cedar_expr *x)
{
	CLEANUP(arena_fini) struct arena scratch;
	struct compiler c = { a, &scratch, NULL };
	arena_init(&scratch, SIZE_MAX / 2);
	struct cedar_op *op = ops(&c, 1);
	if (!op)
		return NULL;
	compile(&c, x, op);
	return arena_ok(a) && arena_ok(&scratch) ? op : NULL;
}

/* All conditions as one &&, `unless` negated; NULL in *ret when there is nothing to test. */
static status
compile_conditions(struct compiler *c, const struct cedar_policy *p, const struct cedar_op **ret)
{
	struct cedar_op *list = ops(c, p->condition_n);
	uint32_t m = 0;
	ENSURE(list, E_NO_MEMORY);
	for (uint32_t i = 0; i < p->condition_n; i++) {
		struct cedar_op *op = &list[m];
		if (p->conditions[i].unless) {
			struct arena_mark start = arena_mark(c->arena);
			struct cedar_op *inner = ops(c, 1);
			ENSURE(inner, E_NO_MEMORY);
			compile(c, p->conditions[i].body, inner);
			*op = (struct cedar_op){ .op = CEDAR_X_NOT, .a = inner, .at = p->conditions[i].body };
			fold(c, start, op, inner, 1);
		} else {
			compile(c, p->conditions[i].body, op);
		}
		if (!is_bool_const(op, true))
			m++;
		if (is_bool_const(op, false))
			break;
	}
	ENSURE(arena_ok(c->arena) && arena_ok(c->scratch), E_NO_MEMORY);
	*ret = NULL;
	if (m == 1) {
		*ret = list;
	} else if (m > 1) {
		struct cedar_op *all = ops(c, 1);
		ENSURE(all, E_NO_MEMORY);
		*all = (struct cedar_op){ .op = CEDAR_X_AND, .n = m, .a = list, .at = list[0].at };
		*ret = all;
	}
	return OK;
}

static status
compile_units(struct cedar_program *prog, struct cedar_ast *ast)
{
	CLEANUP(cedar_memo_fini) struct cedar_memo memo = { 0 };
	CLEANUP(arena_fini) struct arena scratch;
	struct compiler c = { &prog->arena, &scratch, &memo };
	arena_init(&scratch, SIZE_MAX / 2);
	prog->units = arena_array(&prog->arena, ast->policy_n, sizeof *prog->units);
	ENSURE(prog->units, E_NO_MEMORY);
	for (uint32_t i = 0; i < ast->policy_n; i++) {
		if (cedar_policy_is_template(ast->policies[i]))
			continue;
		struct cedar_unit *u = &prog->units[prog->unit_n];
		u->policy = ast->policies[i];
		u->program = prog;
		TRY(compile_conditions(&c, u->policy, &u->condition));
		prog->unit_n++;
	}
	prog->memo_n = memo.tests;
	prog->kept_n = memo.values;
	memcpy(prog->memo_vars, memo.test_vars, sizeof prog->memo_vars);
	memcpy(prog->kept_vars, memo.value_vars, sizeof prog->kept_vars);
	return OK;
}

status
cedar_program_new(struct cedar_ast *ast, struct cedar_program **ret)
{
	struct cedar_program *prog = calloc(1, sizeof *prog);
	ENSURE(prog, E_NO_MEMORY);
	prog->refs = 1;
	arena_init(&prog->arena, SIZE_MAX / 2);
	prog->ast = cedar_ast_ref(ast);
	/* Never empty: zero-sized arrays of an arena that has no block yet would look like failures. */
	status st = arena_alloc(&prog->arena, 1) ? compile_units(prog, ast) : FAIL(E_NO_MEMORY);
	if (failed(st)) {
		cedar_program_unref(prog);
		return st;
	}
	*ret = prog;
	return OK;
}

void
cedar_program_unref(struct cedar_program *p)
{
	if (!p || __atomic_sub_fetch(&p->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	cedar_ast_unref(p->ast);
	arena_fini(&p->arena);
	free(p);
}
