package balance

import "sync/atomic"

// Wheel shares requests by weights: of each run of as many requests as the weights
// sum up to, each share gets exactly its weight, well mixed. Safe for concurrent
// use.
type Wheel struct {
	weights []int
	sum     uint64
	stride  uint64
	next    atomic.Uint64
}

// NewWheel returns a Wheel of these weights; none is negative.
func NewWheel(weights []int) *Wheel {
	w := &Wheel{weights: weights}
	for _, n := range weights {
		w.sum += uint64(n)
	}
	// Steps of about the golden ratio spread each share over the whole round; a
	// step without a common divisor visits every place of it.
	for w.stride = max(1, w.sum*618/1000); gcd(w.stride, w.sum) > 1; w.stride++ {
	}
	return w
}

// Next returns the share that the next request belongs to; false if no weight is
// above 0.
func (w *Wheel) Next() (share int, ok bool) {
	if w.sum == 0 {
		return 0, false
	}
	at := int((w.next.Add(1) - 1) % w.sum * w.stride % w.sum)
	for share, n := range w.weights {
		if at -= n; at < 0 {
			return share, true
		}
	}
	return 0, false // at is below the sum
}

func gcd(a, b uint64) uint64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
