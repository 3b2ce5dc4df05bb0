package problem_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/webordinary/warmgate/proxy/page"
	"github.com/webordinary/warmgate/proxy/problem"
	"github.com/webordinary/warmgate/session"
)

func TestFrom(t *testing.T) {
	dial := &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	dialTimeout := &net.OpError{Op: "dial", Net: "tcp", Err: os.ErrDeadlineExceeded}
	for _, tt := range []struct {
		name   string
		err    error
		status int
		typ    problem.Type
		retry  time.Duration
	}{
		{"not found", fmt.Errorf("session x: %w", session.ErrNotFound), 404, problem.NotFound, 0},
		{"expired", fmt.Errorf("session x: %w", session.ErrExpired), 404, problem.NotFound, 0},
		{"invalid", fmt.Errorf("activate: %w", &session.InvalidError{Field: "clientId", Reason: "is empty"}), 400, problem.Invalid, 0},
		{"conflict", fmt.Errorf("activate x: %w", session.ErrConflict), 409, problem.Conflict, 0},
		{"store away", session.ErrUnavailable, 503, problem.Unavailable, 3 * time.Second},
		{"store timed out", fmt.Errorf("%w: %w", session.ErrUnavailable, context.DeadlineExceeded), 503, problem.Unavailable, 3 * time.Second},
		{"capacity", session.ErrCapacity, 503, problem.Capacity, 5 * time.Second},
		{"refused", &session.RefusedError{What: "the pool is full", RetryAfter: time.Minute}, 503, problem.Capacity, time.Minute},
		{"refused without a time", &session.RefusedError{What: "the pool is full"}, 503, problem.Capacity, 5 * time.Second},
		{"start timeout", fmt.Errorf("%w: %w", session.ErrStartTimeout, context.DeadlineExceeded), 504, problem.StartTimeout, 0},
		{"start failed", fmt.Errorf("exit status 1: %w", session.ErrStartFailed), 502, problem.StartFailed, 0},
		{"body too large", &http.MaxBytesError{Limit: 9}, 413, problem.TooLarge, 0},
		{"client gone", fmt.Errorf("forward: %w", context.Canceled), problem.StatusClientGone, problem.ClientGone, 0},
		{"deadline", context.DeadlineExceeded, 504, problem.Timeout, 0},
		{"dial refused", dial, 502, problem.BadGateway, 0},
		{"dial timeout", dialTimeout, 504, problem.Timeout, 0},
		{"no such host", &net.OpError{Op: "dial", Err: &net.DNSError{IsNotFound: true}}, 502, problem.BadGateway, 0},
		{"reset", &net.OpError{Op: "read", Err: os.NewSyscallError("read", syscall.ECONNRESET)}, 502, problem.BadGateway, 0},
		{"broken pipe", syscall.EPIPE, 502, problem.BadGateway, 0},
		{"unknown", errors.New("a secret at 10.0.0.1"), 500, "", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := problem.From(tt.err)
			if p.Status != tt.status || p.Type != tt.typ || p.RetryAfter != tt.retry {
				t.Errorf("From(%v) = %d, %q, %s, want %d, %q, %s", tt.err, p.Status, p.Type, p.RetryAfter, tt.status, tt.typ, tt.retry)
			}
			if p.Title == "" {
				t.Errorf("From(%v) has no title", tt.err)
			}
		})
	}
}

func TestDetail(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want string
	}{
		{&session.InvalidError{Field: "clientId", Reason: "is empty"}, "clientId is empty."},
		{&session.RefusedError{What: "the pool is full"}, "The pool is full."},
		{fmt.Errorf("exit status 1: %w", session.ErrStartFailed), "Exit status 1: start failed."},
		{&http.MaxBytesError{Limit: 9}, "At most 9 bytes are taken."},
	} {
		if got := problem.From(tt.err).Detail; got != tt.want {
			t.Errorf("From(%v).Detail = %q, want %q", tt.err, got, tt.want)
		}
	}
}

// What names addresses or was not made to be shown stays here.
func TestDetailIsKept(t *testing.T) {
	const secret = "10.0.0.1"
	inner := errors.New(secret)
	for _, err := range []error{
		inner,
		fmt.Errorf("%w: %w", session.ErrUnavailable, inner),
		fmt.Errorf("%w: %w", session.ErrCapacity, inner),
		fmt.Errorf("%w: %w", session.ErrNotFound, inner),
		&net.OpError{Op: "dial", Err: inner},
	} {
		for _, p := range []problem.Problem{problem.From(err), problem.FromUpstream(err)} {
			if strings.Contains(p.Title+p.Detail, secret) {
				t.Errorf("problem of %v tells %q", err, secret)
			}
		}
	}
}

func TestFromUpstream(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want int
	}{
		{io.EOF, 502},
		{errors.New("http: server closed idle connection"), 502},
		{context.DeadlineExceeded, 504},
		{context.Canceled, problem.StatusClientGone},
		{&http.MaxBytesError{Limit: 9}, 413},
	} {
		if got := problem.FromUpstream(tt.err).Status; got != tt.want {
			t.Errorf("FromUpstream(%v) = %d, want %d", tt.err, got, tt.want)
		}
	}
}

// answer is what a client gets.
type answer struct {
	status int
	header http.Header
	body   string
}

