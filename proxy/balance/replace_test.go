package balance

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/webordinary/warmgate/proxy/route"
)

// TestReplaceKeepsHealth: what stays the same is not asked anew; what is new is;
// and nobody asks what is gone.
func TestReplaceKeepsHealth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSites(t)
		s.set("a:80", 200)
		s.set("b:80", 200)
		b := s.running(Options{})
		only(b, checked("a:80", "c:80"))
		time.Sleep(3 * time.Second)
		wantStates(t, b, "before", "a:80 healthy, c:80 unhealthy Target.FailedHealthChecks")
		before := len(s.questions())

		u := checked("a:80", "b:80", "c:80")
		u.Algorithm = route.LeastOutstanding
		g := only(b, u)
		if got := states(b); got != "a:80 healthy, b:80 initial Elb.InitialHealthChecking, c:80 unhealthy Target.FailedHealthChecks" {
			t.Errorf("right after: %s", got)
		}
		if got := order(g); got != "a:80" {
			t.Errorf("requests go to %s, want a:80", got)
		}
		synctest.Wait()
		if diff := cmp.Diff([]string{"GET b:80/ " + UserAgent}, s.questions()[before:]); diff != "" {
			t.Errorf("asked (-want +got):\n%s", diff)
		}
		wantStates(t, b, "later", "a:80 healthy, b:80 healthy, c:80 unhealthy Target.FailedHealthChecks")

		b.Replace(nil)
		time.Sleep(time.Second)
		synctest.Wait()
		gone := len(s.questions())
		time.Sleep(time.Hour)
		synctest.Wait()
		if got := s.questions()[gone:]; len(got) > 0 {
			t.Errorf("asked after the group was gone: %v", got)
		}
	})
}

// TestReplaceWithAnotherCheck begins anew.
func TestReplaceWithAnotherCheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSites(t)
		s.set("a:80", 200)
		b := s.running(Options{})
		only(b, checked("a:80"))
		wantStates(t, b, "before", "a:80 healthy")
		u := checked("a:80")
		u.HealthCheck.Matcher = "204"
		only(b, u)
		time.Sleep(time.Second)
		wantStates(t, b, "with another matcher", "a:80 unhealthy Target.ResponseCodeMismatch")
		only(b, unchecked("a:80"))
		wantStates(t, b, "without a check", "a:80 unavailable Target.HealthCheckDisabled")
	})
}

func TestDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSites(t)
		cut := make(chan string, 9)
		b := s.running(Options{Cut: func(addr string) { cut <- addr }})
		u := unchecked("a", "b:80", "c:80", "d:80")
		u.DrainTimeout = time.Minute
		g := only(b, u)
		targets := map[string]*Target{}
		for one := range g.InTurn() {
			targets[one.Addr] = one
			one.Begin()
		}
		// a's request does not end, b's does, c comes back, d is another group's, too.
		b.Replace(map[string]*route.Upstream{"other": unchecked("d:80")})
		wantStates(t, b, "right after",
			"d:80 unavailable Target.HealthCheckDisabled, a draining Target.DeregistrationInProgress, "+
				"b:80 draining Target.DeregistrationInProgress, c:80 draining Target.DeregistrationInProgress, d:80 draining Target.DeregistrationInProgress")
		targets["b:80"].Done()
		time.Sleep(59 * time.Second)
		b.Replace(map[string]*route.Upstream{"other": unchecked("d:80"), "u": unchecked("c:80")})
		if got := states(b); strings.Contains(got, "b:80") || len(cut) > 0 {
			t.Errorf("after b's request: %s; %d cut", got, len(cut))
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if len(cut) != 1 || <-cut != "a:80" {
			t.Error("not the connections to a:80 were cut, and only those")
		}
	})
}

func TestMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSites(t)
		s.set("a:80", 200)
		reg := prometheus.NewPedanticRegistry()
		b := s.running(Options{Registerer: reg})
		for one := range only(b, checked("a:80", "b:80")).InTurn() {
			one.Begin()
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		want := `
			# HELP warmgate_upstream_outstanding_requests Requests under way at the targets of forward rules, upgraded connections among them.
			# TYPE warmgate_upstream_outstanding_requests gauge
			warmgate_upstream_outstanding_requests{upstream="u"} 2
			# HELP warmgate_upstream_targets Targets of forward rules by health: initial, healthy, unhealthy, draining, unavailable (not checked).
			# TYPE warmgate_upstream_targets gauge
			warmgate_upstream_targets{state="draining",upstream="u"} 0
			warmgate_upstream_targets{state="healthy",upstream="u"} 1
			warmgate_upstream_targets{state="initial",upstream="u"} 0
			warmgate_upstream_targets{state="unavailable",upstream="u"} 0
			warmgate_upstream_targets{state="unhealthy",upstream="u"} 1
		`
		if err := testutil.GatherAndCompare(reg, strings.NewReader(want)); err != nil {
			t.Error(err)
		}
	})
}
