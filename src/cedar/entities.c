#include "cedar/entities.h"

#include "cedar/sort.h"

#include <stdlib.h>

/* One for every name that the store has met as an entity or as a parent. `present`: it has data of its own. */
struct node {
	struct cedar_entity e;           /* .uid == &uid; parents point to the `uid` of other nodes */
	struct cedar_uid uid;            /* its text follows the struct */
	bool present;
	uint8_t mark;                    /* of a walk */
	uint32_t child_n, child_cap, walk;
	struct node **children;          /* whose parent this is */
	void *data;                      /* attributes and tags */
	struct cedar_ancestor *fresh;    /* closure being computed */
	uint32_t fresh_n;
};

struct slot {
	uint64_t hash;
	struct node *node;
};

struct cedar_entities {
	struct slot *slots;
	size_t nodes, present;
	unsigned bits;                   /* 1 << bits slots; INVARIANT: at most half are in use */
	uint64_t multiplier;
	bool batch;
};

static inline struct node *
node_of(const struct cedar_uid *uid)
{
	return container_of(uid, struct node, uid);
}

struct cedar_entities *
cedar_entities_new(uint64_t seed)
{
	struct cedar_entities *s = calloc(1, sizeof *s);
	if (!s)
		return NULL;
	s->bits = 6;
	s->multiplier = (seed ^ 0x9e3779b97f4a7c15u) | 1;
	s->slots = calloc((size_t)1 << s->bits, sizeof *s->slots);
	if (!s->slots) {
		free(s);
		return NULL;
	}
	return s;
}

static void
node_free(struct node *n)
{
	free(n->children);
	free(n->data);
	free((void *)n->e.parents);
	free((void *)n->e.ancestors);
	free(n->fresh);
	free(n);
}

void
cedar_entities_free(struct cedar_entities *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < (size_t)1 << s->bits; i++)
		if (s->slots[i].node)
			node_free(s->slots[i].node);
	free(s->slots);
	free(s);
}

static inline size_t
bucket(const struct cedar_entities *s, uint64_t hash)
{
	return (size_t)((hash * s->multiplier) >> (64 - s->bits));
}

static struct node *
find(const struct cedar_entities *s, const struct cedar_uid *uid)
{
	size_t mask = ((size_t)1 << s->bits) - 1;
	for (size_t i = bucket(s, uid->hash); s->slots[i].node; i = (i + 1) & mask)
		if (s->slots[i].hash == uid->hash && cedar_uid_eq(&s->slots[i].node->uid, uid))
			return s->slots[i].node;
	return NULL;
}

static status
grow(struct cedar_entities *s)
{
	struct slot *old = s->slots;
	size_t n = (size_t)1 << s->bits;
	struct slot *slots = calloc(n * 2, sizeof *slots);
	ENSURE(slots, E_NO_MEMORY);
	s->slots = slots;
	s->bits++;
	for (size_t i = 0; i < n; i++) {
		if (!old[i].node)
			continue;
		size_t j = bucket(s, old[i].hash);
		while (slots[j].node)
			j = (j + 1) & (n * 2 - 1);
		slots[j] = old[i];
	}
	free(old);
	return OK;
}

static status
intern(struct cedar_entities *s, const struct cedar_uid *uid, struct node **ret)
{
	struct node *n = find(s, uid);
	if (n) {
		*ret = n;
		return OK;
	}
	if ((s->nodes + 1) * 2 > (size_t)1 << s->bits)
		TRY(grow(s));
	n = calloc(1, sizeof *n + uid->type.text.n + uid->id.n);
	ENSURE(n, E_NO_MEMORY);
	uint8_t *text = (uint8_t *)(n + 1);
	n->uid = *uid;
	if (uid->type.text.n)
		memcpy(text, uid->type.text.p, uid->type.text.n);
	if (uid->id.n)
		memcpy(text + uid->type.text.n, uid->id.p, uid->id.n);
	n->uid.type.text.p = text;
	n->uid.id.p = text + uid->type.text.n;
	n->e = (struct cedar_entity){ .uid = &n->uid, .attrs = &cedar_record_empty, .tags = &cedar_record_empty };
	size_t i = bucket(s, uid->hash), mask = ((size_t)1 << s->bits) - 1;
	while (s->slots[i].node)
		i = (i + 1) & mask;
	s->slots[i] = (struct slot){ uid->hash, n };
	s->nodes++;
	*ret = n;
	return OK;
}

