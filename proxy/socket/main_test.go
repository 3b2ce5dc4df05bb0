package socket

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if os.Getenv(peersVariable) != "" {
		os.Exit(runPeers())
	}
	goleak.VerifyTestMain(m)
}
