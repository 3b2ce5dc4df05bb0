package accesslog

import (
	"strconv"
	"time"
	"unicode/utf8"
)

// Longest values in a line, in bytes before escaping; what is cut off is marked.
const (
	maxURL  = 2048
	maxText = 512
	maxName = 256
)

const cutMark = "..."

// timeFormat is RFC 3339 in UTC with microseconds, as in ALB access logs.
const timeFormat = "2006-01-02T15:04:05.000000Z"

const hexDigits = "0123456789abcdef"

// truncate cuts s to limit bytes at a character's border.
func truncate[T string | []byte](s T, limit int) (short T, cut bool) {
	if len(s) <= limit {
		return s, false
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit], true
}

// appendSeconds writes d in seconds, rounded down to the given number of digits
// (at most 9) behind the point.
func appendSeconds(b []byte, d time.Duration, digits int) []byte {
	d = max(d, 0)
	b = strconv.AppendInt(b, int64(d/time.Second), 10)
	b = append(b, '.')
	rest, unit := d%time.Second, time.Second/10
	for range digits {
		b = append(b, '0'+byte(rest/unit))
		rest %= unit
		unit /= 10
	}
	return b
}
