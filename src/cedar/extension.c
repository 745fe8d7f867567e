#include "cedar/extension.h"
#include "cedar/extension_priv.h"

#include <stdio.h>

#define FUNCTION false
#define METHOD   true
static const struct cedar_fn_info info[CEDAR_FN_COUNT] = {
#define X(name, text, style, ret, arity, a0, a1) \
	[CEDAR_FN_##name] = { text, style, CEDAR_##ret, arity, { CEDAR_##a0, CEDAR_##a1 } },
#include "cedar/extension.def"
#undef X
};

const struct cedar_fn_info *
cedar_fn_info(enum cedar_fn fn)
{
	return &info[fn];
}

bool
cedar_fn_find(span name, enum cedar_fn *ret)
{
	for (unsigned i = 0; i < CEDAR_FN_COUNT; i++)
		if (span_is(name, info[i].name)) {
			*ret = (enum cedar_fn)i;
			return true;
		}
	return false;
}

static struct cedar_value
ext(enum cedar_kind kind, int64_t i)
{
	return (struct cedar_value){ .kind = (uint8_t)kind, .i = i };
}

static struct cedar_value
fail(const char **ret_why, const char *why)
{
	*ret_why = why;
	return (struct cedar_value){ 0 };
}

static struct cedar_value
construct(enum cedar_fn fn, span text, struct arena *a, const char **ret_why)
{
	int64_t i;
	struct cedar_ip ip, *copy;
	switch (fn) {
	case CEDAR_FN_DECIMAL:
		if (!cedar_decimal_parse(text, &i))
			return fail(ret_why, "not a decimal: digits, a point, one to four digits, within ±922337203685477.5807");
		return ext(CEDAR_DECIMAL, i);
	case CEDAR_FN_DATETIME:
		if (!cedar_datetime_parse(text, &i))
			return fail(ret_why, "not a datetime: YYYY-MM-DD or YYYY-MM-DDThh:mm:ss[.SSS](Z|±hhmm)");
		return ext(CEDAR_DATETIME, i);
	case CEDAR_FN_DURATION:
		if (!cedar_duration_parse(text, &i))
			return fail(ret_why, "not a duration: such as 1d2h3m4s5ms, units in this order, within 64 bits of milliseconds");
		return ext(CEDAR_DURATION, i);
	default:
		break;
	}
	if (!cedar_ip_parse(text, &ip))
		return fail(ret_why, "not an IP address or CIDR range");
	if (!(copy = arena_alloc(a, sizeof *copy)))
		return fail(ret_why, "out of memory");
	*copy = ip;
	return (struct cedar_value){ .kind = CEDAR_IP, .ip = copy };
}

static struct cedar_value
apply(enum cedar_fn fn, const struct cedar_value *v, const char **ret_why)
{
	static const struct cedar_ip loopback4 = { { 127 }, 0, 8 }, loopback6 = { { [15] = 1 }, 1, 128 };
	static const struct cedar_ip multicast4 = { { 224 }, 0, 4 }, multicast6 = { { 0xff }, 1, 8 };
	int64_t i;
	switch (fn) {
	case CEDAR_FN_LESS_THAN:             return cedar_bool(v[0].i < v[1].i);
	case CEDAR_FN_LESS_THAN_OR_EQUAL:    return cedar_bool(v[0].i <= v[1].i);
	case CEDAR_FN_GREATER_THAN:          return cedar_bool(v[0].i > v[1].i);
	case CEDAR_FN_GREATER_THAN_OR_EQUAL: return cedar_bool(v[0].i >= v[1].i);
	case CEDAR_FN_IS_IPV4:               return cedar_bool(!v[0].ip->v6);
	case CEDAR_FN_IS_IPV6:               return cedar_bool(v[0].ip->v6);
	case CEDAR_FN_IS_LOOPBACK:
		return cedar_bool(cedar_ip_within(v[0].ip, v[0].ip->v6 ? &loopback6 : &loopback4));
	case CEDAR_FN_IS_MULTICAST:
		return cedar_bool(cedar_ip_within(v[0].ip, v[0].ip->v6 ? &multicast6 : &multicast4));
	case CEDAR_FN_IS_IN_RANGE:           return cedar_bool(cedar_ip_within(v[0].ip, v[1].ip));
	case CEDAR_FN_OFFSET:
		if (__builtin_add_overflow(v[0].i, v[1].i, &i))
			return fail(ret_why, "datetime overflow");
		return ext(CEDAR_DATETIME, i);
	case CEDAR_FN_DURATION_SINCE:
		if (__builtin_sub_overflow(v[0].i, v[1].i, &i))
			return fail(ret_why, "duration overflow");
		return ext(CEDAR_DURATION, i);
	case CEDAR_FN_TO_DATE:
		if (!cedar_datetime_date(v[0].i, &i))
			return fail(ret_why, "datetime overflow");
		return ext(CEDAR_DATETIME, i);
	case CEDAR_FN_TO_TIME:               return ext(CEDAR_DURATION, cedar_datetime_time(v[0].i));
	case CEDAR_FN_TO_MILLISECONDS:       return cedar_long(v[0].i);
	case CEDAR_FN_TO_SECONDS:            return cedar_long(v[0].i / 1000);
	case CEDAR_FN_TO_MINUTES:            return cedar_long(v[0].i / 60'000);
	case CEDAR_FN_TO_HOURS:              return cedar_long(v[0].i / 3'600'000);
	case CEDAR_FN_TO_DAYS:               return cedar_long(v[0].i / 86'400'000);
	case CEDAR_FN_DECIMAL: case CEDAR_FN_IP: case CEDAR_FN_DATETIME: case CEDAR_FN_DURATION: case CEDAR_FN_COUNT:
		break;
	}
	return fail(ret_why, "unknown function");
}

struct cedar_value
cedar_fn_call(enum cedar_fn fn, const struct cedar_value *args, uint32_t n, struct arena *a, const char **ret_why)
{
	const struct cedar_fn_info *f = &info[fn];
	if (n != f->arity)
		return fail(ret_why, "wrong number of arguments");
	for (uint32_t i = 0; i < n; i++)
		if (args[i].kind != f->args[i])
			return fail(ret_why, "wrong type of argument");
	if (f->args[0] == CEDAR_STRING)
		return construct(fn, cedar_string_span(args[0]), a, ret_why);
	return apply(fn, args, ret_why);
}

bool
cedar_extension_text(struct cedar_value v, char out[64])
{
	out[0] = '\0';
	switch ((enum cedar_kind)v.kind) {
	case CEDAR_DECIMAL:
		cedar_decimal_print(v.i, out);
		return true;
	case CEDAR_IP:
		cedar_ip_print(v.ip, out);
		return true;
	case CEDAR_DATETIME:
		return cedar_datetime_print(v.i, out);
	case CEDAR_DURATION:
		snprintf(out, 64, "%lldms", (long long)v.i);
		return true;
	default:
		return false;
	}
}
