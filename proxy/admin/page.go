package admin

import (
	"embed"
	"net/http"
)

//go:embed assets
var assets embed.FS

// contentSecurityPolicy lets the page load its own two files and ask its own
// origin, nothing else.
const contentSecurityPolicy = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// registerPage serves the status page. It holds nothing: it asks for the token
// and fetches what it shows.
func registerPage(mux *http.ServeMux, g Guard) {
	for pattern, file := range map[string]string{
		"GET /{$}":       "assets/page.html",
		"GET /admin.css": "assets/admin.css",
		"GET /admin.js":  "assets/admin.js",
	} {
		mux.Handle(pattern, g.Host(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h := w.Header()
			h.Set("Content-Security-Policy", contentSecurityPolicy)
			h.Set("X-Content-Type-Options", "nosniff")
			h.Set("Referrer-Policy", "no-referrer")
			h.Set("Cache-Control", "no-cache")
			http.ServeFileFS(w, r, assets, file)
		})))
	}
}
