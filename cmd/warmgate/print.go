package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// sessionView is what the command line shows of a session.
type sessionView struct {
	SessionID      string    `json:"sessionId"`
	ClientID       string    `json:"clientId"`
	UserID         string    `json:"userId"`
	ThreadID       string    `json:"threadId"`
	Pool           string    `json:"pool"`
	Status         string    `json:"status"`
	PreviewURL     string    `json:"previewUrl"`
	Why            string    `json:"why"`
	Cause          string    `json:"cause"`
	CreatedAt      time.Time `json:"createdAt"`
	LastActivityAt time.Time `json:"lastActivityAt"`
	LastKind       string    `json:"lastActivityKind"`
	SleepAt        time.Time `json:"sleepAt"`
	TTL            int64     `json:"ttl"`
	Start          *struct {
		BeganAt time.Time `json:"beganAt"`
		Phases  []struct {
			Phase string    `json:"phase"`
			At    time.Time `json:"at"`
		} `json:"phases"`
	} `json:"start"`
	Target *struct {
		TaskID  string `json:"taskId"`
		Address string `json:"address"`
	} `json:"target"`
	Open struct {
		Requests int `json:"requests"`
		Sockets  int `json:"sockets"`
		Waiters  int `json:"waiters"`
		Parked   int `json:"parked"`
	} `json:"open"`
	Log []string `json:"log"`
}

// ends is when it is over; "" if it is.
func (s *sessionView) ends() string {
	if s.Status == "draining" || s.Status == "expired" {
		return ""
	}
	return moment(time.Unix(s.TTL, 0), fromNow)
}

type printFunc func(w io.Writer, s *sessionView)

// printChange prints the answer to a call that changed s.
func printChange(w io.Writer, s *sessionView) {
	t := newFacts(w)
	defer t.flush()
	t.fact("session", s.SessionID)
	t.fact("status", s.Status)
	t.fact("cause", s.Cause)
	t.fact("preview", s.PreviewURL)
	t.fact("ends", s.ends())
}

// printStatus prints everything about s.
func printStatus(w io.Writer, s *sessionView) {
	t := newFacts(w)
	defer t.flush()
	t.fact("session", s.SessionID)
	t.fact("client", s.ClientID)
	t.fact("user", s.UserID)
	t.fact("thread", s.ThreadID)
	t.fact("pool", s.Pool)
	t.fact("status", s.Status)
	t.fact("why", s.Why)
	t.fact("cause", s.Cause)
	t.fact("preview", s.PreviewURL)
	if s.Target != nil {
		t.fact("target", s.Target.Address+" (task "+s.Target.TaskID+")")
	}
	t.fact("open", fmt.Sprintf("%d requests, %d sockets, %d waiting, %d parked",
		s.Open.Requests, s.Open.Sockets, s.Open.Waiters, s.Open.Parked))
	if s.Start != nil {
		t.fact("start", phases(s))
	}
	if s.LastKind != "" {
		t.fact("last activity", moment(s.LastActivityAt, ago)+" ("+s.LastKind+")")
	}
	t.fact("sleeps", moment(s.SleepAt, fromNow))
	t.fact("ends", s.ends())
	t.fact("created", moment(s.CreatedAt, ago))
	t.fact("log", strings.Join(s.Log, "\n\t"))
}

// phases tells when the start reached each of its phases.
func phases(s *sessionView) string {
	var list []string
	for _, p := range s.Start.Phases {
		list = append(list, fmt.Sprintf("%s +%.1fs", p.Phase, p.At.Sub(s.Start.BeganAt).Seconds()))
	}
	return strings.Join(list, ", ")
}

// facts prints names and values in two columns; empty values are left out.
type facts struct{ w *tabwriter.Writer }

func newFacts(w io.Writer) facts {
	return facts{tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)}
}

func (f facts) fact(name, value string) {
	if value != "" {
		fmt.Fprintf(f.w, "%s\t%s\n", name, value)
	}
}

func (f facts) flush() { _ = f.w.Flush() } // nobody reads what cannot be written

// printPages prints a list of the client's sessions, or of all if there is none
// named, as a table or as a JSON array.
func printPages(w io.Writer, list []json.RawMessage, client string, asJSON bool) error {
	if asJSON {
		text, err := json.Marshal(list)
		if err != nil {
			return err
		}
		return printJSON(w, text)
	}
	if len(list) == 0 {
		of := ""
		if client != "" {
			of = " of client " + client
		}
		_, err := fmt.Fprintf(w, "There are no sessions%s. Make one: warmgate session activate --client %s\n",
			of, cmp.Or(client, "NAME"))
		return err
	}
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "SESSION\tCLIENT\tSTATUS\tENDS\tWHY")
	for _, text := range list {
		var s sessionView
		if err := json.Unmarshal(text, &s); err != nil {
			return fmt.Errorf("read the answer: %w", err)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", s.SessionID, s.ClientID, s.Status, fromNow(time.Unix(s.TTL, 0)), s.Why)
	}
	return t.Flush()
}

func printJSON(w io.Writer, text []byte) error {
	var out bytes.Buffer
	if err := json.Indent(&out, bytes.TrimSpace(text), "", "  "); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	out.WriteByte('\n')
	_, err := out.WriteTo(w)
	return err
}

// moment writes a time of the clock on the wall and how far off it is; "" for
// never.
func moment(t time.Time, distance func(time.Time) string) string {
	if t.IsZero() || t.Unix() == 0 {
		return ""
	}
	return t.Local().Format("2006-01-02 15:04:05") + " (" + distance(t) + ")"
}

// fromNow is how far off a time to come is.
func fromNow(t time.Time) string {
	if d := inWords(time.Until(t)); d != "" {
		return "in " + d
	}
	return "now"
}

// ago is how long a time in the past is ago.
func ago(t time.Time) string {
	if d := inWords(time.Since(t)); d != "" {
		return d + " ago"
	}
	return "just now"
}

// inWords writes a duration in whole seconds, from a minute on in whole minutes;
// "" for none and for less: the clocks of two machines differ.
func inWords(d time.Duration) string {
	if d = d.Round(time.Second); d >= time.Minute {
		d = d.Round(time.Minute)
	}
	if d <= 0 {
		return ""
	}
	return durationText(d)
}
