package prefix

import (
	"net/http"
	"strings"
)

// headers edits the header fields of an answer, of whatever kind and status. guarded reports that a
// Content-Security-Policy in force judges inline scripts.
func (s *site) headers(h http.Header) (guarded bool) {
	h.Del("Service-Worker-Allowed") // a worker must not reach above its prefix
	h.Del("Clear-Site-Data")        // one origin for all sessions
	for _, name := range []string{"Location", "Content-Location"} {
		each(h, name, s.addressString)
	}
	each(h, "Refresh", s.refreshHeader)
	each(h, "Link", s.linkHeader)
	each(h, "Set-Cookie", s.cookie)
	each(h, "Referrer-Policy", referrerPolicy)
	each(h, "Content-Security-Policy-Report-Only", func(v string) string {
		policies, _ := s.policies(v)
		return policies
	})
	each(h, "Content-Security-Policy", func(v string) string {
		policies, judges := s.policies(v)
		guarded = guarded || judges
		return policies
	})
	return guarded
}

// each replaces every value of a field, whose name is in its canonical form.
func each(h http.Header, name string, value func(string) string) {
	values := h[name]
	for i, v := range values {
		values[i] = value(v)
	}
}

func (s *site) refreshHeader(v string) string {
	for _, e := range s.refresh([]byte(v), nil) {
		v = v[:e.at] + e.text + v[e.at:]
	}
	return v
}

// linkHeader puts the mount into the targets of a Link field (RFC 8288 section 3): what stands in angle
// brackets outside of quoted strings.
func (s *site) linkHeader(v string) string {
	var b strings.Builder
	quoted := false
	for i := 0; i < len(v); i++ {
		c := v[i]
		b.WriteByte(c)
		switch {
		case quoted && c == '\\' && i+1 < len(v):
			i++
			b.WriteByte(v[i])
		case c == '"':
			quoted = !quoted
		case c == '<' && !quoted:
			end := strings.IndexByte(v[i:], '>')
			if end < 0 {
				continue
			}
			b.WriteString(s.addressString(v[i+1 : i+end]))
			i += end - 1
		}
	}
	return b.String()
}

// cookie keeps a cookie below the prefix: its Path is put there and its Domain dropped (RFC 6265 section
// 5.2). Without Path a browser takes the folder of the request's own, public path, which is below the
// prefix. A __Host- cookie must have the path "/" and is refused by the browser after this.
func (s *site) cookie(v string) string {
	parts := strings.Split(v, ";")
	kept := parts[:1]
	for _, part := range parts[1:] {
		name, value, _ := strings.Cut(part, "=")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		if strings.EqualFold(name, "domain") {
			continue
		}
		if strings.EqualFold(name, "path") && strings.HasPrefix(value, "/") && !s.owns(value) {
			part = " Path=" + s.mount + value
		}
		kept = append(kept, part)
	}
	return strings.Join(kept, ";")
}

// owns reports a path below the prefix; that of another session is none.
func (s *site) owns(path string) bool {
	rest, ok := strings.CutPrefix(path, s.mount)
	return ok && (rest == "" || rest[0] == '/')
}

// referrerPolicy relaxes what would keep the path out of a same-origin Referer, the safety net for
// addresses that escape. Each token of the list is a fallback of the next (Referrer Policy section 8.1).
func referrerPolicy(v string) string {
	tokens := strings.Split(v, ",")
	for i, token := range tokens {
		if relaxed, ok := relaxedReferrer([]byte(token)); ok {
			tokens[i] = relaxed
		}
	}
	return strings.Join(tokens, ",")
}

// relaxedReferrer returns the policy that tells other origins nothing more but keeps same-origin referrers whole.
func relaxedReferrer(policy []byte) (string, bool) {
	switch strings.ToLower(strings.TrimSpace(string(policy))) {
	case "no-referrer", "never": // the latter is an old name that <meta> takes
		return "same-origin", true
	case "origin":
		return "origin-when-cross-origin", true
	case "strict-origin":
		return "strict-origin-when-cross-origin", true
	}
	return "", false
}
