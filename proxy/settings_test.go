package proxy

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/webordinary/warmgate/proxy/route"
	"github.com/webordinary/warmgate/session"
)

// folderTable has the session rule of most tests and a folder with one file.
func folderTable(t *testing.T, text string) *route.Table {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "which.txt"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	table, err := route.NewTable([]route.Rule{
		sessionRule(route.Session{}),
		{Default: true, Action: &route.Static{Dir: dir}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// TestRoutesAreSwapped: a request that is held keeps the routes it came by; what
// they have open is closed behind it, not before.
func TestRoutesAreSwapped(t *testing.T) {
	first, second := folderTable(t, "first"), folderTable(t, "second")
	bubble(t, func(t *testing.T) {
		b := newBed(t, echo, func(o *Options) { o.Routes = first })
		live := b.ready()
		ready, _ := live.Backend()
		live.SetBackend(session.Backend{Phase: session.PhaseStarting})
		held := make(chan reply, 1)
		go func() { held <- b.do(t.Context(), http.MethodGet, "/session/demo/x", moduleScript, nil) }()
		time.Sleep(time.Second) // the bubble's: it is held now

		old := b.handler.table.Load()
		if r := b.get("/which.txt", nil); r.body != "first" {
			t.Errorf("before the swap = %q", r.body)
		}
		if err := b.handler.SetRoutes(second); err != nil {
			t.Fatal(err)
		}
		if r := b.get("/which.txt", nil); r.body != "second" {
			t.Errorf("after the swap = %q", r.body)
		}
		if n := old.users.Load(); n != 1 {
			t.Errorf("the old routes have %d users, want the held request", n)
		}
		if got := openFile(old); got != http.StatusOK {
			t.Errorf("the old folder under a request = %d, want it open", got)
		}
		live.SetBackend(*ready)
		if r := <-held; r.err != nil || r.body != "GET /x " {
			t.Errorf("the held request = %q, %v", r.body, r.err)
		}
		if n := old.users.Load(); n != 0 {
			t.Errorf("the old routes have %d users at the end", n)
		}
		if got := openFile(old); got == http.StatusOK {
			t.Error("the old folder is open after its last request")
		}
	})
}

// openFile asks the routing's folder for its file, past the Handler.
func openFile(r *routing) (status int) {
	w := httptest.NewRecorder()
	r.files[len(r.files)-1].ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/which.txt", http.NoBody))
	return w.Code
}

// TestFailedSwapChangesNothing: routes whose folder is missing leave the old ones
// in place.
func TestFailedSwapChangesNothing(t *testing.T) {
	first := folderTable(t, "first")
	gone, err := route.NewTable([]route.Rule{{Default: true, Action: &route.Static{Dir: filepath.Join(t.TempDir(), "none")}}})
	if err != nil {
		t.Fatal(err)
	}
	bubble(t, func(t *testing.T) {
		b := newBed(t, echo, func(o *Options) { o.Routes = first })
		if err := b.handler.SetRoutes(gone); err == nil {
			t.Error("routes without their folder: no error")
		}
		if r := b.get("/which.txt", nil); r.body != "first" {
			t.Errorf("after the failure = %q, want the first folder", r.body)
		}
	})
}

// TestConfigureKeepsWhatWasSpent: another rate refills no budget, and takes effect
// for addresses that are known already.
func TestConfigureKeepsWhatWasSpent(t *testing.T) {
	bubble(t, func(t *testing.T) {
		slow, fast := Rate{PerMinute: 1, Burst: 1}, Rate{PerMinute: 60, Burst: 1}
		budgets := newBudgets(BudgetOptions{MissesPerAddress: slow}.withDefaults())
		address := netip.MustParseAddr("192.0.2.1")
		budgets.spendMiss(address)
		if _, ok := budgets.missesLeft(address); ok {
			t.Fatal("the budget of one is not spent")
		}
		budgets.set(BudgetOptions{MissesPerAddress: fast}.withDefaults())
		if _, ok := budgets.missesLeft(address); ok {
			t.Error("the new rate has refilled the budget")
		}
		time.Sleep(time.Second)
		if _, ok := budgets.missesLeft(address); !ok {
			t.Error("the new rate does not count for a known address")
		}
	})
}
