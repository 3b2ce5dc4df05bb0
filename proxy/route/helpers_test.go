package route

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"
)

// newTable makes a table of rules that hold no mistake.
func newTable(t testing.TB, rules ...Rule) *Table {
	t.Helper()
	table, err := NewTable(rules)
	if err != nil {
		t.Fatalf("NewTable: %v", err)
	}
	return table
}

// get is a GET request for a URL without a scheme, "host/path?query".
func get(url string) *Request {
	url, query, _ := strings.Cut(url, "?")
	host, path, _ := strings.Cut(url, "/")
	return &Request{
		Method: http.MethodGet, Host: host, Path: "/" + path, Query: query,
		Header: http.Header{}, Peer: netip.MustParseAddr("192.0.2.7"),
	}
}

func fixed() Action { return &FixedResponse{StatusCode: 200} }
