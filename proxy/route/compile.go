package route

import (
	"net/http"
	"net/netip"
	"regexp"
	"strings"
)

const alphanumeric = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

const (
	// RFC 9110 5.6.2, token.
	tokenChars = alphanumeric + "!#$%&'*+-.^_`|~"
	// RFC 3986 3.3, pchar and "/", percent-encoding included, wildcards among
	// them, and the quote that ALB allows.
	pathChars = alphanumeric + `-._~!$&'()*+,;=:@%/?"`
	hostChars = alphanumeric + "-._*?[]:"
)

func compileConditions(c Conditions, m *mistakes) []condition {
	var list []condition
	if !c.Path.empty() {
		list = append(list, compilePath(c.Path, m))
	}
	if !c.Host.empty() {
		list = append(list, compileHost(c.Host, m))
	}
	if len(c.Methods) > 0 {
		list = append(list, compileMethods(c.Methods, m))
	}
	for _, h := range c.Headers {
		list = append(list, compileHeader(h, m))
	}
	for _, q := range c.Queries {
		list = append(list, compileQuery(q, m))
	}
	if len(c.SourceIPs) > 0 {
		list = append(list, compileSourceIPs(c.SourceIPs, m))
	}
	return list
}

func compilePath(p Patterns, m *mistakes) condition {
	for _, v := range p.Values {
		switch {
		case strings.IndexByte("/*?", first(v)) < 0:
			m.add("path", "%q never matches: a path begins with /", v)
		case !consistsOf(v, pathChars):
			m.add("path", "%q holds a character that no path holds; write it percent-encoded", v)
		}
	}
	c := condition{field: fieldPath}
	c.compilePatterns(p, globOptions{}, m)
	return c
}

func compileHost(p Patterns, m *mistakes) condition {
	for _, v := range p.Values {
		_, port := splitHost(v)
		switch {
		case v == "" || !consistsOf(v, hostChars):
			m.add("host", "%q is no host name", v)
		case port != "":
			m.add("host", "%q: leave the port out, it is not compared", v)
		}
	}
	c := condition{field: fieldHost}
	c.compilePatterns(p, globOptions{fold: true}, m)
	return c
}

func compileMethods(methods []string, m *mistakes) condition {
	for _, v := range methods {
		if v == "" || !consistsOf(v, "ABCDEFGHIJKLMNOPQRSTUVWXYZ-_") {
			m.add("method", "%q: a method is upper-case letters, - and _", v)
		}
	}
	return condition{field: fieldMethod, want: append([]string(nil), methods...)}
}

func compileHeader(h HeaderCondition, m *mistakes) condition {
	name := http.CanonicalHeaderKey(h.Name)
	switch {
	case name == "" || !consistsOf(name, tokenChars):
		m.add("header", "%q is no header name", h.Name)
	case name == "Host":
		m.add("header", "Host is not compared here: use host")
	case h.empty():
		m.add("header", "%s has no value to compare with", h.Name)
	}
	for _, v := range h.Values {
		if strings.IndexFunc(v, isControl) >= 0 {
			m.add("header", "%q holds a control character", v)
		}
	}
	c := condition{field: fieldHeader, header: name}
	c.compilePatterns(h.Patterns, globOptions{fold: true}, m)
	return c
}

func compileQuery(q QueryCondition, m *mistakes) condition {
	c := condition{field: fieldQuery}
	if len(q.Pairs) == 0 {
		m.add("query", "has no value to compare with")
	}
	for _, p := range q.Pairs {
		switch {
		case p.Value == "":
			m.add("query", "key %q has no value; * is any value", p.Key)
		case strings.IndexFunc(p.Key+p.Value, isControl) >= 0:
			m.add("query", "%q holds a control character", p.Key+"="+p.Value)
		}
		o := globOptions{fold: true, escape: true}
		c.pairs = append(c.pairs, pairGlob{anyKey: p.Key == "", key: newGlob(p.Key, o), value: newGlob(p.Value, o)})
		c.want = append(c.want, strings.TrimPrefix(p.Key+"="+p.Value, "="))
	}
	return c
}

func compileSourceIPs(values []string, m *mistakes) condition {
	c := condition{field: fieldSourceIP, want: append([]string(nil), values...)}
	for _, v := range values {
		p, err := netip.ParsePrefix(v)
		switch {
		case err != nil:
			m.add("source_ip", "%q is no prefix such as 192.0.2.0/24", v)
		case v == "255.255.255.255/32":
			m.add("source_ip", "%q is nobody's address", v)
		}
		c.prefixes = append(c.prefixes, p)
	}
	return c
}

// compilePatterns sets the patterns of c. Case is ignored by the regular
// expressions where the wildcards ignore it.
func (c *condition) compilePatterns(p Patterns, o globOptions, m *mistakes) {
	for _, v := range p.Values {
		c.globs = append(c.globs, newGlob(v, o))
		c.want = append(c.want, v)
	}
	for _, v := range p.Regex {
		flags := ""
		if o.fold {
			flags = "(?i)"
		}
		re, err := regexp.Compile(flags + v)
		if err != nil {
			m.add(string(c.field), "regular expression: %v", err)
			continue
		}
		c.regexes = append(c.regexes, re)
		c.want = append(c.want, "/"+v+"/")
	}
}

func consistsOf(s, chars string) bool {
	return strings.Trim(s, chars) == ""
}

// first is the first byte of s, 0 if there is none.
func first(s string) byte {
	if s == "" {
		return 0
	}
	return s[0]
}
