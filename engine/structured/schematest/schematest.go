// Package schematest makes random JSON schemas for tests.
package schematest

import (
	"encoding/json"
	"math/rand/v2"
)

// Random returns a JSON schema of the subset that package structured supports,
// which nests depth deep at most. It has valid values, none of which refers to itself.
func Random(r *rand.Rand, depth int) string {
	text, err := json.Marshal(random(r, depth))
	if err != nil {
		panic(err) // it is made of what JSON can write
	}
	return string(text)
}

func random(r *rand.Rand, depth int) any {
	type object = map[string]any
	some := func(o object, name string, v any) {
		if r.IntN(2) == 0 {
			o[name] = v
		}
	}
	kinds := 8
	if depth > 0 {
		kinds = 13
	}
	inner := func() any { return random(r, depth-1) }
	switch r.IntN(kinds) {
	case 0:
		o := object{"type": "integer"}
		low := r.IntN(2000) - 1000
		some(o, "minimum", low)
		some(o, "maximum", low+r.IntN(300))
		if o["maximum"] == nil || o["minimum"] == nil {
			some(o, "multipleOf", []any{2, 15, 100, 0.5}[r.IntN(4)])
		}
		return o
	case 1:
		low := float64(r.IntN(4000)-2000) / 1000
		o := object{"type": "number"}
		some(o, []string{"minimum", "exclusiveMinimum"}[r.IntN(2)], low)
		some(o, []string{"maximum", "exclusiveMaximum"}[r.IntN(2)], low+0.001+float64(r.IntN(5000))/1000)
		return o
	case 2:
		o := object{"type": "string"}
		least := r.IntN(4)
		some(o, "minLength", least)
		some(o, "maxLength", least+r.IntN(6))
		return o
	case 3:
		return object{"type": "string", "pattern": []string{"^[a-f]{2,4}$", "b+", "^(x|é|世)", `\d$`, `^"\\?\n*$`, "(?i)^k"}[r.IntN(6)]}
	case 4:
		return object{"enum": []any{"a", 1, -0.5, nil, true, []any{}, object{"k": "\"v\n"}}[r.IntN(3):]}
	case 5:
		return object{"type": []any{"boolean", "null"}}
	case 6:
		return object{"const": []any{"c", 7, nil}[r.IntN(3)]}
	case 7:
		return object{"type": "string", "format": []string{
			"date", "time", "date-time", "duration", "uuid", "ipv4", "ipv6", "hostname", "email", "uri",
		}[r.IntN(10)]}
	case 8:
		o := object{"type": "array", "items": inner()}
		some(o, "prefixItems", []any{inner(), inner()})
		least := r.IntN(3)
		some(o, "minItems", least)
		some(o, "maxItems", least+r.IntN(3))
		return o
	case 9:
		return object{"anyOf": []any{inner(), inner(), object{"type": "null"}}}
	case 10:
		one := func(tag string) object {
			return object{"type": "object", "properties": object{"tag": object{"const": tag}, "v": inner()}, "required": []any{"tag"}}
		}
		return object{"oneOf": []any{one("a"), one("b"), object{"type": "integer"}}}
	default:
		o, properties, required := object{"type": "object"}, object{}, []any{}
		for i := range r.IntN(4) {
			name := []string{"id", "name", "é", `q"\`, "a b"}[(i+r.IntN(2))%5]
			properties[name] = inner()
			if r.IntN(2) == 0 && len(required) == 0 {
				required = append(required, name)
			}
		}
		o["properties"], o["required"] = properties, required
		switch r.IntN(3) {
		case 0:
			o["additionalProperties"] = false
		case 1:
			o["additionalProperties"] = inner()
		}
		return o
	}
}
