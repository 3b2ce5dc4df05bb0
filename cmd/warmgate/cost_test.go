package main

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/webordinary/warmgate/session/dynamo"
	"github.com/webordinary/warmgate/session/dynamo/dynamotest"
)

// The prices of docs/costs.md, in US dollars.
const (
	priceWrites     = 0.625 / 1e6 // a unit
	priceReads      = 0.125 / 1e6 // a unit
	pricePutMetrics = 0.01 / 1e3  // a call
)

// costCase is what happens in an hour, and what that may cost beyond an hour in
// which nothing does.
type costCase struct {
	name string
	// before leads up to the hour; hour is what happens in it, the rest is quiet.
	before, hour func(*installation)
	// At most so many units and calls.
	reads, writes float64
	ecs           int
	// Exactly so many tasks.
	starts, stops int
}

// edit is an hour in which somebody clicks every ten seconds in each session.
func edit(parts int, ids ...string) func(*installation) {
	return func(in *installation) {
		for range 360 {
			for _, id := range ids {
				in.click(id, parts)
			}
			time.Sleep(10 * time.Second)
		}
	}
}

// opened has the sessions served and a tab on each.
func opened(ids ...string) func(*installation) {
	return func(in *installation) {
		for _, id := range ids {
			in.activate(id)
			in.click(id, 10)
			in.openTab(id)
		}
	}
}

var threeSessions = []string{"s0", "s1", "s2"}

func quiet(*installation) {}

// costCases begin with the hour in which nothing happens but the renewal of the
// lease, whose number of writes may differ by a few. A session in use is written
// once in 30 s, 120 times.
func costCases() []costCase {
	return []costCase{
		{name: "no session", before: quiet, hour: quiet},
		{
			name: "one asleep", hour: quiet, reads: 30, writes: 5,
			before: func(in *installation) { in.activate("s0"); time.Sleep(20 * time.Minute) },
		},
		{
			name: "one made, woken, looked at once, stopped", before: quiet,
			hour:  func(in *installation) { in.activate("s0"); in.click("s0", 10) },
			reads: 300, writes: 30, ecs: 150, starts: 1, stops: 1,
		},
		{name: "one tab open, nobody there", before: opened("s0"), hour: quiet, reads: 1000, writes: 50, ecs: 300, stops: 1},
		{name: "one edited, a click in 10 s", before: opened("s0"), hour: edit(10, "s0"), reads: 2600, writes: 125, ecs: 800},
		{name: "three edited", before: opened(threeSessions...), hour: edit(10, threeSessions...), reads: 7800, writes: 365, ecs: 800},
	}
}

// count is what an hour took.
type count struct {
	dynamotest.Bill
	ecs, starts, stops, cloudWatch int
}

// dollars is what it costs; calls of ECS are free.
func (n count) dollars() float64 {
	return n.Reads*priceReads + n.Writes*priceWrites + float64(n.cloudWatch)*pricePutMetrics
}

// check compares it with what the case may have, beyond an hour of nothing.
func (c costCase) check(t *testing.T, n, nothing count) {
	t.Helper()
	reads, writes, ecs := n.Reads-nothing.Reads, n.Writes-nothing.Writes, n.ecs-nothing.ecs
	if reads > c.reads || writes > c.writes || ecs > c.ecs {
		t.Errorf("%v read units, %v write units, %d calls of ECS beyond those of nothing; want at most %v, %v, %d",
			reads, writes, ecs, c.reads, c.writes, c.ecs)
	}
	if n.starts != c.starts || n.stops != c.stops {
		t.Errorf("%d starts, %d stops, want %d, %d", n.starts, n.stops, c.starts, c.stops)
	}
	if n.cloudWatch != 60 {
		t.Errorf("%d calls of CloudWatch, want one a minute", n.cloudWatch)
	}
}

