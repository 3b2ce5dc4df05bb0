package dynamo

import (
	"log/slog"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// Options say which tables, and how they are reached. Table, ControlTable and
// Config are required.
type Options struct {
	// Table has the sessions.
	Table string
	// ControlTable has everything that is no session: what replicas agree on.
	ControlTable string
	// Attributes are the names of the session table's attributes.
	Attributes Attributes

	// Config has the region and the credentials. Its HTTP client and its retryer
	// are not used: the store brings its own.
	Config aws.Config
	// Endpoint is the URL of the service in place of the region's; for a
	// stand-in, or a VPC endpoint.
	Endpoint string

	// AttemptTimeout bounds one attempt of a call that a request may wait for;
	// there are at most two. Zero means 400 ms.
	AttemptTimeout time.Duration
	// Timeout bounds each operation that is about one session or record. Zero
	// means 950 ms.
	Timeout time.Duration
	// Patience is how long Open tries to reach the tables. Zero means one minute.
	Patience time.Duration
	// TTL is the life after the last activity of records that have no TTL. Zero
	// means 30 minutes.
	TTL time.Duration
	// Logger is told of what an operator should know. nil means nobody is.
	Logger *slog.Logger
}

func (o Options) withDefaults() Options {
	o.Attributes = o.Attributes.WithDefaults()
	for _, d := range []struct {
		value *time.Duration
		or    time.Duration
	}{
		{&o.AttemptTimeout, 400 * time.Millisecond},
		{&o.Timeout, 950 * time.Millisecond},
		{&o.Patience, time.Minute},
		{&o.TTL, 30 * time.Minute},
	} {
		if *d.value == 0 {
			*d.value = d.or
		}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// Attributes are the names of those attributes of the session table that other
// programs use, too. An empty name means the default, in brackets below. The
// name of the session id's attribute is the table's partition key.
type Attributes struct {
	UserID   string // [userId] text
	ClientID string // [clientId] text
	ThreadID string // [threadId] text
	Status   string // [status] text
	TTL      string // [ttl] number: epoch seconds
	// CreatedAt and LastActivity are numbers, epoch milliseconds, unless the
	// table's schema says that they are texts: then ISO 8601 in UTC.
	CreatedAt    string // [createdAt]
	LastActivity string // [lastActivity]
	// LastActivityAt is the last activity once more, for an index that sorts by
	// it. It is written only if there is such an index, and read only of records
	// of others that have no LastActivity.
	LastActivityAt string // [lastActivityAt]
	// TaskID and Address tell others about the session's task; Warmgate does not
	// read them.
	TaskID   string // [taskArn] text
	Address  string // [containerIp] text: the task's host or IP address
	Metadata string // [metadata] map
}

// WithDefaults returns a with its empty names replaced.
func (a Attributes) WithDefaults() Attributes {
	for _, n := range []struct {
		value *string
		or    string
	}{
		{&a.UserID, "userId"},
		{&a.ClientID, "clientId"},
		{&a.ThreadID, "threadId"},
		{&a.Status, "status"},
		{&a.TTL, "ttl"},
		{&a.CreatedAt, "createdAt"},
		{&a.LastActivity, "lastActivity"},
		{&a.LastActivityAt, "lastActivityAt"},
		{&a.TaskID, "taskArn"},
		{&a.Address, "containerIp"},
		{&a.Metadata, "metadata"},
	} {
		if *n.value == "" {
			*n.value = n.or
		}
	}
	return a
}

// The attributes that only Warmgate uses.
const (
	ownPool            = "wgPool"
	ownGeneration      = "wgGeneration" // also tells that the record is known to Warmgate
	ownCause           = "wgCause"
	ownExpiresAt       = "wgExpiresAt" // the TTL in milliseconds, while it agrees with the shared one
	ownActivityKind    = "wgActivityKind"
	ownLastHuman       = "wgLastHuman"
	ownLastVisit       = "wgLastVisit"
	ownAwakeSince      = "wgAwakeSince"
	ownBackgroundWoken = "wgBackgroundWoken"
	ownTarget          = "wgTarget"
	ownWrite           = "wgWrite" // the mark of the last write
)

// The attributes of the control table.
const (
	recordKey     = "key"
	recordValue   = "value"
	recordVersion = "version"
	recordTTL     = "ttl"
)
