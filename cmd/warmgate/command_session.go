package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"
)

// sessionFlags are common to all commands that call the management API.
type sessionFlags struct {
	adminURL  string
	tokenFile string
	json      bool
}

// register gives cmd, and the commands below it, the flags.
func (f *sessionFlags) register(cmd *cobra.Command) {
	flags := cmd.PersistentFlags()
	flags.StringVar(&f.adminURL, "admin-url", "", "`URL` of the admin listener (default: WARMGATE_ADMIN_URL, or admin.listen of the configuration)")
	flags.StringVar(&f.tokenFile, "token-file", "", "`file` with the token (default: admin.token_file of the configuration)")
	flags.BoolVar(&f.json, "json", false, "print the answer as JSON")
}

func (a *app) sessionCommand() *cobra.Command {
	f := &sessionFlags{}
	cmd := &cobra.Command{
		Use:   "session",
		Short: "Activate, show, keep alive and end sessions of a running Warmgate",
		Long: `The commands below call the management API of a running Warmgate. Its address and
the file with the token are those of the configuration; on the same machine and
in the same folder there is nothing to say.`,
		Args: group,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	f.register(cmd)
	cmd.AddCommand(
		a.activateCommand(f), a.listCommand(f), a.statusCommand(f),
		a.changeCommand(f, "keepalive", "Extend a session's life", "without waking it"),
		a.changeCommand(f, "end", "End a session", "and let its task go"),
	)
	return cmd
}

func (a *app) activateCommand(f *sessionFlags) *cobra.Command {
	var body struct {
		ClientID  string                     `json:"clientId"`
		UserID    string                     `json:"userId"`
		ThreadID  string                     `json:"threadId,omitempty"`
		SessionID string                     `json:"sessionId,omitempty"`
		Pool      string                     `json:"pool,omitempty"`
		Metadata  map[string]json.RawMessage `json:"metadata,omitempty"`
		Wake      bool                       `json:"wake"`
	}
	var asleep bool
	var metadata string
	cmd := &cobra.Command{
		Use:   "activate --client NAME",
		Short: "Make a session exist and awake, and print its preview URL",
		Long: `activate makes a session, or wakes the one that has the id already and extends
its life.`,
		Example: `  warmgate session activate --client demo
  warmgate session activate --client acme --user ann --thread 42 --id acme-42 --asleep`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if body.ClientID == "" {
				return &usageError{err: errors.New("--client is missing: the customer whose site it is")}
			}
			if body.UserID == "" {
				body.UserID = a.userName()
			}
			if metadata != "" && json.Unmarshal([]byte(metadata), &body.Metadata) != nil {
				return &usageError{err: errors.New("--metadata is no JSON object")}
			}
			body.Wake = !asleep
			return a.call(cmd, f, http.MethodPost, "/api/sessions/activate", body, printChange)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&body.ClientID, "client", "", "`name` of the customer whose site it is (required)")
	flags.StringVar(&body.UserID, "user", "", "`name` of the person (default: yours)")
	flags.StringVar(&body.ThreadID, "thread", "", "`id` of the conversation that the session belongs to")
	flags.StringVar(&body.SessionID, "id", "", "the session's `id` (default: a random one)")
	flags.StringVar(&body.Pool, "pool", "", "`name` of the pool (default: that of the first session route)")
	flags.StringVar(&metadata, "metadata", "", "JSON `object` to keep with the session")
	flags.BoolVar(&asleep, "asleep", false, "leave it asleep until the first visit")
	return cmd
}

// userName is the name of whoever calls.
func (a *app) userName() string {
	for _, name := range []string{"USER", "LOGNAME", "USERNAME"} {
		if user, _ := a.lookup(name); user != "" {
			return user
		}
	}
	return "cli"
}

func (a *app) listCommand(f *sessionFlags) *cobra.Command {
	var client string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the living sessions",
		Example: `  warmgate session list
  warmgate session list --client acme --json`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			path := "/api/sessions"
			if client != "" {
				path += "/client/" + url.PathEscape(client)
			}
			c, err := a.client(f)
			if err != nil {
				return err
			}
			pages, err := c.pages(cmd.Context(), path)
			if err != nil {
				return err
			}
			return printPages(a.stdout, pages, client, f.json)
		},
	}
	cmd.Flags().StringVar(&client, "client", "", "only those of this `name`")
	return cmd
}

func (a *app) statusCommand(f *sessionFlags) *cobra.Command {
	return &cobra.Command{
		Use:     "status ID",
		Short:   "Show why a session is awake, what it waits for, when it sleeps and ends",
		Example: `  warmgate session status demo`,
		Args:    oneSession,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.call(cmd, f, http.MethodGet, sessionPath(args[0], "status"), nil, printStatus)
		},
	}
}

// changeCommand is a command that changes one session without arguments.
func (a *app) changeCommand(f *sessionFlags, use, short, long string) *cobra.Command {
	verb := map[string]string{"keepalive": "keepalive", "end": "deactivate"}[use]
	return &cobra.Command{
		Use:     use + " ID",
		Short:   short,
		Long:    short + " " + long + ".",
		Example: "  warmgate session " + use + " demo",
		Args:    oneSession,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.call(cmd, f, http.MethodPost, sessionPath(args[0], verb), nil, printChange)
		},
	}
}

func sessionPath(id, verb string) string {
	return "/api/sessions/" + url.PathEscape(id) + "/" + verb
}

// call makes one call and prints its answer: as JSON, or as print does.
func (a *app) call(cmd *cobra.Command, f *sessionFlags, method, path string, body any, print printFunc) error {
	c, err := a.client(f)
	if err != nil {
		return err
	}
	answer, err := c.call(cmd.Context(), method, path, body)
	if err != nil {
		return err
	}
	if f.json {
		return printJSON(a.stdout, answer)
	}
	var s sessionView
	if err := json.Unmarshal(answer, &s); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	print(a.stdout, &s)
	return nil
}

// client returns the client of the management API that the flags, the
// environment and the configuration name, in this order.
func (a *app) client(f *sessionFlags) (*client, error) {
	config, _, err := loadConfig(a.configFile, a.lookup)
	if err != nil {
		return nil, err
	}
	base, tokenFile := f.adminURL, f.tokenFile
	if base == "" {
		base, _ = a.lookup(envPrefix + "ADMIN_URL")
	}
	if base == "" {
		base = localURL(config.Admin.Listen)
	}
	if tokenFile == "" {
		tokenFile = config.Admin.TokenFile
	}
	return newClient(base, tokenFile)
}
