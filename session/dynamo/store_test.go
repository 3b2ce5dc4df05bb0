package dynamo_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/webordinary/warmgate/session/storetest"
)

// TestStore runs the contract suite on the tables that we make and on those
// that others have made. Only an index that sorts by creation can list newest
// first.
func TestStore(t *testing.T) {
	for name, test := range map[string]struct {
		adapt   func(*dynamodb.CreateTableInput)
		options storetest.Options
	}{
		"own":                {nil, storetest.Options{}},
		"own with user":      {withUser, storetest.Options{Fewer: true}},
		"customer":           {customerIndexes, storetest.Options{Unordered: true, Fewer: true}},
		"customer with user": {both(customerIndexes, withUser), storetest.Options{Unordered: true, Fewer: true}},
		"no indexes":         {noIndexes, storetest.Options{Unordered: true, Fewer: true}},
	} {
		t.Run(name, func(t *testing.T) {
			test.options.Run(t, func(t *testing.T) storetest.Store {
				o := options(t)
				makeTables(t, o, test.adapt)
				return open(t, o)
			})
		})
	}
}
