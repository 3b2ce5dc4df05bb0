package socket

import (
	"slices"
	"testing"

	"github.com/gorilla/websocket"

	"github.com/webordinary/warmgate/session"
)

func TestActivityOf(t *testing.T) {
	const none = session.ActivityKind("")
	for _, c := range []struct {
		kind Kind
		d    direction
		text string
		want session.ActivityKind
	}{
		{HMR, toUpstream, `{"type":"ping"}`, none},
		{HMR, toUpstream, ` { "type" : "ping" } `, none},
		{HMR, toUpstream, `{"type":"custom","event":"x","data":{"type":"ping"}}`, session.SocketData},
		{HMR, toUpstream, `{"type":"update"}`, session.SocketData},
		{HMR, toUpstream, `ping`, session.SocketData},
		{HMR, toUpstream, ``, session.SocketData},
		{HMR, toClient, `{"type":"connected"}`, none},
		{HMR, toClient, `{"type":"pong"}`, none},
		{HMR, toClient, `{"type":"update","updates":[{"type":"js-update"`, session.HMRUpdate},
		{HMR, toClient, `{"updates":[{"type":"js-update"}],"type":"update"}`, session.HMRUpdate},
		{HMR, toClient, `{"type":"full-reload","path":"*"}`, session.HMRUpdate},
		{HMR, toClient, `{"type":"custom","event":"astro:toolbar"}`, session.SocketData},
		{HMR, toClient, `{"type":"error","err":{}}`, session.SocketData},
		{HMR, toClient, `{"type":7}`, session.SocketData},
		{HMR, toClient, `["type","update"]`, session.SocketData},
		{HMR, toClient, `{"a":{"type":"update"`, session.SocketData},
		{Other, toClient, `{"type":"update"}`, session.SocketData},
		{Other, toUpstream, `{"type":"ping"}`, session.SocketData},
	} {
		if got := activityOf(c.kind, c.d, []byte(c.text)); got != c.want {
			t.Errorf("activityOf(%s, %s, %s) = %q, want %q", c.kind, c.d, c.text, got, c.want)
		}
	}
}

// What an idle tab and its dev server exchange is no activity; an edit is.
func TestIdleTabIsNoActivity(t *testing.T) {
	r := newRig(t, Options{})
	conns, got := make(chan *websocket.Conn, 1), make(chan string, 10)
	r.serve("t1", devServer(conns, got))
	c := r.dial("vite-hmr")
	server := receive(t, conns, "the upstream's side")
	if first := next(t, c); first != string(viteConnected) {
		t.Errorf("first message = %s, want connected", first)
	}
	write(t, c, `{"type":"ping"}`)
	if p := receive(t, got, "the keep-alive"); p != `{"type":"ping"}` {
		t.Errorf("upstream got %s, want the keep-alive", p)
	}
	if got := r.activity(); len(got) > 0 {
		t.Fatalf("activity of an idle tab = %v, want none", got)
	}
	write(t, server, `{"type":"update","updates":[]}`)
	next(t, c)
	write(t, c, `{"type":"custom","event":"mine"}`)
	receive(t, got, "the custom event")
	if got, want := r.activity(), []session.ActivityKind{session.HMRUpdate, session.SocketData}; !slices.Equal(got, want) {
		t.Errorf("activity = %v, want %v", got, want)
	}
}

// A busy socket reports each kind at most once a second.
func TestTouchesAreCoalesced(t *testing.T) {
	var tt touches
	for _, k := range []session.ActivityKind{session.SocketData, session.HMRUpdate, session.Presence} {
		if tt.of(k).Load() != 0 {
			t.Errorf("%s shares its time with another kind", k)
		}
		tt.of(k).Store(1)
	}
	r := newRig(t, Options{})
	r.serve("t1", upstreamSocket(echo))
	c := r.dial("")
	const n = 200
	for range n {
		write(t, c, "x")
		next(t, c)
	}
	if got := len(r.activity()); got < 1 || got > n/4 {
		t.Errorf("%d messages were reported %d times", 2*n, got)
	}
}
