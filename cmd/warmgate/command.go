package main

import (
	"fmt"
	"io"
	"runtime"

	"github.com/spf13/cobra"
)

// app is what all commands share.
type app struct {
	lookup         lookupFunc
	stdout, stderr io.Writer
	// configFile is the value of --config.
	configFile string
	// started tells that a command's own work has begun: errors from here on are
	// none of the command line.
	started bool
}

// command returns the tree of commands.
func (a *app) command() *cobra.Command {
	root := &cobra.Command{
		Use:   "warmgate",
		Short: "A session-aware reverse proxy that wakes dev servers on demand",
		Long: `Warmgate serves previews of edit sessions: it finds the session that a URL
names, starts its dev server if it sleeps, shows a live page meanwhile, and lets
it sleep when nobody uses it.`,
		Example: `  warmgate serve --config warmgate.yaml
  warmgate session activate --client demo --id demo
  warmgate session status demo`,
		Args:          group,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		SilenceErrors: true,
		SilenceUsage:  true,
		PersistentPreRun: func(*cobra.Command, []string) {
			a.started = true
		},
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.PersistentFlags().StringVar(&a.configFile, "config", "",
		"configuration `file` (default: WARMGATE_CONFIG, or warmgate.yaml if there is one)")
	root.AddCommand(a.serveCommand(), a.configCommand(), a.sessionCommand(), a.poolCommand(), a.tableCommand(),
		a.explainCommand(), a.importCommand(), a.reloadCommand(), a.versionCommand())
	return root
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  noArguments,
		RunE: func(*cobra.Command, []string) error {
			fmt.Fprintf(a.stdout, "warmgate %s (%s, %s/%s)\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return nil
		},
	}
}
