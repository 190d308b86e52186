package command

import (
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// Man writes the manual pages. Only packagers need it, so it is not in the menu.
func Man(env Env) *cobra.Command {
	return &cobra.Command{
		Use:   "man DIR",
		Short: "Write a manual page for each command",
		Long: "Write a manual page, of section 1, for each command into a directory, which is made" +
			" if it does not exist.",
		Example: "  flagmeter man /usr/local/share/man/man1",
		Args:    cobra.ExactArgs(1),
		Hidden:  true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return fmt.Errorf("make the directory of manual pages: %w", err)
			}
			// A date would make two builds of the same sources differ.
			epoch := time.Unix(0, 0).UTC()
			if at, err := time.Parse(time.RFC3339, env.Build.Time); err == nil {
				epoch = at
			}
			root := cmd.Root()
			root.DisableAutoGenTag = true
			header := &doc.GenManHeader{Section: "1", Source: "FlagMeter " + env.Build.Version,
				Manual: "FlagMeter", Date: &epoch}
			if err := doc.GenManTree(root, header, args[0]); err != nil {
				return fmt.Errorf("write manual pages: %w", err)
			}
			return nil
		},
	}
}
