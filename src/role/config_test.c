#include "role/config.h"

#include "tests/test.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[] = "/tmp/ambit-config-XXXXXX";

static void
write_file(const char *name, const char *text)
{
	char path[300];
	snprintf(path, sizeof path, "%s/%s", dir, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static status
load(struct config *c, struct config_error *e)
{
	char path[300];
	snprintf(path, sizeof path, "%s/ambitd.yaml", dir);
	assert_ok(config_init(c, false, "/home/x"));
	return config_load(c, path, e);
}

static void
bad_files_say_where_and_why(void **)
{
	static const struct { const char *text, *why; } rows[] = {
		{ "api:\n  prot: 1\n", "ambitd.yaml:2:3: unknown key `api.prot`; did you mean `api.port`?" },
		{ "dat: /x\n", "ambitd.yaml:1:1: unknown key `dat`; did you mean `data`?" },
		{ "zzzzzzzzzzz: 1\n", "ambitd.yaml:1:1: unknown key `zzzzzzzzzzz`" },
		{ "api: 1\n", "`api` must hold settings" },
		{ "api:\n  port: none\n", "ambitd.yaml:2:3: api.port must be a whole number" },
		{ "api:\n  port: 65536\n", "api.port must be from 0 to 65535" },
		{ "data: relative\n", "data must be an absolute path" },
		{ "data: /x/\n", "data must be an absolute path" },
		{ "log:\n  level: loud\n", "log.level must be one of: debug info warn error" },
		{ "node: Big Name\n", "node must be" },
		{ "data: {a: 1}\n", "`data` may not be object here" },
		{ "data: /a\ndata: /b\n", "ambitd.yaml:2:1" },
		{ "data: &x /a\n", "ambitd.yaml:1" },
		{ "- 1\n", "one document of settings is wanted" },
		{ "node: a\n---\nnode: b\n", "one document of settings is wanted" },
		{ "sockets:\n  agent_mode: rw\n", "must be permission bits" },
		{ "data: \"a\\nb\"\n", "line end" },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct config c;
		struct config_error e = { 0 };
		write_file("ambitd.yaml", rows[i].text);
		status s = load(&c, &e);
		if (s.code != E_BAD_CONFIG || !strstr(e.text, rows[i].why))
			fail_msg("row %zu: %s \"%s\", want \"%s\"", i, error_name(s.code), e.text, rows[i].why);
		config_fini(&c);
	}
}

static void
files_in_conf_d_win_in_order(void **)
{
	CLEANUP(buf_fini) struct buf b = { 0 };
	struct config c;
	struct config_error e = { 0 };
	char path[300];

	buf_init(&b, 65536);
	snprintf(path, sizeof path, "%s/conf.d", dir);
	assert_int_equal(mkdir(path, 0700), 0);
	write_file("ambitd.yaml", "node: one\napi:\n  port: 1000\n  names: [a.example, b.example]\n");
	write_file("conf.d/20-b.yaml", "api:\n  port: 3000\n");
	write_file("conf.d/10-a.yaml", "api:\n  port: 2000\nnode: two\n");
	write_file("conf.d/30-c.txt", "api:\n  port: 4000\n");
	write_file("conf.d/.hidden.yaml", "api:\n  port: 5000\n");
	assert_ok(load(&c, &e));
	assert_int_equal(c.api_port, 3000);
	assert_span(c.node, "two");
	assert_int_equal(c.api_names.n, 2);
	assert_span(c.api_names.items[1], "b.example");
	config_show(&c, true, &b);
	buf_put_u8(&b, 0);
	assert_non_null(strstr((char *)b.p, "20-b.yaml:2\n"));
	assert_non_null(strstr((char *)b.p, "  port: 3000  # "));
	assert_non_null(strstr((char *)b.p, "run: \"/run/ambit\"  # default\n"));
	config_fini(&c);
	snprintf(path, sizeof path, "rm -rf %s/conf.d", dir);
	assert_int_equal(system(path), 0);
}

/* What `show-config` prints is a configuration again, and the same one. */
static void
shown_is_readable(void **)
{
	CLEANUP(buf_fini) struct buf a = { 0 }, b = { 0 };
	struct config c, d;
	struct config_error e = { 0 };
	const char *text;

	buf_init(&a, 65536);
	buf_init(&b, 65536);
	write_file("ambitd.yaml", "api: {port: 9, names: [x, y]}\npeople:\n  admin_uids: [1000, 1001]\nsockets:\n  agent_mode: \"0660\"\n");
	assert_ok(load(&c, &e));
	config_show(&c, false, &a);
	assert_ok(buf_finish_str(&a, &text));
	write_file("ambitd.yaml", text);
	assert_ok(load(&d, &e));
	config_show(&d, false, &b);
	assert_true(span_eq(buf_span(&a), buf_span(&b)));
	assert_int_equal(d.agent_socket_mode, 0660);
	config_fini(&c);
	config_fini(&d);
}

static void
checks_what_shows_only_together(void **)
{
	struct config c;
	struct config_error e = { 0 };

	assert_ok(config_init(&c, true, "/home/x"));
	assert_ok(config_check(&c, &e));
	assert_ok(config_set(&c, SPAN("api.address"), SPAN("0.0.0.0"), "test", &e));
	assert_fails(config_check(&c, &e), E_BAD_CONFIG);
	assert_non_null(strstr(e.text, "loopback"));
	config_fini(&c);

	unsetenv("CREDENTIALS_DIRECTORY");
	assert_ok(config_init(&c, false, "/"));
	assert_ok(config_set(&c, SPAN("users.uid_base"), SPAN("70000"), "test", &e));
	assert_fails(config_check(&c, &e), E_BAD_CONFIG);
	assert_non_null(strstr(e.text, "encryption_key_file"));
	assert_ok(config_set(&c, SPAN("keys.encryption_key_file"), SPAN("/etc/ambit/key"), "test", &e));
	assert_ok(config_check(&c, &e));
	assert_ok(config_set(&c, SPAN("people.admin_uids"), SPAN("root"), "test", &e));
	assert_fails(config_check(&c, &e), E_BAD_CONFIG);
	config_fini(&c);
}

static int setup(void **) { return mkdtemp(dir) ? 0 : -1; }

static int
teardown(void **)
{
	char command[300];
	snprintf(command, sizeof command, "rm -rf %s", dir);
	return system(command);
}

int
main(void)
{
	const struct CMUnitTest tests_[] = {
		T(bad_files_say_where_and_why), T(files_in_conf_d_win_in_order), T(shown_is_readable), T(checks_what_shows_only_together),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests_, setup, teardown);
}
