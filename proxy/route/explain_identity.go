package route

// Finding is what one source of a session's id has found in a request.
type Finding struct {
	Source IDSource
	// Found maps the names that the source added to their values; empty if it
	// added none.
	Found map[string]string
}

// ExplainIdentity is [Rule.Identify], and tells what each source found that was
// asked. A hint is no source here: what it says depends on more than the request.
func (r *Rule) ExplainIdentity(req *Request) (id Identity, findings []Finding, ok bool) {
	d := r.identifier
	if d == nil {
		return Identity{}, nil, false
	}
	where := Identity{}
	var found values
	for i := range d.sources {
		before := found
		d.sources[i].find(req, &found, &where)
		f := Finding{Source: d.sources[i].text, Found: map[string]string{}}
		for v, name := range d.variables {
			if found[v] != before[v] {
				f.Found[name] = found[v]
			}
		}
		findings = append(findings, f)
		if d.complete(&found) {
			break
		}
	}
	id, ok = r.Identify(req)
	return id, findings, ok
}
