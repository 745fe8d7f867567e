/* json: the one JSON reader and writer of the product.
 *
 * The reader is strict RFC 8259 and narrower: UTF-8 only, no byte order mark, no lone surrogate, no duplicate member
 * (compared after unescaping), nothing after the value, every limit explicit. It makes an immutable tree in an arena.
 * Members keep the order of the text.
 *
 * Trees borrow: strings without escapes, and the text of non-integer numbers, point into the input, so the input must
 * live as long as the tree (or set `copy`). */
#ifndef AMBIT_TEXT_JSON_H
#define AMBIT_TEXT_JSON_H

#include "base/arena.h"
#include "base/buf.h"

/* ORDER json_kind_name */
enum json_kind {
	JSON_NULL,
	JSON_BOOL,
	JSON_INT,    /* written without fraction and exponent, fits int64_t: exact, in .i */
	JSON_NUM,    /* any other finite number: its text and the nearest double */
	JSON_STR,
	JSON_ARR,
	JSON_OBJ,
};

struct json_member;

/* One value. Read the field that `kind` names, nothing else; never write. */
struct json {
	uint8_t kind;                   /* enum json_kind */
	bool truth;                     /* JSON_BOOL */
	uint32_t at;                    /* offset of its first byte in the text; 0 for built trees */
	union {
		int64_t i;              /* JSON_INT */
		span str;               /* JSON_STR: decoded, valid UTF-8 */
		struct {
			const uint8_t *text;
			uint32_t len;
			double d;       /* finite */
		} num;                  /* JSON_NUM */
		struct {
			const struct json *items;
			size_t n;
		} arr;                  /* JSON_ARR */
		struct {
			const struct json_member *members;
			size_t n;
			const uint32_t *sorted; /* member numbers in json_key_cmp order; NULL for small objects */
		} obj;                  /* JSON_OBJ */
	};
};

struct json_member {
	span key;                       /* decoded, valid UTF-8 */
	struct json value;
};

#define JSON_MAX_DEPTH 1024

struct json_opts {
	size_t max_bytes;               /* 0: 1 MiB; never above UINT32_MAX */
	uint32_t max_depth;             /* containers within containers; 0: 64; never above JSON_MAX_DEPTH */
	uint32_t max_nodes;             /* values in all; 0: 131,072 */
	bool allow_nul;                 /* accept \u0000 in strings and keys */
	bool copy;                      /* copy the input into the arena first */
};

/* What was wrong and where. `reason` and `key` are static or as long-lived as the caller's arguments. */
struct json_error {
	size_t at;                      /* byte offset in the text */
	const char *key;                /* member name for the typed getters, else NULL */
	const char *reason;             /* "duplicate member", "must be a string" */
};

/* Parses one document. The tree lives in `a`. `opts` and `reterr` may be NULL. On failure *ret is untouched and the
 * arena holds rubbish until its reset.
 * E_BAD_JSON, E_BAD_UTF8, E_LIMIT (bytes, depth, nodes, arena cap), E_NO_MEMORY. Never recurses. */
status json_parse(span text, const struct json_opts *opts, struct arena *a, const struct json **ret,
                  struct json_error *reterr);

/* "offset 12: name: must be a string"; appends to b. */
void json_error_print(const struct json_error *e, struct buf *b);

/* "null", "boolean", "integer", "number", "string", "array", "object" */
const char *json_kind_name(enum json_kind k);

/* ---- looking ---- */

static inline bool json_is_str(const struct json *v) { return v && v->kind == JSON_STR; }
static inline bool json_is_int(const struct json *v) { return v && v->kind == JSON_INT; }
static inline bool json_is_bool(const struct json *v) { return v && v->kind == JSON_BOOL; }
static inline bool json_is_null(const struct json *v) { return v && v->kind == JSON_NULL; }
static inline bool json_is_arr(const struct json *v) { return v && v->kind == JSON_ARR; }
static inline bool json_is_obj(const struct json *v) { return v && v->kind == JSON_OBJ; }
static inline bool json_is_number(const struct json *v) { return v && (v->kind == JSON_INT || v->kind == JSON_NUM); }

