package albimport_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/webordinary/warmgate/proxy/route"
	"github.com/webordinary/warmgate/proxy/route/albimport"
)

const (
	arn     = "arn:aws:elasticloadbalancing:us-west-2:111122223333:"
	answer  = `{"Type":"fixed-response","FixedResponseConfig":{"StatusCode":"200"}}`
	onPath  = `{"Field":"path-pattern","Values":["/a/*"]}`
	forward = `{"Type":"forward","TargetGroupArn":"` + arn + `targetgroup/astro/73e2"}`
)

// ruleJSON is a rule of the listener 50dc/f2f7.
func ruleJSON(priority, conditions, actions string) string {
	return fmt.Sprintf(`{"RuleArn":"%slistener-rule/app/edit/50dc/f2f7/%s","Priority":"%s","IsDefault":%v,"Conditions":[%s],"Actions":[%s]}`,
		arn, priority, priority, priority == "default", conditions, actions)
}

func rulesJSON(rules ...string) string { return `{"Rules":[` + strings.Join(rules, ",") + `]}` }

func listenerJSON(id string, port int, more string) string {
	return fmt.Sprintf(`{"ListenerArn":"%slistener/app/edit/50dc/%s","LoadBalancerArn":"%sloadbalancer/app/edit/50dc","Port":%d,"Protocol":"HTTP"%s}`, arn, id, arn, port, more)
}

const toHTTPS = `,"DefaultActions":[{"Type":"redirect","RedirectConfig":{"Protocol":"HTTPS","Port":"443","StatusCode":"HTTP_301"}}]`

// read reads texts as files named a, b, c; a text may begin with its label, as in
// "astro=".
func read(t *testing.T, texts ...string) *albimport.Documents {
	t.Helper()
	var d albimport.Documents
	for i, text := range texts {
		label, json, found := strings.Cut(text, "={")
		if !found || strings.ContainsAny(label, `{"`) {
			label, json = "", strings.TrimPrefix(text, "{")
		}
		if err := d.Read(string(rune('a'+i)), label, []byte("{"+json)); err != nil {
			t.Fatal(err)
		}
	}
	return &d
}

func TestReadMistakes(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, text, want string }{
		{"empty", " \n", "f: is empty"},
		{"no JSON", "{\n\"Rules\": oops}", "f: line 2: is no JSON: invalid character 'o'"},
		{"cut off", "{\n\"Rules\": [\n", "f: line 2: is no JSON: the text ends too early"},
		{"list", "[]", "f: line 1: is no JSON object"},
		{"another kind", `{"Reservations":[]}`, "f: is not what describe-rules, describe-listeners"},
		{"another kind of member", `{"Rules":{}}`, "f: Rules: must not be object"},
		{"wrong member", `{"Rules":[{"Conditions":1}]}`, "f: Rules: Conditions must not be number"},
		{"a page", `{"Rules":[],"NextMarker":"x"}`, "f: is one page of several (NextMarker)"},
		{"rule twice", rulesJSON(ruleJSON("1", onPath, answer), ruleJSON("1", onPath, forward)), "/1 is in f, too, and differs"},
		{"listener twice", `{"Listeners":[` + listenerJSON("f2f7", 80, "") + `,` + listenerJSON("f2f7", 81, "") + `]}`, "is there twice, and differs"},
	} {
		var d albimport.Documents
		if err := d.Read("f", "", []byte(test.text)); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: Read = %v, want %q", test.name, err, test.want)
		}
	}
}

