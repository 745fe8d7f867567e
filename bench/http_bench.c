/* http_bench: net/http_server with a handler that does nothing, to be compared with epoll_base under http_load.
 *
 *   http_bench (tcp:PORT | unix:PATH) [CERT.pem KEY.pem]      prints its process id, serves until killed */
#include "base/buf.h"
#include "base/env.h"
#include "net/http_server.h"
#include "net/socket.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void
on_request(void *, struct http_exchange *x, const struct http_request *)
{
	http_reply(x, &(struct http_answer){ .status = 200, .content_type = SPAN("application/json"), .body = SPAN("{\"decision\":true}") });
}

static status
with_cert(const char *cert, const char *key, struct tls_server **ret)
{
	CLEANUP(buf_fini) struct buf c, k;
	buf_init(&c, 1 << 16);
	buf_init(&k, 1 << 16);
	TRY(tls_server_new(&(struct tls_server_options){ .client_cert = TLS_CLIENT_CERT_BOUND }, ret));
	TRY(env_read_file(env_posix(), cert, &c));
	TRY(env_read_file(env_posix(), key, &k));
	return tls_server_set_cert(*ret, buf_span(&c), buf_span(&k));
}

static status
serve(int argc, char **argv)
{
	struct loop *l;
	struct http_server *s;
	struct tls_server *tls = NULL;
	int fd;
	TRY(loop_new(env_posix(), &l));
	TRY(http_server_new(l, NULL, &(struct http_handler){ .on_request = on_request }, NULL, &s));
	if (strncmp(argv[1], "unix:", 5) == 0)
		TRY(net_listen_unix(argv[1] + 5, 0600, &fd));
	else
		TRY(net_listen_tcp("127.0.0.1", (uint16_t)atoi(argv[1] + 4), false, &fd));
	if (argc == 4)
		TRY(with_cert(argv[2], argv[3], &tls));
	TRY(http_server_listen(s, fd, &(struct http_listener_options){ .tls = tls }));
	printf("%d\n", getpid());
	fflush(stdout);
	return loop_run(l);
}

int
main(int argc, char **argv)
{
	if (argc != 2 && argc != 4) {
		fprintf(stderr, "usage: http_bench tcp:PORT | unix:PATH [CERT KEY]\n");
		return 1;
	}
	status s = serve(argc, argv);
	fprintf(stderr, "http_bench: %s at %s:%u\n", error_text(s.code), s.file, s.line);
	return 1;
}
