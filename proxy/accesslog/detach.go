package accesslog

// Detach returns a record of the same request that outlives its handler, for a
// connection that was taken over: it is ended on its own, from one goroutine,
// with the status that its owner sets. It holds nothing of the request but the
// strings that are logged.
func (l *Logger) Detach(rec *Record) *Record {
	return &Record{
		Start: rec.Start, RequestID: rec.RequestID, Method: rec.Method, Scheme: rec.Scheme, Host: rec.Host,
		Path: rec.Path, Query: rec.Query, Proto: rec.Proto, Client: rec.Client, UserAgent: rec.UserAgent,
		SessionID: rec.SessionID, ClientID: rec.ClientID, Rule: rec.Rule, Priority: rec.Priority, Action: rec.Action,
		Target: rec.Target, UpstreamStatus: rec.UpstreamStatus, UpstreamDuration: rec.UpstreamDuration,
		Cold: rec.Cold, Reason: rec.Reason, tls: rec.tls,
	}
}
