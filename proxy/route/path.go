package route

import "errors"

// Errors of [CheckPath]; the answer to each is a 400.
var (
	ErrPathDotSegment = errors.New("the path holds a . or .. segment")
	ErrPathControl    = errors.New("the path holds a control character")
	ErrPathSyntax     = errors.New("the path does not begin with a slash or holds a broken escape")
)

// CheckPath reports what makes an escaped path unsafe to route by: two readers of
// it may not agree where it leads. Dot segments count in every encoding: plain,
// percent-encoded in part or twice, and between encoded slashes or backslashes.
// An encoded slash alone is allowed. CheckPath does not allocate.
func CheckPath(escaped string) error {
	if first(escaped) != '/' {
		return ErrPathSyntax
	}
	dots, others := 0, 0 // characters of the current segment
	for i := 0; i < len(escaped); {
		c, size := decodeDeep(escaped[i:])
		i += size
		switch {
		case size == 0:
			return ErrPathSyntax
		case isControl(rune(c)):
			return ErrPathControl
		case c == '/' || c == '\\':
			if isDotSegment(dots, others) {
				return ErrPathDotSegment
			}
			dots, others = 0, 0
		case c == '.':
			dots++
		default:
			others++
		}
	}
	if isDotSegment(dots, others) {
		return ErrPathDotSegment
	}
	return nil
}

func isDotSegment(dots, others int) bool {
	return others == 0 && (dots == 1 || dots == 2)
}

// decodeDeep decodes the first character of s, as often as it was encoded:
// "%252e" is a dot, too. Size 0 means that an escape is broken.
func decodeDeep(s string) (c byte, size int) {
	if s[0] != '%' {
		return s[0], 1
	}
	if len(s) < 3 || !isHex(s[1]) || !isHex(s[2]) {
		return 0, 0
	}
	c, size = unhex(s[1])<<4|unhex(s[2]), 3
	for c == '%' && len(s) >= size+2 && isHex(s[size]) && isHex(s[size+1]) {
		c = unhex(s[size])<<4 | unhex(s[size+1])
		size += 2
	}
	return c, size
}

func isHex(c byte) bool {
	c = lower(c)
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f'
}

func unhex(c byte) byte {
	if c = lower(c); c >= 'a' {
		return c - 'a' + 10
	}
	return c - '0'
}
