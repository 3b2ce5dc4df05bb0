package accesslog

import "net/http"

// logged serves next with a line for each request, as package proxy does.
func logged(l *Logger, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec, w := l.Begin(w, r)
		returned := false
		defer func() {
			if !returned {
				rec.Abort()
			}
			l.End(rec)
		}()
		next.ServeHTTP(w, r)
		returned = true
	})
}

// recordOf returns the record of the request that w answers.
func recordOf(w http.ResponseWriter) *Record { return w.(*response).record }
