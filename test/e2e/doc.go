// Package e2e drives the built binary as people do: real Astro dev servers, started by the process
// driver, looked at through real Chromium. Its tests are behind the build tag e2e; `make test-browser`
// builds and installs what they need. They leave the pictures of our own pages in test/out.
package e2e
