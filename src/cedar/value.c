#include "cedar/sort.h"
#include "cedar/value.h"

const struct cedar_set cedar_set_empty = { .all_entities = true };
const struct cedar_record cedar_record_empty = { 0 };

const char *
cedar_kind_name(enum cedar_kind k)
{
	static const char *const name[CEDAR_KIND_COUNT] = {
		[CEDAR_NONE] = "error", [CEDAR_BOOL] = "bool", [CEDAR_LONG] = "long", [CEDAR_STRING] = "string",
		[CEDAR_ENTITY] = "entity", [CEDAR_SET] = "set", [CEDAR_RECORD] = "record", [CEDAR_DECIMAL] = "decimal",
		[CEDAR_IP] = "ipaddr", [CEDAR_DATETIME] = "datetime", [CEDAR_DURATION] = "duration",
	};
	return (unsigned)k < CEDAR_KIND_COUNT ? name[k] : "error";
}

/* Multiply-and-fold over 8-byte words. Not keyed: every structure that orders by it breaks ties by the bytes and searches
 * in logarithmic time, so collisions gain an attacker nothing. */
static inline uint64_t
fold(uint64_t a, uint64_t b)
{
	unsigned __int128 m = (unsigned __int128)a * b;
	return (uint64_t)m ^ (uint64_t)(m >> 64);
}

static uint64_t
hash_bytes(span s, uint64_t h)
{
	const uint8_t *p = s.p;
	size_t n = s.n;
	uint64_t w;
	h ^= (uint64_t)s.n * 0x9e3779b97f4a7c15u;
	while (n >= 8) {
		memcpy(&w, p, 8);
		h = fold(h ^ w, 0xe7037ed1a0b428dbu);
		p += 8;
		n -= 8;
	}
	if (n) {
		w = 0;
		memcpy(&w, p, n);
		h = fold(h ^ w ^ 0x8ebc6af09c88c6e3u, 0xa0761d6478bd642fu);
	}
	return fold(h ^ 0x589965cc75374cc3u, 0xe7037ed1a0b428dbu);
}

uint32_t
cedar_key_hash(span key)
{
	return (uint32_t)(hash_bytes(key, 0x2d358dccaa6c78a5u) >> 16);
}

void
cedar_uid_init(struct cedar_uid *u, span type, span id)
{
	u->type = cedar_name_make(type);
	u->id = id;
	u->hash = hash_bytes(id, 0x1d8e4e27c47d124fu ^ ((uint64_t)u->type.hash << 20));
}

const struct cedar_uid *
cedar_uid_new(struct arena *a, span type, span id)
{
	struct cedar_uid *u = arena_alloc(a, sizeof *u + type.n + id.n);
	if (!u)
		return NULL;
	uint8_t *p = (uint8_t *)(u + 1);
	if (type.n)
		memcpy(p, type.p, type.n);
	if (id.n)
		memcpy(p + type.n, id.p, id.n);
	cedar_uid_init(u, span_make(p, type.n), span_make(p + type.n, id.n));
	return u;
}

int
cedar_uid_cmp(const struct cedar_uid *a, const struct cedar_uid *b)
{
	if (a == b)
		return 0;
	if (a->hash != b->hash)
		return a->hash < b->hash ? -1 : 1;
	int c = span_cmp(a->type.text, b->type.text);
	return c ? c : span_cmp(a->id, b->id);
}

static int
ip_cmp(const struct cedar_ip *a, const struct cedar_ip *b)
{
	if (a->v6 != b->v6)
		return a->v6 < b->v6 ? -1 : 1;
	int c = memcmp(a->addr, b->addr, sizeof a->addr);
	return c ? c : (int)a->prefix - (int)b->prefix;
}

static int
set_cmp(const struct cedar_set *a, const struct cedar_set *b)
{
	if (a == b)
		return 0;
	if (a->n != b->n)
		return a->n < b->n ? -1 : 1;
	for (uint32_t i = 0; i < a->n; i++) {
		int c = cedar_value_cmp(a->items[i], b->items[i]);
		if (c)
			return c;
	}
	return 0;
}

