package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/spf13/cobra"
)

// runIn runs the command line and returns what it printed.
func runIn(t *testing.T, vars map[string]string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	err := run(t.Context(), args, environment(vars), &out, &errs)
	code = exitCode(&errs, err)
	return out.String(), errs.String(), code
}

func TestExitCodes(t *testing.T) {
	t.Parallel()
	bad := filepath.Join(t.TempDir(), "bad.yaml")
	if err := os.WriteFile(bad, []byte("sessions: { ttl: 1m }\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		args []string
		code int
		want string // in the output
	}{
		{[]string{"--help"}, 0, "Available Commands"},
		{[]string{}, 0, "Available Commands"},
		{[]string{"session"}, 0, "activate"},
		{[]string{"serve", "--help"}, 0, "warmgate serve --config warmgate.yaml"},
		{[]string{"version"}, 0, "warmgate unknown (go1."},
		{[]string{"config", "check", bad}, 1, "sessions.idle_timeout: must be shorter than ttl"},
		{[]string{"config", "check", bad + "x"}, 1, "no such file"},
		{[]string{"session", "status", "x", "--config", bad + "x"}, 1, "no such file"},
		{[]string{"serv"}, 2, `unknown command "serv" for "warmgate"; did you mean "serve"?`},
		{[]string{"config", "chek"}, 2, `unknown command "chek"`},
		{[]string{"serve", "--prot", "1"}, 2, "unknown flag: --prot"},
		{[]string{"session", "lst"}, 2, `did you mean "list"?`},
		{[]string{"session", "status"}, 2, "the session's ID is missing (warmgate session list shows them)\nwarmgate session status --help"},
		{[]string{"session", "end", ""}, 2, "the session's ID is missing"},
		{[]string{"session", "status", "a", "b"}, 2, `"b" is too much`},
		{[]string{"session", "list", "x"}, 2, `"x" is too much`},
		{[]string{"config", "check", "a", "b"}, 2, `"b" is too much`},
		{[]string{"session", "activate"}, 2, "--client is missing"},
		{[]string{"session", "activate", "--client", "x", "--metadata", "{"}, 2, "--metadata is no JSON object"},
		{[]string{"session", "activate", "--client", "x", "--metadata", "[1]"}, 2, "--metadata is no JSON object"},
	} {
		stdout, stderr, code := runIn(t, nil, test.args...)
		if code != test.code || !strings.Contains(stdout+stderr, test.want) {
			t.Errorf("warmgate %s = %d\n%s%s\nwant %d and %q", strings.Join(test.args, " "), code, stdout, stderr, test.code, test.want)
		}
		if code != 0 && (stdout != "" || !strings.HasPrefix(stderr, "warmgate: ")) {
			t.Errorf("warmgate %s: the mistake belongs on standard error alone: %q, %q", strings.Join(test.args, " "), stdout, stderr)
		}
	}
}

func TestConfigCheckPrintsWhatTakesEffect(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "warmgate.yaml")
	if err := os.WriteFile(file, []byte("sessions: { ttl: 20m }\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	stdout, stderr, code := runIn(t, map[string]string{"WARMGATE_CONFIG": file, "WARMGATE_LOG_LEVEL": "debug"}, "config", "check")
	if code != 0 || !strings.Contains(stdout, "ttl: 20m\n") || !strings.Contains(stdout, "level: debug\n") || !strings.Contains(stderr, "is valid") {
		t.Errorf("config check = %d\n%s%s", code, stdout, stderr)
	}
}

// api is a management API that answers every call with this.
func fakeAPI(t *testing.T, status int, answer string) (url string, calls *[]string) {
	t.Helper()
	calls = &[]string{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*calls = append(*calls, fmt.Sprintf("%s %s %s", r.Method, r.URL.EscapedPath(), r.Header.Get("Authorization")))
		if status == http.StatusFound {
			w.Header().Set("Location", answer)
		}
		w.WriteHeader(status)
		fmt.Fprint(w, answer)
	}))
	t.Cleanup(s.Close)
	return s.URL, calls
}

const testToken = "a-token-that-is-long-enough"

