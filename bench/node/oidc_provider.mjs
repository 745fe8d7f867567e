// npm oidc-provider as it is meant to be used, for comparison: oidc_provider.mjs NODE_DIR. Prints where it is and what to send.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
const require = createRequire(process.argv[2] + "/package.json");
const load = (name) => import(pathToFileURL(require.resolve(name)));
const { Provider } = await load("oidc-provider");
const jose = await load("jose");
const key = await jose.exportJWK((await jose.generateKeyPair("ES256", { extractable: true })).privateKey);
const resource = "https://resource.example/";
const provider = new Provider("http://127.0.0.1", {
	clients: [{ client_id: "bench", client_secret: "0123456789abcdef0123456789abcdef", grant_types: ["client_credentials"], redirect_uris: [], response_types: [],
		token_endpoint_auth_method: "client_secret_post", id_token_signed_response_alg: "ES256" }],
	jwks: { keys: [{ ...key, alg: "ES256", use: "sig", kid: "1" }] },
	ttl: { ClientCredentials: 300 },
	features: {
		clientCredentials: { enabled: true }, introspection: { enabled: true, allowedPolicy: () => true }, devInteractions: { enabled: false },
		resourceIndicators: { enabled: true, useGrantedResource: () => true, getResourceServerInfo: () => ({ scope: "x", audience: resource, accessTokenTTL: 300, accessTokenFormat: "jwt",
			jwt: { sign: { alg: "ES256" } } }) },
	},
});
const server = provider.listen(0, "127.0.0.1", async () => {
	const { port } = server.address(), address = `127.0.0.1:${port}`;
	const client = { client_id: "bench", client_secret: "0123456789abcdef0123456789abcdef" };
	const token = { grant_type: "client_credentials", resource, ...client };
	// Only its opaque tokens can be introspected.
	const opaque = await (await fetch(`http://${address}/token`, { method: "POST", body: new URLSearchParams({ grant_type: "client_credentials", ...client }) })).json();
	console.log(JSON.stringify({ address, token, introspect: { token: opaque.access_token, ...client } }));
});