static inline int
key_cmp(uint32_t ha, span a, uint32_t hb, span b)
{
	if (ha != hb)
		return ha < hb ? -1 : 1;
	if (a.n != b.n)
		return a.n < b.n ? -1 : 1;
	return a.n ? memcmp(a.p, b.p, a.n) : 0;
}

static int
member_cmp(const struct cedar_member *a, const struct cedar_member *b)
{
	return key_cmp(a->hash, span_make(a->key, a->key_n), b->hash, span_make(b->key, b->key_n));
}

static int
record_cmp(const struct cedar_record *a, const struct cedar_record *b)
{
	if (a == b)
		return 0;
	if (a->n != b->n)
		return a->n < b->n ? -1 : 1;
	for (uint32_t i = 0; i < a->n; i++) {
		int c = member_cmp(&a->members[i], &b->members[i]);
		if (!c)
			c = cedar_value_cmp(a->members[i].value, b->members[i].value);
		if (c)
			return c;
	}
	return 0;
}

int
cedar_value_cmp(struct cedar_value a, struct cedar_value b)
{
	if (a.kind != b.kind)
		return a.kind < b.kind ? -1 : 1;
	switch ((enum cedar_kind)a.kind) {
	case CEDAR_BOOL:
		return (int)a.b - (int)b.b;
	case CEDAR_LONG:
	case CEDAR_DECIMAL:
	case CEDAR_DATETIME:
	case CEDAR_DURATION:
		return (a.i > b.i) - (a.i < b.i);
	case CEDAR_STRING:
		if (a.n != b.n)
			return a.n < b.n ? -1 : 1;
		return a.n ? memcmp(a.s, b.s, a.n) : 0;
	case CEDAR_ENTITY:
		return cedar_uid_cmp(a.uid, b.uid);
	case CEDAR_SET:
		return set_cmp(a.set, b.set);
	case CEDAR_RECORD:
		return record_cmp(a.record, b.record);
	case CEDAR_IP:
		return ip_cmp(a.ip, b.ip);
	case CEDAR_NONE:
	case CEDAR_KIND_COUNT:
		break;
	}
	return 0;
}

bool
cedar_value_eq(struct cedar_value a, struct cedar_value b)
{
	if (a.kind != b.kind)
		return false;
	if (a.kind == CEDAR_ENTITY)
		return cedar_uid_eq(a.uid, b.uid);
	if (a.kind == CEDAR_STRING)
		return a.n == b.n && cedar_same(a.s, b.s, a.n);
	return cedar_value_cmp(a, b) == 0;
}

static int
value_cmp_v(const void *a, const void *b)
{
	return cedar_value_cmp(*(const struct cedar_value *)a, *(const struct cedar_value *)b);
}

static int
member_cmp_v(const void *a, const void *b)
{
	return member_cmp(a, b);
}

const struct cedar_set *
cedar_set_new(struct arena *a, struct cedar_value *items, uint32_t n)
{
	if (n == 0)
		return &cedar_set_empty;
	cedar_sort(items, n, sizeof *items, value_cmp_v);
	uint32_t m = 1;
	for (uint32_t i = 1; i < n; i++)
		if (!cedar_value_eq(items[m - 1], items[i]))
			items[m++] = items[i];
	struct cedar_set *s = arena_alloc(a, sizeof *s + m * sizeof *items);
	if (!s)
		return NULL;
	s->n = m;
	s->all_entities = true;
	memcpy(s->items, items, m * sizeof *items);
	for (uint32_t i = 0; i < m; i++)
		if (items[i].kind != CEDAR_ENTITY)
			s->all_entities = false;
	return s;
}

