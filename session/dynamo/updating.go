package dynamo

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/webordinary/warmgate/session"
)

// updating is the way of one change to the table.
type updating struct {
	store  *Store
	id     session.ID
	change session.Change
	mark   types.AttributeValue

	// old is the stored item, as far as it is known; key is the item's.
	old, key item
	// read tells that the store must be read before the next write.
	read  bool
	after session.Session
}

// round makes one attempt. done tells that there is an outcome.
func (u *updating) round(ctx context.Context) (done bool, err error) {
	if err := u.locate(ctx); err != nil {
		return false, err
	}
	e, done, err := u.write()
	if e == nil || done || err != nil {
		u.read = !done
		return done, err
	}
	e.set(ownWrite, u.mark)
	x, err := u.store.update(ctx, u.key, e)
	if err == nil {
		u.after = u.store.decode(x)
		return true, nil
	}
	old, ok := refused(err)
	switch {
	case !ok && !interfered(err):
		return false, err
	case old == nil:
		u.store.forget(u.id)
		u.read = true
	case equalValues(old[ownWrite], u.mark):
		// The answer to this very write was lost, and it was sent again.
		u.after = u.store.decode(old)
		return true, nil
	default:
		u.old = old
	}
	return false, nil
}

// locate finds the item's key, and the item if it must be read.
func (u *updating) locate(ctx context.Context) error {
	if !u.read && u.key == nil {
		if user, ok := u.store.user(u.id); ok {
			u.key = u.store.key(u.id, user)
		}
	}
	if !u.read && u.key != nil {
		return nil
	}
	x, err := u.store.find(ctx, u.id)
	if err == nil && x == nil {
		err = fmt.Errorf("%s: %w", u.change.Name, session.ErrNotFound)
	}
	if err != nil {
		return err
	}
	u.read, u.old, u.key = false, x, u.store.keyOf(x)
	return nil
}

// write returns the next write; nil if the store must be read for it. done
// tells that none is needed.
func (u *updating) write() (e *expression, done bool, err error) {
	if u.old == nil {
		e, _ := u.store.guess(u.change)
		return e, false, nil
	}
	before := u.store.decode(u.old)
	after, err := u.change.Apply(before)
	if err != nil {
		return nil, false, err
	}
	e, changed := u.store.exact(u.old, &before, &after)
	if !changed {
		u.after = before
		return nil, true, nil
	}
	return e, false, nil
}
