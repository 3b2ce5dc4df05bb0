package prefix

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"
)

// policies lets the shim and the import map pass a Content-Security-Policy field, which may hold several
// policies (CSP 3 section 2.2.2). judges reports that one of them refuses inline scripts without hash or nonce.
func (s *site) policies(v string) (_ string, judges bool) {
	list := strings.Split(v, ",")
	for i, policy := range list {
		var restricts bool
		list[i], restricts = s.policy(policy)
		judges = judges || restricts
	}
	return strings.Join(list, ","), judges
}

// policy adds our hashes to the directive that governs script elements: script-src-elem, else script-src,
// else a script-src-elem that repeats default-src.
func (s *site) policy(v string) (_ string, restricts bool) {
	directives := strings.Split(v, ";")
	for _, name := range []string{"script-src-elem", "script-src", "default-src"} {
		i := directive(directives, name)
		if i < 0 {
			continue
		}
		sources := strings.Fields(directives[i])[1:]
		if !restrictsInline(sources) {
			return v, false
		}
		if name == "default-src" {
			name = "script-src-elem"
			directives = append(directives, "")
			i = len(directives) - 1
		}
		directives[i] = " " + name + " " + strings.Join(s.withHashes(sources), " ")
		return strings.TrimSpace(strings.Join(directives, ";")), true
	}
	return v, false
}

// directive returns the index of the first directive of that name, the one that counts, or -1.
func directive(directives []string, name string) int {
	for i, d := range directives {
		if fields := strings.Fields(d); len(fields) > 0 && strings.EqualFold(fields[0], name) {
			return i
		}
	}
	return -1
}

// restrictsInline reports whether inline scripts need a hash or nonce: 'unsafe-inline' allows all of them,
// unless a nonce, a hash or 'strict-dynamic' stands beside it (CSP 3 section 6.7.3.2). A hash of ours would
// switch it off.
func restrictsInline(sources []string) bool {
	unsafe, strict := false, false
	for _, source := range sources {
		switch source = strings.ToLower(source); {
		case source == "'unsafe-inline'":
			unsafe = true
		case source == "'strict-dynamic'", strings.HasPrefix(source, "'nonce-"), strings.HasPrefix(source, "'sha"):
			strict = true
		}
	}
	return !unsafe || strict
}

// withHashes returns the sources with our two, and without 'none', which must stand alone.
func (s *site) withHashes(sources []string) []string {
	var kept []string
	for _, source := range sources {
		if !strings.EqualFold(source, "'none'") {
			kept = append(kept, source)
		}
	}
	return append(kept, hashSource(shim), hashSource(s.mapText()))
}

func hashSource(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
