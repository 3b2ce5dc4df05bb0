// Package cloudwatchtest is a fake of Amazon CloudWatch's metrics that speaks the
// wire protocol of the SDK's client (Smithy RPC v2 with CBOR, gzip): PutMetricData
// with the limits of the service, and GetMetricData over what was put.
//
// A [Fake] is an [http.Handler] for a listener, and an HTTP client ([Fake.Do]) for
// a test in a synctest bubble. All its calls are below [Prefix], so that one
// listener can serve it beside a fake ECS.
package cloudwatchtest
