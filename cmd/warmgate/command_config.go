package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func (a *app) configCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Check the configuration, or print its reference",
		Args:  group,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.configCheckCommand(), &cobra.Command{
		Use:   "reference",
		Short: "Print every key with its default, environment variable and meaning (Markdown)",
		Args:  noArguments,
		RunE:  func(*cobra.Command, []string) error { return printReference(a.stdout) },
	})
	return cmd
}

func (a *app) configCheckCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "check [FILE]",
		Short: "List every mistake in the configuration, or print it as it takes effect",
		Long: `check reads the file and the environment as serve does. It lists every mistake
with its key, or prints the configuration as it takes effect: with defaults, and
with secrets as ` + secretText + `.`,
		Example: `  warmgate config check
  warmgate config check deploy/local/warmgate.yaml`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return fmt.Errorf("%q is too much: there is one file to check", args[1])
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			file := a.configFile
			if len(args) == 1 {
				file = args[0]
			}
			c, found, err := loadConfig(file, a.lookup)
			if err != nil {
				return err
			}
			if err := c.Validate(); err != nil {
				return mistakesIn(found, err)
			}
			fmt.Fprintf(a.stderr, "%s is valid\n", configName(found))
			return printConfig(a.stdout, c)
		},
	}
}

// configName names the file for people.
func configName(found string) string {
	if found == "" {
		return "the configuration (no file)"
	}
	return found
}

// mistakesIn puts the file's name before its mistakes, one a line.
func mistakesIn(found string, err error) error {
	return fmt.Errorf("%s has mistakes:\n%w", configName(found), err)
}
