package route

import (
	"errors"
	"net/url"
	"strings"
	"testing"
)

func TestRedirectLocation(t *testing.T) {
	tests := []struct {
		name     string
		r        Redirect
		url      string
		protocol string
		port     int
		want     string
		err      error
	}{
		{"to https", Redirect{Protocol: "HTTPS", Port: "443", Host: "#{host}", Path: "/#{path}", Query: new("#{query}")}, "example.com/a/b?c=d", "http", 80, "https://example.com/a/b?c=d", nil},
		{"to https, rest omitted", Redirect{Protocol: "HTTPS"}, "example.com/a?b", "http", 80, "https://example.com/a?b", nil},
		{"to https, odd port stays", Redirect{Protocol: "HTTPS"}, "example.com:8080/a", "http", 0, "https://example.com:8080/a", nil},
		{"to https, port asked for", Redirect{Protocol: "HTTPS", Port: "#{port}"}, "example.com/", "http", 80, "https://example.com:80/", nil},
		{"other port", Redirect{Port: "8443"}, "example.com/", "https", 443, "https://example.com:8443/", nil},
		{"default port left out", Redirect{Port: "80"}, "example.com:8080/", "http", 8080, "http://example.com/", nil},
		{"listener's port counts", Redirect{Host: "b.com"}, "example.com:9/", "http", 8080, "http://b.com:8080/", nil},
		{"odd port in the Host header", Redirect{Path: "/x"}, "example.com:abc/", "http", 0, "http://example.com/x", nil},
		{"host around", Redirect{Host: "www.#{host}"}, "example.com/a", "https", 443, "https://www.example.com/a", nil},
		{"IPv6", Redirect{Path: "/x"}, "[2001:db8::1]:8080/a", "http", 0, "http://[2001:db8::1]:8080/x", nil},
		{"path has no leading slash", Redirect{Path: "/new/#{path}"}, "example.com/a/b", "http", 80, "http://example.com/new/a/b", nil},
		{"path without a slash between", Redirect{Path: "/new#{path}"}, "example.com/a", "http", 80, "http://example.com/newa", nil},
		{"path keeps its escapes", Redirect{Host: "b.com"}, "example.com/a%2Fb%20c", "http", 80, "http://b.com/a%2Fb%20c", nil},
		{"path of host and port", Redirect{Path: "/#{host}/#{port}"}, "example.com/a", "http", 80, "http://example.com/example.com/80", nil},
		{"query dropped", Redirect{Path: "/x", Query: new("")}, "example.com/a?b", "http", 80, "http://example.com/x", nil},
		{"query of all words", Redirect{Path: "/", Query: new("u=#{protocol}://#{host}:#{port}/#{path}&#{query}")}, "e.com/a?b=c", "http", 80, "http://e.com/?u=http://e.com:80/a&b=c", nil},
		{"a word's value is not a template", Redirect{Path: "/x", Query: new("#{query}")}, "e.com/?#{host}", "http", 80, "http://e.com/x?%23%7Bhost%7D", nil},
		{"http to http", Redirect{Protocol: "HTTP", Host: "b.com"}, "a.com/", "http", 80, "http://b.com/", nil},

		{"two slashes stay on the host", Redirect{Protocol: "HTTPS"}, "example.com//evil.com", "http", 80, "https://example.com//evil.com", nil},
		{"backslash", Redirect{Protocol: "HTTPS"}, `example.com/\evil.com`, "http", 80, "https://example.com/%5Cevil.com", nil},
		{"line break", Redirect{Protocol: "HTTPS"}, "example.com/a?b\r\nSet-Cookie: x", "http", 80, "https://example.com/a?b%0D%0ASet-Cookie:%20x", nil},
		{"encoded line break", Redirect{Protocol: "HTTPS"}, "example.com/%0d%0aX:y", "http", 80, "https://example.com/%0d%0aX:y", nil},
		{"host with a user", Redirect{Protocol: "HTTPS"}, "example.com@evil.com/", "http", 80, "", ErrRedirectHost},
		{"host missing", Redirect{Protocol: "HTTPS"}, "/", "http", 80, "", ErrRedirectHost},
		{"host with a bad address", Redirect{Protocol: "HTTPS"}, "[evil]/", "http", 80, "", ErrRedirectHost},
		{"downgrade", Redirect{Protocol: "HTTP"}, "example.com/", "https", 443, "", ErrRedirectDowngrade},
		{"too long", Redirect{Protocol: "HTTPS"}, "example.com/" + strings.Repeat("a", maxLocation), "http", 80, "", ErrRedirectTooLong},
		{"just short enough", Redirect{Protocol: "HTTPS"}, "e.com/" + strings.Repeat("a", maxLocation-len("https://e.com/")), "http", 80, "https://e.com/" + strings.Repeat("a", maxLocation-len("https://e.com/")), nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			newTable(t, Rule{Default: true, Action: &tt.r}) // the rule itself is valid
			got, err := tt.r.Location(get(tt.url), tt.protocol, tt.port)
			if got != tt.want || !errors.Is(err, tt.err) {
				t.Errorf("Location(%.60q) = %.80q, %v, want %.80q, %v", tt.url, got, err, tt.want, tt.err)
			}
		})
	}
}

func TestRedirectStatus(t *testing.T) {
	if got := (&Redirect{}).Status(); got != 302 {
		t.Errorf("Status() = %d, want 302", got)
	}
	if got := (&Redirect{StatusCode: 301}).Status(); got != 301 {
		t.Errorf("Status() = %d, want 301", got)
	}
}

// Without a host in the rule, no request leads to another host than its own.
func FuzzRedirectStaysOnTheHost(f *testing.F) {
	for _, path := range []string{"//evil.com", `/\evil.com`, "/%0d%0aX:y", "/a\r\nb", "/@evil.com", "/%2f%2fevil.com", "evil"} {
		f.Add("example.com:8080", path, "q=1", "/#{path}")
		f.Add("example.com", path, path, "/x#{path}")
	}
	f.Add("a@evil.com", "/", "", "/x")
	f.Add("[::1]:80", "/", "#", "/#{host}")
	f.Fuzz(func(t *testing.T, host, path, query, template string) {
		r := Redirect{Protocol: "HTTPS", Path: template}
		if _, err := NewTable([]Rule{{Default: true, Action: &r}}); err != nil {
			return
		}
		location, err := r.Location(&Request{Host: host, Path: path, Query: query}, "http", 0)
		if err != nil {
			return
		}
		u, err := url.Parse(location)
		if err != nil {
			// A broken escape of the client's stays as it is, but only behind the host.
			name, _ := splitHost(host)
			if !strings.HasPrefix(location, "https://"+name) {
				t.Fatalf("Location = %q: %v", location, err)
			}
			return
		}
		wantHost, _ := splitHost(host)
		gotHost, _ := splitHost(u.Host)
		if u.Scheme != "https" || gotHost != wantHost || u.User != nil {
			t.Errorf("Location(host %q, path %q) = %q leaves the host", host, path, location)
		}
		if strings.ContainsAny(location, "\r\n\t \\") || len(location) > maxLocation {
			t.Errorf("Location = %q is unsafe in a header", location)
		}
	})
}
