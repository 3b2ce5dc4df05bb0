package dynamo

import (
	"net"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/webordinary/warmgate/session"
)

// nobody stands for an empty user's id in a sort key, which cannot be empty.
const nobody = "-"

// encoding turns sessions into items and back.
type encoding struct {
	*schema
	names Attributes
	// ttl is the life of records that have none.
	ttl time.Duration
}

// stateAttributes lists the shared ones that encodeState may return.
func (c *encoding) stateAttributes() []string {
	a := c.names
	all := []string{a.ClientID, a.ThreadID, a.Status, a.TTL, a.CreatedAt, a.LastActivity, a.TaskID, a.Address}
	if c.sort == "" {
		all = append(all, a.UserID)
	}
	if c.keys[a.LastActivityAt] {
		all = append(all, a.LastActivityAt)
	}
	return all
}

// ownAttributes lists those that only Warmgate uses, the mark excepted.
func ownAttributes() []string {
	return []string{
		ownPool, ownGeneration, ownCause, ownExpiresAt, ownActivityKind, ownLastHuman, ownLastVisit,
		ownAwakeSince, ownBackgroundWoken, ownTarget,
	}
}

// key returns the primary key of the session's item.
func (c *encoding) key(id session.ID, user string) item {
	k := item{c.id: text(string(id))}
	if c.sort != "" {
		k[c.sort] = text(sortValue(user))
	}
	return k
}

func sortValue(user string) string {
	if user == "" {
		return nobody
	}
	return user
}

// encode returns the attributes of a session, its key excepted. What is empty has
// no attribute.
func (c *encoding) encode(s *session.Session) (item, error) {
	metadata, err := encodeObject(s.Metadata)
	if err != nil {
		return nil, err
	}
	x := c.encodeState(s)
	if metadata != nil {
		x[c.names.Metadata] = metadata
	}
	return x, nil
}

// encodeState is encode without the metadata, which no change rewrites.
func (c *encoding) encodeState(s *session.Session) item {
	a, x := c.names, item{}
	for name, value := range map[string]string{
		a.UserID: s.UserID, a.ClientID: string(s.ClientID), a.ThreadID: s.ThreadID, a.Status: string(s.Status),
		ownPool: s.Pool, ownCause: s.Cause, ownActivityKind: string(s.LastActivity.Kind),
	} {
		if value != "" && name != c.sort {
			x[name] = text(value)
		}
	}
	for name, t := range map[string]time.Time{
		a.CreatedAt: s.CreatedAt, a.LastActivity: s.LastActivity.At, ownExpiresAt: s.ExpiresAt,
		ownLastHuman: s.LastHuman, ownLastVisit: s.LastVisit, ownAwakeSince: s.AwakeSince,
	} {
		if !t.IsZero() {
			x[name] = timeValue(t, c.texts[name])
		}
	}
	if c.keys[a.LastActivityAt] { // every session is to be in its index
		x[a.LastActivityAt] = timeValue(latest(s.CreatedAt, s.LastActivity.At), c.texts[a.LastActivityAt])
	}
	if !s.ExpiresAt.IsZero() {
		x[a.TTL] = number(ceilSeconds(s.ExpiresAt))
	}
	x[ownGeneration] = number(s.Generation)
	if s.BackgroundWoken {
		x[ownBackgroundWoken] = &types.AttributeValueMemberBOOL{Value: true}
	}
	c.encodeTarget(s.Target, x)
	return x
}

// encodeTarget adds the assignment: for us, and for others to see.
func (c *encoding) encodeTarget(t session.Target, x item) {
	if t.IsZero() {
		return
	}
	x[c.names.TaskID] = text(t.TaskID)
	if host, _, err := net.SplitHostPort(t.Addr); err == nil && host != "" {
		x[c.names.Address] = text(host)
	}
	ports := make(item, len(t.Ports))
	for port, addr := range t.Ports {
		ports[strconv.Itoa(port)] = text(addr)
	}
	x[ownTarget] = &types.AttributeValueMemberM{Value: item{
		"taskId": text(t.TaskID), "addr": text(t.Addr), "ports": &types.AttributeValueMemberM{Value: ports},
	}}
}

