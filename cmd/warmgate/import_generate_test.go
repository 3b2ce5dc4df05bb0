package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// generator makes rule sets and requests that have a fair chance to meet.
type generator struct{ *rand.Rand }

func newGenerator(seed uint64) generator { return generator{rand.New(rand.NewPCG(seed, 1))} }

func (g generator) one(list ...string) string { return list[g.IntN(len(list))] }

func (g generator) some(n int, list ...string) []string {
	var all []string
	for range 1 + g.IntN(n) {
		all = append(all, g.one(list...))
	}
	return all
}

const targetGroupARN = "arn:aws:elasticloadbalancing:us-west-2:111122223333:targetgroup/"

// rules are n rules with priorities of their own, and a default rule.
func (g generator) rules(n int) object {
	var list []any
	for i, p := range g.Perm(n) {
		list = append(list, object{
			"RuleArn":  fmt.Sprintf("arn:aws:elasticloadbalancing:us-west-2:111122223333:listener-rule/app/edit/50dc/f2f7/%04d", i),
			"Priority": fmt.Sprint(1 + p*7), "IsDefault": false,
			"Conditions": g.conditions(), "Actions": []any{g.action()},
		})
	}
	list = append(list, object{
		"RuleArn":  "arn:aws:elasticloadbalancing:us-west-2:111122223333:listener-rule/app/edit/50dc/f2f7/default",
		"Priority": "default", "IsDefault": true, "Conditions": []any{}, "Actions": []any{g.action()},
	})
	return object{"Rules": list}
}

var (
	somePaths = []string{
		"/session/*", "/api/*", "/api/v?/*", "/img/*/pics", "*.png", "/", "/*", "/a%2Fb*", "/a//b", "/$-_.~'@:+&", "/Session/*", "/hermes/api/sessions/*",
	}
	someHosts   = []string{"*.example.com", "example.com", "edit.?.example.com", "LOCALHOST.example.net", "*"}
	someMethods = []string{"GET", "HEAD", "POST", "X-CUSTOM_M"}
	someHeaders = []string{"User-Agent", "x-session-id", "X-Mode"}
	someValues  = []string{"*Chrome*", "v1", "V?", "*", "exact value", "1"}
	someKeys    = []string{"", "version", "V*", "mode"}
	someNets    = []string{"192.0.2.0/24", "10.0.0.0/8", "2001:db8::/32", "198.51.100.7/32"}
)

// conditions are 1 to 3 of different fields, and perhaps one more of the fields that
// may be there several times.
func (g generator) conditions() []any {
	all := []func() object{
		func() object {
			return g.values("path-pattern", "PathPatternConfig", somePaths, `^/(api|img)/`, `\.(png|jpg)$`)
		},
		func() object {
			return g.values("host-header", "HostHeaderConfig", someHosts, `^edit\.`, `example\.com$`)
		},
		func() object { return g.values("http-request-method", "HttpRequestMethodConfig", someMethods) },
		func() object { return g.values("source-ip", "SourceIpConfig", someNets) },
		g.header, g.query,
	}
	var list []any
	for _, i := range g.Perm(len(all))[:1+g.IntN(3)] {
		list = append(list, all[i]())
	}
	if g.IntN(4) == 0 {
		list = append(list, all[4+g.IntN(2)]())
	}
	return list
}

// values has them in one of the places where the API may have them, or in both.
func (g generator) values(field, config string, from []string, regexes ...string) object {
	values := g.some(3, from...)
	inner := object{"Values": values}
	c := object{"Field": field, config: inner}
	if (field == "path-pattern" || field == "host-header") && g.IntN(3) > 0 {
		c["Values"] = values
		if g.IntN(3) == 0 {
			delete(c, config)
		}
	}
	if len(regexes) > 0 && g.IntN(4) == 0 {
		inner["RegexValues"] = g.some(2, regexes...)
		c[config] = inner
	}
	return c
}

