package dynamo

import (
	"context"
	"iter"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/webordinary/warmgate/session"
)

// ByClient implements [session.Store]: newest first if the table's index sorts
// by creation, else in no order.
func (s *Store) ByClient(ctx context.Context, client session.ClientID) iter.Seq2[session.Session, error] {
	return s.list(ctx, list{
		what: "list the sessions of " + string(client), index: s.byClient, attribute: s.names.ClientID, values: []string{string(client)},
		wanted: func(x *session.Session) bool { return x.ClientID == client },
	})
}

// ByStatus implements [session.Store]. A session that moves between the statuses
// meanwhile is yielded once at most; one that moves to a status which was read
// already may be left out.
func (s *Store) ByStatus(ctx context.Context, statuses ...session.Status) iter.Seq2[session.Session, error] {
	l := list{
		what: "list sessions by status", index: s.byStatus, attribute: s.names.Status,
		wanted: func(x *session.Session) bool { return slices.Contains(statuses, x.Status) },
	}
	for _, status := range slices.Compact(slices.Sorted(slices.Values(statuses))) {
		l.values = append(l.values, string(status))
	}
	return s.list(ctx, l)
}

// list is what a list of sessions is about.
type list struct {
	what      string
	index     index
	attribute string
	values    []string
	// wanted decides on a session as it is stored: an index may be behind.
	wanted func(*session.Session) bool
}

func (s *Store) list(ctx context.Context, l list) iter.Seq2[session.Session, error] {
	return func(yield func(session.Session, error) bool) {
		seen := map[session.ID]bool{}
		for items, err := range s.pages(ctx, l) {
			if err != nil {
				yield(session.Session{}, wrap(ctx, l.what, err))
				return
			}
			for _, x := range items {
				if x == nil {
					continue // deleted since the index was read
				}
				one := s.decode(x)
				if seen[one.ID] || !l.wanted(&one) {
					continue
				}
				seen[one.ID] = true
				if !yield(one, nil) {
					return
				}
			}
		}
	}
}

// pages yields the items of a list, some at a time.
func (s *Store) pages(ctx context.Context, l list) iter.Seq2[[]item, error] {
	return func(yield func([]item, error) bool) {
		switch {
		case ctx.Err() != nil:
			yield(nil, ctx.Err())
		case len(l.values) == 0:
		case l.index.name == "":
			s.scan(ctx, l, yield)
		default:
			for _, value := range l.values {
				if !s.queryIndex(ctx, l, value, yield) {
					return
				}
			}
		}
	}
}

// queryIndex yields the items that the index has under value. It takes the keys
// from the index and reads the items from the table. It reports whether to go on.
func (s *Store) queryIndex(ctx context.Context, l list, value string, yield func([]item, error) bool) bool {
	e := &expression{}
	e.requireAt(l.attribute, text(value))
	projection := e.name(s.id)
	if s.sort != "" {
		projection += ", " + e.name(s.sort)
	}
	pages := dynamodb.NewQueryPaginator(s.control, &dynamodb.QueryInput{
		TableName: &s.table, IndexName: &l.index.name, KeyConditionExpression: e.condition(),
		ProjectionExpression: &projection, ScanIndexForward: aws.Bool(!l.index.ordered),
		ExpressionAttributeNames: e.names, ExpressionAttributeValues: e.values,
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return yield(nil, err)
		}
		for keys := range slices.Chunk(page.Items, batchSize) {
			if items, err := s.read(ctx, keys); !yield(items, err) || err != nil {
				return false
			}
		}
	}
	return true
}

// scan yields the items of the whole table that have one of the values.
func (s *Store) scan(ctx context.Context, l list, yield func([]item, error) bool) {
	e := &expression{}
	e.require(e.oneOf(l.attribute, l.values))
	pages := dynamodb.NewScanPaginator(s.control, &dynamodb.ScanInput{
		TableName: &s.table, ConsistentRead: aws.Bool(true), FilterExpression: e.condition(),
		ExpressionAttributeNames: e.names, ExpressionAttributeValues: e.values,
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			yield(nil, err)
			return
		}
		if !yield(page.Items, nil) {
			return
		}
	}
}
