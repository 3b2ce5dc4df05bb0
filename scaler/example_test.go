package scaler_test

import (
	"context"
	"errors"

	"github.com/webordinary/warmgate/scaler"
	"github.com/webordinary/warmgate/scaler/static"
	"github.com/webordinary/warmgate/session"
)

// A scaler is made from a store and pools; it recovers before anything is served,
// runs beside the serving, and is shut down after it.
func Example() {
	run := func(ctx context.Context, store session.Store, records session.Records, x session.Extender) error {
		driver, err := static.New(static.Options{Addresses: []static.Address{{Addr: "127.0.0.1:4321"}}})
		if err != nil {
			return err
		}
		s, err := scaler.New(scaler.Options{
			Store: store, Records: records, Extender: x, Registry: session.NewRegistry(session.Clocks{}),
			Pools: []scaler.Pool{{Name: "edit", Key: "{client}", Driver: driver, Steps: scaler.Steps{1: 1, 3: 3}}},
		})
		if err != nil {
			return err
		}
		if err := s.Recover(ctx); err != nil {
			return err
		}
		err = s.Run(ctx) // until ctx ends
		return errors.Join(err, s.Shutdown(context.WithoutCancel(ctx)))
	}
	_ = run
}
