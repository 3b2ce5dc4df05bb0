package main

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var update = flag.Bool("update", false, "write the generated documents and golden files anew")

// environment is a lookupFunc over a map.
func environment(vars map[string]string) lookupFunc {
	return func(name string) (string, bool) {
		v, ok := vars[name]
		return v, ok
	}
}

// load returns the configuration with this text, and its mistakes.
func load(t *testing.T, text string, vars map[string]string) (*Config, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "warmgate.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, _, err := loadConfig(file, environment(vars))
	if err != nil {
		return nil, err
	}
	return c, c.Validate()
}

func TestConfigMistakes(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/config/*.yaml")
	if err != nil || len(files) < 40 {
		t.Fatalf("found %d files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var want []string
			for line := range strings.Lines(string(text)) {
				if w, ok := strings.CutPrefix(line, "# want: "); ok {
					want = append(want, strings.TrimSpace(w))
				}
			}
			c, _, err := loadConfig(file, environment(nil))
			if err == nil {
				err = c.Validate()
			}
			var got []string
			if err != nil {
				for line := range strings.SplitSeq(err.Error(), "\n") {
					got = append(got, strings.TrimPrefix(line, file+": "))
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("mistakes (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEmptyFileMeansDefaults(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "# nothing\n", "admin:\nsessions:\n", "---\n"} {
		c, err := load(t, text, nil)
		if err != nil {
			t.Errorf("load(%q): %v", text, err)
			continue
		}
		if got, want := c.Sessions, DefaultConfig().Sessions; got != want {
			t.Errorf("load(%q).Sessions = %+v, want %+v", text, got, want)
		}
		if c.Routes[0].Session.Pool != localPool || c.Pools[localPool] == nil {
			t.Errorf("load(%q) has not the local pool and its route", text)
		}
	}
}

func TestLayers(t *testing.T) {
	t.Parallel()
	c, err := load(t, "sessions: { ttl: 20m, idle_timeout: 2m }\ncold: { wakes_per_client: { burst: 7 } }\n", map[string]string{
		"WARMGATE_SESSIONS_IDLE_TIMEOUT":                 "3m",
		"WARMGATE_TRUSTED_PROXIES":                       "10.0.0.0/8,192.168.0.0/16",
		"WARMGATE_COLD_WAKES_PER_ADDRESS_PER_MINUTE":     "1.5",
		"WARMGATE_SOCKETS_MESSAGE_BYTES":                 "1024",
		"WARMGATE_LISTEN":                                "", // as good as none
		"WARMGATE_STORE_PATH":                            "here.db",
		"WARMGATE_POOLS":                                 "ignored",
		"WARMGATE_SESSIONS":                              "ignored",
		"WARMGATE_COLD_WAKES_PER_ADDRESS_UNKNOWN_STRING": "ignored",
	})
	if err != nil {
		t.Fatal(err)
	}
	for what, ok := range map[string]bool{
		"the file beats the default":     c.Sessions.TTL == 20*time.Minute && c.Cold.WakesPerClient.Burst == 7,
		"the variable beats the file":    c.Sessions.IdleTimeout == 3*time.Minute,
		"a list":                         len(c.TrustedProxies) == 2 && c.TrustedProxies[1] == "192.168.0.0/16",
		"a number":                       c.Cold.WakesPerAddress.PerMinute == 1.5 && c.Sockets.MessageBytes == 1024,
		"the rest of a section stays":    c.Cold.WakesPerClient.PerMinute == 60,
		"an empty variable is none":      c.Listen == DefaultConfig().Listen,
		"a variable's path is not moved": c.Store.Path == "here.db",
	} {
		if !ok {
			t.Errorf("not so: %s", what)
		}
	}
}

func TestEnvironmentMistakes(t *testing.T) {
	t.Parallel()
	_, err := load(t, "", map[string]string{"WARMGATE_SESSIONS_TTL": "soon", "WARMGATE_COLD_HOLDS": "many"})
	want := "WARMGATE_SESSIONS_TTL: \"soon\" is not a duration such as 30s or 5m\n" +
		"WARMGATE_COLD_HOLDS: \"many\" is not a whole number"
	if err == nil || err.Error() != want {
		t.Errorf("load = %v, want %s", err, want)
	}
}

func TestPathsAreRelativeToTheFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "warmgate.yaml")
	text := "pools:\n  a: { key: '{client}', process: { dir: 'sites/{client}', log_file: /var/log/x } }\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, _, err := loadConfig(file, environment(nil))
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Dir(file)
	for got, want := range map[string]string{
		c.Pools["a"].Process.Dir:     filepath.Join(folder, "sites/{client}"),
		c.Pools["a"].Process.LogFile: "/var/log/x",
		c.Admin.TokenFile:            filepath.Join(folder, ".warmgate/token"),
		c.Store.Path:                 filepath.Join(folder, ".warmgate/sessions.db"),
	} {
		if got != want {
			t.Errorf("path = %s, want %s", got, want)
		}
	}
}

// TestEveryScalarHasAVariable also finds two keys with the same variable.
func TestEveryScalarHasAVariable(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for _, k := range configKeys(&Config{}, &PoolConfig{}, &RouteConfig{}) {
		if k.Doc == "" {
			t.Errorf("%s has no text for the reference", k.Path)
		}
		inList := strings.HasPrefix(k.Path, "pools") || strings.HasPrefix(k.Path, "routes") || strings.HasPrefix(k.Path, "upstreams") ||
			strings.Contains(k.Path, "[]")
		if k.Below == "" && (k.Env == "") != inList {
			t.Errorf("%s: variable %q; scalars have one, lists, pools, upstreams and routes none", k.Path, k.Env)
		}
		want := envPrefix + strings.ToUpper(strings.ReplaceAll(k.Path, ".", "_"))
		if k.Env != "" && (k.Env != want || seen[k.Env] != "") {
			t.Errorf("%s: variable %s, want %s, used by %q", k.Path, k.Env, want, seen[k.Env])
		}
		seen[k.Env] = k.Path
	}
}

func TestPrintConfig(t *testing.T) {
	t.Parallel()
	text := `
pools:
  edit: { key: "{session}", process: { dir: "/srv/{client}", env: { API_KEY: hunter2 } } }
routes:
  - { priority: 15, path: ["/session/*"], session: {}, limits: { hold_timeout: 30s } }
  - { default: true, redirect: { host: example.com, query: "" } }
`
	c, err := load(t, text, nil)
	if err != nil {
		t.Fatal(err)
	}
	c.Admin.TokenFile, c.Store.Path = "/x/token", "/x/sessions.db"
	var out bytes.Buffer
	if err := printConfig(&out, c); err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/effective.yaml", out.Bytes())
	again := DefaultConfig()
	if err := decodeConfig(out.Bytes(), "again", again); err != nil {
		t.Fatalf("what was printed is no configuration: %v", err)
	}
	again.complete()
	if err := again.Validate(); err != nil {
		t.Errorf("what was printed has mistakes: %v", err)
	}
	again.Pools["edit"].Process.Env["API_KEY"] = "hunter2"
	if diff := cmp.Diff(c, again, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("what was printed means something else (-printed +read):\n%s", diff)
	}
}

func TestReferenceIsFresh(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := printReference(&out); err != nil {
		t.Fatal(err)
	}
	golden(t, "../../docs/configuration.md", out.Bytes())
}

// golden compares got with the file, or writes it with -update.
func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s is out of date; go test ./cmd/warmgate -update writes it (-file +now):\n%s", file, diff)
	}
}

// TestReferenceExample: what the reference shows as an example has no mistake.
func TestReferenceExample(t *testing.T) {
	t.Parallel()
	_, after, _ := strings.Cut(referenceTail, "```yaml\n")
	text, _, _ := strings.Cut(after, "```")
	if _, err := load(t, text, nil); err != nil {
		t.Error(err)
	}
}

func FuzzConfig(f *testing.F) {
	files, err := filepath.Glob("testdata/config/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		c := DefaultConfig()
		if decodeConfig(text, "fuzz", c) != nil {
			return
		}
		c.complete()
		if c.Validate() != nil {
			return
		}
		if _, err := c.table(); err != nil {
			t.Errorf("a valid configuration has no table: %v", err)
		}
		if err := printConfig(&bytes.Buffer{}, c); err != nil {
			t.Errorf("a valid configuration cannot be printed: %v", err)
		}
	})
}
