// Package compress gives answers of upstreams a gzip coding on their way to the
// client: dev servers send megabytes of plain text for one page.
//
// What is coded is decided from the two headers alone, never from the body.
// Bodies stream: what the upstream has sent so far reaches the client without
// waiting for more.
package compress
