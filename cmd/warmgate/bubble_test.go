package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"github.com/webordinary/warmgate/scaler/cloudwatch/cloudwatchtest"
	"github.com/webordinary/warmgate/scaler/ecs/ecstest"
)

// pipes is a listener without a network, as a synctest bubble needs.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80} }

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case p.conns <- there:
		return here, nil
	case <-p.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// installation is the whole of warmgate serve in a synctest bubble, between fakes
// of ECS and CloudWatch and the DynamoDB that its configuration names.
type installation struct {
	t             *testing.T
	ecs           *ecstest.Fake
	cloudWatch    *cloudwatchtest.Fake
	public, admin *http.Client
	tabs          sync.WaitGroup
}

// install starts one, to be stopped with the test. Call it in a bubble.
func install(t *testing.T, c *Config) *installation {
	t.Helper()
	in := &installation{t: t, cloudWatch: &cloudwatchtest.Fake{}}
	in.ecs = ecstest.New(ecstest.Options{
		Cluster: "edit-cluster",
		Plan: func(ecstest.Launch) ecstest.Script {
			return ecstest.Script{Provisioning: 10 * time.Second, Pulling: 20 * time.Second, Activating: 2 * time.Second}
		},
	})
	sites := newPipes()
	site := &http.Server{Handler: http.HandlerFunc(serveSite), ReadHeaderTimeout: time.Minute}
	go func() { _ = site.Serve(sites) }()
	out := newOutside()
	out.dial, out.awsClient = sites.dial, in
	logger := slog.New(slog.DiscardHandler)
	store, err := openStore(t.Context(), c, out, logger)
	if err != nil {
		t.Fatal(err)
	}
	p, err := wire(c, out, store, testToken, io.Discard, logger)
	if err != nil {
		t.Fatal(err)
	}
	public, admin := newPipes(), newPipes()
	in.public, in.admin = clientOf(public), clientOf(admin)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- p.run(ctx, listeners{public: public, admin: admin}, nil, func() {}) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("run = %v", err)
		}
		in.tabs.Wait()
		for _, c := range []*http.Client{in.public, in.admin} {
			c.CloseIdleConnections()
		}
		site.Close()
		in.ecs.Close()
		if err := store.Close(); err != nil {
			t.Errorf("close the store: %v", err)
		}
		synctest.Wait()
	})
	return in
}

func clientOf(l *pipes) *http.Client {
	return &http.Client{Transport: &http.Transport{DialContext: l.dial, MaxIdleConnsPerHost: 100}}
}

// Do implements aws.HTTPClient.
func (in *installation) Do(r *http.Request) (*http.Response, error) {
	if strings.HasPrefix(r.URL.Path, cloudwatchtest.Prefix) {
		return in.cloudWatch.Do(r)
	}
	return in.ecs.Do(r)
}

// serveSite is a site with an HMR socket.
func serveSite(w http.ResponseWriter, r *http.Request) {
	if !websocket.IsWebSocketUpgrade(r) {
		fmt.Fprintf(w, "<!doctype html><title>%s</title>", r.URL.Path)
		return
	}
	u := websocket.Upgrader{Subprotocols: []string{"vite-hmr"}, CheckOrigin: func(*http.Request) bool { return true }}
	c, err := u.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer c.Close()
	for err == nil {
		_, _, err = c.ReadMessage()
	}
}

// activate makes the session, which starts it, and waits until it is served.
func (in *installation) activate(id string) {
	in.t.Helper()
	body := fmt.Sprintf(`{"clientId": "acme", "userId": "ann", "sessionId": %q}`, id)
	req, err := http.NewRequestWithContext(in.t.Context(), http.MethodPost, "http://localhost/api/sessions/activate", strings.NewReader(body))
	if err != nil {
		in.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+testToken)
	res, err := in.admin.Do(req)
	if err != nil {
		in.t.Fatal(err)
	}
	defer res.Body.Close()
	var answer any
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil || res.StatusCode >= 300 {
		in.t.Fatalf("activate = %d %v, %v", res.StatusCode, answer, err)
	}
	in.get(id, "warm.js", nil) // held until then
}

// navigation is what a browser says of a click.
var navigation = map[string]string{"Sec-Fetch-Mode": "navigate", "Sec-Fetch-User": "?1", "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Dest": "document"}

// click opens a page with so many parts.
func (in *installation) click(id string, parts int) {
	in.t.Helper()
	in.get(id, "", navigation)
	for i := range parts {
		in.get(id, fmt.Sprintf("part%d.js", i), map[string]string{"Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "same-origin"})
	}
}

func (in *installation) get(id, path string, header map[string]string) {
	in.t.Helper()
	req, err := http.NewRequestWithContext(in.t.Context(), http.MethodGet, "http://localhost/session/"+id+"/"+path, nil)
	if err != nil {
		in.t.Fatal(err)
	}
	for key, value := range header {
		req.Header.Set(key, value)
	}
	res, err := in.public.Do(req)
	if err != nil {
		in.t.Fatal(err)
	}
	defer res.Body.Close()
	if body, err := io.ReadAll(res.Body); err != nil || res.StatusCode != http.StatusOK {
		in.t.Fatalf("GET %s = %d %s, %v", req.URL, res.StatusCode, body, err)
	}
}

// openTab keeps the HMR socket of a tab open, as Vite does, until the server ends.
func (in *installation) openTab(id string) {
	in.t.Helper()
	dialer := websocket.Dialer{NetDialContext: in.public.Transport.(*http.Transport).DialContext, Subprotocols: []string{"vite-hmr"}}
	c, _, err := dialer.DialContext(in.t.Context(), "ws://localhost/session/"+id+"/", http.Header{"Origin": {"http://localhost"}})
	if err != nil {
		in.t.Fatal(err)
	}
	in.tabs.Go(func() {
		defer c.Close()
		for err := error(nil); err == nil; {
			_, _, err = c.ReadMessage() // which answers pings
		}
	})
}
