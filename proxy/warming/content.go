package warming

import (
	"net/http"
	"time"

	"github.com/webordinary/warmgate/proxy/page"
	"github.com/webordinary/warmgate/session"
)

// content is what the templates of both live pages see.
type content struct {
	View
	state
	// Method is the request's; To its path and query.
	Method string
	To     string
	// Row holds all steps of a start in their order.
	Row []row
	// Now is the step under way in words, Usually the estimate.
	Now     string
	Usually string
	// Cause says in words why the start failed, Detail what the driver said.
	Cause  string
	Detail string
	// Wait is RetryIn in whole seconds.
	Wait int
}

// Resend reports whether opening the page's address again would not repeat what
// was asked.
func (c content) Resend() bool { return c.Method != http.MethodGet && c.Method != http.MethodHead }

// Seconds is the time since the start began, in whole seconds.
func (c content) Seconds() int64 { return c.Elapsed / 1000 }

func newContent(v View, r *http.Request, now time.Time) content {
	st := newState(v.Backend, now)
	c := content{
		View: v, state: st, Method: r.Method, To: r.URL.RequestURI(),
		Row: newRow(st), Usually: usually(v.Backend.Estimate),
		Wait: page.Seconds(time.Duration(st.RetryIn) * time.Millisecond),
	}
	for _, r := range c.Row {
		if r.State == stepNow {
			c.Now = r.Label
		}
	}
	if v.Backend.Phase == session.PhaseFailed {
		c.Cause = cause(v.Backend.Err)
		if v.Backend.Err != nil {
			c.Detail = plain(v.Backend.Err.Error())
		}
	}
	return c
}
