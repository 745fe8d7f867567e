#include "engine/ssh_cert.h"

#include "tests/test.h"

/* What ssh-keygen and sshd say of the bytes is in tests/engines/ssh_test.py. */

static const span one[] = { { (const uint8_t *)"deploy", 6 } };

static struct ssh_cert_spec
good(void)
{
	return (struct ssh_cert_spec){ .serial = 7, .key_id = SPAN("id"), .principals = one, .n_principals = 1, .not_before = 1, .not_after = 2 };
}

static uint16_t
code_of(const struct ssh_cert_spec *c)
{
	CLEANUP(buf_fini) struct buf b;
	uint8_t ca[SSH_KEY] = { 1 };
	buf_init(&b, 65536);
	status s = ssh_cert_tbs(c, ca, &b);
	return s.code;
}

static void
refuses_what_sshd_would_read_otherwise(void **)
{
	struct ssh_cert_spec c = good();
	assert_int_equal(code_of(&c), E_OK);
	c.n_principals = 0;
	assert_int_equal(code_of(&c), E_BAD_REQUEST);
	c = good(), c.serial = 0;
	assert_int_equal(code_of(&c), E_BAD_REQUEST);
	c = good(), c.not_after = 1;
	assert_int_equal(code_of(&c), E_BAD_REQUEST);
	c = good(), c.key_id = SPAN("a\nb");
	assert_int_equal(code_of(&c), E_BAD_REQUEST);
	c = good(), c.force_command = SPAN("a\0b");
	assert_int_equal(code_of(&c), E_BAD_REQUEST);
	c = good(), c.source_address = SPAN("10.0.0.0/8 ");
	assert_int_equal(code_of(&c), E_BAD_REQUEST);
	static const char *const bad[] = { "", "a,b", "*", "a b", "a\n", "\xff" };
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		span p = span_str(bad[i]);
		c = good(), c.principals = &p;
		assert_int_equal(code_of(&c), E_BAD_REQUEST);
	}
}

static struct secret *
text(span s)
{
	struct secret *t = NULL;
	assert_ok(secret_new(s.n, &t));
	if (s.n)
		memcpy(secret_writable(t), s.p, s.n);
	return t;
}

static void
private_keys_come_back(void **)
{
	CLEANUP(secret_freep) struct secret *seed = NULL, *file = NULL, *back = NULL;
	uint8_t key[SSH_KEY] = { 9, 8, 7 };
	seed = text(SPAN("0123456789abcdef0123456789abcdef"));
	assert_ok(ssh_private_text(seed, key, &file));
	assert_ok(ssh_private_read(file, &back));
	assert_true(secret_eq(seed, back));
	/* no shorter text and no other letter is a key of another kind or half a key */
	span all = secret_reveal(file);
	for (size_t n = 0; n + 1 < all.n; n++) {
		CLEANUP(secret_freep) struct secret *cut = text(span_sub(all, 0, n)), *none = NULL;
		assert_fails(ssh_private_read(cut, &none), E_BAD_CONFIG);
	}
	static const char *const bad[] = { "", "-----BEGIN OPENSSH PRIVATE KEY-----\n-----END OPENSSH PRIVATE KEY-----\n", "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n",
		"-----BEGIN OPENSSH PRIVATE KEY-----\n!!!!\n-----END OPENSSH PRIVATE KEY-----\n", "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n" };
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		CLEANUP(secret_freep) struct secret *t = text(span_str(bad[i])), *none = NULL;
		assert_fails(ssh_private_read(t, &none), E_BAD_CONFIG);
	}
}

static void
lists(void **)
{
	CLEANUP(buf_fini) struct buf empty, two;
	uint8_t ca[SSH_KEY] = { 1 };
	buf_init(&empty, 4096);
	buf_init(&two, 4096);
	assert_ok(ssh_krl(ca, NULL, 0, 1, 1000, &empty));
	assert_int_equal(empty.n, 8 + 4 + 8 + 8 + 8 + 4 + 4 + 5);
	assert_memory_equal(empty.p, "SSHKRL\n\0\0\0\0\1", 12);
	assert_ok(ssh_krl(ca, (const uint64_t[]){ 5, 6 }, 2, 2, 1000, &two));
	assert_int_equal(two.n, empty.n + 1 + 4 + (4 + 51) + 4 + 1 + 4 + 16);
	assert_int_equal(two.p[two.n - 1], 6);
}

TEST_MAIN(T(refuses_what_sshd_would_read_otherwise), T(private_keys_come_back), T(lists))
