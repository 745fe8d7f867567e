// The agent of the tour: the official MCP client SDK in front of `ambit mcp`, steered by lines of JSON on standard input so that the
// tour can say what it tries. It runs under `ambit run`; everything it does is this task's.
import { createInterface } from 'node:readline';
import { request } from 'node:http';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';

const say = (o) => process.stdout.write(JSON.stringify(o) + '\n');
const client = new Client({ name: 'tour', version: '1.0.0' });
await client.connect(new StdioClientTransport({ command: process.env.AMBIT_BIN, args: ['mcp'], env: { ...process.env }, stderr: 'inherit' }));

/* HTTP over the agent socket, in the shape of fetch. */
function socketFetch(url, init = {}) {
	return new Promise((resolve, reject) => {
		const headers = Object.fromEntries(new Headers(init.headers));
		const q = request({ socketPath: process.env.AMBIT_SOCKET, path: new URL(url).pathname, method: init.method ?? 'GET', headers: { ...headers, host: 'localhost' } }, (r) => {
			const body = new ReadableStream({
				start(c) { r.on('data', (d) => c.enqueue(new Uint8Array(d))); r.on('end', () => c.close()); r.on('error', (e) => c.error(e)); },
			});
			resolve(new Response([202, 204].includes(r.statusCode) ? null : body, { status: r.statusCode, headers: r.headers }));
		});
		q.on('error', reject);
		init.signal?.addEventListener('abort', () => q.destroy());
		q.end(init.body);
	});
}

let child;
const commands = {
	tools: async () => ({ tools: (await client.listTools()).tools.map((t) => t.name) }),
	call: ({ name, args, progress }) => client.callTool({ name, arguments: args }, undefined,
		{ timeout: 60000, resetTimeoutOnProgress: true, ...(progress ? { onprogress: (p) => say({ progress: p.progress }) } : {}) }),
	delegate: async (params) => {
		const r = await socketFetch('http://localhost/v1/task/delegate', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(params) });
		const answer = await r.json();
		if (answer.token) {
			child = new Client({ name: 'tour-child', version: '1.0.0' });
			await child.connect(new StreamableHTTPClientTransport(new URL('http://localhost/mcp'),
				{ fetch: socketFetch, requestInit: { headers: { authorization: `Bearer ${answer.token}` } } }));
			delete answer.token;
		}
		return answer;
	},
	child: ({ name, args }) => child.callTool({ name, arguments: args }),
};
say({ ready: true, task: process.env.AMBIT_TASK });
for await (const line of createInterface({ input: process.stdin })) {
	const { id, do: what, ...rest } = JSON.parse(line);
	Promise.resolve().then(() => commands[what](rest)).then((r) => say({ id, result: r }), (e) => say({ id, error: String(e.message ?? e) }));
}
process.exit(0);
