// Package project guards what OpenCode takes from a work folder without
// asking: plugins, which are code that runs inside its process.
//
// The setting that switches a folder's configuration off
// (OPENCODE_DISABLE_PROJECT_CONFIG) does not switch its plugins off, and
// neither does OPENCODE_PURE: a second configuration service inside OpenCode
// knows neither. All of this was seen with OpenCode 1.18.33.
package project
