package proxy

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// maxTraceID is how much of X-Amzn-Trace-Id an ALB continues (ALB user guide,
// "Request tracing").
const maxTraceID = 7 << 10

// continueTrace returns the request's X-Amzn-Trace-Id as an ALB makes or continues
// it: Root where there is none yet, else Self in the place of any other before the
// fields that came.
func continueTrace(given []string, now time.Time) string {
	if len(given) == 0 {
		return newTraceField("Root", now, "")
	}
	came := strings.Join(given, ";")
	if len(came) > maxTraceID {
		return newTraceField("Root", now, "")
	}
	name := "Root"
	var rest strings.Builder
	for f := range strings.SplitSeq(came, ";") {
		f = strings.TrimSpace(f)
		if f == "" || strings.HasPrefix(f, "Self=") {
			continue
		}
		if strings.HasPrefix(f, "Root=") {
			name = "Self"
		}
		rest.WriteByte(';')
		rest.WriteString(f)
	}
	return newTraceField(name, now, rest.String())
}

// newTraceField makes a field with a new id, the time in its first part, and puts
// rest behind it. The ids tell requests apart; nothing depends on their being
// hard to guess.
func newTraceField(name string, now time.Time, rest string) string {
	var buf [64]byte
	b := append(buf[:0], name...)
	b = append(b, "=1-"...)
	b = appendHex(b, uint64(now.Unix()), 8)
	b = append(b, '-')
	b = appendHex(b, rand.Uint64(), 16)
	b = appendHex(b, rand.Uint64(), 8)
	b = append(b, rest...)
	return string(b)
}

// appendHex appends the last digits of v.
func appendHex(b []byte, v uint64, digits int) []byte {
	var buf [32]byte
	text := strconv.AppendUint(append(buf[:0], "0000000000000000"...), v, 16)
	return append(b, text[len(text)-digits:]...)
}
