package proxy

import (
	"net/http"
	"strings"
	"time"

	"github.com/webordinary/warmgate/proxy/prefix"
	"github.com/webordinary/warmgate/proxy/route"
	"github.com/webordinary/warmgate/session"
)

// rewriteSessionRequest makes a request's header fit for the session's site.
func (x *exchange) rewriteSessionRequest(h http.Header) {
	x.askForToken(h)
	if x.rewriter = x.newRewriter(); x.rewriter != nil {
		x.rewriter.Request(h, x.r.Host)
	}
}

// newRewriter returns what keeps the site below its prefix, or nil where nothing
// is to be rewritten.
func (x *exchange) newRewriter() *prefix.Rewriter {
	mount := x.identity.Prefix
	if mount == "" || x.action.Prefix == route.PrefixKeep || x.action.NoRewrite {
		return nil
	}
	if x.lastMount == mount {
		return x.lastRewriter
	}
	rw, err := prefix.New(prefix.Options{Prefix: mount + "/"})
	if err != nil {
		return nil // an id that cannot stand in HTML; package session admits none
	}
	x.lastMount, x.lastRewriter = mount, rw
	return rw
}

// rewriteSessionResponse makes an answer of the session's site fit for the shared
// host.
func (x *exchange) rewriteSessionResponse(res *http.Response) {
	x.learnToken(res)
	if x.rewriter == nil {
		// Of what path mode does, this protects the other sessions of the host.
		if x.identity.Prefix != "" {
			res.Header.Del("Service-Worker-Allowed")
			res.Header.Del("Clear-Site-Data")
		}
		return
	}
	body, kind := x.rewriter.Response(prefix.Exchange{
		Method: x.r.Method, Path: x.attempt.path, Host: x.r.Host, Dest: x.r.Header.Get("Sec-Fetch-Dest"),
		IfNoneMatch: x.r.Header.Get("If-None-Match"),
		ViteClient:  x.h.viteClient,
	}, res.StatusCode, res.Header, res.Body)
	if kind != prefix.None {
		res.Body, res.ContentLength = body, -1
	}
}

// reportViteClient tells once when the dev server's client is not what path mode
// knows.
func (h *Handler) reportViteClient(found int) {
	if found >= prefix.ViteConstants {
		return
	}
	h.viteWarning.Do(func() {
		h.logger.Warn("dev server's client is of an unknown version; links from its overlay may miss the prefix",
			"constants_found", found, "constants_expected", prefix.ViteConstants)
	})
}

// touch records what an answer of the session's site counts as: 2xx and 3xx
// only, and streams for as long as they carry data.
func (x *exchange) touch(res *http.Response) {
	kind := x.activityKind()
	if kind == "" || res.StatusCode >= 400 || res.StatusCode < 200 {
		return
	}
	x.h.toucher.Touch(x.live, session.Activity{At: time.Now(), Kind: kind})
	if res.ContentLength < 0 && strings.HasPrefix(res.Header.Get("Content-Type"), "text/event-stream") {
		res.Body = &touchingBody{ReadCloser: res.Body, live: x.live, toucher: x.h.toucher, kind: x.streamKind(), last: time.Now()}
	}
}
