package scaler

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/webordinary/warmgate/session"
)

// history is how long the last successful starts of a pool took, oldest first.
type history []time.Duration

const historyLength = 20

// add returns h with one more start.
func (h history) add(d time.Duration) history {
	h = append(slices.Clone(h), d)
	return h[max(0, len(h)-historyLength):]
}

// estimate returns median and 90th percentile (nearest rank).
func (h history) estimate() session.Estimate {
	n := len(h)
	if n == 0 {
		return session.Estimate{}
	}
	sorted := slices.Sorted(slices.Values(h))
	rank := func(percent int) time.Duration { return sorted[(n*percent+99)/100-1] }
	return session.Estimate{Median: rank(50), P90: rank(90), Samples: n}
}

// historyRecord is the history as it is stored, in milliseconds.
type historyRecord struct {
	StartsMS []int64 `json:"starts_ms"`
}

func historyKey(pool string) string { return "starts/" + pool }

// loadHistory reads the pool's past starts and the version to write on.
func loadHistory(ctx context.Context, records session.Records, pool string) (history, int64, error) {
	r, err := records.Record(ctx, historyKey(pool))
	if errors.Is(err, session.ErrNotFound) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, fmt.Errorf("load start times of pool %s: %w", pool, err)
	}
	var stored historyRecord
	if err := json.Unmarshal(r.Value, &stored); err != nil {
		return nil, r.Version, nil //nolint:nilerr // an unreadable estimate is none; the next start replaces it
	}
	var h history
	for _, ms := range stored.StartsMS {
		h = h.add(time.Duration(ms) * time.Millisecond)
	}
	return h, r.Version, nil
}

// saveStart adds one start to the stored history and returns it; several
// replicas may do so at once.
func saveStart(ctx context.Context, records session.Records, pool string, d time.Duration) (history, error) {
	const tries = 5
	for range tries {
		h, version, err := loadHistory(ctx, records, pool)
		if err != nil {
			return nil, err
		}
		h = h.add(d)
		var stored historyRecord
		for _, past := range h {
			stored.StartsMS = append(stored.StartsMS, past.Milliseconds())
		}
		value, err := json.Marshal(stored)
		if err != nil {
			return nil, err
		}
		_, err = records.PutRecord(ctx, historyKey(pool), value, version)
		if err == nil {
			return h, nil
		}
		if !errors.Is(err, session.ErrConflict) {
			return nil, fmt.Errorf("save start times of pool %s: %w", pool, err)
		}
	}
	return nil, fmt.Errorf("save start times of pool %s: %w", pool, session.ErrConflict)
}