func TestConvertMistakes(t *testing.T) {
	t.Parallel()
	two := `{"Listeners":[` + listenerJSON("f2f7", 8080, "") + `,` + listenerJSON("aaaa", 8081, "") + `]}`
	groups := `{"TargetGroups":[{"TargetGroupArn":"` + arn + `targetgroup/astro/73e2","TargetGroupName":"astro"},{"TargetGroupArn":"x","TargetGroupName":"other"}]}`
	rules := rulesJSON(ruleJSON("1", onPath, forward))
	for _, test := range []struct {
		name    string
		options albimport.Options
		texts   []string
		want    string
	}{
		{"nothing", albimport.Options{}, []string{groups}, "there are no rules: give the output of aws elbv2 describe-rules"},
		{"two listeners", albimport.Options{}, []string{two}, "there are several listeners; choose one with --listener:\n  " + arn + "listener/app/edit/50dc/aaaa (HTTP 8081), with 0 rules"},
		{"no such listener", albimport.Options{Listener: "443"}, []string{two}, `"443" does not name one listener; choose one with --listener`},
		{"no such rule to drop", albimport.Options{Drop: []string{"7"}}, []string{rules}, "there is no rule 7 to leave out"},
		{
			"priority twice",
			albimport.Options{},
			[]string{rulesJSON(ruleJSON("1", onPath, answer), strings.Replace(ruleJSON("1", onPath, answer), "f2f7/1", "f2f7/2", 1))},
			"rule 1 is there twice: ",
		},
		{"network load balancer", albimport.Options{}, []string{rules, `{"LoadBalancers":[{"LoadBalancerName":"n","Type":"network"}]}`}, "n is a network load balancer"},
		{"whose targets", albimport.Options{}, []string{rules, groups, `{"TargetHealthDescriptions":[]}`}, "c: does not say whose targets these are; say it: astro=c"},
		{"targets of nobody", albimport.Options{}, []string{rules, groups, `nobody={"TargetHealthDescriptions":[]}`}, `c: is about the target group "nobody"`},
		{"whose attributes", albimport.Options{}, []string{rules, groups, `{"Attributes":[{"Key":"stickiness.enabled","Value":"true"}]}`}, "c: does not say which target group these attributes are of"},
		{
			"which listener's attributes",
			albimport.Options{Listener: "8080"},
			[]string{two, rules, `{"Attributes":[{"Key":"routing.http.response.server.enabled","Value":"false"}]}`},
			"(a listener's name is its port)",
		},
	} {
		_, err := read(t, test.texts...).Convert(test.options)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: Convert = %v, want %q", test.name, err, test.want)
		}
	}
}

