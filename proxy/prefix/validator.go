package prefix

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"sync"
)

// A rewritten body gets a weak validator made of the site's own and a mark of this rewriting, so that browsers
// can ask for it conditionally (RFC 9110 8.8.3: rewriting keeps the meaning, not the bytes). The mark goes off
// again before the site sees it. Vite's client alone is 300 kB.

// rewriting changes when what is done to a body changes, the shim apart.
const rewriting = "1"

// validatorMark ends the validators of rewritten bodies.
var validatorMark = sync.OnceValue(func() string {
	sum := sha256.Sum256([]byte(rewriting + shim))
	return "~wg" + hex.EncodeToString(sum[:4]) + `"`
})

// markValidator makes the validator of an answer that is going to be rewritten.
func markValidator(h http.Header) {
	tag := h.Get("Etag")
	if !strings.HasSuffix(tag, `"`) {
		h.Del("Etag")
		return
	}
	h.Set("Etag", weak(tag[:len(tag)-1]+validatorMark()))
}

// remarkValidator gives the validator of a 304 its mark back, if the browser had asked with it.
func remarkValidator(h http.Header, ifNoneMatch string) {
	tag := h.Get("Etag")
	if !strings.HasSuffix(tag, `"`) {
		return
	}
	if marked := weak(tag[:len(tag)-1] + validatorMark()); strings.Contains(ifNoneMatch, marked) {
		h.Set("Etag", marked)
	}
}

// unmarkValidators takes our mark off the validators that a browser asks with. Those that carry the mark of another
// rewriting are dropped: the browser's copy is not what we would send.
func unmarkValidators(v string) string {
	if !strings.Contains(v, "~wg") {
		return v
	}
	var kept []string
	for tag := range strings.SplitSeq(v, ",") {
		tag = strings.TrimSpace(tag)
		plain, marked := strings.CutSuffix(tag, validatorMark())
		switch {
		case marked:
			kept = append(kept, plain+`"`)
		case !strings.Contains(tag, "~wg"):
			kept = append(kept, tag)
		}
	}
	return strings.Join(kept, ", ")
}

func weak(tag string) string {
	if strings.HasPrefix(tag, "W/") {
		return tag
	}
	return "W/" + tag
}
