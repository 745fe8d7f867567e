/* oauth: the forms and documents of the OAuth 2 endpoints. Pure: requests to core's parameters, core's answers to what RFC 6749 says. */
#ifndef AMBIT_API_OAUTH_H
#define AMBIT_API_OAUTH_H

#include "net/http.h"
#include "text/json.h"

enum { OAUTH_FORM_MAX = 65536 };

/* The form as a JSON object: text members, `resource` and `audience` lists; a parameter without a value counts as absent, any other one
 * that comes twice refuses (RFC 6749 §3.2). E_BAD_REQUEST, E_BAD_UTF8, E_LIMIT. */
status oauth_read_form(struct arena *a, span text, span *ret_params);
/* RFC 8414 §2. `people`: origin of the pages where people log in; empty: there is none. */
void oauth_server_metadata(struct buf *b, span base, span people);
/* RFC 9728 §2, for the resource base + path. */
void oauth_resource_metadata(struct buf *b, span base, span path);
/* {"error":…,"error_description":…} (RFC 6749 §5.2); `body`: core's error object, whose detail is taken over, or empty. */
void oauth_render_error(struct buf *b, uint16_t code, span body);
/* The status such an answer has: 400 but for what RFC 6749 and HTTP say otherwise. */
unsigned oauth_status(uint16_t code);
/* The WWW-Authenticate value of a 401 of a resource (RFC 9728 §5.1, RFC 6750 §3, RFC 9449 §7.1). */
void oauth_challenge(struct buf *b, span base, span path, uint16_t code, bool dpop);

#endif
