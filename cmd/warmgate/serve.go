package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"golang.org/x/sync/errgroup"

	"github.com/webordinary/warmgate/proxy"
	"github.com/webordinary/warmgate/proxy/accesslog"
	"github.com/webordinary/warmgate/proxy/admin"
	"github.com/webordinary/warmgate/proxy/api"
	"github.com/webordinary/warmgate/proxy/certificate"
	"github.com/webordinary/warmgate/proxy/page"
	"github.com/webordinary/warmgate/proxy/problem"
	"github.com/webordinary/warmgate/proxy/socket"
	"github.com/webordinary/warmgate/proxy/upstream"
	"github.com/webordinary/warmgate/proxy/warming"
	"github.com/webordinary/warmgate/scaler"
	"github.com/webordinary/warmgate/scaler/cloudwatch"
	"github.com/webordinary/warmgate/session"
	"github.com/webordinary/warmgate/session/cache"
	"github.com/webordinary/warmgate/session/lease"
	"github.com/webordinary/warmgate/session/pooled"
)

// serve wires the parts of a valid configuration together and runs them until
// ctx ends or a listener fails. load reads the configuration, now and for each
// reload.
//
//	public listener -> proxy --> session.Manager -> cache -> bolt or dynamo
//	                     |              |
//	                     |              `-> scaler -> drivers
//	                     `-> warming, problem, socket, accesslog
//	admin listener  -> admin -> api -> session.Manager
func serve(ctx context.Context, load loadFunc, stdout, stderr io.Writer) error {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	c, found, err := load()
	if err != nil {
		return err
	}
	if found == "" {
		fmt.Fprintln(stderr, "No configuration file: the defaults hold (warmgate config reference tells of them).")
	}
	level := new(slog.LevelVar)
	level.Set(c.logLevel())
	logger := newLogger(stderr, c.Log.Format, level)
	l, err := listen(ctx, c)
	if err != nil {
		return err
	}
	defer l.close()
	c.completePublicURL(l)
	token, made, err := ensureToken(c.Admin.TokenFile)
	if err != nil {
		return fmt.Errorf("admin.token_file: %w", err)
	}
	if made {
		logger.Info("made the token of the management API", "file", c.Admin.TokenFile)
	}
	out := newOutside()
	store, err := openStore(ctx, c, out, logger)
	if err != nil {
		return err
	}
	p, err := wire(c, out, store, token, stdout, logger)
	if err != nil {
		return errors.Join(err, store.Close())
	}
	p.reloader.level, p.reloader.load = level, func() (*Config, string, error) {
		c, file, err := load()
		if err == nil {
			c.completePublicURL(l)
		}
		return c, file, err
	}
	err = p.run(ctx, l, hangups, func() { announce(stderr, c, l, logger) })
	return errors.Join(err, store.Close())
}

// parts are what runs.
type parts struct {
	config    *Config // at the start
	logger    *slog.Logger
	metrics   *prometheus.Registry
	health    *admin.Health
	lease     *lease.Lease
	scaler    *scaler.Scaler
	extender  *cache.Extender
	accessLog *accesslog.Logger
	pages     *warming.Pages
	sockets   *socket.Hub
	proxy     *proxy.Handler
	reloader  *reloader
	// cloudWatch is nil if nothing is published.
	cloudWatch *cloudwatch.Publisher

	// secure and certificates are nil if there is no TLS listener.
	secure       *http.Server
	certificates *certificate.Store

	public, admin, healthz *http.Server
}

