package dynamo

import (
	"cmp"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// schema is what a table's description says.
type schema struct {
	// id is the partition key's name; sort the sort key's, "" if there is none.
	id, sort string
	// texts has the attributes that keys of the table or its indexes want as
	// texts, keys all attributes that such keys have.
	texts, keys map[string]bool
	// byClient and byStatus list sessions; zero if the table has no such index.
	byClient, byStatus index
}

// index is a global secondary index to list by.
type index struct {
	name string
	// ordered tells that it sorts by creation.
	ordered bool
}

// readSchema makes out how sessions are stored in a table. The error says what
// is not as it must be.
func readSchema(d *types.TableDescription, a Attributes) (*schema, error) {
	s := &schema{texts: map[string]bool{}, keys: map[string]bool{}}
	kinds := map[string]types.ScalarAttributeType{}
	for _, def := range d.AttributeDefinitions {
		name := aws.ToString(def.AttributeName)
		kinds[name] = def.AttributeType
		s.keys[name] = true
		s.texts[name] = def.AttributeType == types.ScalarAttributeTypeS
	}
	s.id, s.sort = keyNames(d.KeySchema)
	switch {
	case kinds[s.id] != types.ScalarAttributeTypeS:
		return nil, fmt.Errorf("its partition key %q is no text", s.id)
	case s.sort != "" && s.sort != a.UserID:
		return nil, fmt.Errorf("its sort key is %q; it may have none, or %q (the attribute of the user's id)", s.sort, a.UserID)
	case s.sort != "" && kinds[s.sort] != types.ScalarAttributeTypeS:
		return nil, fmt.Errorf("its sort key %q is no text", s.sort)
	}
	for _, numeric := range []string{a.TTL, ownGeneration, ownExpiresAt} {
		if s.keys[numeric] && kinds[numeric] != types.ScalarAttributeTypeN {
			return nil, fmt.Errorf("its key attribute %q is no number", numeric)
		}
	}
	s.byClient = s.indexOf(d.GlobalSecondaryIndexes, a.ClientID, a)
	s.byStatus = s.indexOf(d.GlobalSecondaryIndexes, a.Status, a)
	return s, nil
}

func keyNames(schema []types.KeySchemaElement) (partition, sort string) {
	for _, k := range schema {
		if k.KeyType == types.KeyTypeHash {
			partition = aws.ToString(k.AttributeName)
		} else {
			sort = aws.ToString(k.AttributeName)
		}
	}
	return partition, sort
}

// indexOf returns the best index whose partition key is the attribute: all
// sessions must be in it, so its sort key must be one that they all have.
func (s *schema) indexOf(all []types.GlobalSecondaryIndexDescription, attribute string, a Attributes) index {
	rank := map[string]int{
		a.CreatedAt: 1, "": 2, a.Status: 3, a.ClientID: 3, s.id: 3, a.LastActivity: 4, a.LastActivityAt: 4,
	}
	var best index
	bestRank := 0
	for _, g := range all {
		partition, sort := keyNames(g.KeySchema)
		r := rank[sort]
		if partition != attribute || r == 0 || !usable(g) {
			continue
		}
		if bestRank == 0 || cmp.Compare(r, bestRank) < 0 {
			best, bestRank = index{name: aws.ToString(g.IndexName), ordered: sort == a.CreatedAt}, r
		}
	}
	return best
}

// usable reports whether an index is complete. Stand-ins may leave the status out.
func usable(g types.GlobalSecondaryIndexDescription) bool {
	return !aws.ToBool(g.Backfilling) &&
		(g.IndexStatus == types.IndexStatusActive || g.IndexStatus == types.IndexStatusUpdating || g.IndexStatus == "")
}
