package dynamo

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// The magnitudes that tell the units of epoch times apart: as seconds the first
// is in the year 5138, as milliseconds in 1973.
const (
	leastMillis = 1e11
	leastMicros = 1e14
	leastNanos  = 1e17
)

// isoMillis is the form of times in texts. Its order is that of time.
const isoMillis = "2006-01-02T15:04:05.000Z"

// The other forms that are understood; without a zone they are UTC.
var timeLayouts = []string{
	time.RFC3339Nano,
	"2006-01-02T15:04:05.999999999Z0700",
	"2006-01-02T15:04:05.999999999",
	"2006-01-02 15:04:05.999999999Z07:00",
	"2006-01-02 15:04:05.999999999",
	"2006-01-02",
}

// parseTime returns the time that an attribute stands for, in whatever form it
// has, to the millisecond. ok is false if it is none.
func parseTime(v types.AttributeValue) (t time.Time, ok bool) {
	var text string
	switch v := v.(type) {
	case *types.AttributeValueMemberN:
		text = v.Value
	case *types.AttributeValueMemberS:
		text = strings.TrimSpace(v.Value)
	default:
		return time.Time{}, false
	}
	if t, ok := parseEpoch(text); ok {
		return t, true
	}
	for _, layout := range timeLayouts {
		if t, err := time.Parse(layout, text); err == nil {
			return millis(t), true
		}
	}
	return time.Time{}, false
}

// parseEpoch reads a number of seconds, milliseconds, microseconds or
// nanoseconds; its size tells which.
func parseEpoch(text string) (time.Time, bool) {
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(n) || n <= 0 {
		return time.Time{}, false
	}
	switch {
	case n >= leastNanos:
		n /= 1e6
	case n >= leastMicros:
		n /= 1e3
	case n < leastMillis:
		n *= 1e3
	}
	if n >= leastMicros*100 { // past any calendar
		return time.Time{}, false
	}
	return time.UnixMilli(int64(n)).UTC(), true
}

// millis returns t in UTC and in the precision that is stored.
func millis(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return time.UnixMilli(t.UnixMilli()).UTC()
}

// ceilSeconds returns the first whole second of the epoch that is not before t.
func ceilSeconds(t time.Time) int64 {
	s := t.Unix()
	if t.Nanosecond() > 0 {
		s++
	}
	return s
}

func number(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}

func text(s string) types.AttributeValue {
	return &types.AttributeValueMemberS{Value: s}
}

// timeValue returns t as epoch milliseconds, or as a text if the table's schema
// wants one.
func timeValue(t time.Time, asText bool) types.AttributeValue {
	if asText {
		return text(t.UTC().Format(isoMillis))
	}
	return number(t.UnixMilli())
}
