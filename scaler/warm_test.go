package scaler

import (
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the tests need the zones wherever they run
)

func mustSchedule(t *testing.T, entries ...Warm) schedule {
	t.Helper()
	s, err := newSchedule(entries)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// office is the usual one.
var office = Warm{Days: "mon-fri", Hours: "9-17", TimeZone: "America/Los_Angeles", Tasks: 1}

func TestSchedule(t *testing.T) {
	berlin := func(days, hours string, tasks int) Warm {
		return Warm{Days: days, Hours: hours, TimeZone: "Europe/Berlin", Tasks: tasks}
	}
	for name, test := range map[string]struct {
		entries []Warm
		now     string
		tasks   int
		change  string // empty: never
	}{
		"none":                   {nil, "2026-03-02T12:00:00Z", 0, ""},
		"always":                 {[]Warm{{Tasks: 2}}, "2026-03-02T12:00:00Z", 2, ""},
		"before office hours":    {[]Warm{office}, "2026-03-02T08:59:59-08:00", 0, "2026-03-02T09:00:00-08:00"},
		"as they begin":          {[]Warm{office}, "2026-03-02T09:00:00-08:00", 1, "2026-03-02T17:00:00-08:00"},
		"within a second":        {[]Warm{office}, "2026-03-02T16:59:59.9-08:00", 1, "2026-03-02T17:00:00-08:00"},
		"as they end":            {[]Warm{office}, "2026-03-02T17:00:00-08:00", 0, "2026-03-03T09:00:00-08:00"},
		"on Friday evening":      {[]Warm{office}, "2026-02-27T18:00:00-08:00", 0, "2026-03-02T09:00:00-08:00"},
		"the day of another one": {[]Warm{office}, "2026-03-02T01:30:00+09:00", 0, "2026-03-02T09:00:00-08:00"},
		"over a weekend in which the clocks go forward": {
			[]Warm{office}, "2026-03-06T18:00:00-08:00", 0, "2026-03-09T09:00:00-07:00",
		},
		"over a weekend in which the clocks go back": {
			[]Warm{office}, "2026-10-30T18:00:00-07:00", 0, "2026-11-02T09:00:00-08:00",
		},
		"half hours":         {[]Warm{berlin("", "9:30-17", 1)}, "2026-06-01T09:29:00+02:00", 0, "2026-06-01T09:30:00+02:00"},
		"half an hour later": {[]Warm{berlin("", "9:30-17", 1)}, "2026-06-01T09:30:00+02:00", 1, "2026-06-01T17:00:00+02:00"},
		"a zone of half an hour": {
			[]Warm{{Hours: "9-17", TimeZone: "Asia/Kolkata", Tasks: 1}}, "2026-06-01T03:00:00Z", 0, "2026-06-01T03:30:00Z",
		},
		"into the next day": {[]Warm{berlin("fri", "22-6", 1)}, "2026-06-05T23:00:00+02:00", 1, "2026-06-06T06:00:00+02:00"},
		"the next morning":  {[]Warm{berlin("fri", "22-6", 1)}, "2026-06-06T05:59:00+02:00", 1, "2026-06-06T06:00:00+02:00"},
		"not the morning before": {
			[]Warm{berlin("fri", "22-6", 1)}, "2026-06-05T05:00:00+02:00", 0, "2026-06-05T22:00:00+02:00",
		},
		"until midnight":       {[]Warm{berlin("fri", "20-24", 1)}, "2026-06-05T23:59:59+02:00", 1, "2026-06-06T00:00:00+02:00"},
		"over midnight, daily": {[]Warm{berlin("", "20-6", 1)}, "2026-06-05T23:00:00+02:00", 1, "2026-06-06T06:00:00+02:00"},
		"whole days in a row":  {[]Warm{berlin("sat,sun", "", 1)}, "2026-06-06T12:00:00+02:00", 1, "2026-06-08T00:00:00+02:00"},
		"a range over Sunday":  {[]Warm{berlin("sat-mon", "0-24", 1)}, "2026-06-06T12:00:00+02:00", 1, "2026-06-09T00:00:00+02:00"},
		"the most counts": {
			[]Warm{berlin("mon-fri", "8-18", 1), berlin("mon-fri", "10-12", 3)}, "2026-06-01T09:00:00+02:00", 1, "2026-06-01T10:00:00+02:00",
		},
		"within both": {
			[]Warm{berlin("mon-fri", "8-18", 1), berlin("mon-fri", "10-12", 3)}, "2026-06-01T11:00:00+02:00", 3, "2026-06-01T12:00:00+02:00",
		},
		"fewer within more changes nothing": {
			[]Warm{berlin("mon-fri", "8-18", 3), berlin("mon-fri", "10-12", 1)}, "2026-06-01T09:00:00+02:00", 3, "2026-06-01T18:00:00+02:00",
		},
		"zones of their own": {
			[]Warm{berlin("", "9-17", 1), office}, "2026-06-01T16:30:00+02:00", 1, "2026-06-01T17:00:00+02:00",
		},
		"one after the other": {
			[]Warm{berlin("", "9-12", 1), berlin("", "12-17", 1)}, "2026-06-01T10:00:00+02:00", 1, "2026-06-01T17:00:00+02:00",
		},
		// The clocks in Berlin: forward from 2 to 3 on 29 March, back from 3 to 2 on 25 October 2026.
		"begins in the hour that is skipped": {
			[]Warm{berlin("", "2:30-8", 1)}, "2026-03-29T01:59:59+01:00", 0, "2026-03-29T03:00:00+02:00",
		},
		"is skipped wholly": {[]Warm{berlin("", "2:15-2:45", 1)}, "2026-03-29T01:00:00+01:00", 0, "2026-03-30T02:15:00+02:00"},
		"ends in the hour that is skipped": {
			[]Warm{berlin("", "1-2:30", 1)}, "2026-03-29T01:30:00+01:00", 1, "2026-03-29T03:00:00+02:00",
		},
		"crosses the hour that is skipped": {
			[]Warm{berlin("sat", "22-6", 1)}, "2026-03-28T23:00:00+01:00", 1, "2026-03-29T06:00:00+02:00",
		},
		"crosses the hour that comes twice": {
			[]Warm{berlin("sat", "22-6", 1)}, "2026-10-24T23:00:00+02:00", 1, "2026-10-25T06:00:00+01:00",
		},
		"ends in the hour that comes twice": {
			[]Warm{berlin("", "1-2:30", 1)}, "2026-10-25T01:30:00+02:00", 1, "2026-10-25T02:30:00+02:00",
		},
		"and goes on in its second half": {
			[]Warm{berlin("", "1-2:30", 1)}, "2026-10-25T02:45:00+02:00", 0, "2026-10-25T02:00:00+01:00",
		},
		"begins in the hour that comes twice": {
			[]Warm{berlin("", "2:30-8", 1)}, "2026-10-25T02:15:00+02:00", 0, "2026-10-25T02:30:00+02:00",
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := mustSchedule(t, test.entries...)
			now, err := time.Parse(time.RFC3339, test.now)
			if err != nil {
				t.Fatal(err)
			}
			if got := s.tasks(now); got != test.tasks {
				t.Errorf("tasks(%s) = %d, want %d", test.now, got, test.tasks)
			}
			var want time.Time
			if test.change != "" {
				if want, err = time.Parse(time.RFC3339, test.change); err != nil {
					t.Fatal(err)
				}
			}
			if got := s.change(now); !got.Equal(want) {
				t.Errorf("change(%s) = %v, want %v", test.now, got, want)
			}
		})
	}
}

