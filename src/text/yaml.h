/* yaml: configuration, resources and policy tests, written in the YAML that people mean, into trees of text/json.h.
 *
 * Narrower than YAML: no anchors, aliases, tags, merge keys, complex keys; duplicate keys refused. Plain `true`, `false`,
 * `null`, an empty value, and decimal integers as in JSON are typed; every other scalar is a string, so versions, times
 * and "no" stay what they look like. Several documents make a list. JSON is accepted too, being YAML.
 *
 * In these trees json.at is a place, not an offset: yaml_line(), yaml_column(). */
#ifndef AMBIT_TEXT_YAML_H
#define AMBIT_TEXT_YAML_H

#include "text/json.h"

struct yaml_marks;

struct yaml {
	const char *file;               /* as given */
	const struct json *docs;        /* one per document; an empty file has none */
	size_t n;
	const struct yaml_marks *marks; /* where the keys stand */
};

static inline uint32_t yaml_line(uint32_t at) { return at >> 12; }        /* from 1 */
static inline uint32_t yaml_column(uint32_t at) { return at & 0xfff; }    /* from 1; 4095 and beyond read 4095 */

/* Reads at most 1 MiB, 64 levels, 131,072 values. The trees live in `a` and do not refer to the text. `file` names it in messages
 * and must live as long. E_BAD_CONFIG, E_LIMIT, with "file:line:col: why" and a newline appended to reterr (may be NULL);
 * E_NO_MEMORY. */
status yaml_parse(span text, const char *file, struct arena *a, struct yaml *ret, struct buf *reterr);

/* Place of the name of obj's member i; obj must belong to y. 0 when unknown. */
uint32_t yaml_key_at(const struct yaml *y, const struct json *obj, size_t i);

#endif
