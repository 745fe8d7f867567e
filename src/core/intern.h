/* intern: strings that occur many times are kept once, counted by use. A million tasks share a handful of purposes. */
#ifndef AMBIT_CORE_INTERN_H
#define AMBIT_CORE_INTERN_H

#include "base/map.h"

struct str {
	struct map_node node;
	uint32_t refs, n;
	uint8_t p[];
};

struct interns {
	struct map map;
};

void interns_init(struct interns *in, uint64_t k0, uint64_t k1);
/* Every string must have been released. */
void interns_fini(struct interns *in);
/* A reference to the one copy of s; the empty span gives NULL (and OK). E_NO_MEMORY. */
status str_get(struct interns *in, span s, struct str **ret);
static inline struct str *str_ref(struct str *s) { if (s) s->refs++; return s; }
/* NULL is accepted. */
void str_unref(struct interns *in, struct str *s);
static inline span str_span(const struct str *s) { return s ? span_make(s->p, s->n) : (span){ 0 }; }

#endif