// wire makes the parts and starts none of them.
func wire(
	c *Config, out *outside, store store, token string, stdout io.Writer, logger *slog.Logger,
) (*parts, error) {
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	out.register(metrics)
	p := &parts{
		config: c, logger: logger, metrics: metrics, health: &admin.Health{}, reloader: newReloader(c, metrics, logger),
	}

	// Sessions: the store, the cache before it, and who writes activity.
	cached, err := cache.New(pooled.New(store, store, c.poolNames), cache.Options{Registerer: metrics})
	if err != nil {
		return nil, err
	}
	registry := session.NewRegistry(c.clocks())
	p.extender = cache.NewExtender(cached, c.clocks(), cache.ExtenderOptions{Registerer: metrics, Logger: logger})

	// Tasks.
	pools, err := c.scalerPools(out, store, logger)
	if err != nil {
		return nil, err
	}
	if p.lease, err = scalerLease(store, metrics, logger); err != nil {
		return nil, err
	}
	p.scaler, err = scaler.New(scaler.Options{
		Store: cached, Records: store, Registry: registry, Extender: p.extender, Lease: p.lease, Alone: c.alone(),
		Pools: pools, DefaultPool: c.defaultPool(), MaxTasks: c.Limits.Tasks, LaunchRate: c.Limits.LaunchRate,
		StaysUp: func(pool string) bool { return p.reloader.config().staysUp(pool) },
		Dial:    out.dial, Logger: logger, Registerer: metrics,
	})
	if err != nil {
		return nil, err
	}
	if p.cloudWatch, err = c.cloudWatch(out, store, metrics, p.lease.Held, logger); err != nil {
		return nil, err
	}
	sessions := session.NewManager(session.ManagerOptions{
		Store: cached, Registry: registry, Extender: p.extender, Backends: p.scaler, Pool: c.defaultPool(),
	})

	// The management API, behind a guard for each listener that it is on.
	management := api.New(api.Options{
		Sessions: sessions, Pools: c.poolNames(), Logger: logger,
		ForwardPools: func() []string { return p.reloader.config().forwardPools() }, PoolRecords: sessions,
		PreviewURL: func(s *session.Session) string {
			c := p.reloader.config()
			return c.previewURL(c.PublicURL, s)
		},
		Explain: func(q api.Question) (any, session.ID, error) {
			return p.reloader.config().explain(q, p.proxy.Explain)
		},
	})
	adminGuard, err := api.NewGuard(api.GuardOptions{Token: token, Hosts: c.adminHosts(), SameOrigin: true})
	if err != nil {
		return nil, err
	}
	publicGuard, err := api.NewGuard(api.GuardOptions{Token: token, Hosts: c.publicHosts()})
	if err != nil {
		return nil, err
	}

	if err := p.wireProxy(out, sessions, registry, publicGuard.Protect(management), stdout); err != nil {
		return nil, err
	}
	p.public = newServer(c, p.proxy, logger)
	p.public.ConnContext = proxy.ConnContext
	p.public.RegisterOnShutdown(p.pages.Close)
	if err := p.wireTLS(); err != nil {
		return nil, err
	}
	p.admin = newServer(c, admin.New(admin.Options{
		API: management, Reload: p.reloader, Guard: adminGuard, Health: p.health, Metrics: metrics,
	}), logger)
	p.healthz = newServer(c, p.health.Handler(), logger)
	p.reloader.proxy, p.reloader.sockets = p.proxy, p.sockets
	p.reloader.adminGuard, p.reloader.publicGuard = adminGuard, publicGuard
	return p, nil
}

// wireProxy makes the data plane.
func (p *parts) wireProxy(
	out *outside, sessions *session.Manager, registry *session.Registry, management http.Handler, stdout io.Writer,
) error {
	c := p.config
	look, err := page.New(page.Options{})
	if err != nil {
		return err
	}
	p.pages = warming.New(look, warming.Options{})
	p.sockets = socket.New(socket.Options{
		Origins: c.Sockets.Origins, HandshakeTimeout: c.Sockets.HandshakeTimeout,
		PingInterval: c.Sockets.PingInterval, PeerTimeout: 2*c.Sockets.PingInterval + 5*time.Second,
		MaxMessage: c.Sockets.MessageBytes, MaxPerSession: c.Sockets.PerSession,
		MaxOpen: c.Sockets.Max, MaxParked: c.Sockets.MaxParked,
		Touch: func(l *session.Live, kind session.ActivityKind) {
			p.extender.Touch(l, session.Activity{At: time.Now(), Kind: kind})
		},
		Dial: out.dial, Suspect: p.scaler.Suspect, Refuse: proxy.RefuseUpgrade, Registerer: p.metrics,
	})
	if c.Log.Access == accessOff {
		stdout = io.Discard
	}
	if p.accessLog, err = accesslog.New(stdout, accesslog.Options{Format: c.accessFormat()}, p.logger); err != nil {
		return err
	}
	boundMetrics(p.metrics, p.pages, p.accessLog)
	routes, err := c.table()
	if err != nil {
		return err
	}
	p.proxy, err = proxy.New(proxy.Options{
		Routes: routes, Sessions: sessions, Registry: registry, Backends: p.scaler, Toucher: p.extender,
		Pages: p.pages, Problems: problem.NewPages(look), Sockets: p.sockets, AccessLog: p.accessLog,
		Management: management, Bucket: out.bucketOptions, Settings: c.proxySettings(),
		Transport:       upstream.Options{Dial: out.dial, DialTimeout: c.Limits.DialTimeout, ResponseTimeout: c.Limits.ResponseTimeout},
		BodyIdleTimeout: c.Limits.BodyIdleTimeout,
		Metrics:         p.metrics, Logger: p.logger,
	})
	return err
}

