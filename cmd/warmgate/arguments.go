package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
)

// group is for commands that only have commands below them.
func group(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	err := fmt.Errorf("unknown command %q for %q", args[0], cmd.CommandPath())
	cmd.SuggestionsMinimumDistance = 2
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		err = fmt.Errorf("%w; did you mean %q?", err, near[0])
	}
	return err
}

// noArguments is for commands that take flags only.
func noArguments(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("%q is too much: there are only flags here", args[0])
	}
	return nil
}

// oneSession is for commands that take the id of a session.
func oneSession(_ *cobra.Command, args []string) error {
	switch {
	case len(args) == 0 || args[0] == "":
		return errors.New("the session's ID is missing (warmgate session list shows them)")
	case len(args) > 1:
		return fmt.Errorf("%q is too much: there is one session's ID here", args[1])
	}
	return nil
}
