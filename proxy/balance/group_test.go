package balance

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/webordinary/warmgate/proxy/route"
)

func TestRoundRobin(t *testing.T) {
	g := only(New(Options{}), unchecked("a:1", "b:1", "c:1"))
	if diff := cmp.Diff(map[string]int{"a:1": 10, "b:1": 10, "c:1": 10}, firsts(g, 30)); diff != "" {
		t.Errorf("first targets (-want +got):\n%s", diff)
	}
	for range 3 { // whatever others do meanwhile, a request tries each target once
		seen := map[string]int{}
		for one := range g.InTurn() {
			seen[one.Addr]++
			firsts(g, 1)
		}
		if diff := cmp.Diff(map[string]int{"a:1": 1, "b:1": 1, "c:1": 1}, seen); diff != "" {
			t.Errorf("targets of a request (-want +got):\n%s", diff)
		}
	}
}

func TestLeastOutstanding(t *testing.T) {
	u := unchecked("a:1", "b:1", "c:1")
	u.Algorithm = route.LeastOutstanding
	g := only(New(Options{}), u)
	if diff := cmp.Diff(map[string]int{"a:1": 10, "b:1": 10, "c:1": 10}, firsts(g, 30)); diff != "" {
		t.Errorf("first targets while all are idle (-want +got):\n%s", diff)
	}
	load := func(addr string, n int) {
		for one := range g.InTurn() {
			for range n {
				if one.Addr == addr {
					one.Begin()
				}
			}
		}
	}
	load("a:1", 2)
	load("b:1", 1)
	load("c:1", 3)
	if diff := cmp.Diff(map[string]int{"b:1": 9}, firsts(g, 9)); diff != "" {
		t.Errorf("first targets (-want +got):\n%s", diff)
	}
	for one := range g.InTurn() {
		if one.Addr == "c:1" {
			one.Done()
			one.Done()
			one.Done()
		}
	}
	if diff := cmp.Diff(map[string]int{"c:1": 9}, firsts(g, 9)); diff != "" {
		t.Errorf("first targets after c is idle (-want +got):\n%s", diff)
	}
}

func TestWheel(t *testing.T) {
	for _, tt := range []struct {
		weights []int
		want    map[int]int // in a round, as many requests as the weights sum up to
	}{
		{[]int{1}, map[int]int{0: 1}},
		{[]int{9, 1}, map[int]int{0: 9, 1: 1}},
		{[]int{0, 5}, map[int]int{1: 5}},
		{[]int{999, 0, 1, 500}, map[int]int{0: 999, 2: 1, 3: 500}},
		{[]int{1, 1}, map[int]int{0: 1, 1: 1}},
		{[]int{6, 6, 6}, map[int]int{0: 6, 1: 6, 2: 6}},
	} {
		w := NewWheel(tt.weights)
		sum := 0
		for _, n := range tt.weights {
			sum += n
		}
		for range 3 {
			got := map[int]int{}
			for range sum {
				i, ok := w.Next()
				if !ok {
					t.Fatalf("%v: no share", tt.weights)
				}
				got[i]++
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("%v, one round (-want +got):\n%s", tt.weights, diff)
			}
		}
	}
	if i, ok := NewWheel([]int{0, 0}).Next(); ok {
		t.Errorf("weights of 0 give share %d, want none", i)
	}
}

// TestWheelMixes: a large share does not come in one piece.
func TestWheelMixes(t *testing.T) {
	w := NewWheel([]int{50, 50})
	longest, run, last := 0, 0, -1
	for range 200 {
		i, _ := w.Next()
		if i != last {
			run, last = 0, i
		}
		run++
		longest = max(longest, run)
	}
	if longest > 3 {
		t.Errorf("%d requests in a row go the same way, want at most 3", longest)
	}
}

func BenchmarkInTurn(b *testing.B) {
	for _, algorithm := range []route.Algorithm{route.RoundRobin, route.LeastOutstanding} {
		b.Run(string(algorithm), func(b *testing.B) {
			u := unchecked("a:1", "b:1", "c:1")
			u.Algorithm = algorithm
			g, w := only(New(Options{}), u), NewWheel([]int{9, 1})
			b.ReportAllocs()
			for b.Loop() {
				_, _ = w.Next()
				for t := range g.InTurn() {
					t.Begin()
					t.Done()
					break
				}
			}
		})
	}
}