/* Takes the node out of the table; the ones behind it move up, so that no search meets a hole. */
static void
forget(struct cedar_entities *s, struct node *n)
{
	size_t mask = ((size_t)1 << s->bits) - 1, i = bucket(s, n->uid.hash);
	while (s->slots[i].node != n)
		i = (i + 1) & mask;
	for (size_t j = (i + 1) & mask; s->slots[j].node; j = (j + 1) & mask) {
		size_t home = bucket(s, s->slots[j].hash);
		if (((j - home) & mask) >= ((j - i) & mask)) {
			s->slots[i] = s->slots[j];
			i = j;
		}
	}
	s->slots[i] = (struct slot){ 0 };
	s->nodes--;
	node_free(n);
}

/* A node that is neither an entity nor anybody's parent has no reason to stay. */
static void
forget_if_unused(struct cedar_entities *s, struct node *n)
{
	if (!n->present && n->child_n == 0)
		forget(s, n);
}

static int
ancestor_cmp(const void *a, const void *b)
{
	return cedar_uid_cmp(((const struct cedar_ancestor *)a)->uid, ((const struct cedar_ancestor *)b)->uid);
}

static uint32_t
ancestors_unique(struct cedar_ancestor *list, uint32_t n)
{
	uint32_t m = 0;
	cedar_sort(list, n, sizeof *list, ancestor_cmp);
	for (uint32_t i = 0; i < n; i++)
		if (m == 0 || !cedar_uid_eq(list[m - 1].uid, list[i].uid))
			list[m++] = list[i];
	return m;
}

/* n->fresh from the parents, which have theirs already if they change in the same walk (mark 2). */
static status
close_one(struct node *n, const struct cedar_uid *const *parents, uint32_t parent_n)
{
	size_t total = 0;
	for (uint32_t i = 0; i < parent_n; i++) {
		struct node *p = node_of(parents[i]);
		total += 1u + (p->mark == 2 ? p->fresh_n : p->e.ancestor_n);
	}
	struct cedar_ancestor *list = malloc((total + 1) * sizeof *list);
	ENSURE(list, E_NO_MEMORY);
	uint32_t m = 0;
	for (uint32_t i = 0; i < parent_n; i++) {
		struct node *p = node_of(parents[i]);
		const struct cedar_ancestor *up = p->mark == 2 ? p->fresh : p->e.ancestors;
		uint32_t up_n = p->mark == 2 ? p->fresh_n : p->e.ancestor_n;
		list[m++] = (struct cedar_ancestor){ p->uid.hash, &p->uid };
		if (up_n)
			memcpy(list + m, up, up_n * sizeof *list);
		m += up_n;
	}
	n->fresh = list;
	n->fresh_n = ancestors_unique(list, m);
	n->mark = 2;
	return OK;
}

struct walk {
	struct node **list;
	size_t n, cap;
};

static status
walk_push(struct walk *w, struct node *n)
{
	if (w->n == w->cap) {
		size_t cap = w->cap ? w->cap * 2 : 16;
		struct node **list = reallocarray(w->list, cap, sizeof *list);
		ENSURE(list, E_NO_MEMORY);
		w->list = list;
		w->cap = cap;
	}
	w->list[w->n++] = n;
	return OK;
}

static void
walk_fini(struct walk *w)
{
	free(w->list);
}

/* Descendants of n in post-order (deepest first, n last), each marked 1. There are no cycles below. */
static status
descendants(struct node *n, struct walk *done)
{
	CLEANUP(walk_fini) struct walk path = { 0 };
	n->mark = 1;
	n->walk = 0;
	TRY(walk_push(&path, n));
	while (path.n) {
		struct node *top = path.list[path.n - 1];
		if (top->walk == top->child_n) {
			TRY(walk_push(done, top));
			path.n--;
			continue;
		}
		struct node *child = top->children[top->walk++];
		if (child->mark == 0) {
			child->mark = 1;
			child->walk = 0;
			TRY(walk_push(&path, child));
		}
	}
	return OK;
}

