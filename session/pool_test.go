package session

import (
	"testing"
	"time"
)

func TestPoolID(t *testing.T) {
	if name, ok := PoolID("hermes").Pool(); !ok || name != "hermes" {
		t.Errorf("PoolID(hermes).Pool() = %q, %v", name, ok)
	}
	for _, id := range []ID{"", "pool", "hermes", "poolhermes", "pool:hermes"} {
		if name, ok := id.Pool(); ok {
			t.Errorf("%q is the record of pool %q", id, name)
		}
	}
	// No user can have a session or a client that passes for a pool.
	if _, err := ParseID(string(PoolID("hermes"))); err == nil {
		t.Error("a session may have a pool's id")
	}
	if _, err := ParseClientID(string(NewPoolRecord("hermes", time.Now()).ClientID)); err == nil {
		t.Error("a client may have a pool's id")
	}
}
