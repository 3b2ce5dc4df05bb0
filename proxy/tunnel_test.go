package proxy

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/webordinary/warmgate/proxy/route"
)

const (
	rawUpgrade = "GET /ws?token=a;b HTTP/1.1\r\nHost: edit.example.com\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: chat\r\n\r\n"
	rawSwitch = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: chat\r\n\r\n"
)

// forwardBed serves a forward rule for everything to the given site.
func forwardBed(t *testing.T, site string) (b *bed, addr string) {
	t.Helper()
	table, err := route.NewTable([]route.Rule{{Default: true, Action: route.ForwardTo("http://" + site)}})
	if err != nil {
		t.Fatal(err)
	}
	return serveOnSocket(t, func(o *Options) { o.Routes = table })
}

// TestTunnel: bytes go both ways, those that either side sends right behind the
// handshake among them, and the end of each direction is passed on by itself.
func TestTunnel(t *testing.T) {
	var handshake *http.Request
	site := scriptedSite(t, func(_ int, c net.Conn, r *bufio.Reader) {
		var err error
		if handshake, err = http.ReadRequest(r); err != nil {
			return
		}
		_, _ = io.WriteString(c, rawSwitch+"early site;")
		text, _ := r.ReadString(';')
		_, _ = io.WriteString(c, "saw "+text)
		rest, err := io.ReadAll(r) // the client's half is closed
		_, _ = io.WriteString(c, "end "+string(rest))
		if err != nil {
			_, _ = io.WriteString(c, err.Error())
		}
	})
	b, addr := forwardBed(t, site)
	c, r := dialRaw(t, addr)
	send(t, c, rawUpgrade+"early client;")
	res, err := http.ReadResponse(r, nil)
	if err != nil || res.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("handshake = %v %v", res, err)
	}
	if got := res.Header.Get("Sec-Websocket-Protocol"); got != "chat" {
		t.Errorf("subprotocol = %q", got)
	}
	for _, want := range []string{"early site;", "saw early client;"} {
		if got, err := r.ReadString(';'); got != want {
			t.Fatalf("got %q %v, want %q", got, err, want)
		}
	}
	send(t, c, "last")
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(r); string(rest) != "end last" || err != nil {
		t.Errorf("rest = %q %v", rest, err)
	}
	if handshake.RequestURI != "/ws?token=a;b" || handshake.Host != "edit.example.com" ||
		handshake.Header.Get("Upgrade") != "websocket" || handshake.Header.Get("X-Forwarded-Host") != "edit.example.com" {
		t.Errorf("the site saw %s %s %v", handshake.RequestURI, handshake.Host, handshake.Header)
	}
	b.expectLine(`"status":101`)
	b.expectLine(`"bytes_in":17`)
	b.expectLine(`"bytes_out":36`)
}

// TestTunnelRefused: status and body of the site's refusal reach the client, and
// what came behind the handshake is not taken for a request.
func TestTunnelRefused(t *testing.T) {
	site := scriptedSite(t, func(_ int, c net.Conn, r *bufio.Reader) {
		if _, err := http.ReadRequest(r); err == nil {
			_, _ = io.WriteString(c, "HTTP/1.1 403 Forbidden\r\nContent-Length: 9\r\nX-Why: origin\r\n\r\nnot yours")
			_, _ = io.Copy(io.Discard, r)
		}
	})
	_, addr := forwardBed(t, site)
	c, r := dialRaw(t, addr)
	send(t, c, rawUpgrade)
	res, body, err := answerTo(t, r, "GET")
	if res.StatusCode != http.StatusForbidden || body != "not yours" || res.Header.Get("X-Why") != "origin" || err != nil {
		t.Errorf("refusal = %d %q %v %v", res.StatusCode, body, res.Header, err)
	}
}

// TestUnaskedSwitch: a site that switches to another protocol, or without being
// asked, gets no tunnel, and its connection is given up.
func TestUnaskedSwitch(t *testing.T) {
	for name, tt := range map[string]struct{ request, answer string }{
		"other protocol": {rawUpgrade, strings.Replace(rawSwitch, "websocket", "h2c", 1)},
		"not asked":      {"GET / HTTP/1.1\r\nHost: w\r\n\r\n", rawSwitch},
		"POST":           {strings.Replace(rawUpgrade, "GET", "POST", 1), rawSwitch},
	} {
		t.Run(name, func(t *testing.T) {
			closed := make(chan error, 2)
			site := scriptedSite(t, func(_ int, c net.Conn, r *bufio.Reader) {
				if _, err := http.ReadRequest(r); err == nil {
					_, _ = io.WriteString(c, tt.answer)
					_, err = r.ReadByte()
					closed <- err
				}
			})
			_, addr := forwardBed(t, site)
			c, r := dialRaw(t, addr)
			send(t, c, tt.request)
			if res, _, _ := answerTo(t, r, "GET"); res.StatusCode != http.StatusBadGateway {
				t.Errorf("answer = %d, want 502", res.StatusCode)
			}
			if err := <-closed; err == nil {
				t.Error("the site got a byte")
			}
		})
	}
}
