package main

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/webordinary/warmgate/proxy/route/albimport"
)

// importedText writes the result as a configuration file with comments. The same
// result makes the same bytes.
func importedText(r *albimport.Result) ([]byte, error) {
	root := &yaml.Node{Kind: yaml.MappingNode}
	if r.ResponseTimeout > 0 {
		limits := struct {
			ResponseTimeout time.Duration `yaml:"response_timeout"`
		}{r.ResponseTimeout}
		if err := addSection(root, "limits", "The load balancer's idle timeout.", limits); err != nil {
			return nil, err
		}
	}
	if r.Forwarded != (albimport.Forwarded{}) {
		forwarded := struct {
			Mode       string `yaml:"mode,omitempty"`
			ClientPort bool   `yaml:"client_port,omitempty"`
		}(r.Forwarded)
		if err := addSection(root, "forwarded", "What the load balancer does with X-Forwarded-For.", forwarded); err != nil {
			return nil, err
		}
	}
	if len(r.Upstreams) > 0 {
		upstreams, err := upstreamsNode(r)
		if err != nil {
			return nil, err
		}
		addNode(root, "upstreams", "The target groups. Tasks that are to sleep when nobody uses them belong in a pool:\n"+
			"see docs/alb.md.", upstreams)
	}
	routes, err := routesNode(r)
	if err != nil {
		return nil, err
	}
	addNode(root, "routes", "", routes)
	newTidier(DefaultConfig()).tidy(root, "")
	var b bytes.Buffer
	b.WriteString(comment(importedHead(r)) + "\n\n")
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(root); err != nil {
		return nil, err
	}
	if err := e.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// importedHead says where the file comes from and what was not carried over.
func importedHead(r *albimport.Result) string {
	from := r.Listener.String()
	if r.Listener.LoadBalancer != "" {
		from += " of the load balancer " + r.Listener.LoadBalancer
	}
	lines := []string{
		"Made by warmgate import alb from the " + from + ":", r.Listener.ARN, "",
		"The public listener (listen, TLS) is yours to choose: see docs/configuration.md.",
	}
	if len(r.Notes) > 0 {
		lines = append(lines, "", "Not carried over:")
	}
	for _, n := range r.Notes {
		lines = append(lines, "- "+n.String())
	}
	return strings.Join(lines, "\n")
}

func upstreamsNode(r *albimport.Result) (*yaml.Node, error) {
	section := &yaml.Node{Kind: yaml.MappingNode}
	for i := range r.Upstreams {
		u := &r.Upstreams[i]
		if err := addSection(section, u.Name, u.ARN, importedUpstream(u)); err != nil {
			return nil, err
		}
	}
	return section, nil
}

func routesNode(r *albimport.Result) (*yaml.Node, error) {
	section := &yaml.Node{Kind: yaml.SequenceNode}
	for i := range r.Rules {
		rule := &r.Rules[i]
		n := &yaml.Node{}
		if err := n.Encode(importedRoute(&rule.Rule)); err != nil {
			return nil, err
		}
		n.HeadComment = comment(rule.ARN)
		section.Content = append(section.Content, n)
	}
	return section, nil
}

// addSection adds a key with what v is encoded as.
func addSection(to *yaml.Node, key, text string, v any) error {
	n := &yaml.Node{}
	if err := n.Encode(v); err != nil {
		return fmt.Errorf("write %s: %w", key, err)
	}
	addNode(to, key, text, n)
	return nil
}

func addNode(to *yaml.Node, key, text string, value *yaml.Node) {
	k := &yaml.Node{Kind: yaml.ScalarNode, Value: key, HeadComment: comment(text)}
	to.Content = append(to.Content, k, value)
}

// comment makes every line of text one. Control characters, which could end a
// line, are left out.
func comment(text string) string {
	if text == "" {
		return ""
	}
	var b strings.Builder
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.Map(func(r rune) rune {
			if r < ' ' || r == 0x7f || r == 0x85 || r == 0x2028 || r == 0x2029 || r == 0xfeff {
				return -1
			}
			return r
		}, line)
		b.WriteString(strings.TrimRight("# "+line, " ") + "\n")
	}
	return strings.TrimSuffix(b.String(), "\n")
}
