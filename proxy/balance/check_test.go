package balance

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/webordinary/warmgate/proxy/route"
)

// wantStates waits for what is due until then and compares.
func wantStates(t *testing.T, b *Balancer, when, want string) {
	t.Helper()
	synctest.Wait()
	if got := states(b); got != want {
		t.Errorf("%s: targets = %s, want %s", when, got, want)
	}
}

func TestHealthCheckOfAnALB(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSites(t)
		s.set("a:80", 200)
		s.set("b:80", 503)
		b := s.running(Options{})
		g := only(b, checked("a:80", "b:80"))
		if got := len(firsts(g, 10)); got != 2 {
			t.Errorf("before any check requests go to %d targets, want both: none is known to be healthy", got)
		}
		wantStates(t, b, "at once", "a:80 healthy, b:80 initial Elb.InitialHealthChecking")
		if got := order(g); got != "a:80" {
			t.Errorf("requests go to %s, want the healthy target only", got)
		}
		time.Sleep(time.Second)
		wantStates(t, b, "two failures later", "a:80 healthy, b:80 unhealthy Target.ResponseCodeMismatch")

		// It has never been healthy: it is asked often, and one pass is enough.
		s.set("b:80", 200)
		time.Sleep(600 * time.Millisecond)
		wantStates(t, b, "after it came up", "a:80 healthy, b:80 healthy")

		// From here on: 30 s, 2 failures, 5 passes.
		s.set("b:80", 0)
		time.Sleep(31 * time.Second)
		wantStates(t, b, "after one failure", "a:80 healthy, b:80 healthy")
		time.Sleep(30 * time.Second)
		wantStates(t, b, "after two failures", "a:80 healthy, b:80 unhealthy Target.FailedHealthChecks")
		s.set("b:80", 200)
		time.Sleep(4 * 30 * time.Second)
		wantStates(t, b, "after four passes", "a:80 healthy, b:80 unhealthy Target.FailedHealthChecks")
		time.Sleep(30 * time.Second)
		wantStates(t, b, "after five passes", "a:80 healthy, b:80 healthy")
		if got := len(firsts(g, 10)); got != 2 {
			t.Errorf("requests go to %d targets, want both", got)
		}
	})
}

func TestHealthCheckTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSites(t)
		s.set("a:80", -1)
		b := s.running(Options{})
		only(b, checked("a:80"))
		time.Sleep(5 * time.Second)
		wantStates(t, b, "after a timeout", "a:80 initial Elb.InitialHealthChecking")
		time.Sleep(6 * time.Second)
		wantStates(t, b, "after two", "a:80 unhealthy Target.Timeout")
	})
}

func TestFailOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSites(t)
		b := s.running(Options{})
		g := only(b, checked("a:80", "b:80"))
		time.Sleep(3 * time.Second)
		wantStates(t, b, "none answers", "a:80 unhealthy Target.FailedHealthChecks, b:80 unhealthy Target.FailedHealthChecks")
		if diff := cmp.Diff(map[string]int{"a:80": 5, "b:80": 5}, firsts(g, 10)); diff != "" {
			t.Errorf("first targets (-want +got):\n%s", diff)
		}
	})
}

func TestHealthCheckFields(t *testing.T) {
	for _, tt := range []struct {
		name   string
		check  route.HealthCheck
		url    string
		answer int
		asked  string
		state  State
	}{
		{"defaults", route.HealthCheck{}, "http://a", 200, "GET a:80/ " + UserAgent, Healthy},
		{"path and query", route.HealthCheck{Path: "/health?deep=1&x=%2F"}, "http://a:3000", 200, "GET a:3000/health?deep=1&x=%2F " + UserAgent, Healthy},
		{"port", route.HealthCheck{Port: 9000}, "http://a:3000", 200, "GET a:9000/ " + UserAgent, Healthy},
		{"a redirect is no pass", route.HealthCheck{}, "http://a:3000", 302, "GET a:3000/ " + UserAgent, Initial},
		{"range", route.HealthCheck{Matcher: "200,300-399"}, "http://a:3000", 302, "GET a:3000/ " + UserAgent, Healthy},
		{"IPv6", route.HealthCheck{Port: 81}, "http://[2001:db8::1]", 200, "GET [2001:db8::1]:81/ " + UserAgent, Healthy},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSites(t)
				for _, addr := range []string{"a:80", "a:3000", "a:9000", "[2001:db8::1]:81"} {
					s.set(addr, tt.answer)
				}
				b := s.running(Options{})
				only(b, &route.Upstream{URLs: []string{tt.url}, HealthCheck: &tt.check})
				synctest.Wait()
				if diff := cmp.Diff([]string{tt.asked}, s.questions()); diff != "" {
					t.Errorf("asked (-want +got):\n%s", diff)
				}
				if got := b.Status()[0].Targets[0].State; got != tt.state {
					t.Errorf("state = %s, want %s", got, tt.state)
				}
			})
		})
	}
}

// TestQuickChecksEnd: a target that never comes up is not asked twice a second
// for ever.
func TestQuickChecksEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSites(t)
		s.set("a:80", 500)
		b := s.running(Options{})
		only(b, checked("a:80"))
		time.Sleep(quickPeriod + time.Second)
		synctest.Wait()
		quick := len(s.questions())
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		slow := len(s.questions()) - quick
		if quick < 200 || quick > 250 || slow < 19 || slow > 21 {
			t.Errorf("asked %d times in the first two minutes and %d in the next ten, want about 240 and 20", quick, slow)
		}
	})
}

// TestUnreachedTargetRests: with and without health checks.
func TestUnreachedTargetRests(t *testing.T) {
	for _, u := range []*route.Upstream{unchecked("a:80", "b:80"), checked("a:80", "b:80")} {
		synctest.Test(t, func(t *testing.T) {
			s := newSites(t)
			s.set("a:80", 200)
			s.set("b:80", 200)
			b := s.running(Options{})
			g := only(b, u)
			synctest.Wait()
			before := len(s.questions())
			for one := range g.InTurn() {
				if one.Addr == "a:80" {
					one.Unreached()
					one.Unreached()
				}
			}
			if got := order(g); got != "b:80" {
				t.Errorf("requests go to %s, want b:80 only", got)
			}
			synctest.Wait()
			if asked := len(s.questions()) - before; u.HealthCheck != nil && asked != 1 {
				t.Errorf("the target was checked %d times because of it, want once", asked)
			}
			for one := range g.InTurn() {
				one.Unreached()
			}
			if got := len(firsts(g, 10)); got != 2 {
				t.Errorf("with none reached requests go to %d targets, want both", got)
			}
			time.Sleep(restTime)
			synctest.Wait()
			if got := len(firsts(g, 10)); got != 2 {
				t.Errorf("after the rest requests go to %d targets, want both", got)
			}
		})
	}
}