bool
cedar_set_contains(const struct cedar_set *s, struct cedar_value v)
{
	uint32_t lo = 0, hi = s->n;
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		int c = cedar_value_cmp(v, s->items[mid]);
		if (c == 0)
			return true;
		if (c < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return false;
}

/* Records of a request have a handful of members, and are made for every decision. */
static void
sort_members(struct cedar_member *m, uint32_t n)
{
	if (n > 16) {
		cedar_sort(m, n, sizeof *m, member_cmp_v);
		return;
	}
	for (uint32_t i = 1; i < n; i++) {
		struct cedar_member x = m[i];
		uint32_t j = i;
		for (; j > 0 && member_cmp(&x, &m[j - 1]) < 0; j--)
			m[j] = m[j - 1];
		m[j] = x;
	}
}

const struct cedar_record *
cedar_record_new(struct arena *a, struct cedar_member *members, uint32_t n, uint32_t *ret_dup)
{
	*ret_dup = UINT32_MAX;
	if (n == 0)
		return &cedar_record_empty;
	for (uint32_t i = 0; i < n; i++)
		members[i].hash = cedar_key_hash(span_make(members[i].key, members[i].key_n));
	sort_members(members, n);
	for (uint32_t i = 1; i < n; i++)
		if (member_cmp(&members[i - 1], &members[i]) == 0) {
			*ret_dup = i;
			return NULL;
		}
	struct cedar_record *r = arena_alloc(a, sizeof *r + n * sizeof *members);
	if (!r)
		return NULL;
	r->n = n;
	memcpy(r->members, members, n * sizeof *members);
	return r;
}

struct cedar_shape {
	uint32_t n;
	uint32_t from[CEDAR_SHAPE_MAX];  /* which value each member takes */
	const struct cedar_record *keys; /* sorted */
};

const struct cedar_shape *
cedar_shape_new(struct arena *a, const span *keys, uint32_t n)
{
	struct cedar_member m[CEDAR_SHAPE_MAX];
	uint32_t dup;
	struct cedar_shape *s = n && n <= CEDAR_SHAPE_MAX ? arena_zalloc(a, sizeof *s) : NULL;
	if (!s)
		return NULL;
	for (uint32_t i = 0; i < n; i++)
		m[i] = (struct cedar_member){ .key = keys[i].p, .key_n = (uint32_t)keys[i].n, .value = cedar_long(i) };
	const struct cedar_record *r = cedar_record_new(a, m, n, &dup);
	if (!r)
		return NULL;
	s->n = n;
	s->keys = r;
	for (uint32_t i = 0; i < n; i++)
		s->from[i] = (uint32_t)r->members[i].value.i;
	return s;
}

const struct cedar_record *
cedar_record_shaped(struct arena *a, const struct cedar_shape *s, const struct cedar_value *values)
{
	struct cedar_record *r = arena_alloc(a, sizeof *r + s->n * sizeof r->members[0]);
	if (!r)
		return NULL;
	r->n = s->n;
	for (uint32_t i = 0; i < s->n; i++) {
		r->members[i] = s->keys->members[i];
		r->members[i].value = values[s->from[i]];
	}
	return r;
}

const struct cedar_value *
cedar_record_search(const struct cedar_record *r, span key, uint32_t hash)
{
	uint32_t lo = 0, hi = r->n;
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		const struct cedar_member *m = &r->members[mid];
		int c = key_cmp(hash, key, m->hash, span_make(m->key, m->key_n));
		if (c == 0)
			return &m->value;
		if (c < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return NULL;
}

static int
readable_cmp(const void *a, const void *b)
{
	const struct cedar_member *x = *(const struct cedar_member *const *)a;
	const struct cedar_member *y = *(const struct cedar_member *const *)b;
	return span_cmp(span_make(x->key, x->key_n), span_make(y->key, y->key_n));
}

void
cedar_record_sorted(const struct cedar_record *r, const struct cedar_member **order)
{
	for (uint32_t i = 0; i < r->n; i++)
		order[i] = &r->members[i];
	cedar_sort(order, r->n, sizeof *order, readable_cmp);
}
