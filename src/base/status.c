#include "base/status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct row { const char *upper, *oauth, *text; int http, exit; };

static const struct row rows[] = {
	[E_OK] = { "OK", "", "ok", 200, 0 },
#define X(name, http, oauth, exit, text) [E_##name] = { #name, oauth, text, http, exit },
#include "base/errors.def"
#undef X
};

static char lower_names[E_COUNT][32];

[[gnu::constructor]] static void
init_names(void)
{
	for (size_t i = 0; i < E_COUNT; i++) {
		size_t j = 0;
		for (; rows[i].upper[j] && j + 1 < sizeof lower_names[i]; j++) {
			char c = rows[i].upper[j];
			lower_names[i][j] = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
		}
		lower_names[i][j] = '\0';
	}
}

static const struct row *
row_of(uint16_t code)
{
	return &rows[code < E_COUNT ? code : E_INTERNAL];
}

const char *error_name(uint16_t code) { return lower_names[code < E_COUNT ? code : E_INTERNAL]; }
const char *error_text(uint16_t code) { return row_of(code)->text; }
const char *error_oauth(uint16_t code) { return row_of(code)->oauth; }
int error_http(uint16_t code) { return row_of(code)->http; }
int error_exit(uint16_t code) { return row_of(code)->exit; }

uint16_t
error_from_name(const char *name, size_t n)
{
	for (uint16_t i = 1; i < E_COUNT; i++)
		if (strlen(lower_names[i]) == n && memcmp(lower_names[i], name, n) == 0)
			return i;
	return E_OK;
}

void
must_failed(const char *expr, const char *file, int line)
{
	fprintf(stderr, "{\"level\":\"fatal\",\"msg\":\"must failed\",\"expr\":\"%s\",\"at\":\"%s:%d\"}\n",
	        expr, file, line);
	abort();
}
