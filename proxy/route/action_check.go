package route

import (
	"mime"
	"strings"
)

// compileAction checks the rule's action and prepares its identification.
func (r *Rule) compileAction(m *mistakes) {
	if r.Action == nil {
		m.add("action", "there is none")
		return
	}
	r.Action.check(m)
	if s, ok := r.Action.(*Session); ok {
		r.identifier = newIdentifier(s, r.Conditions.Path, m)
	}
}

func (s *Session) check(m *mistakes) {
	if s.Pool == "" {
		m.add("session.pool", "missing")
	}
	checkPort("session.port", s.Port, m)
	s.Host.check("session.host", m)
	switch s.Prefix {
	case "", PrefixStrip, PrefixKeep:
	default:
		m.add("session.prefix", "%q is neither strip nor keep", s.Prefix)
	}
}

func (s *Static) check(m *mistakes) {
	if (s.Dir == "") == (s.S3 == "") {
		m.add("static", "needs either dir or s3")
	}
	if strings.IndexFunc(s.CacheControl, isControl) >= 0 {
		m.add("static.cache_control", "holds a control character")
	}
}

func (f *FixedResponse) check(m *mistakes) {
	switch class := f.StatusCode / 100; {
	case class != 2 && class != 4 && class != 5:
		m.add("fixed_response.status_code", "%d is not 2xx, 4xx or 5xx", f.StatusCode)
	case (f.StatusCode == 204 || f.StatusCode == 205) && f.Body != "":
		m.add("fixed_response.body", "an answer with status %d has none", f.StatusCode)
	}
	if f.ContentType != "" {
		if _, _, err := mime.ParseMediaType(f.ContentType); err != nil || strings.IndexFunc(f.ContentType, isControl) >= 0 {
			m.add("fixed_response.content_type", "%q is no media type", f.ContentType)
		}
	}
}

func (*Management) check(*mistakes) {}

func checkPort(field string, port int, m *mistakes) {
	if port < 0 || port > 65535 {
		m.add(field, "%d is no port", port)
	}
}