// wireTLS makes the TLS listener's server, if there is to be one.
func (p *parts) wireTLS() error {
	set, err := p.config.TLS.certificates()
	if set == nil || err != nil {
		return err
	}
	p.certificates = certificate.NewStore(set, certificate.Options{Registerer: p.metrics, Logger: p.logger})
	p.reloader.certificates = p.certificates
	p.secure = newTLSServer(p.config, p.proxy, p.certificates, p.logger)
	p.secure.ConnContext = proxy.ConnContext
	new(malformedWatch).watch(p.secure)
	p.secure.RegisterOnShutdown(p.pages.Close)
	return nil
}

// run runs everything until ctx ends or a part fails, and then stops it in order.
// Each of the hangups is a reload. ready is called when requests are served.
func (p *parts) run(ctx context.Context, l listeners, hangups <-chan os.Signal, ready func()) error {
	serving, failed := errgroup.WithContext(ctx)
	serving.Go(func() error { return serveOn(p.admin, l.admin) })
	if l.health != nil {
		serving.Go(func() error { return serveOn(p.healthz, l.health) })
	}
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var rest errgroup.Group
	rest.Go(func() error { return tuneCollector(background) })
	rest.Go(func() error { return p.accessLog.Run(background) })
	rest.Go(func() error { return p.extender.Run(background) })
	rest.Go(func() error { return p.proxy.Run(background) })
	var leased errgroup.Group
	holding, giveBack := context.WithCancel(context.WithoutCancel(ctx))
	defer giveBack()
	leased.Go(func() error { return p.lease.Run(holding) })

	// What an earlier run has left is put right before anybody is served.
	err := p.scaler.Recover(failed)
	if err == nil {
		rest.Go(func() error { return p.scaler.Run(background) })
		if p.cloudWatch != nil {
			rest.Go(func() error { return p.cloudWatch.Run(background) })
		}
		rest.Go(func() error { return p.reloader.Run(background, hangups) })
		serving.Go(func() error { return serveOn(p.public, l.public) })
		if p.secure != nil {
			serving.Go(func() error { return serveOn(p.secure, l.secure) })
			rest.Go(func() error { return p.certificates.Run(background) })
		}
		p.health.Ready()
		ready()
		<-failed.Done()
	}
	if ctx.Err() != nil {
		err = nil // asked to stop, perhaps in the middle of Recover
		p.logger.Info("stopping; a second signal ends at once")
	}
	stopErr := p.stop(stop, &rest)
	giveBack() // last: until here this replica may have acted under it
	return errors.Join(err, serving.Wait(), stopErr, leased.Wait())
}

// The time that the parts behind the listeners have to stop.
const (
	socketDrain   = 10 * time.Second
	closeDeadline = 10 * time.Second
)

// stop ends everything in order: no new requests, then those under way, sockets,
// the loops in the background, the tasks of this machine, and what is not written
// yet. The admin listener answers until the end.
func (p *parts) stop(stopRest func(), rest *errgroup.Group) error {
	ctx := context.Background()
	p.health.Drain()
	shutdown := p.reloader.config().Shutdown
	time.Sleep(shutdown.Delay)

	drain, cancel := context.WithTimeout(ctx, shutdown.Drain)
	defer cancel()
	if err := stopServing(drain, p.public, p.secure); err != nil {
		p.logger.Warn("cut requests that did not end in time", "error", err)
	}
	sockets, cancel := context.WithTimeout(ctx, socketDrain)
	defer cancel()
	if err := p.sockets.Drain(sockets); err != nil {
		p.logger.Warn("cut sockets that did not close in time", "error", err)
	}

	stopRest()
	errs := []error{rest.Wait()}
	closing, cancel := context.WithTimeout(ctx, p.config.longestStop()+closeDeadline)
	defer cancel()
	errs = append(errs,
		named("tasks", p.scaler.Shutdown(closing)),
		named("activity", p.extender.Close(closing)),
		p.accessLog.Close(),
		p.admin.Close(), p.healthz.Close(),
	)
	p.proxy.Close()
	return errors.Join(errs...)
}

// named says what did not stop.
func named(what string, err error) error {
	if err != nil {
		return fmt.Errorf("stop %s: %w", what, err)
	}
	return nil
}
