// Package structured makes a model's answer keep to a form: a JSON schema, a
// regular expression, or one of a few texts. It tells, for each token that is
// to be drawn, which tokens of the vocabulary go on to such a text; the sampler
// draws no other (Willard and Louf 2023, "Efficient Guided Generation for Large
// Language Models").
//
// # Basics
//
//	v := structured.NewVocabulary(tokenizer, vocab)
//	c, err := structured.NewCompiler(v).Compile(structured.Spec{JSON: schema})
//	m := c.Start()
//	for !m.Complete() {
//		mask, err := m.Mask() // bit id%64 of mask[id/64]
//		…                     // draw a token
//		err = m.Accept(token)
//	}
//
// # How it works
//
// What is asked for becomes a program over bytes: the instructions of a
// nondeterministic automaton that can call rules, for values that hold values. A
// [Matcher] stands in a set of places of it. Such sets are found as they are met
// and remembered, and so is the mask of each, which a walk through the tree of
// all tokens' bytes finds. So a mask costs a look into memory as a rule, and
// tenths of a millisecond the first time. Memory for what is remembered is
// bounded; the rest is found anew.
//
// From each place that is reached the text can be ended with tokens of one byte.
// So a model is never led to where nothing may follow.
//
// # JSON schema
//
// Whether a schema is one is judged by github.com/santhosh-tekuri/jsonschema.
// Understood are type, enum, const, anyOf, oneOf, $ref and allOf of one schema;
// properties, required, additionalProperties; prefixItems, items, minItems, maxItems;
// minLength, maxLength, pattern, format (date, time, date-time, duration, uuid, ipv4, ipv6,
// hostname, email, uri); minimum, maximum, exclusiveMinimum, exclusiveMaximum,
// multipleOf; and what only describes.
// Anything else is refused with its JSON pointer, for an answer must not be
// called valid that is not. What is written is valid; not all that is valid can be written:
//
//   - Properties come in the schema's order, and others only where
//     additionalProperties is there and not false.
//   - Items behind those of prefixItems come only where items is there.
//   - A schema without type is that of the types that its keywords are about.
//   - Numbers with a bound or a step have no exponent, others one below 100.
//   - The digits of multipleOf are at most 1000: 5, 0.01, 0.25.
//   - oneOf has to be of schemas that can be told apart: by their types, their
//     listed values, or a property.
//   - enum and const stand with keywords that hold no schemas, pattern and format without lengths, and
//     anyOf, oneOf, allOf and $ref alone.
//   - References lead to places in the schema itself.
//   - Between brackets, names and values stands nothing, a space, or a new line with
//     its indent.
//
// # Caveats
//
// Expressions are those of Go's package regexp without (?m), \b and \B; ^ and $
// stand at the ends only. A byte without a token of its own cannot be written.
// Tokens are taken for the bytes that they stand for by themselves: a decoder that
// strips a space at the beginning of a text strips it here too. Drawing under a
// mask is not drawing valid texts by their probability: it chooses among what may
// come next, not among what may come of it.
//
// Constraints come from strangers. So the bytes of an expression and of a schema's
// names, the steps to build a grammar and to compare schemas, and what all outputs
// of an answer may take together are bounded; what is beyond is refused or, in the
// midst of an answer, [ErrTooComplex].
package structured