// TestCosts counts the calls to AWS of an hour, as docs/costs.md has them, in the
// logs of the fakes and of DynamoDB Local. It takes a minute, and so runs for
// "make costs" only.
func TestCosts(t *testing.T) {
	if os.Getenv("COSTS") == "" {
		t.Skip(`the costs of six hours are counted by "make costs"`)
	}
	server := dynamotest.Start(t)
	meter := dynamotest.NewMeter(t, server.Endpoint)
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": dynamotest.AccessKey, "AWS_SECRET_ACCESS_KEY": dynamotest.SecretKey, "AWS_SESSION_TOKEN": "", "AWS_PROFILE": "",
		"AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_REGION": dynamotest.Region,
	} {
		t.Setenv(name, value)
	}
	var table strings.Builder
	table.WriteString("| an hour with | reads | writes | ECS calls | starts, stops | CloudWatch calls | US dollars |\n" +
		"| --- | --- | --- | --- | --- | --- | --- |\n")
	var nothing count
	for i, c := range costCases() {
		t.Run(c.name, func(t *testing.T) {
			config := costConfig(t, fmt.Sprint(i), server.Endpoint, meter.URL)
			now := time.Now()
			var n count
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(time.Until(now)) // the clock of a bubble is in the past
				n = c.run(t, config, meter)
			})
			if i == 0 {
				nothing = n
			}
			c.check(t, n, nothing)
			fmt.Fprintf(&table, "| %s | %v | %v | %d | %d, %d | %d | %.6f |\n",
				c.name, n.Reads, n.Writes, n.ecs, n.starts, n.stops, n.cloudWatch, n.dollars())
		})
	}
	t.Logf("counted:\n%s", table.String())
}

// run lets the hour happen and counts.
func (c costCase) run(t *testing.T, config *Config, meter *dynamotest.Meter) count {
	in := install(t, config)
	time.Sleep(2*time.Minute + 5*time.Second) // what is done once is done, and nothing falls on the hour's ends
	c.before(in)
	synctest.Wait()
	meter.Take()
	ecsBefore, putBefore := in.ecs.Counts(), in.cloudWatch.Count("PutMetricData")
	end := time.Now().Add(time.Hour)
	c.hour(in)
	time.Sleep(time.Until(end))
	synctest.Wait()
	n := count{Bill: meter.Take(), cloudWatch: in.cloudWatch.Count("PutMetricData") - putBefore}
	ecs := in.ecs.Counts()
	for operation := range ecs {
		ecs[operation] -= ecsBefore[operation]
		n.ecs += ecs[operation]
	}
	n.starts, n.stops = ecs["RunTask"], ecs["StopTask"]
	t.Logf("DynamoDB: %s; ECS: %v", tally(n.Calls), ecs)
	return n
}

func tally(calls []string) string {
	counts := map[string]int{}
	for _, c := range calls {
		counts[c]++
	}
	var parts []string
	for _, operation := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%s %d", operation, counts[operation]))
	}
	return strings.Join(parts, ", ")
}

// costConfig is one replica with a task for each session, in tables of its own;
// all times are as shipped, but that a session may sleep for a day.
func costConfig(t *testing.T, name, endpoint, metered string) *Config {
	t.Helper()
	c, err := load(t, fmt.Sprintf(`
public_url: http://localhost
store: { kind: dynamodb, table: sessions-%[1]s, control_table: control-%[1]s, endpoint: %[2]q }
sessions: { ttl: 24h }
cloudwatch: { enabled: true }
pools: { edit: { key: "{session}", driver: ecs-task, ecs: { cluster: edit-cluster, task_definition: astro, subnets: [subnet-1] } } }
`, name, metered), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	client := dynamo.NewControlClient(aws.Config{
		Region: dynamotest.Region, Credentials: credentials.NewStaticCredentialsProvider(dynamotest.AccessKey, dynamotest.SecretKey, ""),
	}, endpoint)
	for _, p := range dynamo.Plans(c.Store.Table, c.Store.ControlTable, dynamo.Attributes(c.Store.Attributes)) {
		if _, _, err := dynamo.CreateTable(t.Context(), client, p); err != nil {
			t.Fatal(err)
		}
	}
	return c
}
