package prefix_test

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"strings"

	"github.com/webordinary/warmgate/proxy/prefix"
)

// A reverse proxy for one session. The site below knows nothing of its prefix.
func Example() {
	rw, err := prefix.New(prefix.Options{Prefix: "/session/demo/"})
	if err != nil {
		log.Panic(err)
	}
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, `<a href="/second">%s, coming from %s</a>`, r.URL.Path, r.Referer())
	}))
	defer site.Close()

	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rest, ok := rw.Strip(r.URL.EscapedPath())
		if !ok {
			http.NotFound(w, r)
			return
		}
		exchange := prefix.Exchange{Method: r.Method, Path: rest, Host: r.Host, Dest: r.Header.Get("Sec-Fetch-Dest")}
		forward := httputil.ReverseProxy{
			Rewrite: func(pr *httputil.ProxyRequest) {
				pr.Out.URL.Scheme, pr.Out.URL.Host = "http", strings.TrimPrefix(site.URL, "http://")
				pr.Out.URL.Path, pr.Out.URL.RawPath = rest, ""
				pr.Out.Host = pr.In.Host
				rw.Request(pr.Out.Header, pr.In.Host)
			},
			ModifyResponse: func(resp *http.Response) error {
				var kind prefix.Kind
				resp.Body, kind = rw.Response(exchange, resp.StatusCode, resp.Header, resp.Body)
				if kind != prefix.None {
					resp.ContentLength = -1
				}
				return nil
			},
		}
		forward.ServeHTTP(w, r)
	}))
	defer proxy.Close()

	req, err := http.NewRequest(http.MethodGet, proxy.URL+"/session/demo/first", http.NoBody)
	if err != nil {
		log.Panic(err)
	}
	req.Header.Set("Referer", proxy.URL+"/session/demo/")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		log.Panic(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		log.Panic(err)
	}
	fmt.Println(strings.ReplaceAll(string(body), proxy.URL, "http://host"))
	// Output: <a href="/session/demo/second">/first, coming from http://host/</a>
}
