package ecs

import (
	"context"
	"fmt"
	"time"
)

// mirror sets the desired count of the service from the newest roster, unless
// that was done or is another's affair. UpdateService knows no condition, and the
// last one wins: so the roster is read again afterwards.
func (d *ServiceDriver) mirror(ctx context.Context, service string) error {
	const tries = 3
	if err := d.checkPolicies(ctx, service); err != nil {
		return err
	}
	d.mirroring.Lock()
	defer d.mirroring.Unlock()
	for range tries {
		d.mu.Lock()
		s, version, desired := d.service(service), d.roster.version, d.roster.desired(service)
		done := s.observed || s.mirrored == version
		d.mu.Unlock()
		if done {
			return nil
		}
		if err := d.client.setDesired(ctx, d.opts.Cluster, service, desired); err != nil {
			return err
		}
		d.log.InfoContext(ctx, "desired count is set", "service", service, "desired", desired)
		d.mu.Lock()
		s.mirrored, s.mirroredAt, s.patience = version, time.Now(), time.Time{}
		d.mu.Unlock()
		r, err := d.rosters.read(ctx)
		if err != nil {
			return err
		}
		d.learn(r)
		if r.desired(service) == desired {
			return nil
		}
	}
	return unavailable("set the desired count of service %s: others change it all the time", service)
}

// correct sets the desired counts that are not what the roster says, whoever has
// changed them.
func (d *ServiceDriver) correct(ctx context.Context) error {
	d.mu.Lock()
	var wrong []string
	for name, s := range d.services {
		if !s.exists() || int(s.described.DesiredCount) == d.roster.desired(name) {
			continue
		}
		if !s.observed && s.describedAt.After(s.mirroredAt) && !time.Now().Before(s.patience) {
			s.mirrored = 0
			wrong = append(wrong, name)
		}
	}
	d.mu.Unlock()
	for _, name := range wrong {
		if err := d.mirror(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

// checkPolicies finds out, once for each service, whether somebody else owns its
// desired count. Its error says that this cannot be told now.
func (d *ServiceDriver) checkPolicies(ctx context.Context, service string) error {
	d.mu.Lock()
	checked := d.service(service).checked || d.opts.TakeOver
	d.mu.Unlock()
	if checked {
		return nil
	}
	policies, err := d.client.livePolicies(ctx, d.opts.Cluster, service)
	if err != nil {
		d.log.WarnContext(ctx, "cannot look for scaling policies", "service", service, "error", err)
		if isUnavailable(err) {
			return err
		}
	}
	d.mu.Lock()
	s := d.service(service)
	s.checked, s.observed = true, len(policies) > 0
	d.mu.Unlock()
	if len(policies) > 0 {
		d.log.WarnContext(ctx, "a scaling policy owns the desired count; the service is only observed, unless take_over is set",
			"service", service, "policies", fmt.Sprint(policies))
	}
	return nil
}
