package route

// Action is what a rule does: one of [*Session], [*Forward], [*Static],
// [*Redirect], [*FixedResponse] and [*Management].
type Action interface {
	// check reports the mistakes of the action's own fields.
	check(m *mistakes)
}

// PrefixMode says what becomes of the part of the path that names the session.
type PrefixMode string

const (
	// PrefixStrip takes the prefix off: the site knows nothing of it. The zero
	// value means the same.
	PrefixStrip PrefixMode = "strip"
	// PrefixKeep forwards the path unchanged, as an ALB does.
	PrefixKeep PrefixMode = "keep"
)

// HostMode says which Host the upstream is asked for.
type HostMode string

const (
	// HostUpstream sends the upstream's own address: dev servers admit it without
	// any setting. The zero value means this in a Session.
	HostUpstream HostMode = "upstream"
	// HostPreserve sends the client's, as an ALB does. The zero value means this
	// in a Forward.
	HostPreserve HostMode = "preserve"
)

func (h HostMode) check(field string, m *mistakes) {
	if h != "" && h != HostUpstream && h != HostPreserve {
		m.add(field, "%q is neither upstream nor preserve", h)
	}
}

// Session forwards to the task of the session that the request names.
type Session struct {
	Pool string
	// Port on the task; 0 is the pool's own. Then Ports may lead single paths to
	// others: the longest pattern that matches.
	Port  int
	Ports []PathPort
	// Prefix is strip unless set.
	Prefix PrefixMode
	// Host is upstream unless set.
	Host HostMode
	// NoRewrite turns path mode off: bodies and headers of the site are passed on
	// as they are, although the prefix was stripped.
	NoRewrite bool
	// ID lists where the id comes from, tried in this order; empty means the path.
	ID []IDSource
	// Template builds the stored id from what the sources found, for example
	// "{client}-{thread}". Empty means "{id}".
	Template string
	// AllowGuessable permits ids that others made and that may be open to guessing.
	AllowGuessable bool
}

// Static serves files. Exactly one of Dir and S3 is set.
type Static struct {
	Dir string
	S3  string // bucket name
	// Prefix, Region and Endpoint belong to S3; see static.BucketOptions.
	Prefix, Region, Endpoint string
	// Index and ErrorDocument are files; empty leaves them to package static.
	Index, ErrorDocument string
	// Fallback is the file that navigations to unknown paths get, for single-page
	// sites; empty means a 404.
	Fallback string
	// CacheControl is the header's value; empty leaves it to package static.
	CacheControl string
}

// FixedResponse answers by itself.
type FixedResponse struct {
	StatusCode  int    // 2xx, 4xx or 5xx
	ContentType string // media type; empty means text/plain
	Body        string
}

var (
	_ Action = (*Session)(nil)
	_ Action = (*Forward)(nil)
	_ Action = (*Static)(nil)
	_ Action = (*Redirect)(nil)
	_ Action = (*FixedResponse)(nil)
	_ Action = (*Management)(nil)
)
