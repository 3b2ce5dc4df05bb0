package cloudwatch

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/webordinary/warmgate/session"
)

// zerosFor is how long a client without sessions has a count of 0 before it has
// none: alarms and policies see it fall, and it costs nothing for ever after.
const zerosFor = time.Hour

// census is who is awake.
type census struct {
	max     int
	total   int
	clients map[session.ClientID]int
	seen    map[session.ClientID]time.Time // when the client had a session last
}

func newCensus(maxClients int) census {
	return census{max: maxClients, seen: make(map[session.ClientID]time.Time)}
}

// take counts the sessions that are awake.
func (c *census) take(ctx context.Context, sessions Sessions, now time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	total, clients := 0, make(map[session.ClientID]int)
	for s, err := range sessions.ByStatus(ctx, awake...) {
		if err != nil {
			return fmt.Errorf("count the sessions: %w", err)
		}
		if !s.Over(now) {
			total++
			clients[s.ClientID]++
		}
	}
	for client := range clients {
		c.seen[client] = now
	}
	maps.DeleteFunc(c.seen, func(_ session.ClientID, at time.Time) bool { return now.Sub(at) > zerosFor })
	c.total, c.clients = total, clients
	return nil
}

// forget drops what another replica publishes from here on.
func (c *census) forget() { clear(c.seen) }

// data returns the counts: in all, a 0 too, and those of the clients with the
// most sessions.
func (c *census) data() []types.MetricDatum {
	const name = "ActiveSessionCount"
	data := []types.MetricDatum{single(name, types.StandardUnitCount, float64(c.total))}
	clients := slices.SortedFunc(maps.Keys(c.seen), func(a, b session.ClientID) int {
		return cmp.Or(c.clients[b]-c.clients[a], c.seen[b].Compare(c.seen[a]), cmp.Compare(a, b))
	})
	for _, client := range clients[:min(len(clients), c.max)] {
		d := single(name, types.StandardUnitCount, float64(c.clients[client]))
		d.Dimensions = []types.Dimension{dimension("ClientId", string(client))}
		data = append(data, d)
	}
	return data
}
