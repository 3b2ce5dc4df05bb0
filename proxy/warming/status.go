package warming

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/webordinary/warmgate/proxy/page"
	"github.com/webordinary/warmgate/session"
)

// Status answers with the snapshot as JSON, for a page that polls. It is never a
// wake.
func (p *Pages) Status(w http.ResponseWriter, r *http.Request, live *session.Live) {
	b, _ := live.Backend()
	body := append(encode(newState(b, time.Now())), '\n')
	h := w.Header()
	page.SetHeaders(h, 0)
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // the client may have gone
	}
}

func encode(v any) []byte {
	body, err := json.Marshal(v)
	if err != nil {
		panic(err) // strings and integers only
	}
	return body
}
