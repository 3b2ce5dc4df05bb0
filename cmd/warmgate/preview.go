package main

import (
	"net/url"
	"strings"

	"github.com/webordinary/warmgate/scaler"
	"github.com/webordinary/warmgate/session"
)

// previewURL returns where a browser sees the session: by the first route for
// sessions of its pool that has a URL for it. base is the public URL. "" if
// there is none, for example because the id cannot stand in a host name.
func (c *Config) previewURL(base string, s *session.Session) string {
	u, err := url.Parse(base)
	if err != nil {
		return ""
	}
	for _, r := range c.sessionRoutes() {
		if r.Session.Pool != s.Pool || r.Session.Port != 0 {
			continue
		}
		if preview := r.preview(*u, s); preview != "" {
			return preview
		}
	}
	return ""
}

// preview puts the session into the places that the rule takes an id from.
func (r *RouteConfig) preview(u url.URL, s *session.Session) string {
	value := func(name string) (string, bool) {
		v := map[string]string{
			"id": string(s.ID), "session": string(s.ID), "client": string(s.ClientID), "thread": s.ThreadID,
		}[name]
		return v, v != ""
	}
	// The parts must make up this id again.
	if t := r.Session.Template; t != "" {
		if id, err := scaler.Expand(t, value); err != nil || id != string(s.ID) {
			return ""
		}
	}
	sources := r.Session.ID
	if len(sources) == 0 {
		sources = []string{"path"}
	}
	named := false
	u.Path = "/"
	for _, source := range sources {
		kind, argument, _ := strings.Cut(source, ":")
		switch kind {
		case "path":
			path, ok := r.previewPath(argument, value)
			if !ok {
				return ""
			}
			u.Path, u.RawPath, named = path.Path, path.RawPath, true
		case "host":
			host, err := scaler.Expand(argument, value)
			if err != nil || url.PathEscape(host) != host || strings.ContainsAny(host, "@:") {
				return "" // the id cannot stand in a host name
			}
			if port := u.Port(); port != "" {
				host += ":" + port
			}
			u.Host, named = host, true
		}
		if named && r.Session.Template == "" {
			break // one source has the whole id
		}
	}
	if !named {
		return ""
	}
	return u.String()
}

// previewPath puts the value of the variable ("" for {id}) where the rule's path
// has its first star, escaped where it must be.
func (r *RouteConfig) previewPath(variable string, value func(string) (string, bool)) (*url.URL, bool) {
	if variable == "" {
		variable = "{id}"
	}
	segment, err := scaler.Expand(variable, value)
	if err != nil || len(r.Path) == 0 {
		return nil, false
	}
	before, _, found := strings.Cut(r.Path[0], "*")
	path, err := url.ParseRequestURI(before + url.PathEscape(segment) + "/")
	return path, found && err == nil
}
