package cloudwatch

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/webordinary/warmgate/scaler/cloudwatch/cloudwatchtest"
	"github.com/webordinary/warmgate/session"
)

// minute lets one publication happen and returns what it brought.
func minute(f *cloudwatchtest.Fake) []cloudwatchtest.Datum {
	before := len(f.Data())
	time.Sleep(DefaultInterval)
	synctest.Wait()
	return f.Data()[before:]
}

// named returns the statistics of the data called name, by client ("" for none).
func named(data []cloudwatchtest.Datum, name string) map[string]cloudwatchtest.Statistics {
	found := map[string]cloudwatchtest.Statistics{}
	for _, d := range data {
		if d.Name == name {
			found[d.Dimensions["ClientId"]] = d.Statistics()
		}
	}
	return found
}

func one(v float64) cloudwatchtest.Statistics {
	return cloudwatchtest.Statistics{Count: 1, Sum: v, Minimum: v, Maximum: v}
}

// TestPublish: all metrics with their units, of one minute.
func TestPublish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, sessions := newMeasurements(), &list{}
		p, f := publisher(t, Options{Sessions: sessions, Gatherer: m.registry, Pools: []string{"edit"}, TaskHourPrice: 0.1, MaxClients: 9})
		m.routing.Observe(5) // before it runs: not of its first minute
		run(t, p)
		synctest.Wait()
		sessions.add(3, "acme", session.Active, time.Hour)
		sessions.add(1, "globex", session.Initializing, time.Hour)
		sessions.add(5, "globex", session.Inactive, time.Hour)
		m.tasks.WithLabelValues("edit", "ready").Set(1)
		m.tasks.WithLabelValues("edit", "starting").Set(1)
		m.tasks.WithLabelValues("local", "ready").Set(7)
		m.lookups.WithLabelValues("hit").Add(7)
		m.lookups.WithLabelValues("negative").Add(2)
		m.lookups.WithLabelValues("miss").Add(1)
		m.starts.WithLabelValues("edit", "total").Observe(15)
		m.starts.WithLabelValues("local", "total").Observe(61)
		m.starts.WithLabelValues("edit", "pulling").Observe(5)
		for _, ms := range []float64{.5, .6, 1.5, 30} {
			m.routing.Observe(ms / 1000)
		}
		got := map[string]string{}
		for _, d := range minute(f) {
			values := fmt.Sprint(d.Values, d.Counts)
			if d.Set != nil {
				values = fmt.Sprint(*d.Set)
			}
			got[d.Name+d.Dimensions["ClientId"]] = d.Unit + " " + values
			if age := time.Since(d.At); d.Namespace != namespace || age < 0 || age > time.Second {
				t.Errorf("%s is in %s at %s", d.Name, d.Namespace, d.At)
			}
		}
		want := map[string]string{
			"ActiveSessionCount": "Count [4] [1]", "ActiveSessionCountacme": "Count [3] [1]", "ActiveSessionCountglobex": "Count [1] [1]",
			"FargateTaskCount": "Count [2] [1]", "CostPerSession": "None [0.05] [1]", "CacheMissRate": "Percent {10 100 10 10}",
			"SessionActivationTime": "Seconds [15 60] [1 1]", "RoutingLatency": "Milliseconds [0.5 1.5 2] [2 1 1]",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("published (-want +got):\n%s", diff)
		}
		// A minute in which nothing was measured says nothing of it, but counts.
		sessions.clear()
		got = map[string]string{}
		for _, d := range minute(f) {
			got[d.Name+d.Dimensions["ClientId"]] = fmt.Sprint(d.Values)
		}
		want = map[string]string{
			"ActiveSessionCount": "[0]", "ActiveSessionCountacme": "[0]", "ActiveSessionCountglobex": "[0]", "FargateTaskCount": "[2]",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("published of a quiet minute (-want +got):\n%s", diff)
		}
	})
}

// TestActiveSessions: an expired one does not count, whatever its status; a
// client without sessions counts 0 for an hour; the bound keeps the largest.
func TestActiveSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sessions := &list{}
		p, f := publisher(t, Options{Sessions: sessions, MaxClients: 2})
		run(t, p)
		sessions.add(4, "small", session.Active, time.Second)
		sessions.add(3, "large", session.Active, time.Hour)
		sessions.add(2, "middle", session.Active, time.Hour)
		count := func() map[string]cloudwatchtest.Statistics { return named(minute(f), "ActiveSessionCount") }
		if diff := cmp.Diff(map[string]cloudwatchtest.Statistics{"": one(5), "large": one(3), "middle": one(2)}, count()); diff != "" {
			t.Errorf("first minute (-want +got):\n%s", diff)
		}
		sessions.clear()
		sessions.add(1, "small", session.Active, time.Hour)
		if diff := cmp.Diff(map[string]cloudwatchtest.Statistics{"": one(1), "small": one(1), "large": one(0)}, count()); diff != "" {
			t.Errorf("with others gone (-want +got):\n%s", diff)
		}
		sessions.clear()
		time.Sleep(zerosFor + 30*time.Second)
		if diff := cmp.Diff(map[string]cloudwatchtest.Statistics{"": one(0)}, count()); diff != "" {
			t.Errorf("after an hour (-want +got):\n%s", diff)
		}
	})
}

