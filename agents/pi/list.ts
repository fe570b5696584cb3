// Lists the extensions that are the user's own, as Pi itself finds them from a
// folder that has no configuration, and ends.
import { writeSync } from "node:fs";

export default async function () {
	const { DefaultPackageManager, SettingsManager, getAgentDir } = await import("@earendil-works/pi-coding-agent");
	const cwd = process.cwd();
	const agentDir = getAgentDir();
	const settingsManager = SettingsManager.create(cwd, agentDir);
	const { extensions } = await new DefaultPackageManager({ cwd, agentDir, settingsManager }).resolve();
	const own = extensions.filter((e) => e.enabled).map((e) => e.path);
	writeSync(1, "\n" + JSON.stringify({ towline_extensions: own }) + "\n");
	process.exit(0);
}