func (g generator) header() object {
	h := object{"HttpHeaderName": g.one(someHeaders...), "Values": g.some(3, someValues...)}
	if g.IntN(4) == 0 {
		h["RegexValues"] = []string{`^v[0-9]+$`}
	}
	return object{"Field": "http-header", "HttpHeaderConfig": h}
}

func (g generator) query() object {
	var pairs []any
	for range 1 + g.IntN(2) {
		pair := object{"Value": g.one(someValues...)}
		if key := g.one(someKeys...); key != "" {
			pair["Key"] = key
		}
		pairs = append(pairs, pair)
	}
	return object{"Field": "query-string", "QueryStringConfig": object{"Values": pairs}}
}

func (g generator) action() object {
	arn := func() string { return targetGroupARN + g.one("astro/73e2", "hermes/11aa", "api/22bb") }
	switch g.IntN(5) {
	case 0:
		first := arn()
		return object{"Type": "forward", "Order": 1, "TargetGroupArn": first}
	case 1:
		first := arn()
		return object{
			"Type": "forward", "TargetGroupArn": first,
			"ForwardConfig": object{"TargetGroups": []any{object{"TargetGroupArn": first, "Weight": 1}}, "TargetGroupStickinessConfig": object{"Enabled": false}},
		}
	case 2:
		return object{"Type": "forward", "Order": 3, "ForwardConfig": object{"TargetGroups": []any{
			object{"TargetGroupArn": targetGroupARN + "astro/73e2", "Weight": g.IntN(999)},
			object{"TargetGroupArn": targetGroupARN + "hermes/11aa", "Weight": 1 + g.IntN(9)},
			object{"TargetGroupArn": targetGroupARN + "api/22bb"},
		}}}
	case 3:
		return object{"Type": "redirect", "RedirectConfig": g.redirect()}
	default:
		return object{"Type": "fixed-response", "FixedResponseConfig": object{
			"StatusCode": g.one("200", "404", "503"), "ContentType": g.one("text/plain", "application/json"),
			"MessageBody": g.one("", "nothing here", "line one\nline two: \"x\" # no comment", "  spaces ", "1m0s"),
		}}
	}
}

func (g generator) redirect() object {
	r := object{
		"StatusCode": g.one("HTTP_301", "HTTP_302"), "Protocol": g.one("HTTPS", "#{protocol}"), "Port": g.one("443", "8443", "#{port}"),
		"Host": g.one("new.#{host}", "www.example.org"), "Path": g.one("/#{path}", "/new/#{path}", "/#{host}/#{port}"),
	}
	if q := g.one("-", "#{query}", "", "from=#{path}&#{query}"); q != "-" {
		r["Query"] = q
	}
	return r
}

// request fills in patterns of the kind that the rules have.
func (g generator) request() albRequest {
	fill := func(pattern string) string {
		var b strings.Builder
		for _, c := range pattern {
			switch c {
			case '*':
				b.WriteString(g.one("", "a", "a/b", "Chrome", "v1"))
			case '?':
				b.WriteString(g.one("1", "x"))
			default:
				b.WriteRune(c)
			}
		}
		return b.String()
	}
	r := albRequest{
		method: g.one(someMethods...), scheme: g.one("http", "https"), path: fill(g.one(somePaths...)),
		source: g.one("192.0.2.7", "10.1.2.3", "2001:db8::5", "198.51.100.7", "203.0.113.1"),
		host:   strings.ReplaceAll(fill(g.one(someHosts[:4]...)), "/", "-") + g.one("", ":8080"),
	}
	if !strings.HasPrefix(r.path, "/") {
		r.path = "/" + r.path
	}
	for range g.IntN(3) {
		r.header = append(r.header, [2]string{g.one(someHeaders...), strings.TrimSpace(fill(g.one(someValues...)))})
	}
	var pairs []string
	for range g.IntN(3) {
		pairs = append(pairs, fill(g.one(someKeys...))+"="+strings.ReplaceAll(fill(g.one(someValues...)), " ", "+"))
	}
	r.query = strings.Join(pairs, "&")
	return r
}
