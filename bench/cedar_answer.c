/* cedar_answer POLICIES ENTITIES REQUEST SECONDS: the median time of one full decision with reasons, of the decision alone, and the answer, as one
 * line: `NANOSECONDS NANOSECONDS allow|deny ID,ID…`. What others are held against (tests/interop/cedar-rust, bench/cedar_apps.py). */
#include "base/buf.h"
#include "cedar/entities_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double
now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void
check(status s, const struct cedar_diag *d)
{
	if (!failed(s))
		return;
	fprintf(stderr, "%s: %s\n", error_text(s.code), d ? d->what : "");
	exit(1);
}

static span
slurp(const char *path)
{
	FILE *f = fopen(path, "rb");
	struct buf b;
	buf_init(&b, 64u << 20);
	if (!f) {
		perror(path);
		exit(1);
	}
	for (int c; (c = fgetc(f)) != EOF;)
		buf_put_u8(&b, (uint8_t)c);
	fclose(f);
	return buf_span(&b);     /* kept until the end */
}

static int
by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

enum { AT_ONCE = 200, MOST = 20000 };

/* The median of runs of AT_ONCE decisions. */
static double
median(const struct cedar_policies *set, const struct cedar_entities *s, const struct cedar_request *r, bool whole, double seconds)
{
	static double times[MOST];
	struct arena a;
	struct cedar_response ans;
	bool allow;
	size_t n = 0;
	arena_init(&a, 16u << 20);
	for (double end = now() + seconds * 1e9; n < 5 || (n < MOST && now() < end); n++) {
		double t = now();
		for (unsigned i = 0; i < AT_ONCE; i++) {
			arena_reset(&a);
			check(whole ? cedar_is_authorized(set, s, r, &a, &ans) : cedar_decide(set, s, r, &a, &allow), NULL);
		}
		times[n] = (now() - t) / AT_ONCE;
	}
	arena_fini(&a);
	qsort(times, n, sizeof *times, by_size);
	return times[n / 2];
}

int
main(int argc, char **argv)
{
	struct cedar_diag d = { 0 };
	struct cedar_ast *ast;
	const struct cedar_policies *set;
	struct cedar_request r;
	struct cedar_response ans;
	const struct json *v;
	struct arena a;
	if (argc != 5)
		return 2;
	arena_init(&a, 64u << 20);
	struct cedar_entities *s = cedar_entities_new(1);
	check(cedar_parse_policies(slurp(argv[1]), SPAN("bench.cedar"), 0, &(struct cedar_limits){ .text = 64u << 20 }, &ast, &d), &d);
	check(cedar_policies_new(&ast, 1, &set, &d), &d);
	check(cedar_entities_parse(s, slurp(argv[2]), NULL, &d), &d);
	check(cedar_json_parse(slurp(argv[3]), 0, &a, &v, &d), &d);
	check(cedar_request_from_json(v, NULL, &a, &r, &d), &d);
	double full = median(set, s, &r, true, atof(argv[4]) / 2), quick = median(set, s, &r, false, atof(argv[4]) / 2);
	check(cedar_is_authorized(set, s, &r, &a, &ans), &d);
	printf("%.1f %.1f %s ", full, quick, ans.allow ? "allow" : "deny");
	for (uint32_t i = 0; i < ans.reason_n; i++)
		printf("%s%.*s", i ? "," : "", SPAN_ARG(ans.reasons[i]->id));
	printf("\n");
	return 0;
}
