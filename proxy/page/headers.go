package page

import (
	"net/http"
	"strconv"
	"time"
)

// SetHeaders sets what every answer of our own says, a page or not: nobody may
// keep it, index it, guess its type or learn its address; and which request
// headers decided that it is this answer. retryAfter becomes Retry-After; zero
// leaves it out.
func SetHeaders(h http.Header, retryAfter time.Duration) {
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Vary", "Accept, Sec-Fetch-Mode, Sec-Purpose, User-Agent")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Robots-Tag", "noindex")
	if s := Seconds(retryAfter); s > 0 {
		h.Set("Retry-After", strconv.Itoa(s))
	}
}

// Seconds returns d in whole seconds for Retry-After (RFC 9110 10.2.3), rounded
// up and at least 1; 0 if d is not positive.
func Seconds(d time.Duration) int {
	if d <= 0 {
		return 0
	}
	return int((d + time.Second - 1) / time.Second)
}
