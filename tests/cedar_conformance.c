/* cedar-conformance [-v] PACK_DIR: runs every folder of a pack of Cedar conformance data. */
#include "tests/cedar_pack.h"

#include "base/env.h"

#include <dirent.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

void
pack_fail(struct pack_test *t, const char *fmt, ...)
{
	va_list ap;
	if (!t->failed || t->pack->verbose) {
		printf("FAIL %s: ", t->name);
		va_start(ap, fmt);
		vprintf(fmt, ap);
		va_end(ap);
		putchar('\n');
	}
	t->failed = true;
}

void
pack_test_init(struct pack_test *t, struct pack *p, const char *name)
{
	*t = (struct pack_test){ .pack = p, .name = name };
	arena_init(&t->arena, (size_t)1 << 30);
}

void
pack_test_fini(struct pack_test *t)
{
	if (t->failed)
		t->pack->failed++;
	else
		t->pack->passed++;
	arena_fini(&t->arena);
}

bool
pack_exists(const char *path)
{
	return access(path, R_OK) == 0;
}

bool
pack_read(struct pack_test *t, const char *path, span *ret)
{
	struct buf b;
	buf_init(&b, 64u << 20);
	status s = env_read_file(env_posix(), path, &b);
	if (failed(s))
		pack_fail(t, "cannot read %s: %s", path, error_text(s.code));
	else
		*ret = arena_copy(&t->arena, buf_span(&b));
	buf_fini(&b);
	return !failed(s);
}

bool
pack_read_json(struct pack_test *t, const char *path, const struct json **ret)
{
	span text = { 0 };
	struct cedar_diag d;
	if (!pack_read(t, path, &text))
		return false;
	if (!failed(cedar_json_parse(text, 64u << 20, &t->arena, ret, &d)))
		return true;
	pack_fail(t, "%s:%u: %s", path, d.line, d.what);
	return false;
}

static int
by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static bool
each_below(struct pack *p, const char *dir, const char *suffix, void (*fn)(struct pack *, const char *path))
{
	struct dirent **list;
	int n = scandir(dir, &list, NULL, by_name);
	if (n < 0)
		return false;
	for (int i = 0; i < n; i++) {
		char path[PATH_MAX];
		const char *name = list[i]->d_name;
		struct stat st;
		int len = snprintf(path, sizeof path, "%s/%s", dir, name);
		if (name[0] == '.' || len < 0 || (size_t)len >= sizeof path || stat(path, &st) < 0)
			;
		else if (S_ISDIR(st.st_mode))
			each_below(p, path, suffix, fn);
		else if (span_ends(span_str(name), span_str(suffix)))
			fn(p, path);
		free(list[i]);
	}
	free(list);
	return true;
}

bool
pack_each(struct pack *p, const char *folder, const char *suffix, void (*fn)(struct pack *, const char *path))
{
	char dir[PATH_MAX];
	snprintf(dir, sizeof dir, "%s/%s", p->root, folder);
	return each_below(p, dir, suffix, fn);
}

static const struct {
	const char *folder, *suffix;
	void (*fn)(struct pack *, const char *path);
} folders[] = {
	{ "corpus-tests", ".json", pack_case },
	{ "tests", ".json", pack_case },
	{ "multi-policy", ".json", pack_case },
	{ "template-links", ".json", pack_case },
	{ "corpus-tests-json-schemas", ".cedarschema.json", pack_case_json_schema },
	{ "corpus-tests-est", ".est.json", pack_case_est },
	{ "corpus-tests-validation", ".validation.json", pack_case_validation },
	{ "cedar-go-validate/testdata", ".validation.json", pack_case_validation },
	{ "cedar-go-entity-parsing", ".parsing.json", pack_entity_parsing },
	{ "edge-vectors", "vectors.jsonl", pack_edge },
};

int
main(int argc, char **argv)
{
	struct pack p = { 0 };
	unsigned passed = 0, failed = 0;
	if (argc > 1 && strcmp(argv[1], "-v") == 0) {
		p.verbose = true;
		argc--;
		argv++;
	}
	if (argc != 2) {
		fprintf(stderr, "usage: cedar-conformance [-v] PACK_DIR\n");
		return 2;
	}
	p.root = argv[1];
	for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
		p.passed = p.failed = 0;
		if (!pack_each(&p, folders[i].folder, folders[i].suffix, folders[i].fn)) {
			printf("%-28s absent\n", folders[i].folder);
			continue;
		}
		printf("%-28s %u passed, %u failed\n", folders[i].folder, p.passed, p.failed);
		fflush(stdout);
		passed += p.passed;
		failed += p.failed;
	}
	printf("%u passed, %u failed\n", passed, failed);
	return failed || !passed ? 1 : 0;
}