// decode returns the session that an item stands for. An attribute that is not
// what it should be is as good as missing. Of a record that Warmgate has not
// written yet the last activity counts as a visit, and its start is the first.
func (c *encoding) decode(x item) session.Session {
	a := c.names
	s := session.Session{
		ID: session.ID(textOf(x[c.id])), ClientID: session.ClientID(textOf(x[a.ClientID])),
		UserID: textOf(x[a.UserID]), ThreadID: textOf(x[a.ThreadID]),
		Status: statusOf(x[a.Status]), Pool: textOf(x[ownPool]), Cause: textOf(x[ownCause]),
		Generation: 1, Target: targetOf(x[ownTarget]),
		CreatedAt:       timeOf(x[a.CreatedAt]),
		LastActivity:    session.Activity{At: timeOf(x[a.LastActivity]), Kind: session.ActivityKind(textOf(x[ownActivityKind]))},
		LastHuman:       timeOf(x[ownLastHuman]),
		LastVisit:       timeOf(x[ownLastVisit]),
		AwakeSince:      timeOf(x[ownAwakeSince]),
		BackgroundWoken: isTrue(x[ownBackgroundWoken]),
		Metadata:        decodeObject(x[a.Metadata]),
	}
	if c.sort != "" && s.UserID == nobody {
		s.UserID = ""
	}
	if n, ok := x[ownGeneration].(*types.AttributeValueMemberN); ok {
		s.Generation, _ = strconv.ParseInt(n.Value, 10, 64)
	} else {
		if s.LastActivity.At.IsZero() {
			s.LastActivity.At = timeOf(x[a.LastActivityAt])
		}
		s.LastHuman, s.LastVisit = s.LastActivity.At, s.LastActivity.At
	}
	s.ExpiresAt = c.expiry(x, s.LastActivity.At)
	return s
}

// expiry returns the TTL: ours, which is exact, unless another program has
// written the shared one since.
func (c *encoding) expiry(x item, lastActivity time.Time) time.Time {
	shared, ok := parseTime(x[c.names.TTL])
	own := timeOf(x[ownExpiresAt])
	switch {
	case ok && !own.IsZero() && ceilSeconds(own) == ceilSeconds(shared):
		return own
	case ok:
		return shared
	case lastActivity.IsZero():
		return time.Time{}
	}
	return lastActivity.Add(c.ttl)
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func textOf(v types.AttributeValue) string {
	if s, ok := v.(*types.AttributeValueMemberS); ok {
		return s.Value
	}
	return ""
}

func timeOf(v types.AttributeValue) time.Time {
	t, _ := parseTime(v)
	return t
}

func isTrue(v types.AttributeValue) bool {
	b, ok := v.(*types.AttributeValueMemberBOOL)
	return ok && b.Value
}

// statusOf returns the stored word, as the constant that equals it, so that the
// many records in a cache share its bytes. A record without one is asleep. A
// word that is not ours stays as it is: no change applies to such a record.
func statusOf(v types.AttributeValue) session.Status {
	word := session.Status(textOf(v))
	if word == "" {
		return session.Inactive
	}
	for _, known := range session.Statuses() {
		if word == known {
			return known
		}
	}
	return word
}

func targetOf(v types.AttributeValue) session.Target {
	m, ok := v.(*types.AttributeValueMemberM)
	if !ok {
		return session.Target{}
	}
	t := session.Target{TaskID: textOf(m.Value["taskId"]), Addr: textOf(m.Value["addr"])}
	ports, _ := m.Value["ports"].(*types.AttributeValueMemberM)
	if ports == nil || len(ports.Value) == 0 {
		return t
	}
	t.Ports = make(map[int]string, len(ports.Value))
	for port, addr := range ports.Value {
		if n, err := strconv.Atoi(port); err == nil {
			t.Ports[n] = textOf(addr)
		}
	}
	return t
}

// stored returns s in the precision in which it is stored.
func stored(s session.Session) session.Session {
	for _, t := range []*time.Time{
		&s.CreatedAt, &s.ExpiresAt, &s.LastActivity.At, &s.LastHuman, &s.LastVisit, &s.AwakeSince,
	} {
		*t = millis(*t)
	}
	return s
}

// storedChange returns c with its times in the precision in which they are stored.
func storedChange(c session.Change) session.Change {
	for _, t := range []*time.Time{
		&c.AliveAt, &c.DeadAt, &c.IdleSince, &c.Activity.At, &c.LastHuman, &c.LastVisit, &c.ExpiresAt, &c.AwakeSince,
	} {
		*t = millis(*t)
	}
	return c
}
