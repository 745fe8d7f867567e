/* value: what a Cedar expression evaluates to, and the names of entities.
 *
 * Values are plain 16-byte structs passed by copy; what they point to is immutable and lives in an arena of somebody else's
 * (a policy set, an entity store, a request). Nothing here is freed on its own. */
#ifndef AMBIT_CEDAR_VALUE_H
#define AMBIT_CEDAR_VALUE_H

#include "base/arena.h"
#include "base/span.h"

enum cedar_kind {
	CEDAR_NONE = 0,          /* no value: an evaluation error; zeroed memory */
	CEDAR_BOOL,
	CEDAR_LONG,
	CEDAR_STRING,
	CEDAR_ENTITY,
	CEDAR_SET,
	CEDAR_RECORD,
	CEDAR_DECIMAL,           /* i: value * 10^4 */
	CEDAR_IP,
	CEDAR_DATETIME,          /* i: milliseconds since 1970 */
	CEDAR_DURATION,          /* i: milliseconds */
	CEDAR_KIND_COUNT
};

/* A type name such as "NS::User", normalised (no blanks). */
struct cedar_name {
	span text;
	uint32_t hash;           /* INVARIANT: cedar_name_hash(text) */
};

/* The name of an entity. The hash is over type and id; compare with cedar_uid_eq only. */
struct cedar_uid {
	struct cedar_name type;
	span id;
	uint64_t hash;           /* INVARIANT: as cedar_uid_init computes it */
};

struct cedar_ip {
	uint8_t addr[16];        /* network order; IPv4 uses the first four, the rest is zero */
	uint8_t v6;              /* 0 or 1 */
	uint8_t prefix;          /* <= 32 or <= 128 */
};

struct cedar_set;
struct cedar_record;

struct cedar_value {
	uint8_t kind;            /* enum cedar_kind */
	uint32_t n;              /* string: length in bytes */
	union {
		bool b;
		int64_t i;
		const uint8_t *s;
		const struct cedar_uid *uid;
		const struct cedar_set *set;
		const struct cedar_record *record;
		const struct cedar_ip *ip;
	};
};

/* INVARIANT: items ascend strictly by cedar_value_cmp (so no duplicates). */
struct cedar_set {
	uint32_t n;
	bool all_entities;       /* true for the empty set too */
	struct cedar_value items[];
};

struct cedar_member {
	const uint8_t *key;
	uint32_t key_n;
	uint32_t hash;           /* INVARIANT: cedar_key_hash(key) */
	struct cedar_value value;
};

/* INVARIANT: members ascend strictly by (hash, length, bytes) of the key. Use cedar_record_sorted for a readable order. */
struct cedar_record {
	uint32_t n;
	struct cedar_member members[];
};

extern const struct cedar_set cedar_set_empty;
extern const struct cedar_record cedar_record_empty;

static inline struct cedar_value cedar_bool(bool b) { return (struct cedar_value){ .kind = CEDAR_BOOL, .b = b }; }
static inline struct cedar_value cedar_long(int64_t i) { return (struct cedar_value){ .kind = CEDAR_LONG, .i = i }; }
/* Borrows s, which must be valid UTF-8 and shorter than 4 GiB. */
static inline struct cedar_value
cedar_string(span s)
{
	return (struct cedar_value){ .kind = CEDAR_STRING, .n = (uint32_t)s.n, .s = s.p };
}
static inline struct cedar_value
cedar_entity(const struct cedar_uid *u)
{
	return (struct cedar_value){ .kind = CEDAR_ENTITY, .uid = u };
}
static inline struct cedar_value
cedar_record_value(const struct cedar_record *r)
{
	return (struct cedar_value){ .kind = CEDAR_RECORD, .record = r };
}
static inline struct cedar_value
cedar_set_value(const struct cedar_set *s)
{
	return (struct cedar_value){ .kind = CEDAR_SET, .set = s };
}
static inline span cedar_string_span(struct cedar_value v) { return (span){ v.s, v.n }; }

/* "bool", "long", "string", "entity", "set", "record", "decimal", "ipaddr", "datetime", "duration". */
const char *cedar_kind_name(enum cedar_kind k);

