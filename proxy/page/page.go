package page

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // for the layout
	"encoding/base64"
	"fmt"
	"html/template"
	"net/http"
	"strconv"
	"strings"
	"time"
)

//go:embed assets/layout.html
var layout string

//go:embed assets/page.css
var style string

// Source is what a package brings to a page of its own.
type Source struct {
	// Body is html/template text that defines "main" (inside the main element)
	// and may define "head".
	Body string
	// Style is added to the shared style.
	Style string
	// Script runs once the document is there; "" for a page without one.
	Script string
}

// Page is one kind of page, ready to be written. Safe for concurrent use.
type Page struct {
	look     *Look
	template *template.Template
	style    template.CSS
	script   template.JS
	policy   string
}

// MustCompile returns the page that s describes. It panics if s.Body does not
// parse: templates are part of the program.
func (l *Look) MustCompile(s Source) *Page {
	t := template.Must(template.New("layout").Parse(layout))
	p := &Page{
		look:     l,
		template: template.Must(t.Parse(s.Body)),
		style:    template.CSS(strings.TrimSpace(style + s.Style)),
		script:   template.JS(squeeze(s.Script)),
	}
	p.policy = p.contentSecurityPolicy()
	return p
}

// squeeze leaves out what a reader of the source needs and a browser does not:
// indentation, empty lines and lines that are a comment. So a script has no
// string that goes over more than one line.
func squeeze(script string) string {
	var b strings.Builder
	for line := range strings.Lines(script) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "//") {
			b.WriteString(line + "\n")
		}
	}
	return b.String()
}

// contentSecurityPolicy admits the page's own style and script by their hashes
// (CSP Level 3, 2.3.1), calls and forms to its own origin, and nothing else.
func (p *Page) contentSecurityPolicy() string {
	script := "'none'"
	if p.script != "" {
		script = hashSource(string(p.script))
	}
	return fmt.Sprintf("default-src 'none'; style-src %s; script-src %s; img-src data:; connect-src 'self'; "+
		"form-action 'self'; base-uri 'none'; frame-ancestors %s", hashSource(string(p.style)), script, p.look.ancestors)
}

func hashSource(s string) string {
	sum := sha256.Sum256([]byte(s))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// Answer is one use of a page.
type Answer struct {
	Status int
	// Title names the document.
	Title string
	// RetryAfter becomes Retry-After; zero leaves it out.
	RetryAfter time.Duration
	// Data is what the body's templates see.
	Data any
}

// view is what the layout sees.
type view struct {
	Answer
	Style  template.CSS
	Script template.JS
}

// Write answers r with the page; a HEAD gets the same headers and no body. It
// panics if the body's templates do not fit the data: both belong to one
// package, whose tests show it.
func (p *Page) Write(w http.ResponseWriter, r *http.Request, a Answer) {
	var body bytes.Buffer
	if err := p.template.Execute(&body, view{Answer: a, Style: p.style, Script: p.script}); err != nil {
		panic(fmt.Errorf("write page: %w", err))
	}
	h := w.Header()
	SetHeaders(h, a.RetryAfter)
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(body.Len()))
	h.Set("Content-Security-Policy", p.policy)
	if p.look.frames != "" {
		h.Set("X-Frame-Options", p.look.frames)
	}
	w.WriteHeader(a.Status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body.Bytes()) // the client may have gone
	}
}
