package scaler_test

import (
	"strings"
	"testing"
	"time"

	"github.com/webordinary/warmgate/scaler"
	"github.com/webordinary/warmgate/scaler/drivertest"
	"github.com/webordinary/warmgate/session"
)

func TestExpand(t *testing.T) {
	value := func(name string) (string, bool) {
		v, ok := map[string]string{"client": "acme", "port:8080": "20001"}[name]
		return v, ok
	}
	for template, want := range map[string]string{
		"":                      "",
		"edit":                  "edit",
		"sites/{client}/x":      "sites/acme/x",
		"{client}{port:8080}":   "acme20001",
		`{{"a": "{client}"}}`:   `{"a": "acme"}`,
		"{{client}}":            "{client}",
		"{cliënt}":              "!unknown variable {cliënt}",
		"{}":                    "!unknown variable {}",
		"{client":               "!without its partner",
		"client}":               "!without its partner",
		"{ client }":            "!unknown variable",
		"{client}{{{session}}}": "!unknown variable {session}",
	} {
		got, err := scaler.Expand(template, value)
		if says, fails := strings.CutPrefix(want, "!"); fails {
			if err == nil || !strings.Contains(err.Error(), says) {
				t.Errorf("Expand(%q) = %q, %v, want an error with %q", template, got, err, says)
			}
		} else if got != want || err != nil {
			t.Errorf("Expand(%q) = %q, %v, want %q", template, got, err, want)
		}
	}
}

func TestPoolValidate(t *testing.T) {
	good := scaler.Pool{Name: "edit", Key: "edit-{client}", Driver: drivertest.NewFake(), Base: "/session/{session}/"}
	if err := good.Validate(); err != nil {
		t.Fatalf("Validate(%+v) = %v", good, err)
	}
	for says, spoil := range map[string]func(*scaler.Pool){
		"name is empty":                          func(p *scaler.Pool) { p.Name = "" },
		"key is empty":                           func(p *scaler.Pool) { p.Key = "" },
		"unknown variable {user}":                func(p *scaler.Pool) { p.Key = "{user}" },
		"base \"/{pool}/\" has the unknown":      func(p *scaler.Pool) { p.Base = "/{pool}/" },
		"base must begin and end with a slash":   func(p *scaler.Pool) { p.Base = "/x" },
		"probe.path must begin with a slash":     func(p *scaler.Pool) { p.Probe.Path = "index.html" },
		"probe.path \"{host}\"":                  func(p *scaler.Pool) { p.Probe.Path = "{host}" },
		"driver is missing":                      func(p *scaler.Pool) { p.Driver = nil },
		"pool has a negative limit":              func(p *scaler.Pool) { p.Cooldown = -time.Second },
		"steps must say how many tasks 1":        func(p *scaler.Pool) { p.Steps = scaler.Steps{3: 3} },
		"steps has 0: 1":                         func(p *scaler.Pool) { p.Steps = scaler.Steps{1: 1, 0: 1} },
		"warm[0].hours is \"9\"":                 func(p *scaler.Pool) { p.Warm = []scaler.Warm{{Hours: "9", Tasks: 1}} },
		"warm[0].tasks is 21, more than the 20":  func(p *scaler.Pool) { p.Warm = []scaler.Warm{{Tasks: 21}} },
		"cpu_above is 100; it must be":           func(p *scaler.Pool) { p.CPUAbove = 100 },
		"cpu_above needs sessions that share":    func(p *scaler.Pool) { p.Key, p.CPUAbove = "{session}", 40 },
		"per_client has a limit of tasks":        func(p *scaler.Pool) { p.Key, p.PerClient.Tasks = "edit", 1 },
		"warm needs sessions that share tasks":   func(p *scaler.Pool) { p.Key, p.Warm = "{session}", []scaler.Warm{{Tasks: 1}} },
		"steps gives 2 sessions more tasks than": func(p *scaler.Pool) { p.Steps = scaler.Steps{1: 1, 2: 4, 5: 3} },
	} {
		p := good
		spoil(&p)
		if err := p.Validate(); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("Validate = %v, want %q in it", err, says)
		}
	}
}

func TestNewReportsAllMistakes(t *testing.T) {
	p := scaler.Pool{Name: "edit", Key: "{user}", Driver: drivertest.NewFake()}
	_, err := scaler.New(scaler.Options{
		Registry: session.NewRegistry(session.Clocks{}), Pools: []scaler.Pool{p, p}, DefaultPool: "other",
	})
	for _, says := range []string{`pool "edit": key`, `pool "edit" is there twice`, `default pool "other"`} {
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("New = %v, want %q in it", err, says)
		}
	}
}

func TestMetrics(t *testing.T) {
	inBubble(t, script(slowStart), func(t *testing.T, w *world) {
		l := w.create("s1")
		w.warm(l)
		w.warm(w.create("s2"))
		w.fake.Kill("fake-1", "out of memory")
		time.Sleep(time.Second)
		for _, want := range []struct {
			name   string
			labels []string
			value  float64
		}{
			{"warmgate_task_starts_total", []string{"pool", "edit", "outcome", "ready"}, 2},
			{"warmgate_task_start_duration_seconds", []string{"phase", "total"}, 2},
			{"warmgate_task_start_duration_seconds", []string{"phase", "checking"}, 2},
			{"warmgate_task_release_delay_seconds", nil, 2},
			{"warmgate_task_losses_total", nil, 1},
			{"warmgate_task_stops_total", nil, 1},
			{"warmgate_tasks", []string{"state", "ready"}, 1},
			{"warmgate_tasks", []string{"state", "starting"}, 0},
			{"warmgate_sessions_awake", []string{"pool", "edit"}, 1},
		} {
			if got := value(t, w.metrics, want.name, want.labels...); got != want.value {
				t.Errorf("%s%v = %v, want %v", want.name, want.labels, got, want.value)
			}
		}
	})
}
