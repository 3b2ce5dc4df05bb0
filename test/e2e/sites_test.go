//go:build e2e

package e2e

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

const (
	out     = "../out"
	fixture = "fixture"
	demo    = "../../deploy/local/sites/demo"
)

// workshop is a folder with sites in it, as the process driver's template `sites/{client}` expects them.
type workshop struct{ dir string }

func newWorkshop(t *testing.T) *workshop {
	t.Helper()
	if err := os.MkdirAll(out, 0o755); err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp(out, "workshop-") //nolint:usetesting // hard links to node_modules need the repository's own file system
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if dir, err = filepath.Abs(dir); err != nil {
		t.Fatal(err)
	}
	return &workshop{dir: dir}
}

// site is the folder of one Astro site.
type site struct{ name, dir string }

// add makes a site of its own from the folder at from. Sources are copied, since tests change them; installed packages
// are hard links, so that each site has a dependency cache of its own.
func (w *workshop) add(t *testing.T, name, from string) *site {
	t.Helper()
	s := &site{name: name, dir: filepath.Join(w.dir, "sites", name)}
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	run(t, "cp", "-al", filepath.Join(from, "node_modules"), s.dir)
	for _, part := range []string{"src", "public", "astro.config.mjs", "package.json"} {
		run(t, "cp", "-r", filepath.Join(from, part), s.dir)
	}
	return s
}

// addFixture makes a site from the fixture that says its name on every page.
func (w *workshop) addFixture(t *testing.T, name string) *site {
	t.Helper()
	s := w.add(t, name, fixture)
	s.edit(t, "src/site.js", "unnamed", name)
	return s
}

// addScript makes a site whose "dev server" is the given JavaScript.
func (w *workshop) addScript(t *testing.T, name, script string) {
	t.Helper()
	dir := filepath.Join(w.dir, "sites", name, "node_modules/astro")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "astro.js"), []byte(script), 0o644); err != nil {
		t.Fatal(err)
	}
}

// edit replaces text in a file of the site, as a person with an editor does.
func (s *site) edit(t *testing.T, file, from, to string) {
	t.Helper()
	name := filepath.Join(s.dir, file)
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.ReplaceAll(string(text), from, to)
	if changed == string(text) {
		t.Fatalf("%s does not contain %q", file, from)
	}
	if err := os.WriteFile(name, []byte(changed), 0o644); err != nil {
		t.Fatal(err)
	}
}

// serveDirectly starts `astro dev` in the site with nothing in front of it, and returns its address and what stops it.
func (s *site) serveDirectly(t *testing.T) (base string, stop func()) {
	t.Helper()
	port := freePort(t)
	cmd := exec.Command("node", "node_modules/astro/astro.js", "dev", "--host", "127.0.0.1", "--port", fmt.Sprint(port))
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "ASTRO_TELEMETRY_DISABLED=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stopped := false
	stop = func() {
		if !stopped {
			stopped = true
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
			_ = cmd.Wait()
		}
	}
	t.Cleanup(stop)
	base = fmt.Sprintf("http://127.0.0.1:%d/", port)
	eventually(t, "astro dev to answer", func() bool {
		response, err := http.Get(base)
		if err != nil {
			return false
		}
		response.Body.Close()
		return response.StatusCode == http.StatusOK
	})
	return base, stop
}

// processes lists the processes that work in the workshop's folder: the dev servers, whoever started them.
func (w *workshop) processes(t *testing.T) []string {
	t.Helper()
	folders, err := filepath.Glob("/proc/[0-9]*/cwd")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, link := range folders {
		if cwd, err := os.Readlink(link); err == nil && strings.HasPrefix(cwd, w.dir+"/sites/") {
			found = append(found, filepath.Base(filepath.Dir(link))+" in "+cwd)
		}
	}
	return found
}

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	if text, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, text)
	}
}

// freePort returns a loopback port that nobody listened on a moment ago.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
