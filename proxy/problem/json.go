package problem

import (
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/webordinary/warmgate/proxy/page"
)

// document is the JSON form of a problem: the members of RFC 9457 3.1 and two of
// our own.
type document struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`
	// RetryAfter is in seconds, as in the header.
	RetryAfter int    `json:"retryAfter,omitempty"`
	RequestID  string `json:"requestId,omitempty"`
}

// WriteJSON answers r with p as application/problem+json. A HEAD gets the same
// headers and no body; where nobody is left to answer, only the status is set.
func WriteJSON(w http.ResponseWriter, r *http.Request, p Problem) {
	if p.Gone() {
		w.WriteHeader(p.Status)
		return
	}
	body := append(encode(p), '\n')
	h := w.Header()
	page.SetHeaders(h, p.RetryAfter)
	h.Set("Content-Type", "application/problem+json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(p.Status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // the client may have gone
	}
}

func encode(p Problem) []byte {
	d := document{
		Type: string(p.Type), Title: p.Title, Status: p.Status, Detail: p.Detail,
		RetryAfter: page.Seconds(p.RetryAfter), RequestID: p.RequestID,
	}
	if d.Type == "" {
		d.Type = "about:blank"
	}
	body, err := json.Marshal(d)
	if err != nil {
		panic(err) // strings and integers only
	}
	return body
}