func write(t *testing.T, method string, f func(http.ResponseWriter, *http.Request)) answer {
	t.Helper()
	w := httptest.NewRecorder()
	f(w, httptest.NewRequestWithContext(t.Context(), method, "/session/x/?secret=1", http.NoBody))
	return answer{w.Code, w.Header(), w.Body.String()}
}

func asJSON(p problem.Problem) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, r *http.Request) { problem.WriteJSON(w, r, p) }
}

func asPage(t *testing.T, p problem.Problem) func(http.ResponseWriter, *http.Request) {
	t.Helper()
	look, err := page.New(page.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return func(w http.ResponseWriter, r *http.Request) { problem.NewPages(look).Write(w, r, p) }
}

func TestWriteJSON(t *testing.T) {
	p := problem.From(&session.RefusedError{What: "the pool is full", RetryAfter: 300 * time.Millisecond})
	p.RequestID = "abc"
	got := write(t, http.MethodGet, asJSON(p))
	if got.status != 503 {
		t.Errorf("status = %d, want 503", got.status)
	}
	for name, want := range map[string]string{
		"Content-Type": "application/problem+json", "Retry-After": "1",
		"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "X-Robots-Tag": "noindex",
	} {
		if v := got.header.Get(name); v != want {
			t.Errorf("%s = %q, want %q", name, v, want)
		}
	}
	var members map[string]any
	if err := json.Unmarshal([]byte(got.body), &members); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"type": "urn:problem-type:warmgate:capacity", "title": "Too much at once", "status": 503.0,
		"detail": "The pool is full.", "retryAfter": 1.0, "requestId": "abc",
	}
	if diff := cmp.Diff(want, members); diff != "" {
		t.Errorf("members (-want +got):\n%s", diff)
	}
}

func TestWithoutTypeIsAboutBlank(t *testing.T) {
	got := write(t, http.MethodGet, asJSON(problem.New(http.StatusMethodNotAllowed, "")))
	want := `{"type":"about:blank","title":"Method Not Allowed","status":405}` + "\n"
	if got.body != want {
		t.Errorf("body = %s, want %s", got.body, want)
	}
}

func TestPages(t *testing.T) {
	for _, tt := range []struct {
		name   string
		method string
		err    error
		has    []string
		hasNot []string
	}{
		{"ended", "GET", session.ErrExpired, []string{"Ask whoever sent you this link"}, []string{"Try again", "refresh"}},
		{"capacity", "GET", session.ErrCapacity, []string{`<a class="button" href="">Try again</a>`, "best in 5 s"}, []string{"refresh", "not delivered"}},
		{"store away", "GET", session.ErrUnavailable, []string{"Try again", `<meta http-equiv="refresh" content="3">`}, nil},
		{"store away at a form", "POST", session.ErrUnavailable, []string{"What you sent was not delivered"}, []string{"refresh"}},
		{"hostile", "GET", &session.RefusedError{What: "<script>alert(1)</script>"}, []string{"&lt;script&gt;"}, []string{"<script>"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := write(t, tt.method, asPage(t, problem.From(tt.err)))
			for _, s := range tt.has {
				if !strings.Contains(got.body, s) {
					t.Errorf("page lacks %q:\n%s", s, got.body)
				}
			}
			for _, s := range append(tt.hasNot, "secret=1") {
				if strings.Contains(got.body, s) {
					t.Errorf("page has %q:\n%s", s, got.body)
				}
			}
		})
	}
}

// Nobody can tell from outside whether a session ever was.
func TestUnknownAndEndedAreTheSame(t *testing.T) {
	unknown, ended := problem.From(session.ErrNotFound), problem.From(fmt.Errorf("session x: %w", session.ErrExpired))
	unknown.RequestID, ended.RequestID = "0123456789abcdef", "0123456789abcdef"
	allow := cmp.AllowUnexported(answer{})
	if diff := cmp.Diff(write(t, "GET", asJSON(unknown)), write(t, "GET", asJSON(ended)), allow); diff != "" {
		t.Errorf("JSON differs:\n%s", diff)
	}
	if diff := cmp.Diff(write(t, "GET", asPage(t, unknown)), write(t, "GET", asPage(t, ended)), allow); diff != "" {
		t.Errorf("page differs:\n%s", diff)
	}
}

func TestHeadAndGone(t *testing.T) {
	p := problem.From(session.ErrNotFound)
	for name, f := range map[string]func(http.ResponseWriter, *http.Request){"JSON": asJSON(p), "page": asPage(t, p)} {
		get, head := write(t, "GET", f), write(t, "HEAD", f)
		if diff := cmp.Diff(get.header, head.header); diff != "" || head.body != "" || head.status != 404 {
			t.Errorf("%s: HEAD = %d %q, headers:\n%s", name, head.status, head.body, diff)
		}
	}
	gone := problem.From(context.Canceled)
	for name, f := range map[string]func(http.ResponseWriter, *http.Request){"JSON": asJSON(gone), "page": asPage(t, gone)} {
		if got := write(t, "GET", f); got.status != problem.StatusClientGone || got.body != "" {
			t.Errorf("%s for a client that has gone = %d %q, want the status only", name, got.status, got.body)
		}
	}
}
