package dynamo

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/webordinary/warmgate/session"
)

func TestParseTime(t *testing.T) {
	want := time.Date(2024, 12, 1, 10, 30, 0, 0, time.UTC)
	num := func(s string) types.AttributeValue { return &types.AttributeValueMemberN{Value: s} }
	for name, v := range map[string]types.AttributeValue{
		"seconds":              num("1733049000"),
		"fraction of a second": num("1733049000.0004"),
		"milliseconds":         num("1733049000000"),
		"microseconds":         num("1733049000000000"),
		"nanoseconds":          num("1733049000000000000"),
		"exponent":             num("1.733049E+12"),
		"text of seconds":      text("1733049000"),
		"text of milliseconds": text(" 1733049000000 "),
		"iso":                  text("2024-12-01T10:30:00Z"),
		"iso, milliseconds":    text("2024-12-01T10:30:00.000Z"),
		"iso, python":          text("2024-12-01T10:30:00.000123+00:00"),
		"iso, another zone":    text("2024-12-01T03:00:00-07:30"),
		"iso, short zone":      text("2024-12-01T03:00:00-0730"),
		"iso, no zone":         text("2024-12-01T10:30:00.000123"),
		"with a blank":         text("2024-12-01 10:30:00"),
	} {
		if got, ok := parseTime(v); !ok || !got.Equal(want) || got.Location() != time.UTC {
			t.Errorf("%s: parseTime = %v, %t, want %v", name, got, ok, want)
		}
	}
	for name, v := range map[string]types.AttributeValue{
		"nothing": nil, "empty": text(""), "words": text("soon"), "zero": num("0"), "negative": num("-1"),
		"too large": num("1E+40"), "infinite": text("Inf"), "no number": text("NaN"), "a truth": &types.AttributeValueMemberBOOL{Value: true},
	} {
		if got, ok := parseTime(v); ok {
			t.Errorf("%s: parseTime = %v, want none", name, got)
		}
	}
}

// TestRecordsOfOthers: what is missing or of no use has a meaning.
func TestRecordsOfOthers(t *testing.T) {
	c := &encoding{schema: &schema{id: "sessionId"}, names: Attributes{}.WithDefaults(), ttl: time.Hour}
	used := time.Date(2024, 12, 1, 10, 30, 0, 0, time.UTC)
	for name, test := range map[string]struct {
		x       item
		status  session.Status
		expires time.Time
	}{
		"nothing":         {item{}, session.Inactive, time.Time{}},
		"no ttl":          {item{"status": text("active"), "lastActivity": number(used.UnixMilli())}, session.Active, used.Add(time.Hour)},
		"a ttl of no use": {item{"ttl": text("never"), "lastActivity": number(used.UnixMilli())}, session.Inactive, used.Add(time.Hour)},
		"our ttl":         {item{"ttl": number(used.Unix()), ownExpiresAt: number(used.UnixMilli() - 250)}, session.Inactive, used.Add(-250 * time.Millisecond)},
		"a ttl of others": {item{"ttl": number(used.Unix() + 9), ownExpiresAt: number(used.UnixMilli() - 250)}, session.Inactive, used.Add(9 * time.Second)},
		"another status":  {item{"status": text("paused"), "ttl": number(used.Unix())}, "paused", used},
		"a wrong type":    {item{"status": number(3), "clientId": number(3), "metadata": text("x"), "ttl": number(used.Unix())}, session.Inactive, used},
	} {
		s := c.decode(test.x)
		if s.Status != test.status || !s.ExpiresAt.Equal(test.expires) || s.Generation != 1 {
			t.Errorf("%s: %s until %v, start %d, want %s until %v, start 1", name, s.Status, s.ExpiresAt, s.Generation, test.status, test.expires)
		}
	}
}