// TestScheduleOfAYear compares change with a look at every quarter of an hour.
func TestScheduleOfAYear(t *testing.T) {
	s := mustSchedule(t, office, Warm{Days: "sat-tue", Hours: "22:30-2:15", TimeZone: "Europe/Berlin", Tasks: 2})
	const step = 15 * time.Minute
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	next, changes := s.change(now), 0
	for at := now.Add(step); at.Year() == 2026; at = at.Add(step) {
		changed := s.tasks(at) != s.tasks(at.Add(-step))
		if changed != at.Equal(next) {
			t.Fatalf("at %v: changed is %v, but change said %v", at, changed, next)
		}
		if changed {
			next = s.change(at)
			changes++
		}
	}
	// Twice for each of 261 and 208 windows; on 104 days one ends within another.
	if want := 2*261 + 2*208 - 104; changes < want-4 || changes > want+4 {
		t.Errorf("%d changes in the year, want about %d", changes, want)
	}
}

func TestWarmMistakes(t *testing.T) {
	for name, test := range map[string]struct {
		entry Warm
		want  string
	}{
		"day":           {Warm{Days: "mo-fr", Tasks: 1}, `warm[1].days is "mo-fr"; it must be like mon-fri or sat,sun`},
		"range":         {Warm{Days: "mon-", Tasks: 1}, `warm[1].days is "mon-"`},
		"list":          {Warm{Days: "mon,,tue", Tasks: 1}, `warm[1].days is "mon,,tue"`},
		"hours":         {Warm{Hours: "9", Tasks: 1}, `warm[1].hours is "9"; it must be like`},
		"too late":      {Warm{Hours: "9-25", Tasks: 1}, `warm[1].hours is "9-25"`},
		"after 24":      {Warm{Hours: "9-24:30", Tasks: 1}, `warm[1].hours is "9-24:30"`},
		"minutes":       {Warm{Hours: "9:60-17", Tasks: 1}, `warm[1].hours is "9:60-17"`},
		"short minutes": {Warm{Hours: "9:5-17", Tasks: 1}, `warm[1].hours is "9:5-17"`},
		"negative":      {Warm{Hours: "-9-17", Tasks: 1}, `warm[1].hours is "-9-17"`},
		"until 0":       {Warm{Hours: "20-0", Tasks: 1}, `midnight is 0 as a beginning and 24 as an end`},
		"empty window":  {Warm{Hours: "9-9:00", Tasks: 1}, `which ends when it begins; the whole day is 0-24`},
		"zone":          {Warm{TimeZone: "America/Atlantis", Tasks: 1}, `warm[1].time_zone is "America/Atlantis"`},
		"local zone":    {Warm{TimeZone: "Local", Tasks: 1}, `warm[1].time_zone is "Local"`},
		"tasks":         {Warm{}, "warm[1].tasks must be at least 1"},
	} {
		_, err := newSchedule([]Warm{office, test.entry})
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error = %v, want %q", name, err, test.want)
		}
	}
}
