package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"syscall"

	"golang.org/x/sync/errgroup"
)

// listeners are the open ones; health and secure are nil if there is none.
type listeners struct {
	public, secure, admin, health net.Listener
}

// listen opens the listeners, all or none.
func listen(ctx context.Context, c *Config) (l listeners, err error) {
	for _, open := range []struct {
		key, address string
		listener     *net.Listener
	}{
		{"listen", c.Listen, &l.public},
		{"tls.listen", c.TLS.Listen, &l.secure},
		{"admin.listen", c.Admin.Listen, &l.admin},
		{"health.listen", c.Health.Listen, &l.health},
	} {
		if open.address == "" {
			continue
		}
		if *open.listener, err = new(net.ListenConfig).Listen(ctx, "tcp", open.address); err != nil {
			l.close()
			if errors.Is(err, syscall.EADDRINUSE) {
				err = fmt.Errorf("another process listens on %s: end it, or choose another address", open.address)
			}
			return listeners{}, fmt.Errorf("%s: %w", open.key, err)
		}
	}
	return l, nil
}

// close closes those that are open; closing twice does no harm.
func (l listeners) close() {
	for _, one := range []net.Listener{l.public, l.secure, l.admin, l.health} {
		if one != nil {
			one.Close()
		}
	}
}

// newServer returns a server with the bounds that all listeners have. There is no
// bound for a whole request or answer: both may be streams.
func newServer(c *Config, h http.Handler, logger *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: c.Limits.ReadHeaderTimeout,
		IdleTimeout:       c.Limits.IdleTimeout,
		MaxHeaderBytes:    c.Limits.HeaderBytes,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}
}

// serveOn serves until the server is shut down; any other end is an error. A server
// with certificates serves by TLS.
func serveOn(server *http.Server, l net.Listener) error {
	serve := server.Serve
	if server.TLSConfig != nil {
		serve = func(l net.Listener) error { return server.ServeTLS(l, "", "") }
	}
	if err := serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("listener %s: %w", l.Addr(), err)
	}
	return nil
}

// stopServing closes the servers' listeners, lets requests end until ctx does, and
// cuts what is left. A nil server is none.
func stopServing(ctx context.Context, servers ...*http.Server) error {
	var stopping errgroup.Group
	for _, s := range servers {
		if s == nil {
			continue
		}
		stopping.Go(func() error {
			err := s.Shutdown(ctx)
			if err != nil {
				return errors.Join(err, s.Close())
			}
			return nil
		})
	}
	return stopping.Wait()
}

// browserURL is how a browser on this machine reaches a listener.
func browserURL(scheme string, a net.Addr) string {
	host, port, err := net.SplitHostPort(a.String())
	if err != nil {
		return scheme + "://" + a.String()
	}
	if ip := net.ParseIP(host); ip == nil || ip.IsLoopback() || ip.IsUnspecified() {
		host = "localhost"
	}
	return scheme + "://" + net.JoinHostPort(host, port)
}

// announce tells where to look.
func announce(w io.Writer, c *Config, l listeners, logger *slog.Logger) {
	tokenFile := c.Admin.TokenFile
	if path, err := filepath.Abs(tokenFile); err == nil {
		tokenFile = path // whoever reads this may be in another folder
	}
	facts := []struct{ name, value string }{
		{"public", c.PublicURL},
		{"admin", browserURL("http", l.admin.Addr())},
		{"token", tokenFile},
	}
	if l.secure != nil {
		facts = append(facts, struct{ name, value string }{"tls", browserURL("https", l.secure.Addr())})
	}
	if l.health != nil {
		facts = append(facts, struct{ name, value string }{"health", browserURL("http", l.health.Addr())})
	}
	if c.Log.Format == logJSON {
		for _, f := range facts {
			logger.Info("listening", "name", f.name, "at", f.value)
		}
		return
	}
	fmt.Fprintf(w, "Warmgate %s listens on %s\n", version, browserURL("http", l.public.Addr()))
	for _, f := range facts {
		fmt.Fprintf(w, "  %-7s %s\n", f.name, f.value)
	}
}

// newLogger returns the logger of everything but requests. It logs from the level on.
func newLogger(w io.Writer, format string, level slog.Leveler) *slog.Logger {
	o := &slog.HandlerOptions{Level: level}
	if format == logJSON {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}