/* Puts the closures computed by a walk in place, or drops them. */
static void
walk_settle(struct walk *w, bool keep)
{
	for (size_t i = 0; i < w->n; i++) {
		struct node *n = w->list[i];
		if (keep && n->mark == 2) {
			free((void *)n->e.ancestors);
			n->e.ancestors = n->fresh;
			n->e.ancestor_n = n->fresh_n;
		} else {
			free(n->fresh);
		}
		n->fresh = NULL;
		n->fresh_n = 0;
		n->mark = 0;
	}
}

static void
clear_marks(struct cedar_entities *s)
{
	for (size_t i = 0; i < (size_t)1 << s->bits; i++)
		if (s->slots[i].node)
			s->slots[i].node->mark = 0;
}

/* Recomputes the closures of n, which is about to have these parents, and of all below it. */
static status
close_below(struct cedar_entities *s, struct node *n, const struct cedar_uid *const *parents, uint32_t parent_n)
{
	CLEANUP(walk_fini) struct walk w = { 0 };
	status st = descendants(n, &w);
	if (failed(st)) {
		clear_marks(s);
		return st;
	}
	for (size_t i = w.n; i-- > 0 && !failed(st);)
		st = w.list[i] == n ? close_one(n, parents, parent_n) : close_one(w.list[i], w.list[i]->e.parents, w.list[i]->e.parent_n);
	walk_settle(&w, !failed(st));
	return st;
}

bool
cedar_entity_has_ancestor(const struct cedar_entity *e, const struct cedar_uid *uid)
{
	uint32_t lo = 0, hi = e->ancestor_n;
	if (hi <= 8) {
		for (; lo < hi; lo++)
			if (e->ancestors[lo].hash == uid->hash && cedar_uid_eq(e->ancestors[lo].uid, uid))
				return true;
		return false;
	}
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		int c = uid->hash != e->ancestors[mid].hash ? (uid->hash < e->ancestors[mid].hash ? -1 : 1) :
		        cedar_uid_cmp(uid, e->ancestors[mid].uid);
		if (c == 0)
			return true;
		if (c < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return false;
}

static void
unlink_child(struct node *parent, struct node *child)
{
	for (uint32_t i = 0; i < parent->child_n; i++)
		if (parent->children[i] == child) {
			parent->children[i] = parent->children[--parent->child_n];
			return;
		}
}

static status
children_reserve(struct node *n)
{
	if (n->child_n < n->child_cap)
		return OK;
	uint32_t cap = n->child_cap ? n->child_cap * 2 : 2;
	struct node **list = reallocarray(n->children, cap, sizeof *list);
	ENSURE(list, E_NO_MEMORY);
	n->children = list;
	n->child_cap = cap;
	return OK;
}

/* The nodes of the parents without duplicates; makes missing ones. */
static status
resolve_parents(struct cedar_entities *s, const struct cedar_entity *e, const struct cedar_uid **list, uint32_t *ret_n)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < e->parent_n; i++) {
		struct node *p;
		TRY(intern(s, e->parents[i], &p));
		if (p->mark == 3)
			continue;
		p->mark = 3;
		list[n++] = &p->uid;
		status st = children_reserve(p);
		if (failed(st)) {
			*ret_n = n;
			return st;
		}
		*ret_n = n;
	}
	return OK;
}

static bool
same_parents(const struct node *n, const struct cedar_uid *const *parents, uint32_t parent_n)
{
	if (n->e.parent_n != parent_n)
		return false;
	for (uint32_t i = 0; i < parent_n; i++)
		if (n->e.parents[i] != parents[i])
			return false;
	return true;
}

