package socket

import (
	"context"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/webordinary/warmgate/session"
)

// Options configure a [Hub]. The zero value of every field is usable.
type Options struct {
	// Origins may open sockets beside pages of the request's own host: entries
	// are whole origins ("https://studio.example.com") or hosts
	// ("studio.example.com", with the port unless it is the default one).
	Origins []string
	// AllowMissingOrigin admits handshakes without Origin. Browsers always send
	// it; this is for programs that cannot.
	AllowMissingOrigin bool

	// Dial connects to a target. Nil means a [net.Dialer].
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// HandshakeTimeout bounds the connection to the target and its answer to the
	// handshake together. Vite never answers one that it does not know. Zero
	// means 10 seconds.
	HandshakeTimeout time.Duration
	// PingInterval is the time between our pings on each leg. Zero means 25 seconds.
	PingInterval time.Duration
	// PeerTimeout is how long a peer may be silent, pongs included, before it is
	// taken for dead. Zero means 55 seconds.
	PeerTimeout time.Duration
	// WriteTimeout bounds every write to a peer. Zero means 20 seconds.
	WriteTimeout time.Duration
	// CloseTimeout is how long a peer has to answer a close frame. Zero means 5 seconds.
	CloseTimeout time.Duration
	// ReloadGrace is how long a tab that was told to reload has until its socket
	// is closed. Zero means 10 seconds.
	ReloadGrace time.Duration
	// ReloadStagger is the time between the reloads of two tabs of one session.
	// Zero means 50 milliseconds.
	ReloadStagger time.Duration
	// RestartWait is how long a dev server that dropped its HMR sockets while its
	// session is ready is asked whether it answers again. Zero means a minute.
	RestartWait time.Duration

	// MaxMessage is the longest message passed on, in bytes; a longer one closes
	// the socket with 1009. Zero means no limit: messages are streamed, so their
	// length costs no memory.
	MaxMessage int64
	// MaxPerSession, MaxOpen and MaxParked bound the sockets of one session, all
	// sockets, and the parked ones among them. Zero means 100, 10,000 and 5,000.
	MaxPerSession int
	MaxOpen       int
	MaxParked     int

	// Touch is told of activity: SocketData for messages, HMRUpdate for updates
	// that a dev server sends, Presence when the browser of a socket that reaches
	// its target answers a ping; at most once a second for each socket and kind.
	// It must not block. Nil means nobody is told.
	Touch func(*session.Live, session.ActivityKind)
	// Suspect is told that a target cannot be reached, or dropped an HMR socket,
	// although its session's backend is ready. It must not block. Nil means
	// nobody is told.
	Suspect func(*session.Live, session.Target)
	// Refuse writes the answer to a refused upgrade. Header fields that belong to
	// the status (Retry-After, Sec-WebSocket-Version) are set already. err tells
	// why and wraps an error of package session where one fits. Nil means plain
	// text.
	Refuse func(w http.ResponseWriter, r *http.Request, status int, err error)
	// Registerer takes the metrics. Nil means none are kept.
	Registerer prometheus.Registerer
}

// withDefaults returns o with its zero values replaced.
func (o Options) withDefaults() Options {
	setDefault(&o.HandshakeTimeout, 10*time.Second)
	setDefault(&o.PingInterval, 25*time.Second)
	setDefault(&o.PeerTimeout, 55*time.Second)
	setDefault(&o.WriteTimeout, 20*time.Second)
	setDefault(&o.CloseTimeout, 5*time.Second)
	setDefault(&o.ReloadGrace, 10*time.Second)
	setDefault(&o.ReloadStagger, 50*time.Millisecond)
	setDefault(&o.RestartWait, time.Minute)
	setDefault(&o.MaxPerSession, 100)
	setDefault(&o.MaxOpen, 10_000)
	setDefault(&o.MaxParked, 5_000)
	if o.Dial == nil {
		o.Dial = new(net.Dialer).DialContext
	}
	if o.Touch == nil {
		o.Touch = func(*session.Live, session.ActivityKind) {}
	}
	if o.Suspect == nil {
		o.Suspect = func(*session.Live, session.Target) {}
	}
	if o.Refuse == nil {
		o.Refuse = refuseInText
	}
	return o
}

func setDefault[T comparable](value *T, or T) {
	var zero T
	if *value == zero {
		*value = or
	}
}

// refuseInText shows the client its own mistakes, and no detail of ours.
func refuseInText(w http.ResponseWriter, _ *http.Request, status int, err error) {
	text := http.StatusText(status)
	if status < http.StatusInternalServerError {
		text = err.Error()
	}
	http.Error(w, text, status)
}
