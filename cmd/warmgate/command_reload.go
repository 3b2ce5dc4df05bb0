package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/spf13/cobra"
)

func (a *app) reloadCommand() *cobra.Command {
	f := &sessionFlags{}
	cmd := &cobra.Command{
		Use:   "reload",
		Short: "Have a running Warmgate read its configuration again",
		Long: `reload has a running Warmgate read its file again, with the environment and the
flags that it was started with. Routes and everything else that can change while
requests are served change at once, and nothing under way is disturbed; keys that
need a restart are named. A file with mistakes changes nothing: they are printed,
and the exit code is 1. SIGHUP does the same and tells the log.`,
		Example: `  warmgate reload
  warmgate reload --admin-url http://127.0.0.1:9090 --token-file .warmgate/token`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.client(f)
			if err != nil {
				return err
			}
			answer, err := c.call(cmd.Context(), http.MethodPost, "/api/reload", nil)
			if err != nil {
				return fmt.Errorf("nothing has changed: %w", err)
			}
			if f.json {
				return printJSON(a.stdout, answer)
			}
			var report reloadReport
			if err := json.Unmarshal(answer, &report); err != nil {
				return fmt.Errorf("read the answer: %w", err)
			}
			a.printReload(report)
			return nil
		},
	}
	f.register(cmd)
	return cmd
}

// printReload tells people what a reload has done.
func (a *app) printReload(r reloadReport) {
	fmt.Fprintf(a.stdout, "Reloaded %s.\n", configName(r.File))
	if len(r.Changed) == 0 && len(r.NeedsRestart) == 0 {
		fmt.Fprintln(a.stdout, "Nothing has changed.")
	}
	if len(r.Changed) > 0 {
		fmt.Fprintf(a.stdout, "Changed:         %s\n", strings.Join(r.Changed, ", "))
	}
	if len(r.NeedsRestart) > 0 {
		fmt.Fprintf(a.stdout, "Needs a restart: %s\n", strings.Join(r.NeedsRestart, ", "))
	}
}
