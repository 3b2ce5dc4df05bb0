package proxy

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/webordinary/warmgate/proxy/prefix"
	"github.com/webordinary/warmgate/proxy/problem"
	"github.com/webordinary/warmgate/proxy/route"
	"github.com/webordinary/warmgate/proxy/socket"
	"github.com/webordinary/warmgate/session"
)

// serveUpgrade hands a websocket handshake of the session to the socket hub,
// which answers at once: no upgrade is ever held.
func (x *exchange) serveUpgrade() {
	x.upgrade(socket.Request{Live: x.live, Upstream: x.upgradeUpstream, Header: x.upgradeHeader})
}

// refuseUpgrade answers a handshake whose session is unknown, over, or cannot be
// looked up now.
func (x *exchange) refuseUpgrade(err error) {
	switch {
	case errors.Is(err, session.ErrExpired):
		x.upgrade(socket.Request{Over: true})
	case errors.Is(err, session.ErrNotFound):
		x.upgrade(socket.Request{})
	default:
		x.w.Header().Set("Connection", "close")
		x.fail(err)
	}
}

// upgrade serves the handshake. Its access line is written when the socket is
// closed, apart from the exchange; that of a tab's probe not at all, since it
// comes once a second.
func (x *exchange) upgrade(req socket.Request) {
	late := line{x.h.accessLog.Detach(x.line.Record)}
	late.Skip = socket.KindOf(x.r) == socket.Ping
	x.line.Skip, x.detached = true, true
	h, counts := x.h, x.counts
	req.Done = func(o socket.Outcome) {
		late.SetStatus(o.Status)
		late.AddTraffic(o.Received, o.Sent)
		late.reason(o.Err)
		counts.count(o.Status)
		h.accessLog.End(late.Record)
	}
	h.sockets.Serve(x.w, x.r, req)
}

// upgradeUpstream says how the target is asked for the socket.
func (x *exchange) upgradeUpstream(t session.Target) (url string, header http.Header, err error) {
	addr, ok := t.Address(x.rule.Port(x.action, x.identity.Rest))
	if !ok {
		return "", nil, &session.InvalidError{Field: "port", Reason: "the session's task has no such port"}
	}
	x.attempt = attempt{scheme: "http", addr: addr, host: x.askedHost(addr, x.action.Host == route.HostPreserve), began: time.Now()}
	header = x.r.Header.Clone()
	removeConnectionFields(header)
	header.Set("Host", x.outgoing(header))
	url = "ws://" + addr + x.path
	if x.facts.Query != "" {
		url += "?" + x.facts.Query
	}
	return url, header, nil
}

// upgradeHeader makes the header of the target's answer fit for the shared host.
func (x *exchange) upgradeHeader(h http.Header) {
	if rw := x.newRewriter(); rw != nil {
		rw.Response(prefix.Exchange{Method: x.r.Method, Path: x.identity.Rest, Host: x.r.Host}, http.StatusNoContent, h, http.NoBody)
	}
}

// removeConnectionFields drops what concerns one connection only (RFC 9110 7.6.1).
func removeConnectionFields(h http.Header) {
	for _, v := range h["Connection"] {
		for name := range strings.SplitSeq(v, ",") {
			h.Del(strings.TrimSpace(name))
		}
	}
	for _, name := range []string{
		"Connection", "Proxy-Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization",
		"Te", "Trailer", "Transfer-Encoding", "Upgrade",
	} {
		delete(h, name)
	}
}

// RefuseUpgrade answers a refused handshake with problem+json; for
// socket.Options.
func RefuseUpgrade(w http.ResponseWriter, r *http.Request, status int, err error) {
	p := problem.From(err)
	if p.Status != status {
		p = problem.New(status, "")
		if status < http.StatusInternalServerError {
			p.Detail = err.Error() + "." // the client's own mistake
		}
	}
	problem.WriteJSON(w, r, p)
}
