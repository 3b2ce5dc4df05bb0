package prefix

import "bytes"

// site is where one session's site is mounted, and what an address in its answers means there.
type site struct {
	mount string // the prefix without its last slash: "/session/demo"
	base  string // addresses that begin with it are never touched: "/session/"
	host  string // the public host[:port] the browser asked for
	away  bool   // a <base> of another origin is in force: "/x" is not ours
}

// edit is text to insert before the byte at offset at. The package knows no other change to a body:
// bytes of the site are never removed, replaced or reordered.
type edit struct {
	at   int
	text string
}

// offset returns where the mount belongs in the address v, or -1 when v stays as it is: relative,
// scheme-relative ("//x"), of another origin, or already below base. The leading blanks and the tabs
// and line ends inside that a browser ignores (WHATWG URL 4.4) are stepped over.
func (s *site) offset(v []byte) int {
	i := 0
	for i < len(v) && v[i] <= ' ' {
		i++
	}
	if i == len(v) {
		return -1
	}
	if v[i] != '/' {
		n := s.authority(v[i:])
		if n < 0 || s.below(v[i+n:]) {
			return -1
		}
		return i + n
	}
	next := i + 1
	for next < len(v) && (v[next] == '\t' || v[next] == '\n' || v[next] == '\r') {
		next++
	}
	if next < len(v) && (v[next] == '/' || v[next] == '\\') {
		return -1
	}
	if s.away || s.below(v[i:]) {
		return -1
	}
	return i
}

// below reports whether a root-absolute address needs no prefix.
func (s *site) below(path []byte) bool {
	return bytes.HasPrefix(path, []byte(s.base))
}

// authority returns the length of "scheme://host" at the start of v if it is this host over http or https, else -1.
func (s *site) authority(v []byte) int {
	if v[0]|0x20 != 'h' || s.host == "" {
		return -1
	}
	for _, scheme := range []string{"http://", "https://"} {
		n := len(scheme) + len(s.host)
		if len(v) < n || !foldEqual(v[:len(scheme)], scheme) || !foldEqual(v[len(scheme):n], s.host) {
			continue
		}
		if len(v) == n || v[n] <= ' ' || v[n] == '/' || v[n] == '?' || v[n] == '#' {
			return n
		}
	}
	return -1
}

// elsewhere reports whether the href of a <base> leads to another origin.
func (s *site) elsewhere(v []byte) bool {
	v = bytes.TrimSpace(v)
	if len(v) == 0 {
		return false
	}
	if v[0] == '/' {
		return len(v) > 1 && (v[1] == '/' || v[1] == '\\')
	}
	if s.authority(v) >= 0 {
		return false
	}
	scheme, _, found := bytes.Cut(v, []byte(":"))
	return found && !bytes.ContainsAny(scheme, "/?#")
}

// address is the finder for a value that is one address.
func (s *site) address(v []byte, edits []edit) []edit {
	if at := s.offset(v); at >= 0 {
		edits = append(edits, edit{at, s.mount})
	}
	return edits
}

// addressString is address for header values: v with the mount inserted where it belongs.
func (s *site) addressString(v string) string {
	if at := s.offset([]byte(v)); at >= 0 {
		return v[:at] + s.mount + v[at:]
	}
	return v
}

// foldEqual compares ASCII without regard to case. want may hold any letter case.
func foldEqual(got []byte, want string) bool {
	if len(got) != len(want) {
		return false
	}
	for i, c := range got {
		if lower(c) != lower(want[i]) {
			return false
		}
	}
	return true
}

// hasFoldPrefix reports whether data begins with want, without regard to ASCII case.
func hasFoldPrefix(data []byte, want string) bool {
	return len(data) >= len(want) && foldEqual(data[:len(want)], want)
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

func isLetter(c byte) bool {
	return 'a' <= lower(c) && lower(c) <= 'z'
}

// isSpace reports HTML white space (WHATWG Infra, "ASCII whitespace").
func isSpace(c byte) bool {
	return c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '\f'
}
