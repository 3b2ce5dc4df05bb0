package api

import (
	"net"
	"time"

	"github.com/webordinary/warmgate/session"
)

// document is a session as the API shows it. Times are RFC 3339 in UTC, but
// for the two members that older clients read.
type document struct {
	SessionID  session.ID       `json:"sessionId"`
	ClientID   session.ClientID `json:"clientId"`
	UserID     string           `json:"userId,omitempty"`
	ThreadID   string           `json:"threadId,omitempty"`
	Pool       string           `json:"pool,omitempty"`
	Status     session.Status   `json:"status"`
	PreviewURL string           `json:"previewUrl,omitempty"`

	// Why says in a sentence why it is awake, what it waits for, or why it is not
	// awake.
	Why string `json:"why"`
	// Cause is why the last start failed, or why the session ended.
	Cause string `json:"cause,omitempty"`
	// Phase is how far the backend is; Start is about a start under way or the
	// last one.
	Phase session.Phase `json:"phase"`
	Start *start        `json:"start,omitempty"`

	CreatedAt time.Time `json:"createdAt"`
	// LastActivity is in milliseconds, TTL in seconds since 1970.
	LastActivity     int64                `json:"lastActivity"`
	LastActivityKind session.ActivityKind `json:"lastActivityKind,omitempty"`
	LastActivityAt   time.Time            `json:"lastActivityAt,omitzero"`
	LastHumanAt      time.Time            `json:"lastHumanAt,omitzero"`
	AwakeSince       time.Time            `json:"awakeSince,omitzero"`
	SleepAt          time.Time            `json:"sleepAt,omitzero"`
	ExpiresAt        time.Time            `json:"expiresAt"`
	TTL              int64                `json:"ttl"`

	Target      *target `json:"target,omitempty"`
	ContainerIP string  `json:"containerIp,omitempty"`
	// Open is what is open on this replica.
	Open open `json:"open"`

	Metadata map[string]any `json:"metadata,omitempty"`
	Log      []string       `json:"log,omitempty"`
}

// start is a start's progress. Durations are in seconds.
type start struct {
	Generation int64          `json:"generation"`
	BeganAt    time.Time      `json:"beganAt"`
	Deadline   time.Time      `json:"deadline,omitzero"`
	Elapsed    float64        `json:"elapsed"`
	Phases     []session.Step `json:"phases"`
	Estimate   *estimate      `json:"estimate,omitempty"`
	RetryAt    time.Time      `json:"retryAt,omitzero"`
}

// estimate is how long past starts took, in seconds.
type estimate struct {
	Median  float64 `json:"median"`
	P90     float64 `json:"p90"`
	Samples int     `json:"samples"`
}

// target is where requests go.
type target struct {
	TaskID  string         `json:"taskId"`
	Address string         `json:"address"`
	Ports   map[int]string `json:"ports,omitempty"`
}

type open struct {
	Requests int `json:"requests"`
	Sockets  int `json:"sockets"`
	Waiters  int `json:"waiters"`
	Parked   int `json:"parked"`
}

// document describes the report at now.
func (h *Handler) document(r *session.Report, now time.Time) document {
	s := &r.Session
	d := document{
		SessionID: s.ID, ClientID: s.ClientID, UserID: s.UserID, ThreadID: s.ThreadID, Pool: s.Pool,
		Status: status(s), PreviewURL: h.previewURL(s),
		Why: explain(r, now), Cause: s.Cause, Phase: r.Backend.Phase, Start: startOf(&r.Backend, now),
		CreatedAt: s.CreatedAt.UTC(), LastActivityKind: s.LastActivity.Kind,
		LastActivityAt: s.LastActivity.At.UTC(), LastHumanAt: s.LastHuman.UTC(), AwakeSince: s.AwakeSince.UTC(),
		SleepAt: r.SleepAt.UTC(), ExpiresAt: s.ExpiresAt.UTC(), TTL: s.ExpiresAt.Unix(),
		Open:     open{Requests: r.Requests, Sockets: r.Sockets, Waiters: r.Waiters, Parked: r.Parked},
		Metadata: s.Metadata,
	}
	if !s.LastActivity.At.IsZero() {
		d.LastActivity = s.LastActivity.At.UnixMilli()
	}
	if d.Cause == "" && r.Backend.Err != nil {
		d.Cause = r.Backend.Err.Error()
	}
	if t := s.Target; !t.IsZero() {
		d.Target = &target{TaskID: t.TaskID, Address: t.Addr, Ports: t.Ports}
		d.ContainerIP, _, _ = net.SplitHostPort(t.Addr)
	}
	return d
}

// startOf describes the start that b tells of; nil if it tells of none.
func startOf(b *session.Backend, now time.Time) *start {
	if b.Began.IsZero() {
		return nil
	}
	if n := len(b.Steps); b.Phase == session.PhaseReady && (n == 0 || b.Steps[n-1].Phase != session.PhaseReady) {
		return nil // another replica made the start
	}
	st := &start{
		Generation: b.Generation, BeganAt: b.Began.UTC(), Deadline: b.Deadline.UTC(), RetryAt: b.RetryAt.UTC(),
		Elapsed: elapsed(b, now).Seconds(), Phases: b.Steps,
	}
	if b.Estimate.Samples > 0 {
		st.Estimate = &estimate{
			Median: b.Estimate.Median.Seconds(), P90: b.Estimate.P90.Seconds(), Samples: b.Estimate.Samples,
		}
	}
	return st
}

// elapsed is how long the start has taken, up to now or its last phase.
func elapsed(b *session.Backend, now time.Time) time.Duration {
	if b.Phase.Warming() {
		return now.Sub(b.Began).Round(time.Millisecond)
	}
	if n := len(b.Steps); n > 0 {
		return b.Steps[n-1].At.Sub(b.Began).Round(time.Millisecond)
	}
	return 0
}
