package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/webordinary/warmgate/proxy"
	"github.com/webordinary/warmgate/proxy/api"
	"github.com/webordinary/warmgate/proxy/certificate"
	"github.com/webordinary/warmgate/proxy/problem"
	"github.com/webordinary/warmgate/proxy/socket"
)

// reloader reads the configuration again and takes over what can change while
// requests are served. Safe for concurrent use once the parts are set.
type reloader struct {
	load        loadFunc
	level       *slog.LevelVar
	proxy       *proxy.Handler
	sockets     *socket.Hub
	adminGuard  *api.Guard
	publicGuard *api.Guard
	// certificates is nil without a TLS listener.
	certificates *certificate.Store
	logger       *slog.Logger

	mu      sync.Mutex // one reload at a time
	current atomic.Pointer[Config]

	reloads    *prometheus.CounterVec
	successful prometheus.Gauge
	succeeded  prometheus.Gauge
}

// newReloader returns a reloader that has no parts yet.
func newReloader(c *Config, reg prometheus.Registerer, logger *slog.Logger) *reloader {
	auto := promauto.With(reg)
	r := &reloader{
		logger: logger,
		reloads: auto.NewCounterVec(prometheus.CounterOpts{
			Name: "warmgate_config_reloads_total", Help: "Reloads of the configuration, by outcome: ok, refused.",
		}, []string{"outcome"}),
		successful: auto.NewGauge(prometheus.GaugeOpts{
			Name: "warmgate_config_last_reload_successful", Help: "Whether the last attempt to load the configuration succeeded.",
		}),
		succeeded: auto.NewGauge(prometheus.GaugeOpts{
			Name: "warmgate_config_last_reload_success_timestamp_seconds", Help: "When the configuration was last loaded with success.",
		}),
	}
	r.current.Store(c)
	r.successful.Set(1)
	r.succeeded.SetToCurrentTime()
	return r
}

// config is the configuration that holds now. Nobody may change it.
func (r *reloader) config() *Config { return r.current.Load() }

// Run reloads at each signal until ctx ends.
func (r *reloader) Run(ctx context.Context, signals <-chan os.Signal) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-signals:
			_, _ = r.reload() // says in the log what became of it
		}
	}
}

// reloadReport says what a reload has done.
type reloadReport struct {
	// File is the file that was read, "" if there is none.
	File string `json:"file"`
	// Changed are the keys that have other values now.
	Changed []string `json:"changed"`
	// NeedsRestart are those that were changed in vain.
	NeedsRestart []string `json:"needsRestart"`
}

// reload reads the configuration and takes it over. After an error nothing has
// changed.
func (r *reloader) reload() (reloadReport, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	next, file, err := r.load()
	var report reloadReport
	if err == nil {
		report, err = r.takeOver(next)
		report.File = file
	}
	if err != nil {
		r.reloads.WithLabelValues("refused").Inc()
		r.successful.Set(0)
		r.logger.Error("the configuration was not reloaded; nothing has changed", "error", err)
		return reloadReport{}, err
	}
	r.reloads.WithLabelValues("ok").Inc()
	r.successful.Set(1)
	r.succeeded.SetToCurrentTime()
	r.logger.Info("reloaded the configuration",
		"changed", strings.Join(report.Changed, " "), "needs_restart", strings.Join(report.NeedsRestart, " "))
	return report, nil
}

// takeOver puts into effect what of next can be. Whatever may fail comes first.
func (r *reloader) takeOver(next *Config) (reloadReport, error) {
	now := r.config()
	effective, report := merge(now, next)
	if err := effective.checkTakeOver(now); err != nil {
		if len(report.NeedsRestart) > 0 {
			err = fmt.Errorf("%w\n(changed, but only a restart takes over: %s)", err, strings.Join(report.NeedsRestart, ", "))
		}
		return report, err
	}
	certificates, err := effective.TLS.certificates()
	if err != nil {
		return report, err
	}
	routes, err := effective.table()
	if err != nil {
		return report, err
	}
	if err := r.proxy.SetRoutes(routes); err != nil {
		return report, err
	}
	r.proxy.Configure(effective.proxySettings())
	if certificates != nil {
		r.certificates.Use(certificates)
	}
	r.sockets.SetOrigins(effective.Sockets.Origins)
	r.adminGuard.SetHosts(effective.adminHosts())
	r.publicGuard.SetHosts(effective.publicHosts())
	r.level.Set(effective.logLevel())
	r.current.Store(effective)
	return report, nil
}

// checkTakeOver says why c, made of a changed configuration and of what only a
// restart changes, cannot take the place of now.
func (c *Config) checkTakeOver(now *Config) error {
	if err := c.Validate(); err != nil {
		return fmt.Errorf("without a restart the configuration would have mistakes:\n%w", err)
	}
	m := &mistakes{}
	for _, name := range now.poolNames() {
		newBase, newHost := c.poolSite(name)
		base, host := now.poolSite(name)
		if newBase != base || newHost != host {
			m.add("routes", "where pool %q is asked whether it is ready changes with them: restart", name)
		}
	}
	if was, is := now.defaultPool(), c.defaultPool(); was != is {
		m.add("routes", "the pool of sessions that name none changes with them, from %q to %q: restart", was, is)
	}
	return errors.Join(m.errs...)
}

// ServeHTTP reloads and answers with the report, or with what is wrong.
func (r *reloader) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	report, err := r.reload()
	if err != nil {
		problem.WriteJSON(w, req, problem.New(http.StatusUnprocessableEntity, err.Error()))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(report) // the caller may be gone
}
