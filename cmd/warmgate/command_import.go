package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/webordinary/warmgate/proxy/route/albimport"
)

func (a *app) importCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "import",
		Short: "Make a configuration of what another proxy has",
		Args:  group,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.importALBCommand())
	return cmd
}

func (a *app) importALBCommand() *cobra.Command {
	var (
		o      albimport.Options
		output string
	)
	cmd := &cobra.Command{
		Use:   "alb FILE...",
		Short: "Turn the rules of an AWS Application Load Balancer into a configuration",
		Long: `alb reads the JSON that these print, in any order, and writes a configuration with
comments:

  aws elbv2 describe-rules --listener-arn ARN      (needed)
  aws elbv2 describe-listeners, describe-target-groups, describe-load-balancers
  aws elbv2 describe-target-health, describe-target-group-attributes,
            describe-listener-attributes, describe-load-balancer-attributes

The last four do not say what they are about: where several are known, write the
target group's or load balancer's name, or the listener's port, before the file,
as in astro=health.json. AWS is not asked for anything.

What was not carried over is told on standard error, and in the file. Rules that
authenticate requests, and rules that cannot be carried over, stop the import
(exit code 1, nothing is written) unless a flag says that they are to be dropped.
Addresses that are not in the files are left to be filled in: config check tells
which.`,
		Example: `  warmgate import alb rules.json listeners.json groups.json astro=health.json -o warmgate.yaml
  warmgate import alb *.json --listener 443
  warmgate explain GET /session/demo/ --config warmgate.yaml`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("the files are missing: at least the output of aws elbv2 describe-rules")
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error { return a.importALB(args, o, output) },
	}
	flags := cmd.Flags()
	flags.StringVarP(&output, "output", "o", "", "`file` to write, which must not exist yet (default: standard output)")
	flags.StringVar(&o.Listener, "listener", "", "`ARN`, or its end, or port of the listener, if there are several")
	flags.BoolVar(&o.DropAuthentication, "drop-authentication", false, "carry over rules without the authentication of their requests")
	flags.StringArrayVar(&o.Drop, "drop", nil, "leave out the rule with this `priority` (or default); may be repeated")
	return cmd
}

// labelled is an argument NAME=FILE; NAME is a target group, a load balancer or a
// port.
var labelled = regexp.MustCompile(`^([A-Za-z0-9-]+)=(.+)$`)

func (a *app) importALB(args []string, o albimport.Options, output string) error {
	var d albimport.Documents
	for _, arg := range args {
		file, label := arg, ""
		if m := labelled.FindStringSubmatch(arg); m != nil {
			label, file = m[1], m[2]
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("read what to import: %w", err)
		}
		if err := d.Read(file, label, text); err != nil {
			return err
		}
	}
	result, err := d.Convert(o)
	if err != nil {
		return importRefused(err)
	}
	text, err := importedText(result)
	if err != nil {
		return err
	}
	if err := a.writeNew(output, text); err != nil {
		return err
	}
	a.reportImport(result, text)
	return nil
}

// importRefused says by which flags the import goes on all the same.
func importRefused(err error) error {
	r, ok := errors.AsType[*albimport.RefusedError](err)
	if !ok {
		return err
	}
	var advice []string
	if len(r.Authentication) > 0 {
		advice = append(advice, "Keep the load balancer or another authenticating proxy in front, and say --drop-authentication.")
	}
	if len(r.Rules) > 0 {
		advice = append(advice, "Leave a rule out with --drop PRIORITY.")
	}
	return fmt.Errorf("nothing was written: %w\n%s", err, strings.Join(advice, "\n"))
}

// writeNew writes to the file, or to standard output if there is none named. A
// file that exists stays as it is: it may hold what somebody has added.
func (a *app) writeNew(file string, text []byte) error {
	if file == "" {
		_, err := a.stdout.Write(text)
		return err
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("%s exists already, and is left as it is", file)
	}
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}

// reportImport says what was carried over, what not, and what is left to do.
func (a *app) reportImport(r *albimport.Result, text []byte) {
	fmt.Fprintf(a.stderr, "%s: %d rules, %d target groups\n", r.Listener, len(r.Rules), len(r.Upstreams))
	if len(r.Notes) > 0 {
		fmt.Fprintln(a.stderr, "not carried over:")
		for _, n := range r.Notes {
			fmt.Fprintf(a.stderr, "  %s\n", n)
		}
	}
	c := DefaultConfig()
	err := decodeConfig(text, "the result", c)
	if err == nil {
		c.complete()
		err = c.Validate()
	}
	if err != nil {
		fmt.Fprintln(a.stderr, "before it can be used (warmgate config check):")
		for line := range bytes.Lines([]byte(err.Error())) {
			fmt.Fprintf(a.stderr, "  %s\n", bytes.TrimRight(line, "\n"))
		}
	}
}
