package albimport

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"

	"github.com/webordinary/warmgate/proxy/route"
)

func (m *ruleMaker) transforms(list []json.RawMessage) {
	for _, raw := range list {
		var t transformShape
		if err := strict(raw, &t); err != nil {
			m.mistake("a transform cannot be read: %v", err)
			continue
		}
		switch t.Type {
		case "url-rewrite":
			m.transform(t.Type, t.UrlRewriteConfig, &m.rule.Rewrite.Path)
		case "host-header-rewrite":
			m.transform(t.Type, t.HostHeaderRewriteConfig, &m.rule.Rewrite.Host)
		default:
			m.mistake("the transform %q is not known here", t.Type)
		}
	}
}

func (m *ruleMaker) transform(kind string, config *rewritesShape, to *route.Replacement) {
	if config == nil || len(config.Rewrites) != 1 || to.Regex != "" {
		m.mistake("%s must be there once, with one rewrite", kind)
		return
	}
	w := config.Rewrites[0]
	groups := 0
	if re, err := regexp.Compile(w.Regex); err == nil { // else check says so
		groups = re.NumSubexp()
	}
	*to = route.Replacement{Regex: w.Regex, Replace: groupReferences(w.Replace, groups)}
}

// groupReferences writes the references to groups in s, $1, as ${1}: before a
// letter or "_" they would be read as a name. Of several digits as many count
// as make up a group. Any other "$" stands for itself.
func groupReferences(s string, groups int) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '$' {
			b.WriteByte(s[i])
			continue
		}
		end := i + 1
		for end < len(s) && '0' <= s[end] && s[end] <= '9' {
			if n, _ := strconv.Atoi(s[i+1 : end+1]); n > groups && end > i+1 {
				break
			}
			end++
		}
		if end == i+1 {
			b.WriteString("$$")
			continue
		}
		b.WriteString("${" + s[i+1:end] + "}")
		i = end - 1
	}
	return b.String()
}
