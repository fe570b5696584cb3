// Package acp drives any agent that speaks the Agent Client Protocol, version
// 1, on its standard streams: frames are lines of JSON-RPC.
//
// The way of a frame: translator.go finds its noun, then one file per noun
// takes it: opening (initialize, new, load, resume), message, tool, permission,
// elicitation (questions), settings (modes, models, options), update (plans,
// commands, notices), usage, turn. All of them are pure. agent.go starts the
// process; entry.go lists the agents that are known, and quirks.go what they do
// in their own way: that is data, and no code asks which agent it serves.
//
// History. An agent that loads a session replays its conversation. The server's
// own log is the source of history, so the replay is swallowed and nothing
// comes twice. The history of a session that was begun elsewhere is therefore
// not imported.
//
// Files and terminals. The client methods fs/* and terminal/* are not offered:
// an agent in the same sandbox reads and writes the disk by itself, and file
// contents do not travel twice (PROTOCOL.md section 5.11). A request for one is
// refused with "method not found", and the session goes on.
//
// Settings. Config options of the categories mode, model and thought_level are
// a session's mode, model and effort. Options of other categories, and of none,
// have no field there: a notice (settings_unsupported) tells them as they are,
// and they cannot be chosen.
//
// Comments that name a section mean PROTOCOL.md of the captures.
package acp
