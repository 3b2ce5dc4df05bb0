//go:build !unix

package process

import (
	"fmt"
	"runtime"

	"github.com/webordinary/warmgate/scaler"
)

// Driver cannot be made on this system.
type Driver struct{ scaler.Driver }

// New returns an error: child processes cannot be supervised on this system.
func New(Options) (*Driver, error) {
	return nil, fmt.Errorf("the process driver needs a Unix system; this is %s", runtime.GOOS)
}