func tokenFile(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(testToken+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestClientFindsAddressAndToken(t *testing.T) {
	t.Parallel()
	url, calls := fakeAPI(t, 200, `{"sessionId":"a#b"}`)
	token := tokenFile(t)
	file := filepath.Join(t.TempDir(), "warmgate.yaml")
	config := "admin: { listen: '" + strings.TrimPrefix(url, "http://") + "', token_file: '" + token + "' }\n"
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name string
		vars map[string]string
		args []string
	}{
		{"file", nil, []string{"--config", file}},
		{"variables", map[string]string{"WARMGATE_ADMIN_URL": url, "WARMGATE_ADMIN_TOKEN_FILE": token}, nil},
		{"flags", map[string]string{"WARMGATE_ADMIN_URL": "http://127.0.0.1:1"}, []string{"--admin-url", url + "/", "--token-file", token}},
	} {
		*calls = nil
		_, stderr, code := runIn(t, test.vars, append([]string{"session", "status", "a#b"}, test.args...)...)
		want := "GET /api/sessions/a%23b/status Bearer " + testToken
		if code != 0 || len(*calls) != 1 || (*calls)[0] != want {
			t.Errorf("%s: code %d, calls %q, want %q\n%s", test.name, code, *calls, want, stderr)
		}
	}
}

func TestClientErrors(t *testing.T) {
	t.Parallel()
	token := tokenFile(t)
	closed, _ := fakeAPI(t, 200, "{}")
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	unauthorized, _ := fakeAPI(t, 401, "{}")
	notFound, _ := fakeAPI(t, 404, `{"title":"x","detail":"There is no session x."}`)
	stranger, _ := fakeAPI(t, 404, "page not found")
	elsewhere, seen := fakeAPI(t, 200, "{}")
	redirect, _ := fakeAPI(t, 302, elsewhere)
	for _, test := range []struct{ name, url, token, want string }{
		{"nothing there", gone.URL, token, "nothing answers at " + gone.URL + ": is warmgate serve running there?"},
		{"no token", closed, token + "x", "start warmgate serve first"},
		{"wrong token", unauthorized, token, "the token in " + token + " is not the one of"},
		{"problem", notFound, token, "There is no session x (404 from " + notFound + ")"},
		{"another server", stranger, token, "is that Warmgate's admin listener?"},
		{"no URL", "127.0.0.1:9090", token, "is no URL such as"},
		{"redirect", redirect, token, "answered 302"},
	} {
		_, stderr, code := runIn(t, nil, "session", "keepalive", "x", "--admin-url", test.url, "--token-file", test.token)
		if code != 1 || !strings.Contains(stderr, test.want) {
			t.Errorf("%s: code %d, %q, want 1 and %q", test.name, code, stderr, test.want)
		}
	}
	if len(*seen) > 0 {
		t.Errorf("the token followed a redirect: %q", *seen)
	}
}

func TestListFollowsPages(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("offset") == "" {
			w.Header().Set("Link", `<?limit=1000&offset=1000>; rel="next"`)
			fmt.Fprint(w, `[{"sessionId":"s1"}]`)
			return
		}
		fmt.Fprint(w, `[{"sessionId":"s2"}]`)
	}))
	t.Cleanup(s.Close)
	stdout, stderr, code := runIn(t, nil, "session", "list", "--json", "--admin-url", s.URL, "--token-file", tokenFile(t))
	var list []struct{ SessionID string }
	if err := json.Unmarshal([]byte(stdout), &list); err != nil || code != 0 || len(list) != 2 {
		t.Errorf("list = %d, %v\n%s%s", code, err, stdout, stderr)
	}
}

func TestEmptyListSaysWhatToDo(t *testing.T) {
	t.Parallel()
	url, _ := fakeAPI(t, 200, "[]")
	for _, test := range []struct {
		args []string
		want string
	}{
		{nil, "There are no sessions. Make one: warmgate session activate --client NAME\n"},
		{[]string{"--client", "acme"}, "There are no sessions of client acme. Make one: warmgate session activate --client acme\n"},
	} {
		args := append([]string{"session", "list", "--admin-url", url, "--token-file", tokenFile(t)}, test.args...)
		if stdout, _, code := runIn(t, nil, args...); code != 0 || stdout != test.want {
			t.Errorf("session list %q = %d, %q, want %q", test.args, code, stdout, test.want)
		}
	}
}

