package albimport

import "encoding/json"

// The shapes below have the member names of the Elastic Load Balancing API,
// version 2015-12-01, as the AWS command line prints them. Only what is looked at
// is in those that are read leniently.

type ruleShape struct {
	RuleArn    string
	Priority   json.RawMessage // a string; CloudFormation has a number
	IsDefault  bool
	Conditions []json.RawMessage
	Actions    []json.RawMessage
	Transforms []json.RawMessage
}

type conditionShape struct {
	Field                   string
	Values, RegexValues     []string
	PathPatternConfig       *valuesShape
	HostHeaderConfig        *valuesShape
	HttpRequestMethodConfig *valuesShape
	SourceIpConfig          *valuesShape
	HttpHeaderConfig        *struct {
		HttpHeaderName      string
		Values, RegexValues []string
	}
	QueryStringConfig *struct{ Values []pairShape }
}

type valuesShape struct{ Values, RegexValues []string }

type pairShape struct{ Key, Value string }

type actionShape struct {
	Type                      string
	Order                     int
	TargetGroupArn            string
	ForwardConfig             *forwardShape
	RedirectConfig            *redirectShape
	FixedResponseConfig       *fixedResponseShape
	AuthenticateOidcConfig    json.RawMessage
	AuthenticateCognitoConfig json.RawMessage
	JwtValidationConfig       json.RawMessage
}

type forwardShape struct {
	TargetGroups []struct {
		TargetGroupArn string
		Weight         *int
	}
	TargetGroupStickinessConfig *struct {
		Enabled         bool
		DurationSeconds int
	}
}

type redirectShape struct {
	Protocol, Port, Host, Path string
	Query                      *string
	StatusCode                 string
}

type fixedResponseShape struct{ MessageBody, StatusCode, ContentType string }

type transformShape struct {
	Type                    string
	UrlRewriteConfig        *rewritesShape
	HostHeaderRewriteConfig *rewritesShape
}

type rewritesShape struct {
	Rewrites []struct{ Regex, Replace string }
}

type listenerShape struct {
	ListenerArn, LoadBalancerArn string
	Port                         int
	Protocol                     string
	DefaultActions               []json.RawMessage
	MutualAuthentication         struct{ Mode string }
}

type balancerShape struct{ LoadBalancerArn, LoadBalancerName, Type string }

type groupShape struct {
	TargetGroupArn, TargetGroupName, TargetType string
	Protocol, ProtocolVersion                   string
	Port                                        int
	HealthCheckEnabled                          *bool
	HealthCheckProtocol, HealthCheckPort        string
	HealthCheckPath                             string
	HealthCheckIntervalSeconds                  int
	HealthCheckTimeoutSeconds                   int
	HealthyThresholdCount                       int
	UnhealthyThresholdCount                     int
	Matcher                                     struct{ HttpCode, GrpcCode string }
}

type healthShape struct {
	Target struct {
		Id   string
		Port int
	}
	TargetHealth struct{ State string }
}

type attributeShape struct{ Key, Value string }
