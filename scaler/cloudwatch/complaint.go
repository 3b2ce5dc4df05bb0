package cloudwatch

import (
	"log/slog"
	"time"
)

// complainEvery is how often the log tells of failures that go on.
const complainEvery = 15 * time.Minute

// complaint logs the first failure, then one in a while, and the end of it.
type complaint struct {
	log      *slog.Logger
	failures int
	last     time.Time
}

func (c *complaint) about(err error) {
	switch {
	case err == nil && c.failures > 0:
		c.log.Info("metrics reach CloudWatch again", "failures", c.failures)
		c.failures, c.last = 0, time.Time{}
	case err != nil:
		c.failures++
		if c.last.IsZero() || time.Since(c.last) >= complainEvery {
			c.last = time.Now()
			c.log.Warn("cannot publish all metrics to CloudWatch", "error", err, "failures", c.failures)
		}
	}
}
