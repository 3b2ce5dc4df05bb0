package drivertest_test

import (
	"testing"
	"time"

	"github.com/webordinary/warmgate/scaler"
	"github.com/webordinary/warmgate/scaler/drivertest"
)

func TestFakeKeepsTheContract(t *testing.T) {
	drivertest.Run(t, func(*testing.T) scaler.Driver {
		f := drivertest.NewFake()
		f.Plan = func(int, scaler.TaskSpec) drivertest.Script {
			return drivertest.Script{RunsAfter: 20 * time.Millisecond, StopDelay: 20 * time.Millisecond}
		}
		return f
	})
}
