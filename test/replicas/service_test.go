//go:build e2e

package replicas_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/webordinary/warmgate/scaler/ecs/ecstest"
)

// services is the configuration of a pool of a service for each client: two tasks from the second session on.
const services = `
pools:
  sites:
    key: "{client}"
    driver: ecs-service
    steps: { 1: 1, 2: 2 }
    cooldown: 1s
    ecs:
      region: us-west-2
      endpoint: $ECS
      cluster: edit-cluster
      service: "edit-{client}"
routes:
  - { priority: 10, path: ["/session/*"], session: { pool: sites, allow_guessable: true } }
`

// TestScaleInAfterScaleOut lets a session of each client fall asleep, which makes one of its two tasks superfluous, and
// has another wake around that moment on the other replica: the stale scale-in takes no task from those who use it, and
// in the end there are as many as are wanted.
func TestScaleInAfterScaleOut(t *testing.T) {
	s := newStage(t, clocks(time.Second)+services)
	clients := make([]string, rounds)
	for i := range clients {
		clients[i] = fmt.Sprintf("c%02d", i)
		s.ECS.AddService(ecstest.Service{Name: "edit-" + clients[i]})
		for _, id := range []string{"busy", "brief", "late"} {
			if _, err := s.api(i).Activate(t.Context(), clients[i], clients[i]+id); err != nil {
				t.Fatal(err)
			}
		}
	}
	each(t, clients, func(i int, client string) error {
		err := errors.Join(s.use(t, i, client+"busy"), s.use(t, i+1, client+"brief"))
		if err != nil {
			return err
		}
		done := make(chan struct{})
		var visitor sync.WaitGroup
		var visited error
		visitor.Go(func() { visited = s.stay(t, i, client+"busy", done) })
		// The brief one's sleep, the cooldown, and a round of looking at the service: the scale-in is somewhere in there.
		if err = until(client+"brief to fall asleep", func() bool { return s.is(t.Context(), i, client+"brief", "inactive") }); err == nil {
			<-time.After((nap + 3*time.Second) * time.Duration(i) / rounds)
			late := make(chan struct{})
			time.AfterFunc(nap, func() { close(late) })
			err = s.stay(t, i+1, client+"late", late)
		}
		if n := s.ECS.Desired("edit-" + client); n != 2 {
			err = errors.Join(err, fmt.Errorf("%d tasks of %s are desired, want 2", n, client))
		}
		close(done)
		visitor.Wait()
		return errors.Join(err, visited)
	})
	eventually(t, "all services to have no tasks", func() bool { return len(s.ECS.Running()) == 0 })
}

// use asks once for a page of a session that may share its task with others.
func (s *stage) use(t *testing.T, replica int, id string) error {
	r, err := get(t.Context(), s.direct(replica, id))
	if err == nil && r.status != 200 {
		err = fmt.Errorf("%s = %d on replica %d", id, r.status, replica)
	}
	return err
}

// stay asks for a session's pages until done is closed, on one replica.
func (s *stage) stay(t *testing.T, replica int, id string, done <-chan struct{}) error {
	for tick := time.Tick(200 * time.Millisecond); ; <-tick {
		if err := s.use(t, replica, id); err != nil {
			return err
		}
		select {
		case <-done:
			return nil
		default:
		}
	}
}
