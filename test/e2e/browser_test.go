//go:build e2e

package e2e

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/storage"
	"github.com/chromedp/chromedp"
)

// browser is one Chromium. Its tabs share one browser context: cookies, cache and connections.
type browser struct{ ctx context.Context }

func newBrowser(t *testing.T) *browser {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.WindowSize(1280, 800))
	alloc, stop := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stop)
	ctx, cancel := chromedp.NewContext(alloc)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start Chromium: %v", err)
	}
	return &browser{ctx: ctx}
}

// cookies returns the names of all cookies that the browser holds.
func (b *browser) cookies(t *testing.T) []string {
	t.Helper()
	got, err := chromedp.Call(b.ctx, storage.GetCookies, storage.GetCookiesParams{})
	if err != nil {
		t.Fatalf("read cookies: %v", err)
	}
	var names []string
	for _, c := range got.Cookies {
		names = append(names, c.Name)
	}
	return names
}

// tab is one tab, with a record of what happens in it.
type tab struct {
	*recorder
	ctx context.Context
}

func (b *browser) newTab(t *testing.T) *tab {
	t.Helper()
	tb := &tab{recorder: newRecorder()}
	ctx, cancel := chromedp.NewContext(b.ctx, chromedp.WithListener(tb.event))
	t.Cleanup(cancel)
	tb.ctx = ctx
	call(t, tb, network.Enable, network.EnableParams{})
	call(t, tb, log.Enable, cdp.Empty{})
	return tb
}

// call runs one command of the browser's protocol in the tab.
func call[P, R any](t *testing.T, tb *tab, cmd cdp.Command[P, R], params P) R {
	t.Helper()
	result, err := chromedp.Call(tb.ctx, cmd, params)
	if err != nil {
		t.Fatalf("%s: %v", cmd.Method, err)
	}
	return result
}

// open goes to an address and does not wait for the page.
func (tb *tab) open(t *testing.T, address string) {
	t.Helper()
	call(t, tb, page.Navigate, page.NavigateParams{URL: address})
}

// ask evaluates an expression of JavaScript in the page. While the page changes there is no answer, hence an error.
func ask[T any](tb *tab, expression string) (T, error) {
	ctx, cancel := context.WithTimeout(tb.ctx, 5*time.Second)
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate[T](expression))
}

// holds says whether a condition in JavaScript is true in the page now.
func (tb *tab) holds(condition string) bool {
	yes, err := ask[bool](tb, "Boolean("+condition+")")
	return err == nil && yes
}

// text returns the text of the first element that the CSS selector finds, or "".
func (tb *tab) text(selector string) string {
	text, err := ask[string](tb, `document.querySelector("`+selector+`")?.textContent ?? ""`)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(text)
}

// await waits until a condition in JavaScript is true in the page.
func (tb *tab) await(t *testing.T, condition string) {
	t.Helper()
	if !poll(func() bool { return tb.holds(condition) }) {
		t.Fatalf("after %v still waiting: %s\n%s", patience, condition, tb.describe())
	}
}

// awaitText waits until the first element that the selector finds has this text.
func (tb *tab) awaitText(t *testing.T, selector, want string) {
	t.Helper()
	if !poll(func() bool { return tb.text(selector) == want }) {
		t.Fatalf("after %v %s says %q, want %q\n%s", patience, selector, tb.text(selector), want, tb.describe())
	}
}

// describe tells where the tab is, what it shows and what happened in it.
func (tb *tab) describe() string {
	page, err := ask[string](tb, `location.href + "\n" + document.body?.innerText`)
	if err != nil {
		page = err.Error()
	}
	return page + "\n" + tb.String()
}

// click clicks on the first element that the CSS selector finds.
func (tb *tab) click(t *testing.T, selector string) {
	t.Helper()
	if _, err := ask[bool](tb, `document.querySelector("`+selector+`").click(), true`); err != nil {
		t.Fatalf("click on %s: %v\n%s", selector, err, tb)
	}
}

// settle waits until the tab has had no request under way for half a second.
func (tb *tab) settle(t *testing.T) {
	t.Helper()
	quietSince, count := time.Now(), -1
	quiet := func() bool {
		if n := len(tb.seen()); tb.busy() > 0 || n != count {
			quietSince, count = time.Now(), n
		}
		return time.Since(quietSince) > 500*time.Millisecond
	}
	if !poll(quiet) {
		t.Fatalf("after %v the network is not quiet\n%s", patience, tb.describe())
	}
}

// look gives the tab a size, and a system that prefers the scheme "light" or "dark".
func (tb *tab) look(t *testing.T, width, height int64, scheme string) {
	t.Helper()
	call(t, tb, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: width, Height: height, DeviceScaleFactor: 1,
	})
	call(t, tb, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
}

// picture writes what the tab shows to test/out/name.png.
func (tb *tab) picture(t *testing.T, name string) {
	t.Helper()
	png, err := chromedp.Run(tb.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		t.Fatalf("picture of %s: %v", name, err)
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(out, name+".png"), png, 0o644); err != nil {
		t.Fatal(err)
	}
}
