/* mapping: from a call's arguments to the Cedar resource it touches: `Repo::"{name:input.owner}/{name:input.repo}"`. */
#ifndef AMBIT_CORE_MAPPING_H
#define AMBIT_CORE_MAPPING_H

#include "base/arena.h"
#include "text/json.h"

enum hole_kind { HOLE_NONE, HOLE_NAME, HOLE_PATH, HOLE_URL };

struct mapping_part {
	uint8_t hole;            /* HOLE_NONE: literal text */
	span text;               /* literal, or the JSON pointer of the argument */
};

struct mapping {
	span type;
	uint32_t n;
	struct mapping_part parts[16];
};

/* Copies what it needs into the arena. E_BAD_REQUEST: malformed. */
status mapping_parse(span text, struct arena *a, struct mapping **ret);
/* The entity's id. E_BAD_ARGUMENTS: an argument is missing, no string, or not of its kind. */
status mapping_apply(const struct mapping *m, const struct json *args, struct arena *a, span *ret_id);

/* [A-Za-z0-9._-]+ and neither "." nor "..". */
bool mapping_name_ok(span s);
/* Absolute, no "." or ".." or empty segment, no NUL, no trailing slash but the root's. */
bool mapping_path_ok(span s);
/* What text/url accepts, without empty segments, in its canonical form. E_BAD_ARGUMENTS. */
status mapping_url(span s, struct arena *a, span *ret);

#endif