static void
set_parents(struct cedar_entities *s, struct node *n, const struct cedar_uid *const *own_parents, uint32_t parent_n)
{
	const struct cedar_uid *const *old = n->e.parents;
	uint32_t old_n = n->e.parent_n;
	n->e.parents = own_parents;
	n->e.parent_n = parent_n;
	for (uint32_t i = 0; i < old_n; i++)
		unlink_child(node_of(old[i]), n);
	for (uint32_t i = 0; i < parent_n; i++) {
		struct node *p = node_of(own_parents[i]);
		p->children[p->child_n++] = n;
	}
	for (uint32_t i = 0; i < old_n; i++)
		forget_if_unused(s, node_of(old[i]));
	free((void *)old);
}

static void
set_data(struct cedar_entities *s, struct node *n, void *own_data, const struct cedar_record *attrs, const struct cedar_record *tags,
         bool present)
{
	free(n->data);
	n->data = own_data;
	n->e.attrs = attrs;
	n->e.tags = tags;
	s->present += (size_t)present - (size_t)n->present;
	n->present = present;
}

static status
cycle(const struct cedar_uid *uid, struct cedar_diag *d)
{
	return cedar_diag_set(d, E_BAD_ENTITY, (struct cedar_pos){ 0 }, "an entity may not be its own ancestor",
	                      "the parents of %.*s::\"%.*s\" lead back to it", SPAN_ARG(span_sub(uid->type.text, 0, 60)),
	                      SPAN_ARG(span_sub(uid->id, 0, 60)));
}

/* With the parents' nodes made and their child lists wide enough: nothing below may fail after the closures are set. */
static status
put_node(struct cedar_entities *s, struct node *n, const struct cedar_entity *e, const struct cedar_uid ***own_parents,
         uint32_t parent_n, struct cedar_diag *d)
{
	const struct cedar_uid *const *parents = *own_parents;
	struct cedar_value attrs = cedar_record_value(e->attrs ? e->attrs : &cedar_record_empty);
	struct cedar_value tags = cedar_record_value(e->tags ? e->tags : &cedar_record_empty);
	bool moved = !same_parents(n, parents, parent_n);
	for (uint32_t i = 0; !s->batch && i < parent_n; i++)
		if (parents[i] == &n->uid || cedar_entity_has_ancestor(&node_of(parents[i])->e, &n->uid))
			return cycle(&n->uid, d);
	uint8_t *data = malloc(cedar_value_size(attrs) + cedar_value_size(tags) + 1), *p = data;
	ENSURE(data, E_NO_MEMORY);
	if (moved && !s->batch) {
		status st = close_below(s, n, parents, parent_n);
		if (failed(st)) {
			free(data);
			return st;
		}
	}
	attrs = cedar_value_copy_to(&p, attrs);
	tags = cedar_value_copy_to(&p, tags);
	set_data(s, n, data, attrs.record, tags.record, true);
	if (moved)
		set_parents(s, n, TAKE(*own_parents), parent_n);
	return OK;
}

status
cedar_entities_put(struct cedar_entities *s, const struct cedar_entity *e, struct cedar_diag *d)
{
	struct node *n;
	uint32_t parent_n = 0;
	if (e->parent_n > CEDAR_MAX_PARENTS)
		return cedar_diag_set(d, E_LIMIT, (struct cedar_pos){ 0 }, NULL, "an entity has more than %d parents", CEDAR_MAX_PARENTS);
	const struct cedar_uid **parents = calloc((size_t)e->parent_n + 1, sizeof *parents);
	ENSURE(parents, E_NO_MEMORY);
	status st = intern(s, e->uid, &n);
	if (failed(st)) {
		free(parents);
		return st;
	}
	st = resolve_parents(s, e, parents, &parent_n);
	for (uint32_t i = 0; i < parent_n; i++)
		node_of(parents[i])->mark = 0;
	if (!failed(st))
		st = put_node(s, n, e, &parents, parent_n, d);
	if (failed(st)) {
		/* Nodes made on the way are of no use. A self-parent is n itself. */
		for (uint32_t i = 0; i < parent_n; i++)
			if (node_of(parents[i]) != n)
				forget_if_unused(s, node_of(parents[i]));
		forget_if_unused(s, n);
	}
	free(parents);
	return st;
}

