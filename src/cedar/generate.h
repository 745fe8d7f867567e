/* generate: random policies, entities and requests over one small world, for property tests and fuzzing only.
 *
 * Driven by bytes: from a counter-seeded generator (tests) or a fuzzer's input. When the bytes run out everything becomes small. */
#ifndef AMBIT_CEDAR_GENERATE_H
#define AMBIT_CEDAR_GENERATE_H

#include "base/buf.h"
#include "cedar/cedar.h"

struct cedar_gen {
	uint64_t state;          /* of the generator, when there are no bytes */
	const uint8_t *p, *end;  /* a fuzzer's bytes; p NULL: use `state` */
};

static inline struct cedar_gen cedar_gen_seed(uint64_t seed) { return (struct cedar_gen){ .state = seed * 0x9e3779b97f4a7c15u + 1 }; }
static inline struct cedar_gen cedar_gen_bytes(span s) { return (struct cedar_gen){ .p = s.p ? s.p : (const uint8_t *)"", .end = s.p ? s.p + s.n : (const uint8_t *)"" }; }

/* Something below n (> 0). */
uint32_t cedar_gen_below(struct cedar_gen *g, uint32_t n);
/* Appends `n` policies as text, each on its own line. Most parse and most do not fail; some do. */
void cedar_gen_policies(struct cedar_gen *g, struct buf *b, unsigned n);
/* An expression of any type, nesting at most `depth` deep. */
void cedar_gen_expr(struct cedar_gen *g, struct buf *b, unsigned depth);
/* A JSON array of entities without cycles; a JSON request. */
void cedar_gen_entities(struct cedar_gen *g, struct buf *b);
void cedar_gen_request(struct cedar_gen *g, struct buf *b);

#endif
