package route

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Errors of [Rule.RewritePath] and [Rule.RewriteHost]; the answer to each is a 500,
// as that of an ALB whose transform failed. A dot segment in the new path is
// the client's doing instead: [ErrPathDotSegment], a 400.
var (
	ErrRewritePath = errors.New("the rewritten path is no path")
	ErrRewriteHost = errors.New("the rewritten host is no host name")
)

// Rewrite changes what a request is forwarded with, after its rule was chosen: the
// transforms of an ALB. Unlike there, escapes in the path stay as they are.
type Rewrite struct {
	// Path is applied to the escaped path as it would go out: in a Session behind
	// the prefix if that is stripped. The query string stays.
	Path Replacement
	// Host is applied to the Host header without its port, ignoring case. If it
	// matches, the result is the Host that the upstream is asked for, whatever the
	// action's HostMode says; the port stays.
	Host Replacement
}

// Replacement puts Replace in place of whatever Regex matches, which is not
// anchored; what does not match stays as it is. In Replace $1 or ${1} stands for
// a group, ${name} for a named one, $$ for a dollar sign.
type Replacement struct {
	Regex   string // RE2; empty for no replacement
	Replace string
}

// replacer is a compiled Replacement.
type replacer struct {
	regex    *regexp.Regexp
	template string
}

func (r *Rule) compileRewrite(m *mistakes) {
	r.pathRewrite = r.Rewrite.Path.compile("rewrite.path", "", m)
	r.hostRewrite = r.Rewrite.Host.compile("rewrite.host", "(?i)", m)
	if strings.ContainsAny(r.Rewrite.Path.Replace, "?#") {
		m.add("rewrite.path.replace", "%q holds ? or #: only the path is rewritten", r.Rewrite.Path.Replace)
	}
}

// compile returns nil if there is no replacement.
func (p Replacement) compile(field, flags string, m *mistakes) *replacer {
	if p.Regex == "" {
		if p.Replace != "" {
			m.add(field+".regex", "is missing")
		}
		return nil
	}
	re, err := regexp.Compile(flags + p.Regex)
	if err != nil {
		m.add(field+".regex", "%v", err)
		return nil
	}
	if strings.IndexFunc(p.Replace, func(c rune) bool { return c <= ' ' || c >= 0x7f }) >= 0 {
		m.add(field+".replace", "%q holds a character that must be percent-encoded", p.Replace)
	}
	template, err := replaceTemplate(p.Replace, re)
	if err != nil {
		m.add(field+".replace", "%q: %v", p.Replace, err)
	}
	return &replacer{regex: re, template: template}
}

// group is a reference to a group, or a dollar sign that begins none.
var group = regexp.MustCompile(`\$(\$|[0-9]+|\{[A-Za-z0-9_]+\}|)`)

// replaceTemplate writes every $1 as ${1}: package regexp would take "$1_old" for
// one name. The groups must exist.
func replaceTemplate(replace string, re *regexp.Regexp) (string, error) {
	var err error
	template := group.ReplaceAllStringFunc(replace, func(ref string) string {
		name := strings.Trim(ref, "${}")
		switch n, notNumber := strconv.Atoi(name); {
		case ref == "$$":
			return ref
		case name == "":
			err = errors.New("a $ that is none of $1, ${1}, ${name} is written $$")
		case notNumber == nil && n > re.NumSubexp(), notNumber != nil && !slices.Contains(re.SubexpNames(), name):
			err = fmt.Errorf("the expression has no group %s", name)
		}
		return "${" + name + "}"
	})
	return template, err
}

// RewritePath returns the escaped path to ask for in place of path.
func (r *Rule) RewritePath(path string) (string, error) {
	if r.pathRewrite == nil {
		return path, nil
	}
	rewritten := r.pathRewrite.regex.ReplaceAllString(path, r.pathRewrite.template)
	if rewritten == path {
		return path, nil
	}
	switch err := CheckPath(rewritten); {
	case errors.Is(err, ErrPathDotSegment):
		return "", err
	case err != nil || strings.ContainsAny(rewritten, "?# "):
		return "", ErrRewritePath
	}
	return rewritten, nil
}

// RewriteHost returns the Host to ask for in place of the client's; "" if that
// stays as it is.
func (r *Rule) RewriteHost(hostport string) (string, error) {
	if r.hostRewrite == nil {
		return "", nil
	}
	host, port := splitHost(hostport)
	rewritten := r.hostRewrite.regex.ReplaceAllString(host, r.hostRewrite.template)
	switch {
	case rewritten == host:
		return "", nil
	case !validHost(rewritten):
		return "", ErrRewriteHost
	case port != "":
		rewritten += ":" + port
	}
	return rewritten, nil
}
