package proxy

import (
	"io"
	"net/http"
	"runtime"
	"strconv"
	"testing"
)

// TestLargeBodies: 64 MiB go through in both directions without being kept.
func TestLargeBodies(t *testing.T) {
	const size = 64 << 20
	b, addr := serveOnSocket(t, nil)
	b.served(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set("X-Received", strconv.FormatInt(n, 10))
		w.Header().Set("Content-Length", strconv.Itoa(size))
		if err == nil {
			_, _ = io.CopyN(w, zeros{}, size)
		}
	}))
	for name, length := range map[string]int64{"length": size, "chunked": -1} {
		t.Run(name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+addr+"/session/demo/x", io.LimitReader(zeros{}, size))
			if err != nil {
				t.Fatal(err)
			}
			req.ContentLength = length
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			res, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			n, err := io.Copy(io.Discard, res.Body)
			_ = res.Body.Close()
			runtime.ReadMemStats(&after)
			if err != nil || n != size || res.Header.Get("X-Received") != strconv.Itoa(size) {
				t.Errorf("answer = %d bytes, %v; the site got %s", n, err, res.Header.Get("X-Received"))
			}
			if made := after.TotalAlloc - before.TotalAlloc; made > 8<<20 {
				t.Errorf("%d MiB were allocated for it", made>>20)
			}
		})
	}
}
