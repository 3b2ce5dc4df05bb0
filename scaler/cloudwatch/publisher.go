package cloudwatch

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/webordinary/warmgate/session"
)

// Publisher publishes metrics as long as it runs. Nothing waits for it, and what
// it cannot publish is left out: the next publication is about the next minute.
type Publisher struct {
	opts      Options
	before    reading
	census    census
	published prometheus.Counter
	failed    prometheus.Counter
	complaint complaint
}

// New returns a Publisher that does nothing yet. Errors as of [Options.Validate].
func New(o Options) (*Publisher, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	o = o.withDefaults()
	data := promauto.With(o.Registerer).NewCounterVec(prometheus.CounterOpts{
		Name: "warmgate_cloudwatch_data_total",
		Help: "Data for CloudWatch: published, failed (not tried again).",
	}, []string{"result"})
	return &Publisher{
		opts: o, census: newCensus(o.MaxClients), complaint: complaint{log: o.Logger},
		published: data.WithLabelValues("published"), failed: data.WithLabelValues("failed"),
	}, nil
}

// Run publishes once an interval until ctx ends.
func (p *Publisher) Run(ctx context.Context) error {
	p.before, _ = read(p.opts.Gatherer, p.opts.Pools)
	ticker := time.NewTicker(p.opts.Interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			if err := p.publish(ctx); ctx.Err() == nil {
				p.complaint.about(err)
			}
		}
	}
}

// publish publishes what the last interval was like, as far as it can be told.
func (p *Publisher) publish(ctx context.Context) error {
	data, err := p.collect(ctx, time.Now())
	errs := []error{err}
	for batch := range batches(data) {
		if err := p.opts.Client.put(ctx, p.opts.Namespace, batch); err != nil {
			p.failed.Add(float64(len(batch)))
			errs = append(errs, fmt.Errorf("publish %d data: %w", len(batch), err))
			continue
		}
		p.published.Add(float64(len(batch)))
	}
	return errors.Join(errs...)
}

// collect returns the data to publish, nothing while another replica leads.
func (p *Publisher) collect(ctx context.Context, now time.Time) (data []types.MetricDatum, err error) {
	// Read also while another one leads: what was measured in hours is not to be
	// published as that of a minute.
	current, readErr := read(p.opts.Gatherer, p.opts.Pools)
	if readErr == nil {
		data = current.since(p.before).data()
		if len(p.opts.Pools) > 0 {
			data = append(data, single("FargateTaskCount", types.StandardUnitCount, current.tasks))
		}
		p.before = current
	}
	if !p.opts.Lead() {
		p.census.forget()
		return nil, nil
	}
	listErr := p.census.take(ctx, p.opts.Sessions, now)
	if listErr == nil {
		data = append(data, p.census.data()...)
		if readErr == nil {
			data = append(data, p.cost(current.tasks)...)
		}
	}
	return stamp(data, now), errors.Join(readErr, listErr)
}

// cost is what an awake session costs for an hour as things are: the price of the
// tasks, shared by the sessions.
func (p *Publisher) cost(tasks float64) []types.MetricDatum {
	if p.opts.TaskHourPrice == 0 || len(p.opts.Pools) == 0 || p.census.total == 0 {
		return nil
	}
	perHour := tasks * p.opts.TaskHourPrice / float64(p.census.total)
	return []types.MetricDatum{single("CostPerSession", types.StandardUnitNone, perHour)}
}

// awake are the statuses that count as active.
var awake = []session.Status{session.Initializing, session.Active}
