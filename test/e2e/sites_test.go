//go:build e2e

package e2e

import (
	"bytes"
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

// workshop is a folder with sites in it, as the process driver's template `sites/{client}` expects them. It lies in
// test/out and outlives the tests: what is installed in it, and the dependencies that Vite has found, stay.
type workshop struct {
	dir      string
	packages string // folder of the packages that sites made from the fixture run on
	Node     string // command that runs them; the configuration's template asks for it
}

// newWorkshop returns the workshop for the packages of the fixture or, if WARMGATE_E2E_PACKAGES names another folder
// with a package.json, for those. Packages that bring Node along are run by it.
func newWorkshop(t *testing.T) *workshop {
	t.Helper()
	w := &workshop{dir: filepath.Join(out, "workshop"), packages: fixture, Node: "node"}
	if other := os.Getenv("WARMGATE_E2E_PACKAGES"); other != "" {
		w.packages = other
		w.dir += "-" + filepath.Base(other)
	}
	var err error
	if w.dir, err = filepath.Abs(w.dir); err != nil {
		t.Fatal(err)
	}
	brought, err := filepath.Abs(filepath.Join(w.packages, "node_modules/.bin/node"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(brought); err == nil {
		w.Node = brought
	}
	return w
}

// site is the folder of one Astro site.
type site struct{ name, dir, node string }

// add makes a site from the sources in the folder at from and the packages in another, or the same. Its sources are
// new copies, since tests change them. Its packages are hard links to the installed ones, so that each site has a
// dependency cache of its own. It is served once, for Vite to find the dependencies: later starts are those of a site
// that has run before.
func (w *workshop) add(t *testing.T, name, from, packages string) *site {
	t.Helper()
	s := &site{name: name, dir: filepath.Join(w.dir, "sites", name), node: w.Node}
	const installed = "node_modules/.package-lock.json"
	if !sameText(filepath.Join(packages, installed), filepath.Join(s.dir, installed)) {
		run(t, "rm", "-rf", s.dir)
		run(t, "mkdir", "-p", s.dir)
		run(t, "cp", "-al", filepath.Join(packages, "node_modules"), s.dir)
	}
	for _, part := range []string{
		filepath.Join(from, "src"), filepath.Join(from, "public"), filepath.Join(from, "astro.config.mjs"),
		filepath.Join(packages, "package.json"),
	} {
		run(t, "rm", "-rf", filepath.Join(s.dir, filepath.Base(part)))
		run(t, "cp", "-r", part, s.dir)
	}
	if _, err := os.Stat(filepath.Join(s.dir, "node_modules/.vite/deps/_metadata.json")); err != nil {
		s.warm(t)
	}
	return s
}

// warm serves the site once, without Warmgate, and looks at its first page.
func (s *site) warm(t *testing.T) {
	t.Helper()
	base, stop := s.serveDirectly(t)
	defer stop()
	tb := newBrowser(t).newTab(t)
	tb.open(t, base)
	tb.await(t, `document.querySelector("astro-island") && !document.querySelector("astro-island[ssr]")`)
	tb.settle(t)
}

// addFixture makes a site from the fixture that says its name on every page.
func (w *workshop) addFixture(t *testing.T, name string) *site {
	t.Helper()
	s := w.add(t, name, fixture, w.packages)
	s.edit(t, "src/site.js", "unnamed", name)
	return s
}

func sameText(a, b string) bool {
	x, errX := os.ReadFile(a)
	y, errY := os.ReadFile(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}

// addScript makes a site whose "dev server" is the given JavaScript.
func (w *workshop) addScript(t *testing.T, name, script string) {
	t.Helper()
	dir := filepath.Join(w.dir, "sites", name, "node_modules/.bin")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "astro"), []byte(script), 0o644); err != nil {
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
	cmd := exec.Command(s.node, "node_modules/.bin/astro", "dev", "--host", "127.0.0.1", "--port", fmt.Sprint(port))
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
