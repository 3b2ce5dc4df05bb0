package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// sample is what one round of one proxy cost, per request.
type sample struct {
	cpu         time.Duration
	allocations float64
	p50         time.Duration
}

// proxy is a process under measurement.
type proxy struct {
	name    string
	pid     int
	base    string // URL before the scenario's path
	metrics func(context.Context) (mallocs float64, err error)
	client  *http.Client
}

// measure sends the requests and reads the process's counters around them.
func (p *proxy) measure(ctx context.Context, s scenario, requests int) (sample, error) {
	allocBefore, err := p.metrics(ctx)
	if err != nil {
		return sample{}, err
	}
	cpuBefore, err := cpuTime(p.pid)
	if err != nil {
		return sample{}, err
	}
	p50, err := p.load(ctx, s, requests)
	if err != nil {
		return sample{}, err
	}
	cpuAfter, err := cpuTime(p.pid)
	if err != nil {
		return sample{}, err
	}
	allocAfter, err := p.metrics(ctx)
	if err != nil {
		return sample{}, err
	}
	n := float64(requests)
	return sample{
		cpu:         time.Duration(float64(cpuAfter-cpuBefore) / n),
		allocations: (allocAfter - allocBefore) / n,
		p50:         p50,
	}, nil
}

// load sends the requests; every answer must be a 200.
func (p *proxy) load(ctx context.Context, s scenario, requests int) (p50 time.Duration, err error) {
	var (
		sent  atomic.Int64
		wg    sync.WaitGroup
		mu    sync.Mutex
		times []time.Duration
		begin = time.Now()
	)
	for range s.concurrency {
		wg.Go(func() {
			var mine []time.Duration
			defer func() {
				mu.Lock()
				times = append(times, mine...)
				mu.Unlock()
			}()
			for {
				i := sent.Add(1)
				if i > int64(requests) {
					return
				}
				if s.rate > 0 {
					time.Sleep(time.Until(begin.Add(time.Duration(i) * time.Second / time.Duration(s.rate))))
				}
				at := time.Now()
				if e := p.get(ctx, s.path); e != nil {
					mu.Lock()
					err = e
					mu.Unlock()
					return
				}
				mine = append(mine, time.Since(at))
			}
		})
	}
	wg.Wait()
	if err != nil || len(times) == 0 {
		return 0, err
	}
	slices.Sort(times)
	return times[len(times)/2], nil
}

func (p *proxy) get(ctx context.Context, path string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.base+path, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", "*/*")
	res, err := p.client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %s", p.base+path, res.Status)
	}
	return nil
}
