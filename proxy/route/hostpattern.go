package route

import "strings"

// hostPattern finds variables in a host name, label by label: a label is text,
// or a variable with text around it.
type hostPattern []hostLabel

type hostLabel struct {
	before, after string // lower case; before is the whole label if there is no variable
	value         int    // index of the variable, noVariable if there is none
}

const noVariable = -1

// compileHostPattern adds the variables of pattern to those of d.
func (d *identifier) compileHostPattern(pattern string, m *mistakes) hostPattern {
	var labels hostPattern
	variables := 0
	for text := range strings.SplitSeq(pattern, ".") {
		label := hostLabel{before: strings.ToLower(text), value: noVariable}
		if open := strings.IndexByte(text, '{'); open >= 0 {
			end := strings.IndexByte(text, '}')
			name, ok := variableName(text[open : max(end, open)+1])
			if !ok {
				m.add("session.id", "host:%s: %q is no label with one {name}", pattern, text)
			}
			label = hostLabel{
				before: strings.ToLower(text[:open]),
				after:  strings.ToLower(text[max(end, open)+1:]),
				value:  d.variable(name),
			}
			variables++
		}
		if text == "" || !consistsOf(label.before+label.after, alphanumeric+"-_") {
			m.add("session.id", "host:%s: %q is no label of a host name", pattern, text)
		}
		labels = append(labels, label)
	}
	if variables == 0 {
		m.add("session.id", "host:%s holds no {name}", pattern)
	}
	return labels
}

// find sets the variables that host (without a port) holds. Nothing is set unless
// all labels fit.
func (p hostPattern) find(host string, found *values) {
	host = strings.ToLower(host)
	result := *found
	for i, label := range p {
		text, rest, more := strings.Cut(host, ".")
		if more != (i < len(p)-1) || !label.find(text, &result) {
			return
		}
		host = rest
	}
	*found = result
}

func (l hostLabel) find(text string, found *values) bool {
	if l.value == noVariable {
		return text == l.before
	}
	if len(text) <= len(l.before)+len(l.after) ||
		!strings.HasPrefix(text, l.before) || !strings.HasSuffix(text, l.after) {
		return false
	}
	found.set(l.value, text[len(l.before):len(text)-len(l.after)])
	return true
}
