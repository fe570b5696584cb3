// Towline's permission gate. Pi runs every tool call at once; this extension
// asks the server before each of them and obeys. Whatever goes wrong here, the
// call is blocked: the absence of a decision is never consent.
import { readFileSync, statSync } from "node:fs";
import { resolve } from "node:path";

const maxBefore = 262144;

// before returns what a file holds that is about to be written: null for a
// file that is not there, undefined for one that is not shown.
function before(cwd, path) {
	const file = resolve(cwd, String(path));
	let info;
	try {
		info = statSync(file);
	} catch (err) {
		return err && err.code === "ENOENT" ? null : undefined;
	}
	try {
		return info.isFile() && info.size <= maxBefore ? readFileSync(file, "utf8") : undefined;
	} catch {
		return undefined;
	}
}

export default function (pi) {
	// The server looks for this command to know that the gate is there.
	pi.registerCommand("towline-gate", { description: "Asks before each tool call", handler: async () => {} });

	pi.on("tool_call", async (event, ctx) => {
		const ask = { toolCallId: event.toolCallId, tool: event.toolName, input: event.input };
		if (event.toolName === "write") ask.before = before(ctx.cwd, event.input.path);
		const answer = await ctx.ui.input("towline:permission", JSON.stringify(ask), { signal: ctx.signal });
		let vote = {};
		try {
			vote = JSON.parse(answer ?? "{}");
		} catch {}
		if (vote.allow !== true) {
			return { block: true, reason: vote.message || "The user did not allow this." };
		}
		if (vote.input) {
			for (const key of Object.keys(event.input)) delete event.input[key];
			Object.assign(event.input, vote.input);
		}
	});
}
