/* time: points in time as RFC 3339 text in UTC, and durations. Both are int64_t nanoseconds as in base/env.h.
 *
 * A point counts from 1970-01-01 without leap seconds; 1678 to 2261 fit. */
#ifndef AMBIT_TEXT_TIME_H
#define AMBIT_TEXT_TIME_H

#include "base/buf.h"

#define TIME_SECOND INT64_C(1000000000)
enum { TIME_TEXT = 30 };        /* "2026-11-24T01:02:03.123456789Z" */

/* "2026-11-24T01:02:03Z"; with a fraction of 3, 6 or 9 digits when it is not zero. Appends. */
void time_put(int64_t t, struct buf *out);
/* The same into a string; returns its length. */
size_t time_text(int64_t t, char out[static TIME_TEXT + 1]);
/* "2026-11-24", for days. */
void time_put_date(int64_t t, struct buf *out);

/* RFC 3339 §5.6, upper-case T and Z, UTC only ("Z"; offsets, also +00:00, are refused), four-digit year, fraction of 1 to 9
 * digits, second 60 refused. False when malformed, not a day of the calendar, or out of range. */
bool time_parse(span s, int64_t *ret);
/* "2026-11-24": midnight UTC. */
bool time_parse_date(span s, int64_t *ret);

/* "90s", "15m", "2h", "7d", "250ms": digits and one unit, no sign, no blank; no leading zero but "0s". False when malformed
 * or over 100 years. */
bool duration_parse(span s, int64_t *ret);
/* Largest unit that keeps it exact ("90s", "2h"); below a millisecond it is rounded up to one. d >= 0. */
void duration_put(int64_t d, struct buf *out);

#endif
