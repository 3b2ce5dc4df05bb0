package session

import (
	"crypto/rand"
	"fmt"
	"testing"
)

func TestLooksRandom(t *testing.T) {
	for id, want := range map[ID]bool{
		"demo": false, "acme-42": false, "thread-1234567890": false, "acme#ann@example.com#t1": false,
		"thread-2024-10-01-1733011200000": false, "a-long-name-of-a-client-and-what-it-wants-today": false,
		"acme4711-thread42-user17b": false, "00000000000000000000000000": false, "deadbeef": false,
		"f47ac10b-58cc-4372-a567-0e02b2c3d479":                       true,
		"session-f47ac10b-58cc-4372-a567-0e02b2c3d479":               true,
		"acme#ann#F47AC10B-58CC-4372-A567-0E02B2C3D479":              true,
		"f47ac10b58cc4372a5670e02b2c3d479":                           true,
		"01ARZ3NDEKTSV4RRFFQ69G5FAV":                                 true, // a ULID
		"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0": true,
	} {
		if got := id.LooksRandom(); got != want {
			t.Errorf("%q.LooksRandom() = %t, want %t", id, got, want)
		}
	}
	for range 10_000 {
		if id := NewID(); !id.LooksRandom() {
			t.Fatalf("%q of NewID does not look random", id)
		}
		var b [16]byte
		_, _ = rand.Read(b[:])
		if id := ID(fmt.Sprintf("%x-%x-4%x-a%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])); !id.LooksRandom() {
			t.Fatalf("the UUID %q does not look random", id)
		}
	}
}
