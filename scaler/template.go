package scaler

import (
	"fmt"
	"strings"

	"github.com/webordinary/warmgate/session"
)

// Expand replaces each {name} in template by what value returns for the name;
// an unknown name or a brace without its partner is an error. "{{" and "}}"
// stand for the braces themselves.
func Expand(template string, value func(name string) (string, bool)) (string, error) {
	var b strings.Builder
	for rest := template; rest != ""; {
		i := strings.IndexAny(rest, "{}")
		if i < 0 {
			b.WriteString(rest)
			break
		}
		b.WriteString(rest[:i])
		brace := rest[i]
		rest = rest[i+1:]
		if rest != "" && rest[0] == brace {
			b.WriteByte(brace)
			rest = rest[1:]
			continue
		}
		name, after, closed := strings.Cut(rest, "}")
		if brace == '}' || !closed {
			return "", fmt.Errorf("%q has a brace without its partner", template)
		}
		v, known := value(name)
		if !known {
			return "", fmt.Errorf("%q has the unknown variable {%s}", template, name)
		}
		b.WriteString(v)
		rest = after
	}
	return b.String(), nil
}

// sessionVariables resolves {client} and {session}.
func sessionVariables(id session.ID, client session.ClientID) func(string) (string, bool) {
	return func(name string) (string, bool) {
		switch name {
		case "session":
			return string(id), true
		case "client":
			return string(client), true
		}
		return "", false
	}
}
