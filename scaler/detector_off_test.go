//go:build !race

package scaler_test

const detector = false