// TestRefusals: what would change how requests are routed or who gets an answer is
// never lost without a word.
func TestRefusals(t *testing.T) {
	t.Parallel()
	oidc := `{"Type":"authenticate-oidc","Order":1,"AuthenticateOidcConfig":{"Issuer":"https://i"}}`
	rewrite := func(config string) string {
		return strings.Replace(ruleJSON("1", onPath, forward), `"Conditions"`, `"Transforms":[`+config+`],"Conditions"`, 1)
	}
	for _, test := range []struct{ name, rule, want string }{
		{"oidc", ruleJSON("1", onPath, oidc+","+forward), "rule 1: authenticate-oidc"},
		{"cognito", ruleJSON("1", onPath, `{"Type":"authenticate-cognito","Order":1},`+forward), "rule 1: authenticate-cognito"},
		{"jwt", ruleJSON("1", onPath, `{"Type":"jwt-validation","Order":1},`+forward), "rule 1: jwt-validation"},
		{"default rule", ruleJSON("default", "", oidc+","+forward), "default rule: authenticate-oidc"},
		{"unknown action", ruleJSON("1", onPath, `{"Type":"teleport"}`), `rule 1: the action "teleport" is not known here`},
		{"unknown condition", ruleJSON("1", `{"Field":"moon-phase","Values":["full"]}`, answer), `the condition "moon-phase" is not known here`},
		{"unknown transform", rewrite(`{"Type":"body-rewrite"}`), `the transform "body-rewrite" is not known here`},
		{"new member of a condition", ruleJSON("1", `{"Field":"path-pattern","Values":["/a"],"Negate":true}`, answer), `a condition cannot be read: it has the member "Negate"`},
		{"new member of an action", ruleJSON("1", onPath, `{"Type":"forward","RetryConfig":{}}`), `an action cannot be read: it has the member "RetryConfig"`},
		{"path twice", ruleJSON("1", onPath+","+onPath, answer), "has two conditions path-pattern"},
		{"no values", ruleJSON("1", `{"Field":"host-header"}`, answer), "the condition host-header has no values"},
		{"no path", ruleJSON("1", `{"Field":"path-pattern"}`, answer), "the condition path-pattern has no values"},
		{"no header", ruleJSON("1", `{"Field":"http-header","Values":["x"]}`, answer), "has no HttpHeaderConfig"},
		{"query as values", ruleJSON("1", `{"Field":"query-string","Values":["x"]}`, answer), "must have pairs in QueryStringConfig"},
		{"method by regex", ruleJSON("1", `{"Field":"http-request-method","Values":["GET"],"RegexValues":["."]}`, answer), "which it cannot have"},
		{"look-ahead", ruleJSON("1", `{"Field":"path-pattern","RegexValues":["^/(?=a)"]}`, answer), "path: regular expression"},
		{"nothing", ruleJSON("1", onPath, ""), "has no action that answers"},
		{"two answers", ruleJSON("1", onPath, answer+","+forward), "has more than one of forward, redirect and fixed-response"},
		{"forward nowhere", ruleJSON("1", onPath, `{"Type":"forward"}`), "forward names no target group"},
		{"redirect without a config", ruleJSON("1", onPath, `{"Type":"redirect"}`), "redirect has no RedirectConfig"},
		{"redirect to itself", ruleJSON("1", onPath, `{"Type":"redirect","RedirectConfig":{"StatusCode":"HTTP_301"}}`), "would lead to itself"},
		{"fixed response of words", ruleJSON("1", onPath, `{"Type":"fixed-response","FixedResponseConfig":{"StatusCode":"ok"}}`), `"ok" is no status`},
		{"priority of words", ruleJSON("first", onPath, answer), "priority: must be 1 to 50000"},
		{"two rewrites", rewrite(`{"Type":"url-rewrite","UrlRewriteConfig":{"Rewrites":[{"Regex":"a","Replace":"b"},{"Regex":"c","Replace":"d"}]}}`), "url-rewrite must be there once, with one rewrite"},
		{"rewrite of the query", rewrite(`{"Type":"url-rewrite","UrlRewriteConfig":{"Rewrites":[{"Regex":"a","Replace":"b?c"}]}}`), "only the path is rewritten"},
	} {
		d := read(t, rulesJSON(test.rule, ruleJSON("9", onPath, answer)))
		_, err := d.Convert(albimport.Options{})
		r, ok := errors.AsType[*albimport.RefusedError](err)
		if !ok || len(r.Authentication)+len(r.Rules) != 1 || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: Convert = %v, want a refusal with %q", test.name, err, test.want)
			continue
		}
		priority := strings.Fields(strings.Trim(r.Error()[strings.Index(r.Error(), "\n")+1:], " "))[1]
		o := albimport.Options{Drop: []string{strings.TrimSuffix(priority, ":")}}
		switch {
		case len(r.Authentication) > 0:
			o = albimport.Options{DropAuthentication: true}
		case test.name == "priority of words":
			o.Drop[0] = "first"
		}
		result, err := d.Convert(o)
		if err != nil || len(result.Notes) < 1 || !strings.Contains(result.Notes[0].Text, "as asked") {
			t.Errorf("%s: Convert, agreed = %v, want a note", test.name, err)
		}
	}
}

func TestMutualTLSIsAuthentication(t *testing.T) {
	t.Parallel()
	rules := rulesJSON(ruleJSON("default", "", answer))
	for mode, refused := range map[string]bool{"verify": true, "passthrough": true, "off": false} {
		d := read(t, rules, `{"Listeners":[`+listenerJSON("f2f7", 443, `,"MutualAuthentication":{"Mode":"`+mode+`"}`)+`]}`)
		_, err := d.Convert(albimport.Options{})
		if r, ok := errors.AsType[*albimport.RefusedError](err); ok != refused || refused && len(r.Authentication) != 1 {
			t.Errorf("%s: Convert = %v, want a refusal: %v", mode, err, refused)
		}
		if _, err := d.Convert(albimport.Options{DropAuthentication: true}); err != nil {
			t.Errorf("%s, agreed: %v", mode, err)
		}
	}
}

