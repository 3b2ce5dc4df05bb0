package proxy

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/webordinary/warmgate/proxy/accesslog"
	"github.com/webordinary/warmgate/proxy/balance"
	"github.com/webordinary/warmgate/proxy/compress"
	"github.com/webordinary/warmgate/proxy/problem"
	"github.com/webordinary/warmgate/proxy/route"
	"github.com/webordinary/warmgate/proxy/socket"
	"github.com/webordinary/warmgate/proxy/static"
	"github.com/webordinary/warmgate/proxy/upstream"
	"github.com/webordinary/warmgate/proxy/warming"
	"github.com/webordinary/warmgate/session"
)

// Sessions finds sessions.
type Sessions interface {
	// Lookup returns the session; ErrNotFound, ErrExpired (with the session), or
	// ErrUnavailable. It is called for every request of a session rule.
	Lookup(ctx context.Context, id session.ID) (session.Session, error)
	// Pool returns a pool's own record; ErrUnavailable. It is called for every
	// request that a forward rule gives to the pool.
	Pool(ctx context.Context, id session.ID) (session.Session, error)
}

// Backends wakes sessions.
type Backends interface {
	// Wake as in [session.Backends].
	Wake(ctx context.Context, l *session.Live, w session.Wake) error
	// Suspect tells that a target could not be reached or broke a connection.
	Suspect(l *session.Live, t session.Target)
}

// Toucher records activity; it does not block.
type Toucher interface {
	Touch(l *session.Live, a session.Activity)
}

// Options are what a [Handler] works with. Routes, Sessions, Registry, Backends,
// Toucher, Pages, Problems, Sockets and AccessLog are required.
type Options struct {
	Routes   *route.Table
	Sessions Sessions
	Registry *session.Registry
	Backends Backends
	Toucher  Toucher
	Pages    *warming.Pages
	Problems *problem.Pages
	Sockets  *socket.Hub
	// AccessLog takes one line a request.
	AccessLog *accesslog.Logger
	// Management serves rules with a management action; nil answers 404 there.
	Management http.Handler
	// Bucket says where the objects of a static action with a bucket come from; nil
	// means that there are no such actions.
	Bucket func(*route.Static) (static.BucketOptions, error)
	// Settings are what holds at first.
	Settings
	Transport upstream.Options
	// BodyIdleTimeout is how long a client may pause while it sends a request's
	// body; 0 means without bound.
	BodyIdleTimeout time.Duration
	// Metrics takes the metrics; nil means they are not published.
	Metrics prometheus.Registerer
	// Logger takes what is worth a line beside the access log; nil means nothing is.
	Logger *slog.Logger
}

// Handler is the data plane's http.Handler. Safe for concurrent use.
type Handler struct {
	table      atomic.Pointer[routing]
	sessions   Sessions
	registry   *session.Registry
	backends   Backends
	toucher    Toucher
	pages      *warming.Pages
	problems   *problem.Pages
	sockets    *socket.Hub
	accessLog  *accesslog.Logger
	management http.Handler
	bucket     func(*route.Static) (static.BucketOptions, error)
	settings   atomic.Pointer[Settings]
	holds      *holds
	budgets    *budgets
	wakes      wakes
	transports transports
	bodyIdle   time.Duration
	balancer   *balance.Balancer
	buffers    bufferPool
	compressor compress.Compressor
	exchanges  sync.Pool
	tokens     *tokens
	requestIDs *requestIDs
	// viteWarning is given once; viteClient is reportViteClient, bound once.
	viteWarning sync.Once
	viteClient  func(found int)
	metrics     *metrics
	logger      *slog.Logger
	errorLog    *log.Logger
}

// New returns a Handler. It starts nothing.
func New(o Options) (*Handler, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	h := &Handler{
		sessions: o.Sessions, registry: o.Registry, backends: o.Backends, toucher: o.Toucher,
		pages: o.Pages, problems: o.Problems, sockets: o.Sockets, accessLog: o.AccessLog, management: o.Management, bucket: o.Bucket,
		holds:      newHolds(),
		budgets:    newBudgets(o.Budgets.withDefaults()),
		transports: transports{options: o.Transport},
		bodyIdle:   o.BodyIdleTimeout,
		requestIDs: newRequestIDs(),
		tokens:     newTokens(),
		logger:     o.Logger,
		errorLog:   slog.NewLogLogger(o.Logger.Handler(), slog.LevelDebug),
	}
	h.balancer = balance.New(balance.Options{
		Dial: o.Transport.Dial, Cut: h.transports.cut, Registerer: o.Metrics, Logger: o.Logger,
	})
	h.metrics = newMetrics(o.Metrics, h)
	h.viteClient = h.reportViteClient
	h.exchanges.New = func() any { return newExchange(h) }
	h.Configure(o.Settings)
	return h, h.SetRoutes(o.Routes)
}

// Run checks the health of forward rules' targets until ctx ends. Call it once.
func (h *Handler) Run(ctx context.Context) error { return h.balancer.Run(ctx) }

// Upstreams returns what is known of forward rules' targets.
func (h *Handler) Upstreams() []balance.Status { return h.balancer.Status() }

// Close gives up the idle upstream connections and the routes with what they have
// open. A request that comes later meets no route.
func (h *Handler) Close() {
	if none, err := route.NewTable(nil); err == nil {
		_ = h.SetRoutes(none) // it opens nothing
	}
	h.transports.closeIdle()
}

// ServeHTTP takes the request through its rule and writes its access line.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := h.exchanges.Get().(*exchange)
	x.begin(w, r)
	defer x.finish()
	x.serve()
	x.answered = true
}

func (x *exchange) serve() {
	routing := x.h.routing()
	defer routing.release()
	x.routing = routing
	x.counts = routing.unmatched
	if closesAfter(x.r) {
		x.w.Header().Set("Connection", "close")
	}
	if status, err := guard(x.r, x.facts.Path); err != nil {
		x.refuse(status, err)
		return
	}
	if x.refuseLongChain() || x.toHTTPS() || x.limitHops() {
		return
	}
	rule, ok := routing.table.Match(&x.facts)
	if (!ok || rule.Default) && (x.followHint() || x.followToken()) {
		return
	}
	if !ok {
		x.fail(errNoRule)
		return
	}
	x.take(rule)
	x.act()
}

// take has the request go by the rule.
func (x *exchange) take(rule *route.Rule) {
	x.rule = rule
	x.line.rule(rule)
	x.counts = x.routing.counts[rule.Index()]
	x.reverse.Transport = x.routing.transports[rule.Index()]
}

// act does what the rule says.
func (x *exchange) act() {
	rule, routing := x.rule, x.routing
	x.editAnswers()
	if !x.limitBody() {
		return
	}
	if action, ok := rule.Action.(*route.Session); ok {
		x.serveSession(action)
		return
	}
	if !x.rewriteRequest() {
		return
	}
	switch action := rule.Action.(type) {
	case *route.Forward:
		x.serveForward(action, routing.forwards[rule.Index()])
	case *route.Static:
		routing.files[rule.Index()].ServePath(x.w, x.r, x.path)
	case *route.Redirect:
		x.serveRedirect(action)
	case *route.FixedResponse:
		x.serveFixed(action)
	case *route.Management:
		x.serveManagement()
	}
}

// errNoRule: no rule takes the request; a table without a default rule says so.
var errNoRule = fmt.Errorf("no route matches: %w", session.ErrNotFound)
