/* schema_table: reads a tree into a C struct by a table, and says everything that is wrong at once.
 *
 *   static const struct schema_field tier_fields[] = {
 *     { "name", SCHEMA_STR, SCHEMA_AT(struct tier, name), .required = true, .max = 63, .doc = "…" },
 *     { "max_ttl", SCHEMA_DURATION, SCHEMA_AT(struct tier, max_ttl), .min = TIME_SECOND, .max = 24 * 3600 * TIME_SECOND },
 *     { "audit", SCHEMA_WORD, SCHEMA_AT(struct tier, audit), .words = (const char *const[]){ "durable", "buffered", NULL } },
 *   };
 *   static const struct schema tier_schema = SCHEMA(struct tier, tier_fields, "tier");
 *
 *   ambit.yaml:3:5: unknown key "tirr", did you mean "tier"?
 */
#ifndef AMBIT_TEXT_SCHEMA_TABLE_H
#define AMBIT_TEXT_SCHEMA_TABLE_H

#include "text/yaml.h"

/* What a field is and what stands at its offset. */
enum schema_kind {
	SCHEMA_STR,             /* span (in the tree's arena); min, max bound its bytes */
	SCHEMA_INT,             /* int64_t; min, max its value */
	SCHEMA_BOOL,            /* bool */
	SCHEMA_DURATION,        /* "15m" -> int64_t nanoseconds; min, max */
	SCHEMA_WORD,            /* one of `words` -> int, its number */
	SCHEMA_OBJ,             /* a struct read by `sub` */
	SCHEMA_STRS,            /* list of strings -> struct schema_list of span; min, max bound the count */
	SCHEMA_OBJS,            /* list of objects -> struct schema_list of structs read by `sub`; min, max bound the count */
	SCHEMA_TREE,            /* anything -> const struct json * */
};

struct schema;

struct schema_field {
	const char *key;
	uint8_t kind;                   /* enum schema_kind */
	size_t offset;
	bool required;
	int64_t min, max;               /* both 0: no bounds; max 0: no upper bound */
	const char *const *words;       /* NULL-terminated */
	const struct schema *sub;
	size_t has;                     /* SCHEMA_HAS: a bool that becomes true when the key is there; 0: none */
	const char *doc;
};

struct schema {
	const char *name;
	const struct schema_field *fields;
	size_t n, size;                 /* fields; bytes of the struct */
	const void *init;               /* defaults of one struct in a list; NULL: zeros */
};

struct schema_list {
	void *items;
	size_t n;
};

#define SCHEMA_AT(type, member)  offsetof(type, member)
#define SCHEMA_HAS(type, member) (1 + offsetof(type, member))
#define SCHEMA(type, table, what) { .name = (what), .fields = (table), .n = ARRAY_LEN(table), .size = sizeof(type) }

/* Fills *ret, which the caller has set to its defaults: absent keys leave their fields alone. Every fault is a line in reterr (may be
 * NULL), twenty at most; with `y` it begins "file:line:col: ", else (a tree from JSON, y NULL) with the RFC 6901 pointer of
 * the object in question and ": ". Lists live in `a`. E_BAD_CONFIG when anything was wrong; E_LIMIT, E_NO_MEMORY. */
status schema_read(const struct schema *s, const struct json *v, const struct yaml *y, struct arena *a, void *ret, struct buf *reterr);

/* "file:line:col: " of a place, for faults that the caller finds itself. */
void schema_where(const struct yaml *y, uint32_t at, struct buf *out);

/* The table as Markdown rows: key, kind, bounds, doc. */
void schema_doc(const struct schema *s, struct buf *out);

#endif