func TestListeners(t *testing.T) {
	t.Parallel()
	listeners := `{"Listeners":[` + listenerJSON("f2f7", 8443, "") + `,` + listenerJSON("0080", 80, toHTTPS) + `]}`
	rules := rulesJSON(ruleJSON("1", onPath, answer), `{"RuleArn":"...","Priority":"default","IsDefault":true,"Actions":[`+answer+`]}`)
	for _, test := range []struct {
		name, listener string
		texts          []string
		port, rules    int
	}{
		{"the one that does not only redirect", "", []string{listeners, rules}, 8443, 2},
		{"in another order", "", []string{rules, listeners}, 8443, 2},
		{"by port", "80", []string{listeners, rules}, 80, 1},
		{"by ARN", arn + "listener/app/edit/50dc/f2f7", []string{listeners, rules}, 8443, 2},
		{"by the end of its ARN", "0080", []string{listeners, rules}, 80, 1},
		{"rules alone", "", []string{rules}, 0, 2},
		{"the only one, though it only redirects", "", []string{`{"Listeners":[` + listenerJSON("0080", 80, toHTTPS) + `]}`}, 80, 1},
		{"the same file twice", "", []string{rules, listeners, rules, listeners}, 8443, 2},
	} {
		r, err := read(t, test.texts...).Convert(albimport.Options{Listener: test.listener})
		if err != nil || r.Listener.Port != test.port || len(r.Rules) != test.rules {
			t.Errorf("%s: Convert = %+v, %v; want port %d, %d rules", test.name, r, err, test.port, test.rules)
		}
	}
}

func TestUpstreams(t *testing.T) {
	t.Parallel()
	group := func(more string) string {
		return `{"TargetGroups":[{"TargetGroupArn":"` + arn + `targetgroup/astro/73e2","TargetGroupName":"astro","Protocol":"HTTP","Port":4321` + more + `}]}`
	}
	targets := func(list string) string { return `{"TargetHealthDescriptions":[` + list + `]}` }
	check := &route.HealthCheck{
		Path: "/", Interval: 30 * time.Second, Timeout: 5 * time.Second, HealthyThreshold: 5, UnhealthyThreshold: 2, Matcher: "200",
	}
	for _, test := range []struct {
		name    string
		texts   []string
		urls    []string
		missing string
		check   *route.HealthCheck
	}{
		{"not described", nil, nil, "targetgroup/astro/73e2, such as", nil},
		{"no targets", []string{group("")}, nil, "such as http://10.0.0.1:4321 (describe-target-health", check},
		{
			"targets",
			[]string{group(""), targets(`{"Target":{"Id":"10.0.0.2","Port":80}},{"Target":{"Id":"2001:db8::1"}},{"Target":{"Id":"10.0.0.9","Port":1},"TargetHealth":{"State":"draining"}}`)},
			[]string{"http://10.0.0.2:80", "http://[2001:db8::1]:4321"},
			"", check,
		},
		{"instances", []string{group(""), targets(`{"Target":{"Id":"i-0123","Port":80}}`)}, nil, "i-0123 is no address", check},
		{"HTTPS", []string{group(`,"Protocol":"HTTPS"`), targets(`{"Target":{"Id":"10.0.0.2","Port":443}}`)}, []string{"https://10.0.0.2:443"}, "", check},
		{"Lambda", []string{group(`,"TargetType":"lambda"`)}, nil, "the Lambda function", nil},
		{"no check", []string{group(`,"HealthCheckEnabled":false`)}, nil, "describe-target-health", nil},
		{"targets by name", []string{group(""), "astro=" + targets(`{"Target":{"Id":"10.0.0.2","Port":80}}`)}, []string{"http://10.0.0.2:80"}, "", check},
	} {
		texts := append([]string{rulesJSON(ruleJSON("1", onPath, forward))}, test.texts...)
		r, err := read(t, texts...).Convert(albimport.Options{})
		if err != nil || len(r.Upstreams) != 1 {
			t.Errorf("%s: Convert = %+v, %v", test.name, r, err)
			continue
		}
		u := r.Upstreams[0]
		if diff := cmp.Diff(test.urls, u.URLs, cmpopts.EquateEmpty()); diff != "" || u.Name != "astro" {
			t.Errorf("%s: %s: urls (-want +got):\n%s", test.name, u.Name, diff)
		}
		if !strings.Contains(u.Missing, test.missing) || (u.Missing == "") != (test.missing == "") {
			t.Errorf("%s: missing %q, want %q", test.name, u.Missing, test.missing)
		}
		if diff := cmp.Diff(test.check, u.HealthCheck); diff != "" {
			t.Errorf("%s: health check (-want +got):\n%s", test.name, diff)
		}
	}
}

