// Package accesslog writes one structured line for each request, as JSON or in
// the text format of an AWS Application Load Balancer (ALB).
//
// [Logger.Begin] takes a pooled [Record] and wraps the response writer with it;
// whoever serves the request fills in what it learns;
// [Logger.End] encodes the line into memory. [Logger.Run] writes in the
// background, so that a slow or stuck output never holds up a request: when
// Options.MaxPending bytes wait, further lines are dropped, counted and reported.
//
// Values that may be credentials are left out: see [AppendURL]. Control
// characters are escaped and lengths are capped, so that no request can forge a
// line or fill a disk with one.
package accesslog
