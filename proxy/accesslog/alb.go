package accesslog

import (
	"crypto/tls"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// appendALB encodes r with the 33 fields of an ALB access log entry, in their
// order. What Warmgate does not have is "-". Byte counts are those of bodies.
func appendALB(b []byte, r *Record, end time.Time, name string) []byte {
	status := r.Status()
	b = append(b, connectionType(r, status)...) // 1 type
	b = append(b, ' ')
	b = end.UTC().AppendFormat(b, timeFormat)        // 2 time
	b = appendWord(b, name)                          // 3 elb
	b = appendWord(b, r.Client)                      // 4 client:port
	b = appendWord(b, r.Target)                      // 5 target:port
	b = appendTimes(b, r, end)                       // 6-8 request, target, response processing time
	b = appendCode(append(b, ' '), status)           // 9 elb_status_code
	b = appendCode(append(b, ' '), r.UpstreamStatus) // 10 target_status_code
	b = appendInt(b, r.BytesIn())                    // 11 received_bytes
	b = appendInt(b, r.BytesOut())                   // 12 sent_bytes
	b = appendRequest(b, r)                          // 13 "request"
	b = appendQuoted(b, r.UserAgent, maxText)        // 14 "user_agent"
	b = appendTLS(b, r.tls)                          // 15 ssl_cipher, 16 ssl_protocol
	b = append(b, " -"...)                           // 17 target_group_arn
	b = appendQuoted(b, r.TraceID, maxName)          // 18 "trace_id"
	b = appendQuoted(b, serverName(r.tls), maxName)  // 19 "domain_name"
	b = append(b, ` "-"`...)                         // 20 "chosen_cert_arn"
	b = appendInt(b, int64(r.Priority))              // 21 matched_rule_priority
	b = append(b, ' ')
	b = r.Start.UTC().AppendFormat(b, timeFormat)    // 22 request_creation_time
	b = appendQuoted(b, actionsExecuted(r), maxName) // 23 "actions_executed"
	b = appendQuoted(b, redirectURL(r), maxURL)      // 24 "redirect_url"
	b = appendQuoted(b, r.Reason, maxText)           // 25 "error_reason"
	b = appendQuoted(b, r.Target, maxName)           // 26 "target:port_list"
	b = appendCode(append(b, ` "`...), r.UpstreamStatus)
	b = append(b, '"')               // 27 "target_status_code_list"
	b = append(b, ` "-" "-"`...)     // 28 "classification", 29 "classification_reason"
	b = append(b, " -"...)           // 30 conn_trace_id
	b = append(b, ` "-" "-" "-"`...) // 31-33 "transformed_host", "transformed_uri", "request_transform_status"
	return append(b, '\n')
}

// connectionType tells the protocols apart as an ALB does.
func connectionType(r *Record, status int) string {
	secure := r.Scheme == "https"
	switch {
	case status == http.StatusSwitchingProtocols && secure:
		return "wss"
	case status == http.StatusSwitchingProtocols:
		return "ws"
	case strings.HasPrefix(r.Proto, "HTTP/2"):
		return "h2"
	case secure:
		return "https"
	default:
		return "http"
	}
}

// appendTimes writes -1 for requests that were not sent to a target. The request's
// own time is the one it was held for.
func appendTimes(b []byte, r *Record, end time.Time) []byte {
	if r.Target == "" {
		return append(b, " -1 -1 -1"...)
	}
	rest := end.Sub(r.Start) - r.Cold.Waited - r.UpstreamDuration
	b = appendSeconds(append(b, ' '), r.Cold.Waited, 3)
	b = appendSeconds(append(b, ' '), r.UpstreamDuration, 3)
	return appendSeconds(append(b, ' '), rest, 3)
}

func appendRequest(b []byte, r *Record) []byte {
	r.url = append(r.url[:0], r.Scheme...)
	r.url = append(r.url, "://"...)
	r.url = append(r.url, r.Host...)
	if !hasPort(r.Host) {
		r.url = append(r.url, defaultPort(r.Scheme)...)
	}
	r.url = AppendURL(r.url, r.Path, r.Query)

	b = append(b, ` "`...)
	b = appendEscapedALB(b, r.Method, maxName)
	b = append(b, ' ')
	b = appendEscapedALB(b, r.url, maxURL)
	b = append(b, ' ')
	b = appendEscapedALB(b, r.Proto, maxName)
	return append(b, '"')
}

func hasPort(host string) bool {
	return strings.LastIndexByte(host, ':') > strings.LastIndexByte(host, ']')
}

func defaultPort(scheme string) string {
	if scheme == "https" {
		return ":443"
	}
	return ":80"
}

func appendTLS(b []byte, state *tls.ConnectionState) []byte {
	if state == nil {
		return append(b, " - -"...)
	}
	b = appendWord(b, tls.CipherSuiteName(state.CipherSuite))
	// "TLS 1.3" is one word in an ALB's log.
	version := strings.TrimPrefix(tls.VersionName(state.Version), "TLS ")
	b = append(b, " TLSv"...)
	return append(b, version...)
}

func serverName(state *tls.ConnectionState) string {
	if state == nil {
		return ""
	}
	return state.ServerName
}

// actionsExecuted calls our own actions by the ALB's names.
func actionsExecuted(r *Record) string {
	if r.Action == "session" {
		return "forward"
	}
	return r.Action
}

func redirectURL(r *Record) string {
	if r.Action != "redirect" {
		return ""
	}
	path, query, _ := strings.Cut(r.response.Header().Get("Location"), "?")
	return string(AppendURL(nil, path, query))
}

func appendInt(b []byte, n int64) []byte {
	return strconv.AppendInt(append(b, ' '), n, 10)
}

func appendCode(b []byte, status int) []byte {
	if status == 0 {
		return append(b, '-')
	}
	return strconv.AppendInt(b, int64(status), 10)
}

// appendWord writes a field without quotes.
func appendWord(b []byte, s string) []byte {
	if s == "" {
		return append(b, " -"...)
	}
	return appendEscapedALB(append(b, ' '), s, maxName)
}

func appendQuoted(b []byte, s string, limit int) []byte {
	if s == "" {
		return append(b, ` "-"`...)
	}
	b = appendEscapedALB(append(b, ` "`...), s, limit)
	return append(b, '"')
}

// appendEscapedALB writes quotes, backslashes, control characters and bytes beyond
// ASCII as \xXX.
func appendEscapedALB[T string | []byte](b []byte, s T, limit int) []byte {
	s, cut := truncate(s, limit)
	for i := range len(s) {
		c := s[i]
		if c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
			b = append(b, '\\', 'x', hexDigits[c>>4], hexDigits[c&15])
		} else {
			b = append(b, c)
		}
	}
	if cut {
		b = append(b, cutMark...)
	}
	return b
}
