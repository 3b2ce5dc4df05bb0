package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

func (a *app) poolCommand() *cobra.Command {
	f := &sessionFlags{}
	cmd := &cobra.Command{
		Use:   "pool",
		Short: "Show and wake the pools that forward rules use",
		Long: `The commands below call the management API of a running Warmgate, as those of
session do. Pools of sessions are not listed: their sessions are.`,
		Args: group,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	f.register(cmd)
	cmd.AddCommand(
		&cobra.Command{
			Use:     "list",
			Short:   "List the pools that forward rules use",
			Example: `  warmgate pool list`,
			Args:    noArguments,
			RunE:    func(cmd *cobra.Command, _ []string) error { return a.listPools(cmd, f) },
		},
		a.onePoolCommand(f, http.MethodGet, "status", "Show why a pool is awake, what it waits for and when it sleeps"),
		a.onePoolCommand(f, http.MethodPost, "wake", "Start a pool's task unless it runs"),
	)
	return cmd
}

// onePoolCommand is a command about one pool.
func (a *app) onePoolCommand(f *sessionFlags, method, verb, short string) *cobra.Command {
	return &cobra.Command{
		Use:     verb + " NAME",
		Short:   short,
		Example: "  warmgate pool " + verb + " hermes",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.call(cmd, f, method, "/api/pools/"+url.PathEscape(args[0])+"/"+verb, nil, printStatus)
		},
	}
}

func (a *app) listPools(cmd *cobra.Command, f *sessionFlags) error {
	c, err := a.client(f)
	if err != nil {
		return err
	}
	answer, err := c.call(cmd.Context(), http.MethodGet, "/api/pools", nil)
	if err != nil {
		return err
	}
	if f.json {
		return printJSON(a.stdout, answer)
	}
	return printPools(a.stdout, answer)
}

// printPools prints a list of pools as a table.
func printPools(w io.Writer, answer []byte) error {
	var pools []sessionView
	if err := json.Unmarshal(answer, &pools); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	if len(pools) == 0 {
		_, err := fmt.Fprintln(w, "No forward rule uses a pool.")
		return err
	}
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "POOL\tSTATUS\tWHY")
	for _, p := range pools {
		fmt.Fprintf(t, "%s\t%s\t%s\n", p.Pool, p.Status, p.Why)
	}
	return t.Flush()
}
