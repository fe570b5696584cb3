package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
	"github.com/towline-dev/towline/protocol"
)

// version is set when a release is linked (-X main.version=...).
var version = ""

// versionText returns the program's version, dev if it has none.
func versionText() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "dev"
}

func newVersion(t *terminal) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if asJSON {
				return writeJSON(t.out, map[string]any{"version": versionText(), "protocol": protocol.Version, "go": runtime.Version()})
			}
			_, err := fmt.Fprintf(t.out, "towline %s, protocol %d, %s\n", versionText(), protocol.Version, runtime.Version())
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}
