#include "role/proc.h"

#include <poll.h>
#include <stdio.h>

enum { PROC_FILE_MAX = 65536 };

static status
slurp(struct env *env, uint32_t pid, const char *name, struct buf *out)
{
	char path[64];

	buf_init(out, PROC_FILE_MAX);
	snprintf(path, sizeof path, "/proc/%u/%s", pid, name);
	return env_read_file(env, path, out);
}

/* The next blank-separated word. */
static span
word(span *rest)
{
	while (rest->n && (rest->p[0] == ' ' || rest->p[0] == '\t'))
		*rest = span_sub(*rest, 1, rest->n);
	size_t n = 0;
	while (n < rest->n && rest->p[n] != ' ' && rest->p[n] != '\t' && rest->p[n] != '\n')
		n++;
	span w = span_sub(*rest, 0, n);
	*rest = span_sub(*rest, n, rest->n);
	return w;
}

bool
proc_parse_stat(span text, struct proc_stat *ret)
{
	struct proc_stat s = { 0 };
	uint64_t v;
	size_t end = text.n;

	span head = text;
	if (!span_to_u64(word(&head), &v) || v > UINT32_MAX)
		return false;
	s.pid = (uint32_t)v;
	while (end > 0 && text.p[end - 1] != ')')
		end--;
	if (end == 0)
		return false;
	span rest = span_sub(text, end, text.n);
	word(&rest);   /* field 3, state */
	if (!span_to_u64(word(&rest), &v) || v > UINT32_MAX)
		return false;
	s.parent = (uint32_t)v;
	for (int field = 5; field < 22; field++)
		word(&rest);
	if (!span_to_u64(word(&rest), &s.start))
		return false;
	*ret = s;
	return true;
}

status
proc_stat(struct env *env, uint32_t pid, struct proc_stat *ret)
{
	CLEANUP(buf_fini) struct buf b = { 0 };

	TRY(slurp(env, pid, "stat", &b));
	ENSURE(proc_parse_stat(buf_span(&b), ret) && ret->pid == pid, E_IO);
	return OK;
}

/* The rest of the line that starts with `key`. */
static bool
line_of(span text, span key, span *ret)
{
	while (text.n) {
		size_t n = span_find(text, '\n');
		span line = span_sub(text, 0, n);
		if (span_starts(line, key)) {
			*ret = span_sub(line, key.n, line.n);
			return true;
		}
		text = span_sub(text, n + 1, text.n);
	}
	return false;
}

/* Second of the four ids of a line of /proc/PID/status: the effective one. */
static bool
effective(span text, span key, uint32_t *ret)
{
	span rest;
	uint64_t v;

	if (!line_of(text, key, &rest))
		return false;
	word(&rest);
	if (!span_to_u64(word(&rest), &v) || v > UINT32_MAX)
		return false;
	*ret = (uint32_t)v;
	return true;
}

status
proc_ids(struct env *env, uint32_t pid, uint32_t *ret_uid, uint32_t *ret_gid)
{
	CLEANUP(buf_fini) struct buf b = { 0 };

	TRY(slurp(env, pid, "status", &b));
	ENSURE(effective(buf_span(&b), SPAN("Uid:"), ret_uid) && effective(buf_span(&b), SPAN("Gid:"), ret_gid), E_IO);
	return OK;
}

status
proc_cgroup(struct env *env, uint32_t pid, struct buf *out)
{
	CLEANUP(buf_fini) struct buf b = { 0 };
	span path;

	TRY(slurp(env, pid, "cgroup", &b));
	if (line_of(buf_span(&b), SPAN("0::"), &path))
		buf_put(out, path);
	return buf_finish(out);
}

status
proc_of_pidfd(struct env *env, int pidfd, uint32_t *ret_pid)
{
	CLEANUP(buf_fini) struct buf b = { 0 };
	char path[64];
	span rest;
	uint64_t v;

	buf_init(&b, PROC_FILE_MAX);
	snprintf(path, sizeof path, "/proc/self/fdinfo/%d", pidfd);
	TRY(env_read_file(env, path, &b));
	ENSURE(line_of(buf_span(&b), SPAN("Pid:"), &rest), E_BAD_MESSAGE);
	/* -1: it was waited for; 0: it lives where this process can not see it. */
	ENSURE(span_to_u64(word(&rest), &v) && v > 0 && v <= UINT32_MAX, E_NOT_FOUND);
	*ret_pid = (uint32_t)v;
	return OK;
}

bool
proc_alive(int pidfd)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };

	return poll(&p, 1, 0) == 0;
}
