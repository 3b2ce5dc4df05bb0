// Command bench compares Warmgate with a tuned bare httputil.ReverseProxy in one
// run: both in processes of their own, before the same upstream, in rounds that
// take turns. It prints CPU time and allocations per request and their ratios.
//
//	go run ./test/bench -warmgate bin/warmgate
//
// On a small shared machine differences below 8 % mean nothing.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"time"
)

func main() {
	role := flag.String("role", "", "internal: upstream or bare")
	target := flag.String("target", "", "internal: where the bare proxy forwards to")
	binary := flag.String("warmgate", "bin/warmgate", "the binary to measure")
	rounds := flag.Int("rounds", 7, "interleaved rounds")
	requests := flag.Int("requests", 20_000, "requests of a round and proxy")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	var err error
	switch *role {
	case "upstream":
		err = runUpstream()
	case "bare":
		err = runBare(*target)
	default:
		err = compare(ctx, *binary, *rounds, *requests)
	}
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// scenario is a path and how it is asked for.
type scenario struct {
	name, path  string
	rewritten   bool // path mode has work to do that a bare proxy does not do: the budgets are not for it
	rate        int  // requests a second; 0 as fast as they are answered
	concurrency int
	share       int // of the requests, in percent
}

var scenarios = []scenario{
	{"1 KiB, 64 connections, closed loop", "/1k", false, 0, 64, 100},
	{"1 KiB, 64 connections, 1,500/s", "/1k", false, 1500, 64, 30},
	{"8 KiB HTML page (path mode rewrites it), closed loop", "/page", true, 0, 64, 30},
}

// compare runs all scenarios and prints the table.
func compare(ctx context.Context, binary string, rounds, requests int) error {
	bed, err := newTestbed(ctx, binary)
	if err != nil {
		return err
	}
	defer bed.close()
	fmt.Printf("%d rounds, medians (min..max); the access log is on in warmgate and absent in bare\n\n", rounds)
	for _, s := range scenarios {
		if err := bed.compareOne(ctx, s, rounds, requests*s.share/100); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return nil
}

func (b *testbed) compareOne(ctx context.Context, s scenario, rounds, requests int) error {
	results := make([][]sample, len(b.proxies))
	for range rounds + 1 { // the first warms up
		for i, p := range b.proxies {
			m, err := p.measure(ctx, s, requests)
			if err != nil {
				return fmt.Errorf("%s: %w", p.name, err)
			}
			results[i] = append(results[i], m)
		}
	}
	fmt.Println(s.name)
	for i, p := range b.proxies {
		r := results[i][1:]
		fmt.Printf("  %-10s %s us CPU/request  %s allocations/request  %s us p50\n", p.name,
			spread(r, func(m sample) float64 { return m.cpu.Seconds() * 1e6 }),
			spread(r, func(m sample) float64 { return m.allocations }),
			spread(r, func(m sample) float64 { return m.p50.Seconds() * 1e6 }))
	}
	ratios := make([]sample, rounds)
	for i := range ratios {
		bare, ours := results[0][i+1], results[1][i+1]
		ratios[i] = sample{cpu: time.Duration(float64(ours.cpu) / float64(bare.cpu) * 1e9), allocations: ours.allocations - bare.allocations}
	}
	cpuBudget, allocationBudget := " (budget <= 1.10, good <= 0.90)", " (budget <= +12, good <= 0)"
	if s.rewritten {
		cpuBudget, allocationBudget = "", ""
	}
	fmt.Printf("  ratio      %s x CPU%s  %s allocations more%s\n\n",
		spread(ratios, func(m sample) float64 { return m.cpu.Seconds() }), cpuBudget,
		spread(ratios, func(m sample) float64 { return m.allocations }), allocationBudget)
	return nil
}

// spread prints the median and the range of a figure.
func spread(samples []sample, figure func(sample) float64) string {
	values := make([]float64, len(samples))
	for i, s := range samples {
		values[i] = figure(s)
	}
	slices.Sort(values)
	return fmt.Sprintf("%.3g (%.3g..%.3g)", values[len(values)/2], values[0], values[len(values)-1])
}