// TestLead: only the leader publishes, and begins with what is of this minute.
func TestLead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var leads atomic.Bool
		m, sessions := newMeasurements(), &list{}
		p, f := publisher(t, Options{Sessions: sessions, Gatherer: m.registry, Lead: leads.Load, MaxClients: 1})
		run(t, p)
		m.lookups.WithLabelValues("miss").Add(100)
		if got := minute(f); len(got) != 0 || f.Count("PutMetricData") != 0 {
			t.Fatalf("it does not lead and publishes %v", got)
		}
		leads.Store(true)
		m.lookups.WithLabelValues("hit").Add(3)
		m.lookups.WithLabelValues("miss").Add(1)
		got := named(minute(f), "CacheMissRate")[""]
		if want := (cloudwatchtest.Statistics{Count: 4, Sum: 100, Minimum: 25, Maximum: 25}); got != want {
			t.Errorf("CacheMissRate = %v, want that of the last minute, %v", got, want)
		}
		// Clients that had sessions before another replica led are that one's.
		sessions.add(1, "acme", session.Active, time.Hour)
		minute(f)
		leads.Store(false)
		minute(f)
		sessions.clear()
		leads.Store(true)
		if got := named(minute(f), "ActiveSessionCount"); len(got) != 1 {
			t.Errorf("leading again it counts %v", got)
		}
	})
}

// TestPublishFails: what fails is told once, counted, and does not keep the rest.
func TestPublishFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		m, sessions := newMeasurements(), &list{}
		sessions.fail(session.ErrUnavailable)
		p, f := publisher(t, Options{
			Sessions: sessions, Gatherer: m.registry, Registerer: m.registry, Pools: []string{"edit"},
			Logger: slog.New(slog.NewTextHandler(&log, nil)),
		})
		run(t, p)
		if got := minute(f); len(named(got, "ActiveSessionCount")) != 0 || len(named(got, "FargateTaskCount")) != 1 {
			t.Errorf("with the store down it publishes %v", got)
		}
		sessions.fail(nil)
		minute(f)
		f.Throttle("PutMetricData", -1)
		time.Sleep(10*time.Minute + 30*time.Second) // and with it the last one's attempts
		if n := strings.Count(log.String(), "cannot publish"); n != 2 {
			t.Errorf("the log has %d complaints, want one for each trouble:\n%s", n, log.String())
		}
		if got := f.Count("PutMetricData"); got != 2+10*attempts {
			t.Errorf("%d calls, want %d attempts in each minute and no more", got, attempts)
		}
		f.Throttle("PutMetricData", 0)
		if got := named(minute(f), "ActiveSessionCount")[""]; got != one(0) {
			t.Errorf("ActiveSessionCount = %v, want a 0 again", got)
		}
		if !strings.Contains(log.String(), "metrics reach CloudWatch again") {
			t.Errorf("the log does not tell the end:\n%s", log.String())
		}
		if published, failed := counters(t, m); published != 1+2+2 || failed != 10*2 {
			t.Errorf("%v data published, %v failed", published, failed)
		}
	})
}

func counters(t *testing.T, m *measurements) (published, failed float64) {
	t.Helper()
	families, err := m.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, c := range f.GetMetric() {
			if f.GetName() != "warmgate_cloudwatch_data_total" {
				continue
			}
			if label(c, "result") == "published" {
				published = c.GetCounter().GetValue()
			} else {
				failed = c.GetCounter().GetValue()
			}
		}
	}
	return published, failed
}

// TestBatches: many clients are few calls, each within what the service takes.
func TestBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sessions := &list{}
		for i := range 2500 {
			sessions.add(1, session.ClientID(fmt.Sprintf("%s-%d", strings.Repeat("c", session.MaxIDLength-5), i)), session.Active, time.Hour)
		}
		p, f := publisher(t, Options{Sessions: sessions, MaxClients: 5000})
		run(t, p)
		if got := len(minute(f)); got != 2501 {
			t.Errorf("%d data arrive, want 2501", got)
		}
		if got := f.Count("PutMetricData"); got != 3 {
			t.Errorf("%d calls, want 3", got)
		}
	})
}

func TestOptions(t *testing.T) {
	for _, c := range []struct {
		field  string
		change func(*Options)
	}{
		{"namespace", func(o *Options) { o.Namespace = "" }},
		{"namespace", func(o *Options) { o.Namespace = "AWS/ECS" }},
		{"namespace", func(o *Options) { o.Namespace = "é" }},
		{"task_hour_price", func(o *Options) { o.TaskHourPrice = -1 }},
		{"clients", func(o *Options) { o.MaxClients = -1 }},
		{"interval", func(o *Options) { o.Interval = time.Millisecond }},
	} {
		o := Options{Namespace: namespace}
		if err := o.Validate(); err != nil {
			t.Fatalf("Validate = %v", err)
		}
		c.change(&o)
		if err := o.Validate(); err == nil || !strings.Contains(err.Error(), c.field) {
			t.Errorf("Validate = %v, want a mistake in %s", err, c.field)
		}
	}
}
