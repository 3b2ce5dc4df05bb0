package static

import (
	"mime"
	"path"
	"strings"
)

// moreTypes are those of a site's files that package mime knows only where the
// system has a list of them, which small container images have not.
var moreTypes = map[string]string{
	".csv":         "text/csv; charset=utf-8",
	".ico":         "image/x-icon",
	".map":         "application/json",
	".md":          "text/markdown; charset=utf-8",
	".mp3":         "audio/mpeg",
	".mp4":         "video/mp4",
	".otf":         "font/otf",
	".ttf":         "font/ttf",
	".txt":         "text/plain; charset=utf-8",
	".vtt":         "text/vtt; charset=utf-8",
	".webm":        "video/webm",
	".webmanifest": "application/manifest+json",
	".woff":        "font/woff",
	".woff2":       "font/woff2",
}

// contentType goes by the file's name alone: what a file holds does not make it a
// page.
func contentType(name string) string {
	extension := strings.ToLower(path.Ext(name))
	if t, ok := moreTypes[extension]; ok {
		return t
	}
	if t := mime.TypeByExtension(extension); t != "" {
		return t
	}
	return "application/octet-stream"
}
