package session

import (
	"crypto/rand"
	"fmt"
	"strings"
)

// MaxIDLength is the longest session or client id accepted, in bytes.
const MaxIDLength = 128

// ID names a session. A valid one begins with a letter or a digit and goes on
// with letters, digits and "-._~#@:", at most [MaxIDLength] bytes. It appears in
// URLs and logs; it is a name, not a credential.
type ID string

// ClientID names the customer who owns sessions and a pool. The syntax is the
// same as for an [ID].
type ClientID string

// NewID returns a fresh id of 130 random bits, in lower case so that it can
// also be a DNS label.
func NewID() ID {
	return ID(strings.ToLower(rand.Text()))
}

// ParseID checks s and returns it as an ID, or an [*InvalidError].
func ParseID(s string) (ID, error) {
	if reason := checkName(s); reason != "" {
		return "", &InvalidError{Field: "sessionId", Reason: reason}
	}
	return ID(s), nil
}

// ParseClientID checks s and returns it as a ClientID, or an [*InvalidError].
func ParseClientID(s string) (ClientID, error) {
	if reason := checkName(s); reason != "" {
		return "", &InvalidError{Field: "clientId", Reason: reason}
	}
	return ClientID(s), nil
}

// checkName returns why s is not a valid name, or "".
func checkName(s string) string {
	switch {
	case s == "":
		return "is empty"
	case len(s) > MaxIDLength:
		return fmt.Sprintf("is longer than %d bytes", MaxIDLength)
	case !isAlphanumeric(s[0]):
		return "must begin with a letter or a digit"
	}
	for i := range len(s) {
		if !isAlphanumeric(s[i]) && strings.IndexByte("-._~#@:", s[i]) < 0 {
			return fmt.Sprintf("has the character %q at byte %d; letters, digits and -._~#@: are allowed", s[i], i)
		}
	}
	return ""
}

func isAlphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}