/* Iterates; nothing happens unless v is an array (object). */
#define json_for_items(it, v)                                                             \
	for (const struct json *it = json_is_arr(v) ? (v)->arr.items : NULL,              \
	                       *it##_end_ = it ? it + (v)->arr.n : NULL; it != it##_end_; it++)
#define json_for_members(it, v)                                                           \
	for (const struct json_member *it = json_is_obj(v) ? (v)->obj.members : NULL,     \
	                              *it##_end_ = it ? it + (v)->obj.n : NULL; it != it##_end_; it++)

/* Member by exact name; NULL when absent or v (may be NULL) is no object. Linear in small objects, else by halving. */
const struct json *json_get(const struct json *v, span key);
static inline const struct json *json_gets(const struct json *v, const char *key) { return json_get(v, span_str(key)); }
/* Item i; NULL when out of range or no array. */
const struct json *json_item(const struct json *v, size_t i);
/* RFC 6901: "" is root, "/a/0/b~1c". NULL when nothing is there or the pointer is malformed; "-" is never there. */
const struct json *json_pointer(const struct json *root, span pointer);

/* Typed getters. `get`: the member must be there. `opt`: when absent, *ret is left alone and the answer is OK (null is
 * present, and a wrong type). A wrong type or absence is E_BAD_REQUEST, with reterr (may be NULL) saying what. `obj`
 * may be any value; anything but an object fails. */
status json_get_str(const struct json *obj, const char *key, span *ret, struct json_error *reterr);
status json_get_int(const struct json *obj, const char *key, int64_t min, int64_t max, int64_t *ret, struct json_error *reterr);
status json_get_bool(const struct json *obj, const char *key, bool *ret, struct json_error *reterr);
status json_get_obj(const struct json *obj, const char *key, const struct json **ret, struct json_error *reterr);
status json_get_arr(const struct json *obj, const char *key, const struct json **ret, struct json_error *reterr);
status json_opt_str(const struct json *obj, const char *key, span *ret, struct json_error *reterr);
status json_opt_int(const struct json *obj, const char *key, int64_t min, int64_t max, int64_t *ret, struct json_error *reterr);
status json_opt_bool(const struct json *obj, const char *key, bool *ret, struct json_error *reterr);
status json_opt_obj(const struct json *obj, const char *key, const struct json **ret, struct json_error *reterr);
status json_opt_arr(const struct json *obj, const char *key, const struct json **ret, struct json_error *reterr);
/* Every member's name must be one of the NULL-terminated list; else E_BAD_REQUEST "unknown member" at its place. */
status json_only(const struct json *obj, const char *const *names, struct json_error *reterr);

/* Deep equality. Objects without regard to order; numbers by value (1 equals 1.0; integers beyond int64_t, and others,
 * by their double, or by equal text). */
bool json_equal(const struct json *a, const struct json *b);

/* Order of member names in the canonical form: by UTF-16 code units (RFC 8785 §3.2.3). */
int json_key_cmp(span a, span b);

/* A member whose name equals an earlier one but for letter case (ASCII, and the two signs that careless decoders fold
 * into ASCII: U+212A and U+017F), or NULL. One level only. For objects of foreign origin that a laxer reader will see
 * after us. `scratch` is used for large objects; E_LIMIT or E_NO_MEMORY when it is full. */
status json_case_duplicate(const struct json *obj, struct arena *scratch, const struct json_member **ret);
/* A member whose name equals `key` but for letter case, as above; NULL when there is none. Linear. */
const struct json_member *json_case_variant(const struct json *obj, span key);

/* ---- building ---- */

/* Makes *ret an object of n members in place (borrowed; `members` must live as long). Refuses duplicates with
 * E_BAD_JSON and *ret_dup (may be NULL) = the later one's number; E_LIMIT, E_NO_MEMORY from the arena. */
status json_make_obj(struct arena *a, const struct json_member *members, size_t n, struct json *ret, size_t *ret_dup);
static inline struct json json_make_str(span s) { return (struct json){ .kind = JSON_STR, .str = s }; }
static inline struct json json_make_int(int64_t i) { return (struct json){ .kind = JSON_INT, .i = i }; }
static inline struct json json_make_bool(bool b) { return (struct json){ .kind = JSON_BOOL, .truth = b }; }
static inline struct json json_make_arr(const struct json *items, size_t n)
{
	return (struct json){ .kind = JSON_ARR, .arr = { items, n } };
}

/* ---- writing ----
 *
 *   struct json_writer w = json_w(&buf);
 *   json_w_obj(&w);
 *     json_w_kstr(&w, "name", name);
 *     json_w_key(&w, SPAN("list")); json_w_arr(&w); json_w_int(&w, 1); json_w_arr_end(&w);
 *   json_w_obj_end(&w);
 *   TRY(buf_finish(&buf));
 *
 * Errors are the buffer's, sticky; a string that is not UTF-8 makes it E_BAD_UTF8. Commas and indentation are the
 * writer's business; order of calls is the caller's, and a wrong one is a bug (must). */
struct json_writer {
	struct buf *b;
	uint32_t depth;
	bool comma, after_key, pretty;
};

static inline struct json_writer json_w(struct buf *b) { return (struct json_writer){ .b = b }; }
/* Two blanks per level, one member a line; for people. */
static inline struct json_writer json_w_pretty(struct buf *b) { return (struct json_writer){ .b = b, .pretty = true }; }

void json_w_obj(struct json_writer *w);
void json_w_obj_end(struct json_writer *w);
void json_w_arr(struct json_writer *w);
void json_w_arr_end(struct json_writer *w);
void json_w_key(struct json_writer *w, span key);
void json_w_str(struct json_writer *w, span s);
void json_w_int(struct json_writer *w, int64_t v);
void json_w_uint(struct json_writer *w, uint64_t v);
/* Shortest decimal that reads back as v, as ECMAScript prints it; v must be finite. */
void json_w_num(struct json_writer *w, double v);
void json_w_bool(struct json_writer *w, bool v);
void json_w_null(struct json_writer *w);
/* `json` must be one well-formed value; it is copied as it is. */
void json_w_raw(struct json_writer *w, span json);
/* A tree, members in their order, JSON_NUM by its text. */
void json_w_value(struct json_writer *w, const struct json *v);
/* Key and value in one. */
void json_w_kstr(struct json_writer *w, const char *key, span s);
void json_w_kcstr(struct json_writer *w, const char *key, const char *s);
void json_w_kint(struct json_writer *w, const char *key, int64_t v);
void json_w_kbool(struct json_writer *w, const char *key, bool v);
void json_w_kobj(struct json_writer *w, const char *key);
void json_w_karr(struct json_writer *w, const char *key);

/* Appends the one canonical form, in the manner of RFC 8785: no white space, members sorted by json_key_cmp, shortest
 * escapes, numbers as ECMAScript prints the double. Differences, so that no digit is ever lost: JSON_INT is written
 * exactly (RFC 8785 would round beyond 2^53); an integer literal outside int64_t whose double prints differently, and
 * a fraction or exponent form whose double prints as an integer other than it is (1.2345678901234567e18), are refused
 * with E_LIMIT. canonical(parse(canonical(v))) is canonical(v). Errors of b otherwise. */
status json_canonical(const struct json *v, struct buf *b);

/* The text of the shortest form (at most 25 bytes and NUL) into t; returns its length. v must be finite. */
size_t json_format_double(double v, char t[static 32]);

#endif
