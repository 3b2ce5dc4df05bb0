package albimport

import (
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/webordinary/warmgate/proxy/route"
)

func (m *ruleMaker) actions(list []json.RawMessage) {
	var all []actionShape
	for _, raw := range list {
		var a actionShape
		if err := strict(raw, &a); err != nil {
			m.mistake("an action cannot be read: %v", err)
			return
		}
		all = append(all, a)
	}
	slices.SortStableFunc(all, func(a, b actionShape) int { return cmp.Compare(a.Order, b.Order) })
	for i := range all {
		m.action(&all[i])
	}
	if m.rule.Action == nil && len(m.mistakes) == 0 {
		m.mistake("has no action that answers")
	}
}

func (m *ruleMaker) action(a *actionShape) {
	switch a.Type {
	case "authenticate-oidc", "authenticate-cognito", "jwt-validation":
		m.authentication(m.about, a.Type)
	case "forward":
		m.answer(m.forward(a))
	case "redirect":
		m.answer(m.redirect(a.RedirectConfig))
	case "fixed-response":
		m.answer(m.fixedResponse(a.FixedResponseConfig))
	default:
		m.mistake("the action %q is not known here", a.Type)
	}
}

// answer sets the action that ends the rule; nil is one with a mistake.
func (m *ruleMaker) answer(a route.Action) {
	if m.rule.Action != nil {
		m.mistake("has more than one of forward, redirect and fixed-response")
	}
	if a != nil {
		m.rule.Action = a
	}
}

// forward prefers the ForwardConfig: the TargetGroupArn beside it says the same.
func (m *ruleMaker) forward(a *actionShape) route.Action {
	f := &route.Forward{}
	if a.ForwardConfig == nil || len(a.ForwardConfig.TargetGroups) == 0 {
		if a.TargetGroupArn == "" {
			m.mistake("forward names no target group")
			return nil
		}
		f.Groups = []route.ForwardGroup{m.group(a.TargetGroupArn, 1)}
		return f
	}
	for _, g := range a.ForwardConfig.TargetGroups {
		weight := 1
		if g.Weight != nil {
			weight = *g.Weight
		}
		f.Groups = append(f.Groups, m.group(g.TargetGroupArn, weight))
	}
	if s := a.ForwardConfig.TargetGroupStickinessConfig; s != nil && s.Enabled && len(f.Groups) > 1 {
		m.remark("the stickiness to a target group (cookie AWSALBTG) is not carried over: each request is shared out by weight")
	}
	return f
}

func (m *ruleMaker) group(arn string, weight int) route.ForwardGroup {
	return route.ForwardGroup{Upstream: &route.Upstream{Name: m.upstreamName(arn)}, Weight: weight}
}

func (m *ruleMaker) redirect(r *redirectShape) route.Action {
	if r == nil {
		m.mistake("redirect has no RedirectConfig")
		return nil
	}
	status, err := strconv.Atoi(strings.TrimPrefix(r.StatusCode, "HTTP_"))
	if err != nil {
		m.mistake("redirect: the status %q is neither HTTP_301 nor HTTP_302", r.StatusCode)
		return nil
	}
	return &route.Redirect{
		StatusCode: status, Protocol: r.Protocol, Host: r.Host, Port: r.Port, Path: r.Path, Query: r.Query,
	}
}

func (m *ruleMaker) fixedResponse(f *fixedResponseShape) route.Action {
	if f == nil {
		m.mistake("fixed-response has no FixedResponseConfig")
		return nil
	}
	status, err := strconv.Atoi(f.StatusCode)
	if err != nil {
		m.mistake("fixed-response: %q is no status", f.StatusCode)
		return nil
	}
	body := f.MessageBody
	if (status == 204 || status == 205) && body != "" {
		m.remark("the message body is left out: an answer with status %d has none", status)
		body = ""
	}
	return &route.FixedResponse{StatusCode: status, ContentType: f.ContentType, Body: body}
}
