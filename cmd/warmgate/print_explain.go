package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/webordinary/warmgate/proxy"
)

// explainedView is the answer to an explain call.
type explainedView struct {
	Explanation proxy.Explanation `json:"explanation"`
	Session     *sessionView      `json:"session,omitempty"`
	NoSession   string            `json:"noSession,omitempty"`
	Pool        *sessionView      `json:"pool,omitempty"`
}

// printExplanation prints the request, the rules in their order, and what is done.
func printExplanation(w io.Writer, v *explainedView) {
	e := &v.Explanation
	query := ""
	if e.Query != "" {
		query = "?" + e.Query
	}
	fmt.Fprintf(w, "%s %s://%s%s%s from %s\n\n", e.Method, e.Scheme, e.Host, e.Path, query, e.Source)
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	for _, r := range e.Rules {
		for i, why := range reasons(&r) {
			if i > 0 {
				fmt.Fprintf(t, "\t\t%s\n", why)
				continue
			}
			fmt.Fprintf(t, "rule %s\t%s\t%s\n", r.Rule, map[bool]string{true: "yes", false: "no"}[r.Matched], why)
		}
	}
	_ = t.Flush()
	if len(e.Rules) > 0 {
		fmt.Fprintln(w)
	}
	printAction(w, e)
	switch {
	case v.Session != nil:
		fmt.Fprintln(w)
		printStatus(w, v.Session)
	case v.Pool != nil:
		fmt.Fprintln(w)
		printStatus(w, v.Pool)
	case v.NoSession != "":
		fmt.Fprintf(w, "\n%s: the answer is a 404, or sessions.gone\n", v.NoSession)
	}
}

// reasons says why the rule took the request, a line for each condition, or the
// one why not.
func reasons(r *proxy.ExplainedRule) []string {
	if len(r.Conditions) == 0 {
		return []string{"it has no conditions"}
	}
	if !r.Matched {
		return []string{sentence(&r.Conditions[len(r.Conditions)-1])}
	}
	var list []string
	for i := range r.Conditions {
		list = append(list, sentence(&r.Conditions[i]))
	}
	return list
}

func sentence(c *proxy.ExplainedCondition) string {
	got := strings.Join(c.Got, ", ")
	switch {
	case c.Holds && len(c.Want) == 1:
		return fmt.Sprintf("%s %s matches %s", c.Condition, got, c.By)
	case c.Holds:
		return fmt.Sprintf("%s %s matches %s of %s", c.Condition, got, c.By, strings.Join(c.Want, ", "))
	case len(c.Got) == 0:
		return fmt.Sprintf("there is no %s; it would have to match %s", c.Condition, alternatives(c.Want))
	}
	return fmt.Sprintf("%s %s does not match %s", c.Condition, got, alternatives(c.Want))
}

func alternatives(want []string) string {
	return strings.Join(want, " or ")
}

// printAction prints what is done with the request.
func printAction(w io.Writer, e *proxy.Explanation) {
	t, a := newFacts(w), &e.Action
	defer t.flush()
	if e.Rule == "" {
		t.fact("rule", "none")
	} else {
		t.fact("rule", e.Rule)
	}
	t.fact("action", a.Kind)
	if a.Status != 0 {
		t.fact("status", fmt.Sprintf("%d %s", a.Status, http.StatusText(a.Status)))
	}
	t.fact("location", a.Location)
	t.fact("reason", a.Reason)
	if s := a.Session; s != nil {
		t.fact("session", s.ID)
		for _, source := range s.Sources {
			t.fact("from "+source.Source, findings(source.Found))
		}
		t.fact("prefix", s.Prefix)
	}
	t.fact("pool", a.Pool)
	if a.Port != 0 {
		t.fact("port", strconv.Itoa(a.Port))
	}
	t.fact("upstreams", strings.Join(a.Upstreams, ", "))
	for _, g := range a.Groups {
		t.fact(fmt.Sprintf("weight %d", g.Weight), cmp.Or(g.Name, g.Pool, strings.Join(g.Upstreams, ", ")))
	}
	t.fact("files", a.Files)
	t.fact("path", a.Path)
	switch {
	case a.Host == e.Host:
		t.fact("host", a.Host+" (the client's)")
	case a.Host != "":
		t.fact("host", a.Host+" (rewritten)")
	case a.Kind == "session" || a.Kind == "forward":
		t.fact("host", "the upstream's own address")
	}
}

// findings lists the names that a source found.
func findings(found map[string]string) string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(found)) {
		list = append(list, name+" = "+found[name])
	}
	if len(list) == 0 {
		return "nothing"
	}
	return strings.Join(list, ", ")
}
