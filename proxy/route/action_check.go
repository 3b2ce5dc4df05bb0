package route

import (
	"mime"
	"regexp"
	"strings"
)

// compileAction checks the rule's action and prepares its identification.
func (r *Rule) compileAction(m *mistakes) {
	if r.Action == nil {
		m.add("action", "there is none")
		return
	}
	r.Action.check(m)
	switch a := r.Action.(type) {
	case *Session:
		r.identifier = newIdentifier(a, r.Conditions.Path, m)
		r.compilePorts(a, m)
	case *Management:
		r.compileManagement(a, m)
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

// bucketName is what S3 accepts, but for a few special prefixes and suffixes.
var bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)

func (s *Static) check(m *mistakes) {
	if (s.Dir == "") == (s.S3 == "") {
		m.add("static", "needs either dir or s3")
	}
	for _, field := range []struct{ name, value string }{
		{"prefix", s.Prefix}, {"region", s.Region}, {"endpoint", s.Endpoint},
	} {
		if field.value != "" && s.S3 == "" {
			m.add("static."+field.name, "belongs to s3")
		}
	}
	if s.S3 != "" && !bucketName.MatchString(s.S3) {
		m.add("static.s3", "%q is no name of a bucket: 3 to 63 lower-case letters, digits, dots and hyphens", s.S3)
	}
	for _, field := range []struct{ name, value string }{
		{"prefix", strings.TrimSuffix(s.Prefix, "/")}, {"index", s.Index}, {"error_document", s.ErrorDocument}, {"fallback", s.Fallback},
	} {
		if strings.HasPrefix(field.value, "/") || strings.Contains("/"+field.value, "/.") || strings.Contains(field.value, "//") {
			m.add("static."+field.name, "%q must be a path below the folder or bucket, without a slash before it and without hidden parts", field.value)
		}
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
