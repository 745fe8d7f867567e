// An MCP server whose one tool takes its time and reports progress, so that a call can be cut while it streams.
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { z } from 'zod';

const server = new McpServer({ name: 'ticker', version: '1.0.0' });
server.registerTool('count', {
	description: 'Counts to a number, ten a second, reporting each.',
	inputSchema: { to: z.number().int() },
}, async ({ to }, extra) => {
	const token = extra._meta?.progressToken;
	for (let i = 1; i <= to && !extra.signal.aborted; i++) {
		if (token !== undefined)
			await extra.sendNotification({ method: 'notifications/progress', params: { progressToken: token, progress: i, total: to } });
		await new Promise((r) => setTimeout(r, 100));
	}
	return { content: [{ type: 'text', text: `counted to ${to}` }] };
});
await server.connect(new StdioServerTransport());
