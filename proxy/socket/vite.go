package socket

import (
	"bytes"
	"encoding/json"

	"github.com/webordinary/warmgate/session"
)

// What a Vite client understands on its HMR socket.
var (
	viteConnected  = []byte(`{"type":"connected"}`)
	viteFullReload = []byte(`{"type":"full-reload","path":"*"}`)
)

// direction is where a message goes; the value is its metric label.
type direction string

const (
	toUpstream direction = "to_upstream"
	toClient   direction = "to_client"
)

// activityOf tells what a message on a socket of this kind says about the use of
// its session; "" if nothing. start is the beginning of the message. A
// keep-alive and the dev server's greeting are what an idle tab exchanges; an
// update means that somebody edits.
func activityOf(k Kind, d direction, start []byte) session.ActivityKind {
	if k != HMR {
		return session.SocketData
	}
	switch messageType := viteType(start); {
	case messageType == "ping", messageType == "pong", messageType == "connected":
		return ""
	case d == toClient && (messageType == "update" || messageType == "full-reload"):
		return session.HMRUpdate
	}
	return session.SocketData
}

// viteType returns the member "type" of the JSON object that start begins, or ""
// if it cannot be told.
func viteType(start []byte) string {
	d := json.NewDecoder(bytes.NewReader(start))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return ""
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return ""
		}
		if name == "type" {
			value, _ := d.Token()
			s, _ := value.(string)
			return s
		}
		var skipped json.RawMessage
		if d.Decode(&skipped) != nil {
			return ""
		}
	}
	return ""
}
