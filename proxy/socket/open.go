package socket

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"

	"github.com/webordinary/warmgate/session"
)

// open answers the upgrade of an admitted socket: with a socket, or with what
// the outcome tells.
func (s *socket) open(w http.ResponseWriter, r *http.Request, req Request) (out Outcome, opened bool) {
	if s.live == nil {
		return s.openParked(w, r, "")
	}
	s.live.Retain().Sockets().Add(1)
	switch b, _ := s.live.Backend(); {
	case b.Phase == session.PhaseReady:
		return s.connect(w, r, req, b.Target)
	case s.kind == HMR:
		return s.openParked(w, r, "")
	default:
		return s.hub.refuse(w, r, refuseUnready(b)), false
	}
}

// openParked gives the tab a socket without an upstream. task is the target whose
// restart is waited for; "" if there is none.
func (s *socket) openParked(w http.ResponseWriter, r *http.Request, task string) (out Outcome, opened bool) {
	if !s.countParked() {
		return s.hub.refuse(w, r, refuseFull("parked_full", "too many sockets are parked")), false
	}
	client, err := s.hub.upgrade(w, r, subprotocol(r))
	if err != nil {
		return s.hub.upgradeFailed(w, r, err), false
	}
	s.client = client
	s.send(viteConnected)
	s.start(nil, task)
	return Outcome{}, true
}

// connect joins the client with the target, if the target agrees.
func (s *socket) connect(w http.ResponseWriter, r *http.Request, req Request, t session.Target) (out Outcome, opened bool) {
	url, header, err := req.Upstream(t)
	if err != nil {
		return s.hub.refuse(w, r, &refusal{reason: "unreachable", status: http.StatusBadGateway, err: err}), false
	}
	trimHandshake(header)
	s.url, s.host = url, header.Get("Host")

	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(s.ctx, cancel)()
	up, answer, err := s.hub.dial(ctx, url, header)
	if err != nil {
		return s.dialFailed(w, r, req, t, err)
	}
	client, err := s.hub.upgrade(w, r, passOn(answer, req.Header))
	if err != nil {
		up.Close()
		return s.hub.upgradeFailed(w, r, err), false
	}
	s.client = client
	s.start(up, t.TaskID)
	return Outcome{}, true
}

// dialFailed answers for a target that gave no socket. A tab whose dev server
// has just gone away waits for it in silence.
func (s *socket) dialFailed(w http.ResponseWriter, r *http.Request, req Request, t session.Target, err error) (out Outcome, opened bool) {
	h := s.hub
	answered, ok := asAnswered(err)
	switch {
	case ok:
		return h.passRefusal(w, r, answered, req.Header), false
	case r.Context().Err() != nil:
		return Outcome{Kind: s.kind, Status: statusClientGone, Err: err}, false
	case s.ctx.Err() != nil:
		return h.refuse(w, r, refuseDraining()), false
	case errors.Is(err, errSilent):
		return h.refuse(w, r, &refusal{reason: "silent", status: http.StatusGatewayTimeout, err: err}), false
	case errors.Is(err, errMalformed):
		return h.refuse(w, r, &refusal{reason: "malformed", status: http.StatusBadGateway, err: err}), false
	}
	h.options.Suspect(s.live, t)
	if s.kind == HMR {
		return s.openParked(w, r, t.TaskID)
	}
	return h.refuse(w, r, &refusal{reason: "unreachable", status: http.StatusBadGateway, err: err}), false
}

// passRefusal gives the client what the upstream answered instead of 101.
func (h *Hub) passRefusal(w http.ResponseWriter, r *http.Request, e *answeredError, rewrite func(http.Header)) Outcome {
	defer e.close()
	h.metrics.refused.WithLabelValues("upstream").Inc()
	maps.Copy(w.Header(), passOn(e.response.Header, rewrite))
	if n := e.response.ContentLength; n >= 0 {
		w.Header().Set("Content-Length", strconv.FormatInt(n, 10))
	}
	w.Header().Set("Connection", "close")
	w.WriteHeader(e.response.StatusCode)
	_, _ = io.Copy(w, e.response.Body)
	return Outcome{Kind: KindOf(r), Status: e.response.StatusCode, Err: e}
}

// trimHandshake takes out of a request's header what each leg settles for
// itself: compression is offered to no upstream.
func trimHandshake(header http.Header) {
	for _, name := range []string{
		"Connection", "Upgrade", "Sec-Websocket-Key", "Sec-Websocket-Version", "Sec-Websocket-Extensions",
	} {
		header.Del(name)
	}
}

// passOn takes out of an answer's header what concerns one leg only (RFC 9110
// 7.6.1, RFC 6455 4.2.2); the subprotocol stays. rewrite may be nil.
func passOn(header http.Header, rewrite func(http.Header)) http.Header {
	for _, line := range header.Values("Connection") {
		for name := range strings.SplitSeq(line, ",") {
			header.Del(strings.TrimSpace(name))
		}
	}
	for _, name := range []string{
		"Connection", "Upgrade", "Sec-Websocket-Accept", "Content-Length", "Transfer-Encoding", "Trailer",
		"Keep-Alive", "Proxy-Connection", "Te",
	} {
		header.Del(name)
	}
	if rewrite != nil {
		rewrite(header)
	}
	return header
}