status
cedar_entities_remove(struct cedar_entities *s, const struct cedar_uid *uid, bool *ret_found)
{
	struct node *n = find(s, uid);
	*ret_found = n && n->present;
	if (!*ret_found)
		return OK;
	if (!s->batch)
		TRY(close_below(s, n, NULL, 0));
	set_data(s, n, NULL, &cedar_record_empty, &cedar_record_empty, false);
	set_parents(s, n, NULL, 0);
	forget_if_unused(s, n);
	return OK;
}

void
cedar_entities_begin(struct cedar_entities *s)
{
	s->batch = true;
}

/* Visits n after all its ancestors, computing closures; mark 1 is "on the path". */
static status
close_upward(struct node *n, struct walk *path, struct walk *done, struct cedar_diag *d)
{
	n->mark = 1;
	n->walk = 0;
	path->n = 0;
	TRY(walk_push(path, n));
	while (path->n) {
		struct node *top = path->list[path->n - 1];
		if (top->walk == top->e.parent_n) {
			TRY(walk_push(done, top));
			TRY(close_one(top, top->e.parents, top->e.parent_n));
			path->n--;
			continue;
		}
		struct node *p = node_of(top->e.parents[top->walk++]);
		if (p->mark == 1)
			return cycle(&p->uid, d);
		if (p->mark == 0) {
			p->mark = 1;
			p->walk = 0;
			TRY(walk_push(path, p));
		}
	}
	return OK;
}

status
cedar_entities_commit(struct cedar_entities *s, struct cedar_diag *d)
{
	CLEANUP(walk_fini) struct walk path = { 0 }, done = { 0 };
	status st = OK;
	s->batch = false;
	for (size_t i = 0; i < (size_t)1 << s->bits && !failed(st); i++)
		if (s->slots[i].node && s->slots[i].node->mark == 0)
			st = close_upward(s->slots[i].node, &path, &done, d);
	walk_settle(&done, !failed(st));
	clear_marks(s);
	return st;
}

const struct cedar_entity *
cedar_entities_find(const struct cedar_entities *s, const struct cedar_uid *uid)
{
	const struct node *n = find(s, uid);
	return n && n->present ? &n->e : NULL;
}

size_t
cedar_entities_count(const struct cedar_entities *s)
{
	return s->present;
}

const struct cedar_entity *
cedar_entities_next(const struct cedar_entities *s, size_t *pos)
{
	while (*pos < (size_t)1 << s->bits) {
		const struct node *n = s->slots[(*pos)++].node;
		if (n && n->present)
			return &n->e;
	}
	return NULL;
}

const struct cedar_entity *
cedar_entity_make(struct arena *a, const struct cedar_entities *s, const struct cedar_uid *uid, const struct cedar_record *attrs,
                  const struct cedar_record *tags, const struct cedar_uid *const *parents, uint32_t parent_n)
{
	struct cedar_entity *e = ARENA_NEW(a, struct cedar_entity);
	size_t total = 0;
	for (uint32_t i = 0; i < parent_n; i++) {
		const struct cedar_entity *p = cedar_entities_find(s, parents[i]);
		total += 1u + (p ? p->ancestor_n : 0);
	}
	struct cedar_ancestor *list = arena_array(a, total, sizeof *list);
	if (!e || !list)
		return NULL;
	uint32_t m = 0;
	for (uint32_t i = 0; i < parent_n; i++) {
		const struct cedar_entity *p = cedar_entities_find(s, parents[i]);
		list[m++] = (struct cedar_ancestor){ parents[i]->hash, parents[i] };
		for (uint32_t k = 0; p && k < p->ancestor_n; k++)
			list[m++] = p->ancestors[k];
	}
	*e = (struct cedar_entity){ uid, attrs ? attrs : &cedar_record_empty, tags ? tags : &cedar_record_empty, parents, list,
	                            parent_n, ancestors_unique(list, m) };
	return e;
}
