package main

import (
	"crypto/tls"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/webordinary/warmgate/proxy"
	"github.com/webordinary/warmgate/proxy/api"
	"github.com/webordinary/warmgate/session"
)

// explain answers the question with explain, which knows the rules, and with what
// the configuration adds. id is the session that the request names, or that of the
// pool that it is forwarded to; "" if there is neither.
func (c *Config) explain(
	q api.Question, explain func(*http.Request) proxy.Explanation,
) (e proxy.Explanation, id session.ID, err error) {
	r, err := c.explainedRequest(q)
	if err != nil {
		return proxy.Explanation{}, "", err
	}
	e = explain(r)
	if p := c.Pools[e.Action.Pool]; p != nil && e.Action.Port == 0 {
		e.Action.Port = p.Port
	}
	if s := e.Action.Session; s != nil {
		id, _ = session.ParseID(s.ID) // what is none names no session
	} else if e.Action.Kind == "forward" && e.Action.Pool != "" {
		id = session.PoolID(e.Action.Pool)
	}
	return e, id, nil
}

// explainedRequest makes the request that q asks about, as net/http would have
// read it. Errors are *session.InvalidError.
func (c *Config) explainedRequest(q api.Question) (*http.Request, error) {
	u, err := c.explainedURL(q.URL)
	if err != nil {
		return nil, err
	}
	if strings.Trim(q.Method, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_") != "" || q.Method == "" {
		return nil, &session.InvalidError{Field: "method", Reason: "must be a method such as GET"}
	}
	source := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	if q.Source != "" {
		if source, err = netip.ParseAddr(q.Source); err != nil {
			return nil, &session.InvalidError{Field: "source", Reason: "must be an address such as 192.0.2.7"}
		}
	}
	r := &http.Request{
		Method: q.Method, URL: u, Host: u.Host, RequestURI: u.RequestURI(),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{}, RemoteAddr: netip.AddrPortFrom(source, 1).String(),
	}
	for name, values := range q.Header {
		for _, v := range values {
			r.Header.Add(name, v)
		}
	}
	if host := r.Header.Get("Host"); host != "" {
		r.Host = host
		r.Header.Del("Host")
	}
	if u.Scheme == "https" {
		r.TLS = &tls.ConnectionState{}
	}
	return r, nil
}

// explainedURL reads an absolute URL, or a path on the public URL's host.
func (c *Config) explainedURL(text string) (*url.URL, error) {
	if strings.HasPrefix(text, "/") {
		base := c.PublicURL
		if base == "" {
			base = localURL(c.Listen)
		}
		text = strings.TrimSuffix(base, "/") + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, &session.InvalidError{
			Field: "url", Reason: "must be a URL such as https://edit.example.com/session/demo/, percent-encoded, or a path",
		}
	}
	if u.Path == "" {
		u.Path = "/" // as every client does (RFC 9110 4.2.3)
	}
	return u, nil
}
