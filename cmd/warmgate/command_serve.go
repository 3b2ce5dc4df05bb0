package main

import (
	"github.com/spf13/cobra"
)

func (a *app) serveCommand() *cobra.Command {
	var listen, adminListen, logLevel string
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve previews until a signal comes",
		Long: `serve listens on three addresses: the public one for browsers, the health one for
a load balancer's checks, and the admin one for the management API, the status
page and metrics. SIGINT or SIGTERM ends it in order: what is under way is
finished first. A second one, a second later or more, ends it at once. SIGHUP
reads the configuration again, as warmgate reload does.

Without a configuration there is one rule: /session/ID/ is served by astro dev,
run in the folder sites/CLIENT below the working folder.`,
		Example: `  warmgate serve
  warmgate serve --config warmgate.yaml --listen :8080
  WARMGATE_LOG_LEVEL=debug warmgate serve`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			load := func() (*Config, string, error) {
				c, found, err := loadConfig(a.configFile, a.lookup)
				if err != nil {
					return nil, "", err
				}
				for _, flag := range []struct {
					value string
					key   *string
				}{{listen, &c.Listen}, {adminListen, &c.Admin.Listen}, {logLevel, &c.Log.Level}} {
					if flag.value != "" {
						*flag.key = flag.value
					}
				}
				if err := c.Validate(); err != nil {
					return nil, "", mistakesIn(found, err)
				}
				return c, found, nil
			}
			return serve(cmd.Context(), load, a.stdout, a.stderr)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&listen, "listen", "", "`address` of the public listener, in place of the configured one")
	flags.StringVar(&adminListen, "admin-listen", "", "`address` of the admin listener, in place of the configured one")
	flags.StringVar(&logLevel, "log-level", "", "`level` of the log: debug, info, warn or error")
	return cmd
}
