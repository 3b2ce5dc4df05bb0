package prefix

// addressHead is how much of an address in a style sheet is looked at; data: addresses run to megabytes.
const addressHead = 2048

// wordHead is how much of a word is kept waiting for its end; "@import" is the longest that matters.
const wordHead = 64

type cssState uint8

const (
	cssText cssState = iota
	cssComment
	cssWord    // the rest of a long word
	cssString  // the rest of a string
	cssURL     // behind "url(", before the address
	cssAddress // at the first byte of an address
	cssURLRest // the rest of an unquoted address
)

// cssScanner finds the addresses of a style sheet: url() and @import (CSS Syntax 3). It keeps its place
// between calls and waits for the end of nothing longer than addressHead.
type cssScanner struct {
	site   *site
	state  cssState
	quote  byte // the end of the string or address being read: a quote, or ')'
	isNext bool // an @import stands before: the next string is an address
}

// scan implements scanner.
func (c *cssScanner) scan(data []byte, final bool, edits []edit) (int, []edit) {
	for i := 0; i < len(data); {
		n, state := 0, c.state
		switch c.state {
		case cssText:
			n = c.text(data[i:], final)
		case cssComment:
			n = c.comment(data[i:], final)
		case cssWord:
			if n = wordEnd(data[i:], final); i+n < len(data) && !lastEscape(data[i+n:]) {
				c.state = cssText
			}
		case cssString:
			n = c.rest(data[i:], final)
		case cssURLRest:
			n = c.rest(data[i:], final)
		case cssURL:
			n = c.openURL(data[i:])
		case cssAddress:
			if at := c.address(data[i:], final); at >= 0 {
				edits = append(edits, edit{i + at, c.site.mount})
			}
		}
		if n == 0 && state == c.state {
			return i, edits
		}
		i += n
	}
	return len(data), edits
}

// style is the finder for a style attribute.
func (s *site) style(v []byte, edits []edit) []edit {
	c := cssScanner{site: s}
	_, edits = c.scan(v, true, edits)
	return edits
}

// text reads one token outside of strings and comments. It returns 0 to wait for more.
func (c *cssScanner) text(data []byte, final bool) int {
	switch b := data[0]; {
	case isSpace(b):
		return 1
	case b == '/':
		if len(data) == 1 && !final {
			return 0
		}
		if len(data) > 1 && data[1] == '*' {
			c.state = cssComment
			return 2
		}
	case b == '"' || b == '\'':
		c.state, c.quote = cssString, b
		if c.isNext {
			c.state = cssAddress
		}
	case b == '@' || b == '#' || isWord(b):
		return c.word(data, final)
	}
	c.isNext = false
	return 1
}

// word reads an identifier, number, hash or at-keyword.
func (c *cssScanner) word(data []byte, final bool) int {
	n := 1
	if isWord(data[0]) {
		n = wordEnd(data, final)
	} else {
		n += wordEnd(data[1:], final)
	}
	if !final && (n == len(data) || lastEscape(data[n:])) {
		if len(data) <= wordHead {
			return 0
		}
		c.state, c.isNext = cssWord, false
		return n
	}
	c.isNext = foldEqual(data[:n], "@import")
	if n < len(data) && data[n] == '(' && foldEqual(data[:n], "url") {
		c.state = cssURL
		return n + 1
	}
	return n
}

// comment reads up to "*/".
func (c *cssScanner) comment(data []byte, final bool) int {
	for i, b := range data {
		if b != '*' {
			continue
		}
		if i+1 == len(data) && !final {
			return i
		}
		if i+1 < len(data) && data[i+1] == '/' {
			c.state = cssText
			return i + 2
		}
	}
	return len(data)
}

// openURL steps to the address of a url().
func (c *cssScanner) openURL(data []byte) int {
	n := skipSpace(data, 0)
	if n == len(data) {
		return n
	}
	c.state, c.quote = cssAddress, ')'
	if data[n] == '"' || data[n] == '\'' {
		c.quote = data[n]
		n++
	}
	return n
}

// address judges an address by its head, once that is complete, and leaves the reading of it to rest. It
// returns where the mount belongs, or -1.
func (c *cssScanner) address(data []byte, final bool) int {
	head := data[:min(len(data), addressHead)]
	end := c.end(head)
	if end < 0 && len(head) < addressHead && !final {
		return -1
	}
	if end >= 0 {
		head = head[:end]
	}
	c.state, c.isNext = cssString, false
	if c.quote == ')' {
		c.state = cssURLRest
	}
	return c.site.offset(head)
}

// end returns the offset of the byte that ends the string or address, or -1.
func (c *cssScanner) end(data []byte) int {
	for i := 0; i < len(data); i++ {
		switch b := data[i]; {
		case b == '\\':
			i++
		case b == c.quote, c.quote != ')' && (b == '\n' || b == '\r' || b == '\f'):
			return i
		}
	}
	return -1
}

// rest reads to the end of a string or address. A line end closes a bad string.
func (c *cssScanner) rest(data []byte, final bool) int {
	if end := c.end(data); end >= 0 {
		c.state = cssText
		return end + 1
	}
	if !final && openEscape(data) {
		return len(data) - 1
	}
	return len(data)
}

// wordEnd returns the length of the word at the start of data, escapes included.
func wordEnd(data []byte, final bool) int {
	for i := 0; i < len(data); i++ {
		switch {
		case data[i] == '\\':
			if i+1 == len(data) && !final {
				return i
			}
			i++
		case !isWord(data[i]):
			return i
		}
	}
	return len(data)
}

// lastEscape reports whether data is a backslash whose partner has not come yet.
func lastEscape(data []byte) bool {
	return len(data) == 1 && data[0] == '\\'
}

// openEscape reports whether data ends in a backslash that is not itself escaped.
func openEscape(data []byte) bool {
	n := 0
	for n < len(data) && data[len(data)-1-n] == '\\' {
		n++
	}
	return n%2 == 1
}

// isWord reports bytes of names and numbers, and the backslash that begins an escape.
func isWord(b byte) bool {
	return isLetter(b) || '0' <= b && b <= '9' || b == '-' || b == '_' || b == '\\' || b >= 0x80
}
