package route

import (
	"fmt"
	"strconv"
	"strings"
)

// Matcher is a set of statuses, as an ALB writes them: values and ranges,
// separated by commas.
type Matcher []statusRange

type statusRange struct{ from, to int }

// ParseMatcher reads "200", "200,202" or "200-299".
func ParseMatcher(text string) (Matcher, error) {
	var m Matcher
	for part := range strings.SplitSeq(text, ",") {
		from, to, isRange := strings.Cut(strings.TrimSpace(part), "-")
		if !isRange {
			to = from
		}
		r := statusRange{status(from), status(to)}
		if r.from == 0 || r.to < r.from {
			return nil, fmt.Errorf("%q holds no status or range of them such as 200 or 200-299", text)
		}
		m = append(m, r)
	}
	return m, nil
}

// Has reports whether the status is in the set.
func (m Matcher) Has(status int) bool {
	for _, r := range m {
		if status >= r.from && status <= r.to {
			return true
		}
	}
	return false
}

// status returns the number of a status in digits, 0 if it is none.
func status(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil || n < 100 || n > 599 {
		return 0
	}
	return n
}

func quoted(s string) string { return strconv.Quote(s) }
