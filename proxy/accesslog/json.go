package accesslog

import (
	"strconv"
	"time"
	"unicode/utf8"
)

// appendJSON encodes r as one line. Keys are those of the project's other logs.
func appendJSON(b []byte, r *Record, end time.Time) []byte {
	b = append(b, `{"time":"`...)
	b = end.UTC().AppendFormat(b, timeFormat)
	b = append(b, '"')
	b = appendText(b, "request_id", r.RequestID, maxName)
	b = appendText(b, "trace_id", r.TraceID, maxName)
	b = appendText(b, "method", r.Method, maxName)
	b = appendText(b, "host", r.Host, maxName)
	r.url = AppendURL(r.url[:0], r.Path, r.Query)
	b = appendText(b, "path", r.url, maxURL)
	b = appendText(b, "proto", r.Proto, maxName)
	b = appendNumber(b, "status", int64(r.Status()))
	b = appendNumber(b, "bytes_in", r.BytesIn())
	b = appendNumber(b, "bytes_out", r.BytesOut())
	b = appendDuration(b, "duration", end.Sub(r.Start))
	if r.UpstreamDuration > 0 {
		b = appendDuration(b, "upstream_duration", r.UpstreamDuration)
	}
	if r.UpstreamStatus > 0 {
		b = appendNumber(b, "upstream_status", int64(r.UpstreamStatus))
	}
	b = appendText(b, "session_id", r.SessionID, maxName)
	b = appendText(b, "client_id", r.ClientID, maxName)
	b = appendText(b, "rule", r.Rule, maxName)
	b = appendText(b, "action", r.Action, maxName)
	b = appendText(b, "target", r.Target, maxName)
	b = appendText(b, "client", r.Client, maxName)
	b = appendText(b, "user_agent", r.UserAgent, maxText)
	b = appendCold(b, r.Cold)
	b = appendText(b, "reason", r.Reason, maxText)
	return append(b, "}\n"...)
}

func appendCold(b []byte, c Cold) []byte {
	if c == (Cold{}) {
		return b
	}
	b = appendText(b, "cold_class", c.Class, maxName)
	b = appendText(b, "cold_answer", c.Answer, maxName)
	return appendDuration(b, "cold_waited", c.Waited)
}

func appendKey(b []byte, key string) []byte {
	b = append(b, `,"`...)
	b = append(b, key...)
	return append(b, `":`...)
}

func appendNumber(b []byte, key string, n int64) []byte {
	return strconv.AppendInt(appendKey(b, key), n, 10)
}

func appendDuration(b []byte, key string, d time.Duration) []byte {
	return appendSeconds(appendKey(b, key), d, 6)
}

// appendText leaves empty values out.
func appendText[T string | []byte](b []byte, key string, value T, limit int) []byte {
	if len(value) == 0 {
		return b
	}
	value, cut := truncate(value, limit)
	b = append(appendKey(b, key), '"')
	b = appendEscapedJSON(b, value)
	if cut {
		b = append(b, cutMark...)
	}
	return append(b, '"')
}

// appendEscapedJSON escapes what RFC 8259 7 demands, and what a terminal or an
// editor would act on: all control characters (C1 as well), line and paragraph
// separators, marks that turn the writing direction, and bytes that are no UTF-8.
func appendEscapedJSON[T string | []byte](b []byte, s T) []byte {
	done := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c < 0x7f && c != '"' && c != '\\' {
			i++
			continue
		}
		b = append(b, s[done:i]...)
		size := 1
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < utf8.RuneSelf:
			b = appendUnicode(b, rune(c))
		default:
			var r rune
			r, size = utf8.DecodeRuneInString(string(s[i:min(i+utf8.UTFMax, len(s))]))
			if r == utf8.RuneError || isInvisible(r) {
				b = appendUnicode(b, r)
			} else {
				b = append(b, s[i:i+size]...)
			}
		}
		i += size
		done = i
	}
	return append(b, s[done:]...)
}

func isInvisible(r rune) bool {
	return r < 0xa0 || r >= 0x200b && r <= 0x200f || r >= 0x2028 && r <= 0x202e || r >= 0x2066 && r <= 0x2069 || r == 0xfeff
}

// appendUnicode writes a character of the basic plane as \uXXXX.
func appendUnicode(b []byte, r rune) []byte {
	return append(b, '\\', 'u', hexDigits[r>>12&15], hexDigits[r>>8&15], hexDigits[r>>4&15], hexDigits[r&15])
}
