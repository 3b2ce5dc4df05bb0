package accesslog

import (
	"net/url"
	"strings"
)

const redacted = "***"

// shareSegment begins the part of a path that is a credential.
const shareSegment = "/share/"

// secretKeys are the ends of the names of query parameters whose values are
// credentials, in lower case: "token" covers "wg_token" and "access_token".
var secretKeys = [...]string{
	"token", "code", "key", "secret", "password", "passwd", "signature", "sig",
	"auth", "credential", "jwt", "assertion", "nonce", "ticket",
}

// AppendURL appends an escaped path and a raw query as they may be logged: "***"
// takes the place of whatever follows "/share/" in the path, and of the values of
// query parameters whose names end like those of credentials.
func AppendURL(b []byte, path, query string) []byte {
	if i := strings.Index(path, shareSegment); i >= 0 && len(path) > i+len(shareSegment) {
		b = append(b, path[:i+len(shareSegment)]...)
		b = append(b, redacted...)
	} else {
		b = append(b, path...)
	}
	separator := byte('?')
	for query != "" {
		var pair string
		pair, query, _ = strings.Cut(query, "&")
		b = append(b, separator)
		separator = '&'
		b = appendPair(b, pair)
	}
	return b
}

func appendPair(b []byte, pair string) []byte {
	key, value, found := strings.Cut(pair, "=")
	if !found || value == "" || !isSecret(key) {
		return append(b, pair...)
	}
	b = append(b, key...)
	b = append(b, '=')
	return append(b, redacted...)
}

func isSecret(key string) bool {
	if strings.IndexByte(key, '%') >= 0 {
		if decoded, err := url.QueryUnescape(key); err == nil {
			key = decoded
		}
	}
	for _, s := range secretKeys {
		if len(key) >= len(s) && strings.EqualFold(key[len(key)-len(s):], s) {
			return true
		}
	}
	return false
}
