#include "engine/revoked.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { LIST_MAX = 8 << 20, PATH_ROOM = 4096, SLACK = 120 };

static status
name_of(span path, const char *suffix, char out[static PATH_ROOM])
{
	int n = snprintf(out, PATH_ROOM, "%.*s%s", SPAN_ARG(path), suffix);
	return n < PATH_ROOM ? OK : FAIL(E_BAD_CONFIG);
}

static status
read_file(struct engine *e, const char *path, struct buf *out)
{
	uint8_t part[4096];
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && errno == ENOENT)
		return OK;
	ssize_t n = -1;
	while (fd >= 0 && (n = read(fd, part, sizeof part)) > 0)
		buf_put(out, span_make(part, (size_t)n));
	if (fd >= 0)
		close(fd);
	if (n != 0) {
		engine_because(e, "%s can not be read: %s", path, strerror(errno));
		return FAIL(E_UNAVAILABLE);
	}
	return buf_finish(out);
}

static bool
write_whole(int fd, span s)
{
	while (s.n) {
		ssize_t n = write(fd, s.p, s.n);
		if (n < 0 && errno != EINTR)
			return false;
		s = span_sub(s, n > 0 ? (size_t)n : 0, s.n);
	}
	return fsync(fd) == 0;
}

static bool
sync_folder(const char *path)
{
	char folder[PATH_ROOM];
	snprintf(folder, sizeof folder, "%s", path);
	char *slash = strrchr(folder, '/');
	slash[slash == folder] = '\0';
	int at = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool ok = at >= 0 && fsync(at) == 0;
	if (at >= 0)
		close(at);
	return ok;
}

/* Whole or not at all: who reads half a list refuses everybody, or nobody. */
static status
replace_file(struct engine *e, span name, const char *suffix, span text)
{
	char path[PATH_ROOM], fresh[PATH_ROOM], add[16];
	snprintf(add, sizeof add, "%s.new", suffix);
	TRY(name_of(name, suffix, path));
	TRY(name_of(name, add, fresh));
	int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	bool ok = fd >= 0 && write_whole(fd, text);
	if (fd >= 0)
		close(fd);
	if (ok && rename(fresh, path) == 0 && sync_folder(path))
		return OK;
	engine_because(e, "%s can not be written: %s", path, strerror(errno));
	return FAIL(E_UNAVAILABLE);
}

static status
keep(struct revoked *v, uint64_t serial, int64_t when)
{
	if (v->n == v->room) {
		size_t room = v->room ? 2 * v->room : 64;
		uint64_t *p = reallocarray(v->serials, room, sizeof *p);
		ENSURE(p, E_NO_MEMORY);
		v->serials = p;
		int64_t *q = reallocarray(v->times, room, sizeof *q);
		ENSURE(q, E_NO_MEMORY);
		v->times = q;
		v->room = room;
	}
	v->serials[v->n] = serial;
	v->times[v->n++] = when;
	return OK;
}

status
revoked_read(struct engine *e, span path, int64_t max_age, uint64_t serial, struct revoked *v)
{
	CLEANUP(buf_fini) struct buf text;
	char name[PATH_ROOM];
	int64_t now = engine_wall(), oldest = now - max_age - SLACK;
	buf_init(&text, LIST_MAX);
	TRY(name_of(path, ".list", name));
	TRY(read_file(e, name, &text));
	for (span s = buf_span(&text); s.n;) {
		size_t n = span_find(s, '\n'), blank = span_find(s, ' ');
		uint64_t one;
		int64_t when;
		if (n == s.n || blank > n || !span_to_u64(span_sub(s, 0, blank), &one) || !span_to_i64(span_sub(s, blank + 1, n - blank - 1), &when)) {
			engine_because(e, "%s is damaged", name);
			return FAIL(E_UPSTREAM);
		}
		v->had |= one == serial;
		if (when >= oldest || one == serial)
			TRY(keep(v, one, when));
		s = span_sub(s, n + 1, s.n);
	}
	return serial && !v->had ? keep(v, serial, now) : OK;
}

status
revoked_write(struct engine *e, span path, const struct revoked *v, span text)
{
	CLEANUP(buf_fini) struct buf lines, back;
	char name[PATH_ROOM];
	buf_init(&lines, LIST_MAX);
	buf_init(&back, LIST_MAX);
	for (size_t i = 0; i < v->n; i++)
		buf_printf(&lines, "%llu %lld\n", (unsigned long long)v->serials[i], (long long)v->times[i]);
	TRY(buf_finish(&lines));
	TRY(replace_file(e, path, ".list", buf_span(&lines)));
	TRY(replace_file(e, path, "", text));
	TRY(name_of(path, "", name));
	TRY(read_file(e, name, &back));
	ENSURE(span_eq(text, buf_span(&back)), E_UPSTREAM);
	return OK;
}

void
revoked_fini(struct revoked *v)
{
	free(v->serials);
	free(v->times);
	*v = (struct revoked){ 0 };
}
