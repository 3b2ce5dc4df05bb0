package main

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/webordinary/warmgate/session/bolt"
)

// described reads what a Desc says of itself; it has no other way.
var described = regexp.MustCompile(`fqName: "([^"]*)", help: "([^"]*)",.* constLabels: \{([^}]*)\}, variableLabels: \{([^}]*)\}`)

// value is what a constant label has.
var value = regexp.MustCompile(`="[^"]*"`)

func TestMetricsReferenceIsFresh(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	writeCertificate(t, folder, "localhost")
	c, err := load(t, "cloudwatch: { enabled: true, region: us-west-2 }\ntls: { listen: ':8443' }\n", map[string]string{
		"WARMGATE_TLS_CERT_FILE": filepath.Join(folder, "localhost.pem"), "WARMGATE_TLS_KEY_FILE": filepath.Join(folder, "localhost.key"),
	})
	if err != nil {
		t.Fatal(err)
	}
	store, err := bolt.Open(bolt.Options{Path: filepath.Join(t.TempDir(), "sessions.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	p, err := wire(c, newOutside(), store, testToken, io.Discard, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	descs := make(chan *prometheus.Desc)
	go func() {
		p.metrics.Describe(descs)
		close(descs)
	}()
	var rows []string
	for d := range descs {
		m := described.FindStringSubmatch(d.String())
		if m == nil {
			t.Errorf("cannot read %s", d)
			continue
		}
		if name, help, labels := m[1], m[2], value.ReplaceAllString(m[3], "")+m[4]; strings.HasPrefix(name, "warmgate_") {
			rows = append(rows, fmt.Sprintf("| `%s` | %s | %s |\n", name, strings.ReplaceAll(labels, ",", ", "), help))
		}
	}
	slices.Sort(rows)
	rows = slices.Compact(rows) // one that has constant labels comes once for each value
	if len(rows) < 20 {
		t.Errorf("only %d metrics", len(rows))
	}
	var out bytes.Buffer
	out.WriteString("# Metrics\n\n`/metrics` on the admin listener, with the token (Prometheus: `authorization: { credentials_file: ... }`).\n" +
		"Besides those of the Go runtime and the process. No label ever holds a session or a path.\n" +
		"`go test ./cmd/warmgate -update` writes this page.\n\n| metric | labels | meaning |\n| --- | --- | --- |\n")
	for _, row := range rows {
		out.WriteString(row)
	}
	golden(t, "../../docs/metrics.md", out.Bytes())
}
