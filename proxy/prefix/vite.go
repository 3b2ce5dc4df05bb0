package prefix

import "bytes"

// ViteConstants is how many places of Vite's client are patched; Vite 6 and 8 have all of them.
const ViteConstants = 3

// viteLine bounds how far behind "const " a constant's address may stand.
const viteLine = 512

// viteScanner finds the addresses in /@vite/client that depend on Vite's base: `const base = "/"`,
// `const base$1 = "/"`, and the path that ends `const socketHost`. Each is patched once, where it first
// stands. found, if set, learns at the end how many there were.
type viteScanner struct {
	site  *site
	found func(n int)
	seen  [ViteConstants]bool
}

// viteConstants are what stands before the address; inLine says that other text may stand between.
var viteConstants = [ViteConstants]struct {
	begin, quote string
	inLine       bool
}{
	{`const base = "`, `"`, false},
	{`const base$1 = "`, `"`, false},
	{"const socketHost = `", `${"`, true},
}

// scan implements scanner.
func (v *viteScanner) scan(data []byte, final bool, edits []edit) (int, []edit) {
	word := []byte("const ")
	pos := 0
	for {
		n := bytes.Index(data[pos:], word)
		if n < 0 {
			break
		}
		pos += n
		line := data[pos:min(len(data), pos+viteLine)]
		if end := bytes.IndexByte(line, '\n'); end >= 0 {
			line = line[:end]
		} else if len(line) < viteLine && !final {
			return pos, edits
		}
		if at := v.constant(line); at >= 0 {
			edits = append(edits, edit{pos + at, v.site.mount})
		}
		pos += len(word)
	}
	if final {
		if v.found != nil {
			v.found(v.count())
		}
		return len(data), edits
	}
	return max(pos, len(data)-len(word)+1), edits
}

// constant returns where the mount belongs in a line that begins with "const ", or -1.
func (v *viteScanner) constant(line []byte) int {
	for i, c := range viteConstants {
		if v.seen[i] || !bytes.HasPrefix(line, []byte(c.begin)) {
			continue
		}
		at := len(c.begin)
		if c.inLine {
			n := bytes.Index(line[at:], []byte(c.quote))
			if n < 0 {
				return -1
			}
			at += n + len(c.quote)
		}
		if at == len(line) || line[at] != '/' {
			return -1
		}
		v.seen[i] = true
		if n := v.site.offset(line[at:]); n >= 0 {
			return at + n
		}
		return -1
	}
	return -1
}

func (v *viteScanner) count() int {
	n := 0
	for _, seen := range v.seen {
		if seen {
			n++
		}
	}
	return n
}
