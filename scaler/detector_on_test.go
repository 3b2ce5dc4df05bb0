//go:build race

package scaler_test

// detector: the race detector is on, and everything takes five times as long.
const detector = true
