package compress

import (
	"strconv"
	"strings"
)

// acceptsGzip reads the values of Accept-Encoding (RFC 9110 12.5.3): gzip, or
// anything by "*", with a weight that is not zero.
func acceptsGzip(values []string) bool {
	others := false
	for _, v := range values {
		for item := range strings.SplitSeq(v, ",") {
			coding, parameters, _ := strings.Cut(item, ";")
			switch coding = strings.ToLower(strings.TrimSpace(coding)); coding {
			case "gzip", "x-gzip":
				return weight(parameters) > 0
			case "*":
				others = weight(parameters) > 0
			}
		}
	}
	return others
}

// weight reads the parameter q; 1 if there is none, 0 if it is malformed.
func weight(parameters string) float64 {
	for p := range strings.SplitSeq(parameters, ";") {
		name, value, ok := strings.Cut(strings.TrimSpace(p), "=")
		if !ok || !strings.EqualFold(strings.TrimSpace(name), "q") {
			continue
		}
		q, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
		if err != nil || !(q >= 0 && q <= 1) {
			return 0
		}
		return q
	}
	return 1
}
