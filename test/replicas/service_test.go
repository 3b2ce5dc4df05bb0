//go:build e2e

package replicas_test

import (
	"errors"
	"fmt"
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
    max_tasks: 1000
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

// TestScaleInAfterScaleOut lets a session of each client fall asleep on one replica, which makes one of the client's two
// tasks superfluous, and has another wake around that moment on the other replica; a third is in use on both: the stale scale-in takes no task from those who use it, and
// in the end there are as many as are wanted.
func TestScaleInAfterScaleOut(t *testing.T) {
	t.Parallel()
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
		desired := func(n int) error {
			return until(fmt.Sprintf("%d tasks of %s to be desired", n, client), func() bool { return s.ECS.Desired("edit-"+client) == n })
		}
		busy := [2]func() error{s.visitor(t, 0, client+"busy"), s.visitor(t, 1, client+"busy")}
		brief := s.visitor(t, i, client+"brief")
		err := errors.Join(desired(2), brief(),
			until(client+"brief to fall asleep", func() bool { return s.is(t.Context(), i, client+"brief", "inactive") }))
		// The second step of its sleep, the cooldown, and a look at the service: the scale-in is somewhere in there.
		<-time.After((nap + 3*time.Second) * time.Duration(i) / rounds)
		late := s.visitor(t, i+1, client+"late")
		<-time.After(nap)
		return errors.Join(err, desired(2), late(), busy[0](), busy[1]())
	})
	eventually(t, "all services to have no tasks", func() bool { return len(s.ECS.Running()) == 0 })
}

// visitor asks for a session's pages on one replica until it is told to leave; then it returns what went wrong.
func (s *stage) visitor(t *testing.T, replica int, id string) (leave func() error) {
	left, result := make(chan struct{}), make(chan error, 1)
	go func() { result <- s.stay(t, replica, id, left) }()
	return func() error { close(left); return <-result }
}

// stay asks for a session's pages until done is closed. The session may share its task with others.
func (s *stage) stay(t *testing.T, replica int, id string, done <-chan struct{}) error {
	for tick := time.Tick(200 * time.Millisecond); ; <-tick {
		if err := served(t.Context(), s.direct(replica, id), ""); err != nil {
			return err
		}
		select {
		case <-done:
			return nil
		default:
		}
	}
}
