#include "tests/test.h"

#include "cedar/entities.h"

#define N 14

/* What the store should hold: parents by number, present or not. */
struct model {
	bool present[N];
	bool parent[N][N];
};

static struct cedar_uid names[N];

static void
name_all(void)
{
	static char ids[N][4];
	for (int i = 0; i < N; i++) {
		snprintf(ids[i], sizeof ids[i], "%d", i);
		cedar_uid_init(&names[i], i % 2 ? SPAN("A") : SPAN("N::B"), span_str(ids[i]));
	}
}

static bool
reaches(const struct model *m, int from, int to, int left)
{
	if (!m->present[from] || left == 0)
		return false;
	for (int p = 0; p < N; p++)
		if (m->parent[from][p] && (p == to || reaches(m, p, to, left - 1)))
			return true;
	return false;
}

static void
check(const struct cedar_entities *s, const struct model *m)
{
	size_t present = 0;
	for (int i = 0; i < N; i++) {
		const struct cedar_entity *e = cedar_entities_find(s, &names[i]);
		present += m->present[i];
		assert_int_equal(e != NULL, m->present[i]);
		if (!e)
			continue;
		assert_true(cedar_uid_eq(e->uid, &names[i]));
		uint32_t n = 0;
		for (int k = 0; k < N; k++) {
			bool up = reaches(m, i, k, N);
			n += up;
			assert_int_equal(cedar_entity_has_ancestor(e, &names[k]), up);
		}
		assert_int_equal(e->ancestor_n, n);
		const struct cedar_value *v = cedar_record_get(e->attrs, SPAN("i"));
		assert_int_equal(v->i, i);
	}
	assert_int_equal(cedar_entities_count(s), present);
	size_t pos = 0, seen = 0;
	while (cedar_entities_next(s, &pos))
		seen++;
	assert_int_equal(seen, present);
}

static uint32_t state = 12345;

static uint32_t
below(uint32_t n)
{
	state = state * 1664525 + 1013904223;
	return (state >> 16) % n;
}

static status
put(struct cedar_entities *s, struct arena *a, int i, const bool *parent)
{
	const struct cedar_uid *parents[2 * N];
	uint32_t n = 0, dup;
	struct cedar_member m[] = { { .key = (const uint8_t *)"i", .key_n = 1, .value = cedar_long(i) } };
	for (int p = 0; p < N; p++)
		if (parent[p]) {
			parents[n++] = &names[p];
			if (below(4) == 0)
				parents[n++] = &names[p];       /* a duplicate is nothing new */
		}
	struct cedar_entity e = { .uid = &names[i], .attrs = cedar_record_new(a, m, 1, &dup), .parents = parents, .parent_n = n };
	return cedar_entities_put(s, &e, NULL);
}

static void
follows_the_model(void **)
{
	struct arena a;
	name_all();
	for (unsigned round = 0; round < 40; round++) {
		struct model m = { 0 };
		struct cedar_entities *s = cedar_entities_new(round);
		arena_init(&a, 1u << 24);
		for (unsigned step = 0; step < 120; step++) {
			int i = (int)below(N);
			if (below(4) == 0) {
				bool found;
				assert_ok(cedar_entities_remove(s, &names[i], &found));
				assert_int_equal(found, m.present[i]);
				m.present[i] = false;
				memset(m.parent[i], 0, sizeof m.parent[i]);
			} else {
				struct model next = m;
				next.present[i] = true;
				for (int p = 0; p < N; p++)
					next.parent[i][p] = below(6) == 0;
				status st = put(s, &a, i, next.parent[i]);
				if (next.parent[i][i] || reaches(&next, i, i, N)) {
					assert_int_equal(st.code, E_BAD_ENTITY);
				} else {
					assert_ok(st);
					m = next;
				}
			}
			check(s, &m);
		}
		cedar_entities_free(s);
		arena_fini(&a);
	}
}

