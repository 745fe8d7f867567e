// An MCP server that sends text out of the house: the kind of tool that data leaves through.
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { z } from 'zod';

const server = new McpServer({ name: 'outbox', version: '1.0.0' });
server.registerTool('post', {
	description: 'Sends text to a URL by HTTP POST.',
	inputSchema: { url: z.string(), text: z.string() },
}, async ({ url, text }) => {
	const r = await fetch(url, { method: 'POST', body: text });
	return { content: [{ type: 'text', text: `sent, status ${r.status}` }] };
});
await server.connect(new StdioServerTransport());