// Two target groups of one name, in two accounts for example, stay apart.
func TestTargetGroupsOfOneName(t *testing.T) {
	t.Parallel()
	other := strings.Replace(forward, "73e2", "9999", 1)
	r, err := read(t, rulesJSON(ruleJSON("1", onPath, forward), ruleJSON("2", onPath, other), ruleJSON("3", onPath, forward))).Convert(albimport.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, rule := range r.Rules {
		names = append(names, rule.Action.(*route.Forward).Groups[0].Upstream.Name)
	}
	if diff := cmp.Diff([]string{"astro", "astro-2", "astro"}, names); diff != "" {
		t.Errorf("upstreams (-want +got):\n%s", diff)
	}
}

func TestTransformsKeepTheirGroups(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ regex, replace, path, want string }{
		{"^/a/(.+)$", "/$1_old", "/a/b", "/b_old"},
		{"^/(a)/(b)", "/$2/$1", "/a/b/c", "/b/a/c"},
		{"^/(a)", "/$10", "/a/x", "/a0/x"},
		{"^/a", "/$", "/a/x", "/$/x"},
		{"^/a", "/$x", "/a/x", "/$x/x"},
		{"^/no", "/yes", "/a%2Fb", "/a%2Fb"},
	} {
		config := fmt.Sprintf(`{"Type":"url-rewrite","UrlRewriteConfig":{"Rewrites":[{"Regex":%q,"Replace":%q}]}}`, test.regex, test.replace)
		rule := strings.Replace(ruleJSON("1", onPath, forward), `"Conditions"`, `"Transforms":[`+config+`],"Conditions"`, 1)
		r, err := read(t, rulesJSON(rule)).Convert(albimport.Options{})
		if err != nil {
			t.Errorf("%s: %v", test.replace, err)
			continue
		}
		bound := r.Rules[0].Rule
		bound.Action = route.ForwardTo("http://w")
		table, err := route.NewTable([]route.Rule{bound})
		if err != nil {
			t.Fatal(err)
		}
		for rule := range table.Rules() {
			if got, err := rule.RewritePath(test.path); err != nil || got != test.want {
				t.Errorf("%q -> %q of %q = %q, %v; want %q", test.regex, test.replace, test.path, got, err, test.want)
			}
		}
	}
}

// A rule that no request can match is left out, and said.
func TestRuleThatNeverMatches(t *testing.T) {
	t.Parallel()
	r, err := read(t, rulesJSON(ruleJSON("1", `{"Field":"path-pattern","Values":["a/*"]}`, answer), ruleJSON("2", onPath, answer))).Convert(albimport.Options{})
	if err != nil || len(r.Rules) != 1 || len(r.Notes) != 3 {
		t.Fatalf("Convert = %+v, %v; want one rule, and notes on the value, the rule and the missing default", r, err)
	}
	if want := "rule 1: is left out: no request can match its path-pattern"; r.Notes[1].String() != want {
		t.Errorf("note %q, want %q", r.Notes[1], want)
	}
}

// FuzzRead: no text makes it panic, and what is converted are rules that a table
// takes, but for addresses.
func FuzzRead(f *testing.F) {
	f.Add(rulesJSON(ruleJSON("1", onPath, forward), ruleJSON("default", "", answer)))
	f.Add(`{"Listeners":[` + listenerJSON("f2f7", 80, toHTTPS) + `]}`)
	f.Add(`{"TargetGroups":[{"TargetGroupArn":"x","Port":-1}],"TargetHealthDescriptions":[{"Target":{"Id":"::1"}}],"Attributes":[{"Key":"a"}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		var d albimport.Documents
		if d.Read("f", "", []byte(text)) != nil {
			return
		}
		r, err := d.Convert(albimport.Options{})
		if err != nil {
			return
		}
		var rules []route.Rule
		for _, rule := range r.Rules {
			if a, ok := rule.Action.(*route.Forward); ok {
				for i := range a.Groups {
					a.Groups[i].Upstream.URLs = []string{"http://w"}
				}
			}
			rules = append(rules, rule.Rule)
		}
		if _, err := route.NewTable(rules); err != nil {
			t.Errorf("converted rules make no table: %v", err)
		}
	})
}
