package structured

import (
	"fmt"
	"slices"
	"strings"
)

const (
	// maxCompared bounds how deep two schemas are compared, maxComparisons how many
	// pairs are, and maxListed the listed values and required names that this looks at.
	maxCompared    = 4
	maxComparisons = 100_000
	maxListed      = 5_000_000
)

// exclusive refuses oneOf unless no value can match two of its schemas, as far
// as can be told.
func (s *schema) exclusive(pointer string, list *document) error {
	if len(list.content) > maxNesting {
		return errorf(pointer, "has more than %d schemas", maxNesting)
	}
	for i := range list.content {
		for j := range i {
			apart, err := s.apart(fmt.Sprintf("%s/%d", pointer, j), fmt.Sprintf("%s/%d", pointer, i), maxCompared)
			if err != nil {
				return err
			}
			if !apart {
				return errorf(fmt.Sprintf("%s/%d", pointer, i), "may match what %s/%d matches, and oneOf forbids both; want anyOf", pointer, j)
			}
		}
	}
	return nil
}

// apart says whether no value is valid against both of two schemas, as far as
// can be told: by their types, their listed values, or a property that both have.
func (s *schema) apart(a, b string, depth int) (bool, error) {
	s.compared++
	if depth == 0 || s.compared > maxComparisons {
		return false, nil
	}
	docs := [2]*document{}
	for i, p := range []*string{&a, &b} {
		at, err := s.resolve(*p)
		if err != nil {
			return false, err
		}
		*p, docs[i] = at, s.root.at(at)
		if docs[i].value == false {
			return true, nil
		}
		if docs[i].value != isObject {
			return false, nil
		}
	}
	for _, doc := range docs {
		s.looked += len(listed(doc))
		if required := doc.get("required"); required != nil {
			s.looked += len(required.content)
		}
	}
	if s.looked > maxListed {
		return false, nil
	}
	if !overlap(allowedTypes(docs[0]), allowedTypes(docs[1])) {
		return true, nil
	}
	if la, lb := listed(docs[0]), listed(docs[1]); la != nil && lb != nil {
		few, many := s.canonicals(docs[0]), s.canonicals(docs[1])
		if len(few) > len(many) {
			few, many = many, few
		}
		for text := range few {
			if many[text] {
				return false, nil
			}
		}
		return true, nil
	}
	if !slices.Equal(allowedTypes(docs[0]), []string{"object"}) || !slices.Equal(allowedTypes(docs[1]), []string{"object"}) {
		return false, nil
	}
	return s.objectsApart(a, b, docs, depth)
}

// canonicals are the values that a schema lists, each in the one text for what is
// equal to it. They are found once for each schema.
func (s *schema) canonicals(doc *document) map[string]bool {
	texts, ok := s.texts[doc]
	if !ok {
		texts = map[string]bool{}
		for _, v := range listed(doc) {
			texts[v.canonical()] = true
		}
		s.texts[doc] = texts
	}
	return texts
}

// objectsApart compares two schemas of objects.
func (s *schema) objectsApart(a, b string, docs [2]*document, depth int) (bool, error) {
	for i, doc := range docs {
		other := docs[1-i]
		required := doc.get("required")
		if required == nil {
			continue
		}
		for _, r := range required.content {
			name, _ := r.value.(string)
			properties := other.get("properties")
			if properties == nil || properties.get(name) == nil {
				if additional := other.get("additionalProperties"); additional != nil && additional.value == false {
					return true, nil // this has to be there here, and must not be there
				}
				continue
			}
			if own := doc.get("properties"); own == nil || own.get(name) == nil {
				continue
			}
			apart, err := s.apart(join(join(a, "properties"), name), join(join(b, "properties"), name), depth-1)
			if apart || err != nil {
				return apart, err
			}
		}
	}
	return false, nil
}

// allowedTypes are the types that a schema allows: those it gives, those of the values
// it lists, or all. Integers count as numbers.
func allowedTypes(doc *document) []string {
	var names []string
	add := func(name string) {
		if name == "integer" {
			name = "number"
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	switch given, values := doc.get("type"), listed(doc); {
	case values != nil:
		for _, v := range values {
			add(typeOf(v))
		}
	case given != nil:
		if name, ok := given.value.(string); ok {
			add(name)
		}
		for _, d := range given.content {
			if name, ok := d.value.(string); ok {
				add(name)
			}
		}
	default:
		for _, name := range types {
			add(name)
		}
	}
	return names
}

// typeOf is the type of a value.
func typeOf(d document) string {
	switch v := d.value.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case string:
		return "string"
	case kind:
		return strings.ToLower(string(v))
	}
	return "number"
}

func overlap(a, b []string) bool {
	return slices.ContainsFunc(a, func(x string) bool { return slices.Contains(b, x) })
}
