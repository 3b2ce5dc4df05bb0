package main

import (
	"encoding/xml"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// excused are the cases of h2spec that the HTTP/2 of net/http fails: a long HEADERS
// frame and repeated window settings.
var excused = []string{"4.2/3", "6.5.3/1"}

// TestH2spec runs the conformance suite h2spec against the TLS listener, with a site
// behind it.
func TestH2spec(t *testing.T) {
	tools, err := filepath.Glob("../../.cache/bin/h2spec-*")
	if err != nil || len(tools) == 0 {
		if os.Getenv("CI") == "true" {
			t.Fatal("h2spec is missing; `make h2spec` builds it")
		}
		t.Skip("h2spec is missing; `make h2spec` builds it")
	}
	s, address := startTLS(t, staticPool("127.0.0.1:1")+
		"routes: [{ default: true, forward: { urls: ['http://"+site(t)+"'] } }]\n")
	defer s.end()
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	report := filepath.Join(t.TempDir(), "report.xml")
	cmd := exec.CommandContext(t.Context(), tools[0], "-t", "-k", "-h", host, "-p", port, "-j", report)
	out, err := cmd.CombinedOutput() // its exit code tells of failures, too
	text, readErr := os.ReadFile(report)
	if readErr != nil {
		t.Fatalf("h2spec wrote no report: %v, %v\n%s", readErr, err, out)
	}
	var suites struct {
		Suites []struct {
			Cases []struct {
				Package   string    `xml:"package,attr"`
				Classname string    `xml:"classname,attr"`
				Failure   *struct{} `xml:"failure"`
				Error     *struct{} `xml:"error"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal(text, &suites); err != nil {
		t.Fatal(err)
	}
	cases, failed := 0, []string{}
	for _, suite := range suites.Suites {
		for i, c := range suite.Cases {
			cases++
			if c.Failure != nil || c.Error != nil {
				_, section, _ := strings.Cut(c.Package, "/")
				failed = append(failed, section+"/"+string(rune('1'+i)))
			}
		}
	}
	if cases < 140 {
		t.Errorf("h2spec ran %d cases, want 145", cases)
	}
	slices.Sort(failed)
	if diff := cmp.Diff(excused, failed); diff != "" {
		t.Errorf("failed cases (-excused +failed):\n%s\n%s", diff, out)
	}
}
