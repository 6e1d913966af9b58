package structured

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// formats are the expressions of the formats that are supported. Each is a
// part of what its specification allows that a model has use for: whatever is
// written is of the format.
var formats = map[string]string{
	// RFC 3339, without leap seconds.
	"date":      datePattern,
	"time":      timePattern,
	"date-time": datePattern + "T" + timePattern,
	"duration":  durationPattern,
	// RFC 4122.
	"uuid": `[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`,
	// RFC 2673.
	"ipv4": `((25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])\.){3}(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])`,
	// RFC 4291, section 2.2, without IPv4 at the end.
	"ipv6": ipv6Pattern(),
	// RFC 1123.
	"hostname": hostPattern,
	// RFC 5321, section 4.1.2: a dot-string before a domain.
	"email": mailboxPattern + "@" + hostPattern,
	// RFC 3986: with a host, and characters that need no escape.
	"uri": `[a-z][a-z0-9+.-]{0,15}://` + hostPattern + `(:[1-9][0-9]{0,3})?(/[A-Za-z0-9._~!$&'()*+,;=:@-]*)*(\?[A-Za-z0-9._~!$&'()*+,;=:@/?-]*)?(#[A-Za-z0-9._~!$&'()*+,;=:@/?-]*)?`,
}

const (
	// The 29th of February is left out: not every year has one.
	datePattern = `[0-9]{4}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))`
	timePattern = `([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])`
	// RFC 3339, appendix A. Units follow each other without a gap.
	durationPattern = `P([0-9]{1,9}W|` + durationDate + `(T` + durationTime + `)?|T` + durationTime + `)`
	durationDate    = `([0-9]{1,9}Y([0-9]{1,9}M([0-9]{1,9}D)?)?|[0-9]{1,9}M([0-9]{1,9}D)?|[0-9]{1,9}D)`
	durationTime    = `([0-9]{1,9}H([0-9]{1,9}M([0-9]{1,9}S)?)?|[0-9]{1,9}M([0-9]{1,9}S)?|[0-9]{1,9}S)`
	// Up to seven labels of 31 characters are within the 253 characters of a name, and two
	// words within the 64 of a mailbox.
	hostPattern    = label + `(\.` + label + `){0,6}`
	label          = `[A-Za-z0-9]([A-Za-z0-9-]{0,29}[A-Za-z0-9])?`
	mailboxPattern = word + `(\.` + word + `)?`
	word           = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,31}"
)

// ipv6Pattern is eight groups of digits, or fewer with a gap of zeros at one place.
func ipv6Pattern() string {
	const group = `[0-9a-f]{1,4}`
	forms := []string{`(` + group + `:){7}` + group}
	for before := range 8 { // and at most 7-before behind the gap
		form := strings.Repeat(group+":", before)
		if before == 0 {
			form = ":"
		}
		if after := 7 - before; after > 0 {
			form += fmt.Sprintf(`(:|(:%s){1,%d})`, group, after)
		} else {
			form += ":"
		}
		forms = append(forms, form)
	}
	return `(` + strings.Join(forms, "|") + `)`
}

// formatNames lists what is supported.
func formatNames() string { return strings.Join(slices.Sorted(maps.Keys(formats)), ", ") }
