//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestStatusPage looks at the status page of the admin listener: it asks for the token, then shows sessions and the
// pools that forward rules use.
func TestStatusPage(t *testing.T) {
	w := newWorkshop(t)
	w.addScript(t, "broken", `process.exit(1)`)
	s := newServer(t, w, unhurried)
	id := s.activate(t, "broken")
	token, err := os.ReadFile(filepath.Join(s.State, "token"))
	if err != nil {
		t.Fatal(err)
	}
	tb := newBrowser(t).newTab(t)
	tb.open(t, fmt.Sprintf("http://127.0.0.1:%d/", s.AdminPort))
	enter := func(token string) string {
		return fmt.Sprintf(`(document.querySelector("#token").value = %q, document.querySelector("#login").requestSubmit(), true)`, token)
	}
	tb.await(t, `!document.querySelector("#login").hidden`)
	tb.await(t, enter("wrong"))
	tb.await(t, `document.querySelector("#problem").textContent.includes("not valid") && document.querySelector("#lists").hidden`)
	tb.await(t, enter(strings.TrimSpace(string(token))))
	tb.await(t, fmt.Sprintf(`document.querySelector("#rows").innerText.includes(%q)`, id))
	tb.await(t, `/jobs\s+inactive\s+asleep; a request wakes it/.test(document.querySelector("#pool-rows").innerText)`)
	for _, size := range []struct {
		name          string
		width, height int64
	}{{"wide", 1280, 800}, {"narrow", 390, 844}} {
		for _, scheme := range []string{"light", "dark"} {
			tb.look(t, size.width, size.height, scheme)
			if tb.holds("document.documentElement.scrollWidth > document.documentElement.clientWidth") {
				t.Errorf("%s: wider than the screen", size.name)
			}
			tb.picture(t, strings.Join([]string{"status", size.name, scheme}, "-"))
		}
	}
}
