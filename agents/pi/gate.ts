// Towline's permission gate. Pi runs every tool call at once; this extension
// asks the server before each of them and obeys. Whatever goes wrong here, the
// call is blocked: the absence of a decision is never consent.
import { readFileSync, readlinkSync, realpathSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";

const maxBefore = 262144;

// located returns the absolute path that Pi's tools mean by a path.
function located(cwd, path) {
	const plain = String(path).replace(/^@/, "").replace(/[\u00A0\u2000-\u200A\u202F\u205F\u3000]/g, " ");
	return resolve(cwd, plain.replace(/^~(?=\/|$)/, homedir()));
}

// real returns where a file lies, or will lie, without links: one could lead
// from the work folder into Pi's own configuration.
function real(file, links = 40) {
	try {
		return realpathSync(file);
	} catch {}
	if (dirname(file) === file || links === 0) return file;
	try {
		return real(resolve(dirname(file), readlinkSync(file)), links - 1);
	} catch {}
	return join(real(dirname(file), links), basename(file));
}

// before returns what a file holds that is about to be written: null for a
// file that is not there, undefined for one that is not shown.
function before(file) {
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
		if (event.toolName === "write" || event.toolName === "edit") {
			const file = located(ctx.cwd, event.input.path);
			ask.path = real(file);
			if (event.toolName === "write") ask.before = before(file);
		}
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
