package assets

import (
	"strconv"
	"strings"
)

// accepts tells whether the values of an Accept-Encoding header allow the
// encoding (RFC 9110, section 12.5.3): by its own entry, or else by "*", with
// a weight above zero.
func accepts(values []string, encoding string) bool {
	star := false
	for _, value := range values {
		for entry := range strings.SplitSeq(value, ",") {
			name, params, _ := strings.Cut(entry, ";")
			switch name = strings.TrimSpace(name); {
			case strings.EqualFold(name, encoding):
				return weight(params) > 0
			case name == "*":
				star = weight(params) > 0
			}
		}
	}
	return star
}

// weight returns the q of an entry's parameters, 1 if it has none and 0 if it
// cannot be read: what is not clearly allowed is not sent.
func weight(params string) float64 {
	for p := range strings.SplitSeq(params, ";") {
		key, value, _ := strings.Cut(p, "=")
		if strings.EqualFold(strings.TrimSpace(key), "q") {
			q, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			if err != nil {
				return 0
			}
			return q
		}
	}
	return 1
}
