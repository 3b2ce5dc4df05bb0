package scaler

import (
	"testing"
	"time"
)

func TestDesired(t *testing.T) {
	for _, test := range []struct {
		steps    Steps
		sessions int
		want     int
	}{
		{Steps{1: 1}, 0, 0},
		{Steps{1: 1}, 1, 1},
		{Steps{1: 1}, 1000, 1},
		{Steps{1: 1, 3: 3}, 0, 0},
		{Steps{1: 1, 3: 3}, 2, 1},
		{Steps{1: 1, 3: 3}, 3, 3},
		{Steps{1: 1, 3: 3}, 4, 3},
		{Steps{1: 2, 10: 4, 5: 3}, 9, 3},
		{Steps{1: 2, 10: 4, 5: 3}, 10, 4},
	} {
		got := policy{steps: test.steps}.desired(demand{sessions: test.sessions})
		if got != test.want {
			t.Errorf("desired(%v, %d sessions) = %d, want %d", test.steps, test.sessions, got, test.want)
		}
	}
}

func TestExcess(t *testing.T) {
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	p := policy{steps: Steps{1: 1, 3: 3}, cooldown: time.Minute}
	for name, test := range map[string]struct {
		sessions, have int
		since          time.Duration // before now; 0: not at all
		want           int
		wantSince      time.Duration
	}{
		"as many as wanted":      {3, 3, 0, 0, 0},
		"too few":                {3, 1, 0, 0, 0},
		"too many from now on":   {2, 3, 0, 0, 0},
		"too many for a while":   {2, 3, 59 * time.Second, 0, 59 * time.Second},
		"for the whole cooldown": {2, 3, time.Minute, 2, time.Minute},
		"nobody is left":         {0, 3, 2 * time.Minute, 3, 2 * time.Minute},
		"wanted again":           {3, 3, 2 * time.Minute, 0, 0},
	} {
		var since time.Time
		if test.since > 0 {
			since = now.Add(-test.since)
		}
		got, gotSince := p.excess(demand{sessions: test.sessions}, test.have, since, now)
		wantSince := now.Add(-test.wantSince)
		if test.have <= p.desired(demand{sessions: test.sessions}) {
			wantSince = time.Time{}
		}
		if got != test.want || !gotSince.Equal(wantSince) {
			t.Errorf("%s: excess = %d since %v, want %d since %v", name, got, gotSince, test.want, wantSince)
		}
	}
}

func TestBackoffGrows(t *testing.T) {
	for failures, want := range map[int]time.Duration{
		1: 5 * time.Second, 2: 10 * time.Second, 6: 160 * time.Second, 7: 5 * time.Minute, 1000: 5 * time.Minute,
	} {
		if got := backoff(failures); got != want {
			t.Errorf("backoff(%d) = %v, want %v", failures, got, want)
		}
	}
}

func TestEstimate(t *testing.T) {
	var h history
	if got := h.estimate(); got.Samples != 0 {
		t.Errorf("estimate of nothing = %+v", got)
	}
	for n := range 35 { // the first 15 are forgotten
		h = h.add(time.Duration(n-14) * time.Second)
	}
	got := h.estimate()
	if got.Samples != 20 || got.Median != 10*time.Second || got.P90 != 18*time.Second {
		t.Errorf("estimate of 1 to 20 s = %+v, want a median of 10s and a p90 of 18s", got)
	}
}

func TestLoad(t *testing.T) {
	p := policy{cpuAbove: 40}
	for _, test := range []struct {
		percent    float64
		have, want int
	}{
		{0, 1, 0},
		{1, 1, 1},
		{40, 1, 1}, // above, not from
		{40.1, 1, 2},
		{100, 1, 2}, // one at a time
		{100, 2, 3},
		{39, 2, 2},   // one alone would be at 78
		{20.1, 2, 2}, // or at 40.2
		{20, 2, 1},   // 40 is not above
		{30, 3, 3},   // two would be at 45
		{26, 3, 2},   // or at 39
		{1, 3, 1},    // all at once: what goes is what nobody uses
	} {
		if got := p.load(test.percent, test.have); got != test.want {
			t.Errorf("load(%v %%, %d tasks) = %d, want %d", test.percent, test.have, got, test.want)
		}
	}
	for _, test := range []struct {
		demand demand
		want   int
	}{
		{demand{sessions: 1, load: 2}, 2},
		{demand{sessions: 3, load: 2}, 3},
		{demand{sessions: 0, load: 2}, 0},
		{demand{sessions: 1, warm: 3, load: 2}, 3},
		{demand{sessions: 1, warm: 3, load: 4, most: 2}, 2},
	} {
		if got := (policy{steps: Steps{1: 1, 3: 3}}).desired(test.demand); got != test.want {
			t.Errorf("desired(%+v) = %d, want %d", test.demand, got, test.want)
		}
	}
}
