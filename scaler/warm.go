package scaler

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/webordinary/warmgate/session"
)

// Warm keeps tasks ready in hours that recur each week, whether anybody comes or
// not.
type Warm struct {
	// Days of the week: names and ranges, as in "mon-fri" or "sat,sun". Empty
	// means all of them.
	Days string
	// Hours from and to, as in "9-17", "8:30-12" or, into the next day, "22-6",
	// which then belongs to the day on which it begins. Empty means "0-24".
	Hours string
	// TimeZone is a name of the IANA database. Empty means UTC.
	TimeZone string
	// Tasks is how many there are at least, for each group.
	Tasks int
}

// window is a Warm that was understood. Whether an instant is in it is read off
// the clocks in its zone: an hour that they skip is left out, and one that they
// show twice counts twice.
type window struct {
	days     [7]bool // by time.Weekday
	from, to int     // seconds of the day; to is not after from if it is on the next day
	zone     *time.Location
	tasks    int
}

const (
	minute = 60
	hour   = 60 * minute
	day    = 24 * hour
)

// parse reports every mistake as a [*session.InvalidError] with the key's name.
func (w Warm) parse() (window, error) {
	p := window{from: 0, to: day, tasks: w.Tasks}
	var errs []error
	check := func(field string, err error) {
		if err != nil {
			errs = append(errs, &session.InvalidError{Field: field, Reason: err.Error()})
		}
	}
	var err error
	p.days, err = parseDays(w.Days)
	check("days", err)
	if w.Hours != "" {
		p.from, p.to, err = parseHours(w.Hours)
		check("hours", err)
	}
	p.zone, err = parseZone(w.TimeZone)
	check("time_zone", err)
	if w.Tasks < 1 {
		check("tasks", errors.New("must be at least 1"))
	}
	return p, errors.Join(errs...)
}

// parseDays reads a list of days and ranges of days; a range may go on over
// Sunday.
func parseDays(list string) (days [7]bool, err error) {
	if list == "" {
		return [7]bool{true, true, true, true, true, true, true}, nil
	}
	for part := range strings.SplitSeq(list, ",") {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		from, to := weekday(first), weekday(last)
		if from < 0 || to < 0 {
			return days, fmt.Errorf("is %q; it must be like mon-fri or sat,sun", list)
		}
		for d := from; ; d = (d + 1) % 7 {
			days[d] = true
			if d == to {
				break
			}
		}
	}
	return days, nil
}

// weekday returns the number of the day that has the name or its first three
// letters, -1 if none has.
func weekday(name string) int {
	name = strings.ToLower(strings.TrimSpace(name))
	for d := time.Sunday; d <= time.Saturday; d++ {
		if long := strings.ToLower(d.String()); name == long || name == long[:3] {
			return int(d)
		}
	}
	return -1
}

// parseHours returns from and to in seconds of the day.
func parseHours(text string) (from, to int, err error) {
	first, last, _ := strings.Cut(text, "-")
	from, fromOK := timeOfDay(first)
	to, toOK := timeOfDay(last)
	switch {
	case !fromOK || !toOK || from == day || to == 0:
		return 0, 0, fmt.Errorf("is %q; it must be like 9-17, 8:30-12 or 22-6; midnight is 0 as a beginning and 24 as an end", text)
	case from == to:
		return 0, 0, fmt.Errorf("is %q, which ends when it begins; the whole day is 0-24", text)
	}
	return from, to, nil
}

// timeOfDay reads hours, or hours and minutes, up to 24.
func timeOfDay(text string) (seconds int, ok bool) {
	h, m, hasMinutes := strings.Cut(strings.TrimSpace(text), ":")
	hours, err := strconv.ParseUint(h, 10, 8)
	minutes := uint64(0)
	if err == nil && hasMinutes {
		minutes, err = strconv.ParseUint(m, 10, 8)
	}
	seconds = int(hours)*hour + int(minutes)*minute //nolint:gosec // 8 bits each
	return seconds, err == nil && minutes < 60 && len(h) <= 2 && seconds <= day && (!hasMinutes || len(m) == 2)
}

func parseZone(name string) (*time.Location, error) {
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" { // which is another one on each machine
		return nil, fmt.Errorf("is %q; it must be a name such as Europe/Berlin", name)
	}
	return zone, nil
}

// contains reports whether now is in the window.
func (w *window) contains(now time.Time) bool {
	local := now.In(w.zone)
	today, s := local.Weekday(), secondOfDay(local)
	if w.from < w.to {
		return w.days[today] && w.from <= s && s < w.to
	}
	yesterday := (today + 6) % 7
	return w.days[today] && s >= w.from || w.days[yesterday] && s < w.to
}

// next returns the first instant after now at which contains may change.
func (w *window) next(now time.Time) time.Time {
	local := now.In(w.zone)
	s, ahead := secondOfDay(local), day
	for _, bound := range []int{w.from, w.to} {
		if bound > s {
			ahead = min(ahead, bound)
		}
	}
	next := local.Truncate(time.Second).Add(time.Duration(ahead-s) * time.Second)
	if _, shift := local.ZoneBounds(); !shift.IsZero() && shift.Before(next) {
		return shift // the clocks are set to another time
	}
	return next
}

func secondOfDay(t time.Time) int {
	h, m, s := t.Clock()
	return h*hour + m*minute + s
}

// schedule is the warm hours of a pool; where they overlap the most tasks count.
type schedule []window

// newSchedule reports mistakes with the fields warm[0].days and so on.
func newSchedule(entries []Warm) (schedule, error) {
	var s schedule
	var errs []error
	for i, entry := range entries {
		w, err := entry.parse()
		for _, err := range joined(err) {
			if invalid, ok := errors.AsType[*session.InvalidError](err); ok {
				invalid.Field = fmt.Sprintf("warm[%d].%s", i, invalid.Field)
			}
			errs = append(errs, err)
		}
		s = append(s, w)
	}
	return s, errors.Join(errs...)
}

// joined takes an errors.Join apart.
func joined(err error) []error {
	if list, ok := err.(interface{ Unwrap() []error }); ok {
		return list.Unwrap()
	}
	return nil
}

// tasks returns how many tasks a group has at least at now.
func (s schedule) tasks(now time.Time) int {
	n := 0
	for i := range s {
		if s[i].contains(now) {
			n = max(n, s[i].tasks)
		}
	}
	return n
}

// change returns the first instant after now at which tasks returns another
// number; zero if there is none.
func (s schedule) change(now time.Time) time.Time {
	const horizon = 8 * 24 * time.Hour // a week, and an hour that the clocks skip
	tasks := s.tasks(now)
	for at := now; len(s) > 0 && at.Sub(now) < horizon; {
		at = slices.MinFunc(s.nexts(at), time.Time.Compare)
		if s.tasks(at) != tasks {
			return at
		}
	}
	return time.Time{}
}

func (s schedule) nexts(now time.Time) []time.Time {
	var list []time.Time
	for i := range s {
		list = append(list, s[i].next(now))
	}
	return list
}
