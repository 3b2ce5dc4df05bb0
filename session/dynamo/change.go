package dynamo

import (
	"math"
	"reflect"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/webordinary/warmgate/session"
)

// guess returns the write of c for records of which nothing is known. Its
// condition implies that c may be applied and that applying it sets just what is
// written here; it may fail where c could be applied. ok is false if there is no
// such write.
func (c *encoding) guess(change session.Change) (e *expression, ok bool) {
	from := applicable(change)
	moves := !change.Activity.At.IsZero() || !change.IdleSince.IsZero()
	if len(from) == 0 || moves && c.texts[c.names.LastActivity] {
		return nil, false
	}
	e = &expression{}
	e.requireExists(ownGeneration)
	e.require(e.oneOf(c.names.Status, from))
	if change.Generation > 0 {
		e.requireAt(ownGeneration, number(change.Generation))
	}
	c.guessStatus(change, e)
	if !c.guessExpiry(change, e) || !c.guessActivity(change, e) {
		return nil, false
	}
	c.guessSigns(change, e)
	return e, true
}

// applicable lists the statuses from which c is legal.
func applicable(c session.Change) []string {
	var from []string
	for _, s := range session.Statuses() {
		wanted := slices.Contains(c.From, s) || len(c.From) == 0 && !s.Ended()
		if wanted && (c.To == "" || c.To == s || session.Transition(s, c.To)) {
			from = append(from, string(s))
		}
	}
	return from
}

func (c *encoding) guessStatus(change session.Change, e *expression) {
	if change.To != "" {
		e.set(c.names.Status, text(string(change.To)))
		e.set(ownCause, optionalText(change.Cause))
	}
	if change.NextGeneration {
		e.increment(ownGeneration)
	}
	if !change.Unassign && change.Target.IsZero() {
		return
	}
	target := item{}
	c.encodeTarget(change.Target, target)
	for _, name := range []string{c.names.TaskID, c.names.Address, ownTarget} {
		e.set(name, target[name])
	}
}

// guessExpiry compares whole seconds, as the shared TTL has them: the exact one
// lies in the second before. The upper bound also refuses milliseconds.
func (c *encoding) guessExpiry(change session.Change, e *expression) (ok bool) {
	low, high := int64(0), int64(leastMillis)-1
	if !change.AliveAt.IsZero() {
		low = ceilSeconds(change.AliveAt) + 1
	}
	for _, limit := range []time.Time{change.DeadAt, change.ExpiresAt} {
		if !limit.IsZero() {
			high = min(high, limit.Unix())
		}
	}
	if change.AliveAt.IsZero() && change.DeadAt.IsZero() && change.ExpiresAt.IsZero() {
		return true
	}
	if low > high {
		return false
	}
	e.requireBetween(c.names.TTL, low, high)
	if !change.ExpiresAt.IsZero() {
		e.set(c.names.TTL, number(ceilSeconds(change.ExpiresAt)))
		e.set(ownExpiresAt, number(change.ExpiresAt.UnixMilli()))
	}
	return true
}

// guessActivity takes it that the activity is the newest.
func (c *encoding) guessActivity(change session.Change, e *expression) (ok bool) {
	if change.Activity.At.IsZero() && change.IdleSince.IsZero() {
		return true
	}
	high := int64(math.MaxInt64)
	if !change.IdleSince.IsZero() {
		high = change.IdleSince.UnixMilli()
	}
	if at := change.Activity.At; !at.IsZero() {
		high = min(high, at.UnixMilli()-1)
		e.set(c.names.LastActivity, timeValue(at, false))
		e.set(ownActivityKind, optionalText(string(change.Activity.Kind)))
		if name := c.names.LastActivityAt; c.keys[name] {
			e.set(name, timeValue(at, c.texts[name]))
		}
	}
	if high < leastMillis {
		return false
	}
	e.requireBetween(c.names.LastActivity, leastMillis, high)
	return true
}

// guessSigns takes it that the times do not go backwards and that no visit has
// a background wake to clear.
func (c *encoding) guessSigns(change session.Change, e *expression) {
	human, visit := change.LastHuman, change.LastVisit
	if a := change.Activity; a.Kind.Human() && a.At.After(human) {
		human = a.At
	}
	if a := change.Activity; a.Kind.Visit() && a.At.After(visit) {
		visit = a.At
	}
	for _, sign := range []struct {
		attribute string
		at        time.Time
	}{{ownLastHuman, human}, {ownLastVisit, visit}, {ownAwakeSince, change.AwakeSince}} {
		if !sign.at.IsZero() {
			e.requireAtMost(sign.attribute, sign.at.UnixMilli())
			e.set(sign.attribute, number(sign.at.UnixMilli()))
		}
	}
	if !visit.IsZero() || change.NotBackgroundWoken {
		e.requireMissing(ownBackgroundWoken)
	}
	if change.SetBackgroundWoken {
		e.set(ownBackgroundWoken, &types.AttributeValueMemberBOOL{Value: true})
	}
}

// exact returns the write that makes of the stored item, which is before, what
// after is, under the condition that nothing of what a change may rest on has
// changed. changed is false if there is nothing to write.
func (c *encoding) exact(old item, before, after *session.Session) (e *expression, changed bool) {
	e = &expression{}
	for _, name := range []string{
		c.id, c.names.Status, c.names.TTL, c.names.LastActivity, c.names.LastActivityAt,
		ownGeneration, ownExpiresAt, ownLastHuman, ownLastVisit, ownAwakeSince, ownBackgroundWoken,
	} {
		e.requireAt(name, old[name])
	}
	was, will := c.encodeState(before), c.encodeState(after)
	// A record that is new to us gets all that is ours. What is shared is written
	// only if it changes: others may want it in the form that it has.
	for _, name := range ownAttributes() {
		if !equalValues(old[name], will[name]) {
			e.set(name, will[name])
		}
	}
	for _, name := range c.stateAttributes() {
		if !equalValues(was[name], will[name]) {
			e.set(name, will[name])
		}
	}
	return e, len(e.sets)+len(e.removes) > 0
}

func equalValues(a, b types.AttributeValue) bool { return reflect.DeepEqual(a, b) }

func optionalText(s string) types.AttributeValue {
	if s == "" {
		return nil
	}
	return text(s)
}
