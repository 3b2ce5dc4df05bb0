package socket

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// IsUpgrade reports whether r asks for a websocket, well-formed or not: Connection
// names upgrade and Upgrade names websocket.
func IsUpgrade(r *http.Request) bool {
	return hasToken(r.Header, "Connection", "upgrade") && hasToken(r.Header, "Upgrade", "websocket")
}

// checkHandshake returns nil for an opening handshake as RFC 6455 4.1 and 4.2.1
// want it, else the status to answer and why.
func checkHandshake(r *http.Request) (status int, err error) {
	switch key, version := r.Header.Values("Sec-Websocket-Key"), r.Header.Get("Sec-Websocket-Version"); {
	case !IsUpgrade(r):
		return http.StatusUpgradeRequired, errors.New("this address speaks websocket only")
	case !r.ProtoAtLeast(1, 1) || r.ProtoMajor > 1:
		return http.StatusBadRequest, errors.New("a websocket handshake takes HTTP/1.1")
	case r.Method != http.MethodGet:
		return http.StatusBadRequest, errors.New("a websocket handshake takes GET")
	case r.ContentLength != 0:
		return http.StatusBadRequest, errors.New("a websocket handshake has no body")
	case strings.TrimSpace(version) != "13":
		return http.StatusUpgradeRequired, fmt.Errorf("websocket version 13 is spoken here, not %q", version)
	case len(key) != 1 || !validKey(key[0]):
		return http.StatusBadRequest, errors.New("Sec-WebSocket-Key is not one base64 value of 16 bytes")
	}
	return 0, nil
}

func validKey(key string) bool {
	b, err := base64.StdEncoding.DecodeString(key)
	return err == nil && len(b) == 16
}

// hasToken reports whether the comma-separated header field lists the token,
// in any case.
func hasToken(h http.Header, field, token string) bool {
	for _, line := range h.Values(field) {
		for t := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.TrimSpace(t), token) {
				return true
			}
		}
	}
	return false
}
