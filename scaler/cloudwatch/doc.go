// Package cloudwatch publishes the metrics that dashboards, alarms and scaling
// policies on AWS know, and reads how busy the services of a cluster are.
//
// One replica at a time publishes ([Options.Lead]). What concerns the whole is
// complete: sessions are counted in the store, tasks as the scaler finds them in
// ECS. What a replica measures by itself (latency, miss rate, activation time) is
// that of the one that publishes: a sample, as a load balancer spreads the
// requests. Two replicas that published the same count would double every Sum;
// what the others measured is in their own Prometheus metrics.
package cloudwatch