uint32_t cedar_key_hash(span key);
static inline uint32_t cedar_name_hash(span text) { return cedar_key_hash(text); }
static inline struct cedar_name cedar_name_make(span text) { return (struct cedar_name){ text, cedar_name_hash(text) }; }
/* Equality of two runs of n bytes. Names are short: word by word in line beats a call of memcmp. */
static inline bool
cedar_same(const uint8_t *a, const uint8_t *b, size_t n)
{
	uint64_t x, y;
	uint32_t u, v;
	if (n >= 8) {
		for (size_t i = 0; i + 8 <= n; i += 8) {
			memcpy(&x, a + i, 8);
			memcpy(&y, b + i, 8);
			if (x != y)
				return false;
		}
		memcpy(&x, a + n - 8, 8);
		memcpy(&y, b + n - 8, 8);
		return x == y;
	}
	if (n >= 4) {
		memcpy(&u, a, 4);
		memcpy(&v, b, 4);
		if (u != v)
			return false;
		memcpy(&u, a + n - 4, 4);
		memcpy(&v, b + n - 4, 4);
		return u == v;
	}
	return n == 0 || (a[0] == b[0] && a[n / 2] == b[n / 2] && a[n - 1] == b[n - 1]);
}
static inline bool cedar_span_same(span a, span b) { return a.n == b.n && cedar_same(a.p, b.p, a.n); }
static inline bool
cedar_name_eq(const struct cedar_name *a, const struct cedar_name *b)
{
	return a->hash == b->hash && cedar_span_same(a->text, b->text);
}

/* Borrows both spans. */
void cedar_uid_init(struct cedar_uid *u, span type, span id);
/* In `a`, with copies of both; NULL when the arena overflowed. */
const struct cedar_uid *cedar_uid_new(struct arena *a, span type, span id);
static inline bool
cedar_uid_eq(const struct cedar_uid *a, const struct cedar_uid *b)
{
	return a == b || (a->hash == b->hash && cedar_span_same(a->id, b->id) && cedar_span_same(a->type.text, b->type.text));
}
/* Total order: hash, then type, then id. Not for people. */
int cedar_uid_cmp(const struct cedar_uid *a, const struct cedar_uid *b);

/* Structural equality and a total order over all values; neither allocates. The order is arbitrary but fixed in a process. */
bool cedar_value_eq(struct cedar_value a, struct cedar_value b);
int cedar_value_cmp(struct cedar_value a, struct cedar_value b);

/* Sorts, removes duplicates, copies into the arena. `items` is reordered. NULL when the arena overflowed. */
const struct cedar_set *cedar_set_new(struct arena *a, struct cedar_value *items, uint32_t n);
bool cedar_set_contains(const struct cedar_set *s, struct cedar_value v);

/* Sorts and copies into the arena; `members` is reordered, their hashes are computed here. *ret_dup is the index in the
 * reordered input of a key that occurs twice (then the result is NULL), else UINT32_MAX. NULL also on arena overflow. */
const struct cedar_record *cedar_record_new(struct arena *a, struct cedar_member *members, uint32_t n, uint32_t *ret_dup);
/* The value of a key whose hash is known, or NULL. The first is for records of any size. */
const struct cedar_value *cedar_record_search(const struct cedar_record *r, span key, uint32_t hash);
static inline const struct cedar_value *
cedar_record_find(const struct cedar_record *r, span key, uint32_t hash)
{
	if (r->n > 8)
		return cedar_record_search(r, key, hash);
	for (const struct cedar_member *m = r->members, *end = m + r->n; m < end; m++)
		if (m->hash == hash && m->key_n == key.n && cedar_same(m->key, key.p, key.n))
			return &m->value;
	return NULL;
}
static inline const struct cedar_value *
cedar_record_get(const struct cedar_record *r, span key)
{
	return cedar_record_find(r, key, cedar_key_hash(key));
}
/* Deep copies. cedar_value_size is the room that cedar_value_copy_to needs at an 8-byte aligned *p, which it moves on. */
size_t cedar_value_size(struct cedar_value v);
struct cedar_value cedar_value_copy_to(uint8_t **p, struct cedar_value v);
/* CEDAR_NONE when the arena overflowed. */
struct cedar_value cedar_value_copy(struct arena *a, struct cedar_value v);
/* Fills `order` (r->n places) with pointers to the members in byte order of the keys. */
void cedar_record_sorted(const struct cedar_record *r, const struct cedar_member **order);

/* The keys of a record that is made often, hashed and sorted once. Lives in `a`; the keys are borrowed. NULL on arena overflow, a
 * duplicate key, none, or more than CEDAR_SHAPE_MAX. */
enum { CEDAR_SHAPE_MAX = 32 };
struct cedar_shape;
const struct cedar_shape *cedar_shape_new(struct arena *a, const span *keys, uint32_t n);
/* A record of that shape; `values` in the order in which the keys were given. NULL on arena overflow. */
const struct cedar_record *cedar_record_shaped(struct arena *a, const struct cedar_shape *s, const struct cedar_value *values);

#endif
