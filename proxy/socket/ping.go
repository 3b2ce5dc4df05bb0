package socket

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/gorilla/websocket"

	"github.com/webordinary/warmgate/session"
)

// pingLinger is how long an answered probe may take to say goodbye. Closing at
// once could reset the connection before the browser has read our answer.
const pingLinger = time.Second

// answerPing answers the probe of a Vite client: with 101 if its tab is to reload
// now, else with 503, after which it asks again in a second.
func (h *Hub) answerPing(w http.ResponseWriter, r *http.Request, reload bool) Outcome {
	out := h.tryPing(w, r, reload && !h.isDraining())
	h.metrics.pings.WithLabelValues(strconv.Itoa(out.Status)).Inc()
	return out
}

func (h *Hub) tryPing(w http.ResponseWriter, r *http.Request, reload bool) Outcome {
	if !reload {
		return h.refuse(w, r, &refusal{
			status: http.StatusServiceUnavailable,
			err:    fmt.Errorf("the session is not ready: %w", session.ErrUnavailable),
		})
	}
	client, err := h.upgrade(w, r, subprotocol(r))
	if err != nil {
		return h.upgradeFailed(w, r, err)
	}
	defer client.Close()
	bye := websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")
	control(client, websocket.CloseMessage, bye, pingLinger)
	_ = client.SetReadDeadline(time.Now().Add(pingLinger))
	for err == nil {
		_, _, err = client.NextReader()
	}
	return Outcome{Kind: Ping, Status: http.StatusSwitchingProtocols, CloseCode: websocket.CloseNormalClosure}
}

// subprotocol accepts what a request of kind HMR or Ping offers.
func subprotocol(r *http.Request) http.Header {
	return http.Header{"Sec-Websocket-Protocol": r.Header.Values("Sec-Websocket-Protocol")}
}
