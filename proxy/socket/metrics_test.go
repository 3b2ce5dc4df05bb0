package socket

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/webordinary/warmgate/session"
)

// samples renders what the registry holds, without zero values.
func samples(t *testing.T, reg prometheus.Gatherer) []string {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, f := range families {
		for _, m := range f.GetMetric() {
			v := m.GetGauge().GetValue() + m.GetCounter().GetValue()
			if v == 0 {
				continue
			}
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			all = append(all, strings.TrimPrefix(fmt.Sprintf("%s{%s} %g", f.GetName(), strings.Join(labels, ","), v), "warmgate_"))
		}
	}
	return all
}

func TestMetrics(t *testing.T) {
	r := newRig(t, Options{CloseTimeout: 50 * time.Millisecond})
	r.serve("t1", upstreamSocket(echo))
	c := r.dial("")
	write(t, c, "four")
	next(t, c)
	r.dial("vite-hmr")
	r.dial("vite-ping").Close()
	r.refused("", "Origin: https://evil.example")
	want := []string{
		"socket_bytes_total{direction=to_client} 4",
		"socket_bytes_total{direction=to_upstream} 4",
		"socket_messages_total{direction=to_client} 1",
		"socket_messages_total{direction=to_upstream} 1",
		"socket_refused_total{reason=origin} 1",
		"socket_vite_pings_total{status=101} 1",
		"sockets_open{kind=hmr} 1",
		"sockets_open{kind=other} 1",
	}
	var got []string
	eventually(t, fmt.Sprintf("the metrics %q", want), func() bool {
		got = samples(t, r.registry)
		return slices.Equal(got, want)
	})
	r.phase(session.PhaseAsleep)
	eventually(t, "the parked socket to be counted", func() bool {
		got = samples(t, r.registry)
		return slices.Contains(got, "sockets_parked{} 1") && !slices.Contains(got, "sockets_open{kind=other} 1")
	})
}
