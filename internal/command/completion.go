package command

import (
	"github.com/spf13/cobra"
)

// Completion prints what a shell needs to complete command lines.
func Completion() *cobra.Command {
	return &cobra.Command{
		Use:   "completion bash|zsh|fish|powershell",
		Short: "Print the completion of command lines for a shell",
		Long: `Print a script that lets a shell complete commands, flags and their values. Open a new
shell when it is in place. Bash needs the package bash-completion.`,
		Example: `  flagmeter completion bash > /etc/bash_completion.d/flagmeter
  flagmeter completion zsh > "${fpath[1]}/_flagmeter"
  flagmeter completion fish > ~/.config/fish/completions/flagmeter.fish
  flagmeter completion powershell >> $PROFILE`,
		Args:                  cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
		ValidArgs:             []string{"bash", "zsh", "fish", "powershell"},
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			root, out := cmd.Root(), cmd.OutOrStdout()
			switch args[0] {
			case "zsh":
				return root.GenZshCompletion(out)
			case "fish":
				return root.GenFishCompletion(out, true)
			case "powershell":
				return root.GenPowerShellCompletionWithDesc(out)
			}
			return root.GenBashCompletionV2(out, true)
		},
	}
}