func TestDistances(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		for _, test := range []struct {
			off          time.Duration
			ago, fromNow string
		}{
			{-25 * time.Hour, "25h ago", "now"},
			{-90 * time.Second, "2m ago", "now"},
			{-30 * time.Second, "30s ago", "now"},
			{-300 * time.Millisecond, "just now", "now"},
			{0, "just now", "now"},
			{300 * time.Millisecond, "just now", "now"},
			{3 * time.Second, "just now", "in 3s"}, // the server's clock is ahead
			{24*time.Hour - 20*time.Second, "just now", "in 24h"},
		} {
			at := now.Add(test.off)
			if got := ago(at); got != test.ago {
				t.Errorf("ago(%v) = %q, want %q", test.off, got, test.ago)
			}
			if got := fromNow(at); got != test.fromNow {
				t.Errorf("fromNow(%v) = %q, want %q", test.off, got, test.fromNow)
			}
		}
	})
}

func TestStatusForPeople(t *testing.T) {
	t.Parallel()
	url, _ := fakeAPI(t, 200, `{
		"sessionId": "demo", "clientId": "acme", "status": "initializing", "why": "waits for its server's first answer",
		"start": {"beganAt": "2026-03-01T12:00:00Z", "phases": [
			{"phase": "asked", "at": "2026-03-01T12:00:00Z"}, {"phase": "checking", "at": "2026-03-01T12:00:01.5Z"}]},
		"open": {"waiters": 2}, "log": ["first line", "second line"]}`)
	stdout, _, code := runIn(t, nil, "session", "status", "demo", "--admin-url", url, "--token-file", tokenFile(t))
	if code != 0 {
		t.Fatalf("code %d", code)
	}
	for _, want := range []string{
		"session  demo\n", "status   initializing\n", "why      waits for its server's first answer\n",
		"open     0 requests, 0 sockets, 2 waiting, 0 parked\n", "start    asked +0.0s, checking +1.5s\n",
		"log      first line\n         second line\n",
	} {
		if !strings.Contains(stdout, want) {
			t.Errorf("status lacks %q:\n%s", want, stdout)
		}
	}
}

func TestEndedSessionHasNoEndToCome(t *testing.T) {
	t.Parallel()
	for status, want := range map[string]bool{"active": true, "inactive": true, "draining": false, "expired": false} {
		url, _ := fakeAPI(t, 200, `{"sessionId": "demo", "status": "`+status+`", "ttl": 4102444800}`)
		stdout, _, _ := runIn(t, nil, "session", "end", "demo", "--admin-url", url, "--token-file", tokenFile(t))
		if got := strings.Contains(stdout, "ends"); got != want {
			t.Errorf("%s: tells when it ends: %t, want %t\n%s", status, got, want, stdout)
		}
	}
}

func TestToken(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "deep", "token")
	first, made, err := ensureToken(file)
	if err != nil || !made || len(first) != 43 {
		t.Fatalf("ensureToken = %q, %t, %v; want 256 bits, made", first, made, err)
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode = %v, %v; want 0600", info.Mode(), err)
	}
	second, made, err := ensureToken(file)
	if err != nil || made || second != first {
		t.Errorf("ensureToken again = %q, %t, %v; want the same, not made", second, made, err)
	}
	if entries, _ := os.ReadDir(filepath.Dir(file)); len(entries) != 1 {
		t.Errorf("the folder holds %d files, want the token alone", len(entries))
	}
}

func TestCommandReferenceIsFresh(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	fmt.Fprint(&out, "# Commands\n\nExit codes: 0 done, 1 it went wrong, 2 a mistake in the command line.\n"+
		"`go test ./cmd/warmgate -update` writes this page.\n")
	writeCommands(&out, (&app{lookup: environment(nil)}).command())
	golden(t, "../../docs/cli.md", out.Bytes())
}

// writeCommands writes the help of cmd and of those below it.
func writeCommands(out *bytes.Buffer, cmd *cobra.Command) {
	if cmd.Name() == "help" || cmd.Name() == "completion" {
		return
	}
	cmd.InitDefaultHelpFlag()
	text := cmd.Long
	if text == "" {
		text = cmd.Short + "."
	}
	fmt.Fprintf(out, "\n## %s\n\n%s\n\n```\n%s```\n", cmd.CommandPath(), text, cmd.UsageString())
	for _, below := range cmd.Commands() {
		writeCommands(out, below)
	}
}