static void
loads_in_one_go(void **)
{
	struct arena a;
	name_all();
	for (unsigned round = 0; round < 200; round++) {
		struct model m = { 0 };
		struct cedar_entities *s = cedar_entities_new(round);
		bool cyclic = false;
		arena_init(&a, 1u << 24);
		cedar_entities_begin(s);
		for (int i = 0; i < N; i++) {
			m.present[i] = below(5) != 0;
			for (int p = 0; p < N; p++)
				m.parent[i][p] = below(9) == 0 && m.present[i] && (round % 4 == 0 || p > i);
			if (m.present[i])
				assert_ok(put(s, &a, i, m.parent[i]));
		}
		for (int i = 0; i < N; i++)
			cyclic |= reaches(&m, i, i, N);
		status st = cedar_entities_commit(s, NULL);
		assert_int_equal(st.code, cyclic ? E_BAD_ENTITY : E_OK);
		if (!cyclic)
			check(s, &m);
		cedar_entities_free(s);
		arena_fini(&a);
	}
}

static void
holds_many(void **)
{
	struct cedar_entities *s = cedar_entities_new(1);
	struct cedar_uid top, u;
	bool found;
	cedar_uid_init(&top, SPAN("T"), SPAN("top"));
	const struct cedar_uid *parents[] = { &top };
	char id[16];
	for (int i = 0; i < 5000; i++) {
		cedar_uid_init(&u, SPAN("U"), span_make(id, (size_t)snprintf(id, sizeof id, "%d", i)));
		assert_ok(cedar_entities_put(s, &(struct cedar_entity){ .uid = &u, .parents = parents, .parent_n = 1 }, NULL));
	}
	assert_int_equal(cedar_entities_count(s), 5000);
	for (int i = 0; i < 5000; i += 2) {
		cedar_uid_init(&u, SPAN("U"), span_make(id, (size_t)snprintf(id, sizeof id, "%d", i)));
		assert_ok(cedar_entities_remove(s, &u, &found));
		assert_true(found);
	}
	for (int i = 0; i < 5000; i++) {
		cedar_uid_init(&u, SPAN("U"), span_make(id, (size_t)snprintf(id, sizeof id, "%d", i)));
		const struct cedar_entity *e = cedar_entities_find(s, &u);
		assert_int_equal(e != NULL, i % 2);
		assert_true(!e || cedar_entity_has_ancestor(e, &top));
	}
	cedar_entities_free(s);
}

static void
many_ancestors(void **)
{
	struct cedar_entities *s = cedar_entities_new(1);
	struct cedar_uid u[60];
	char id[60][8];
	for (int i = 0; i < 60; i++) {
		cedar_uid_init(&u[i], SPAN("U"), span_make(id[i], (size_t)snprintf(id[i], 8, "%d", i)));
		const struct cedar_uid *parents[] = { i ? &u[i - 1] : NULL };
		assert_ok(cedar_entities_put(s, &(struct cedar_entity){ .uid = &u[i], .parents = parents, .parent_n = i > 0 }, NULL));
	}
	const struct cedar_entity *e = cedar_entities_find(s, &u[59]);
	assert_int_equal(e->ancestor_n, 59);
	for (int i = 0; i < 60; i++)
		assert_int_equal(cedar_entity_has_ancestor(e, &u[i]), i < 59);
	cedar_entities_free(s);
}

static void
refuses_too_many_parents(void **)
{
	struct cedar_entities *s = cedar_entities_new(1);
	struct cedar_uid u, p;
	static const struct cedar_uid *parents[CEDAR_MAX_PARENTS + 1];
	struct cedar_diag d;
	cedar_uid_init(&u, SPAN("U"), SPAN("u"));
	cedar_uid_init(&p, SPAN("U"), SPAN("p"));
	for (size_t i = 0; i < ARRAY_LEN(parents); i++)
		parents[i] = &p;
	assert_fails(cedar_entities_put(s, &(struct cedar_entity){ .uid = &u, .parents = parents, .parent_n = ARRAY_LEN(parents) }, &d), E_LIMIT);
	assert_ok(cedar_entities_put(s, &(struct cedar_entity){ .uid = &u, .parents = parents, .parent_n = ARRAY_LEN(parents) - 1 }, &d));
	assert_int_equal(cedar_entities_find(s, &u)->parent_n, 1);
	cedar_entities_free(s);
}

TEST_MAIN(T(follows_the_model), T(loads_in_one_go), T(holds_many), T(many_ancestors), T(refuses_too_many_parents))
