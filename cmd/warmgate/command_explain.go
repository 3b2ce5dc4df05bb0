package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"github.com/webordinary/warmgate/proxy"
	"github.com/webordinary/warmgate/proxy/api"
)

func (a *app) explainCommand() *cobra.Command {
	var (
		f       sessionFlags
		server  bool
		headers []string
		source  string
	)
	cmd := &cobra.Command{
		Use:   "explain METHOD URL",
		Short: "Tell which rule takes a request, why, and what would be done",
		Long: `explain holds a request against the rules of the configuration, without making it:
for every rule that does not take it the condition that fails, for the one that
does each condition and what matched, and what its action would do. The URL may
be a path; the host is then that of public_url.

With --server the rules are those of a running Warmgate, and the state of the
session that the request names, or of the pool that it is forwarded to, is told,
too. Asking is no activity: nothing is woken or kept awake.`,
		Example: `  warmgate explain GET /session/demo/
  warmgate explain POST https://edit.example.com/api/save -H "X-Session-ID: demo" --source 192.0.2.7
  warmgate explain GET /session/demo/ --server`,
		Args: methodAndURL,
		RunE: func(cmd *cobra.Command, args []string) error {
			header, err := parseHeaders(headers)
			if err != nil {
				return &usageError{err: err}
			}
			q := api.Question{Method: args[0], URL: args[1], Header: header, Source: source}
			if server || f.adminURL != "" {
				return a.explainRunning(cmd, &f, q)
			}
			return a.explainConfig(&f, q)
		},
	}
	flags := cmd.Flags()
	flags.StringArrayVarP(&headers, "header", "H", nil, "a header of the request, as \"`Name: value`\"; may be repeated")
	flags.StringVar(&source, "source", "", "`address` that the request comes from (default: 127.0.0.1)")
	flags.BoolVar(&server, "server", false, "ask a running Warmgate in place of the configuration")
	f.register(cmd)
	return cmd
}

// methodAndURL is for explain.
func methodAndURL(_ *cobra.Command, args []string) error {
	switch {
	case len(args) < 2:
		return errors.New("the method and the URL of the request are needed, such as: warmgate explain GET /session/demo/")
	case len(args) > 2:
		return fmt.Errorf("%q is too much: there are one method and one URL here", args[2])
	}
	return nil
}

// parseHeaders reads "Name: value" lines.
func parseHeaders(lines []string) (http.Header, error) {
	header := http.Header{}
	for _, line := range lines {
		name, value, found := strings.Cut(line, ":")
		if name = strings.TrimSpace(name); !found || name == "" || strings.ContainsAny(name, " \t\r\n") {
			return nil, fmt.Errorf("--header %q is not \"Name: value\"", line)
		}
		header.Add(name, strings.TrimSpace(value))
	}
	return header, nil
}

// explainConfig answers from the configuration. One with mistakes is good enough
// as long as its rules are none of them.
func (a *app) explainConfig(f *sessionFlags, q api.Question) error {
	c, found, err := loadConfig(a.configFile, a.lookup)
	if err != nil {
		return err
	}
	mistakes := c.Validate()
	c.fillIn()
	table, err := c.table()
	switch {
	case err != nil && mistakes == nil:
		return err
	case err != nil:
		return mistakesIn(found, mistakes)
	case mistakes != nil:
		fmt.Fprintln(a.stderr, "warmgate:", mistakesIn(found, mistakes))
	}
	e, _, err := c.explain(q, func(r *http.Request) proxy.Explanation {
		return proxy.Explain(table, c.proxySettings(), r)
	})
	if err != nil {
		return &usageError{err: err}
	}
	return a.printExplained(f, explainedView{Explanation: e})
}

// explainRunning answers from a running server.
func (a *app) explainRunning(cmd *cobra.Command, f *sessionFlags, q api.Question) error {
	c, err := a.client(f)
	if err != nil {
		return err
	}
	answer, err := c.call(cmd.Context(), http.MethodPost, "/api/explain", q)
	if err != nil {
		return err
	}
	if f.json {
		return printJSON(a.stdout, answer)
	}
	var v explainedView
	if err := json.Unmarshal(answer, &v); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	return a.printExplained(f, v)
}

func (a *app) printExplained(f *sessionFlags, v explainedView) error {
	if !f.json {
		printExplanation(a.stdout, &v)
		return nil
	}
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return printJSON(a.stdout, text)
}
