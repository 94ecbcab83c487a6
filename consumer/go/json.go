package main

// JSON as the contract has it: objects are bson.D in their order, arrays bson.A, whole numbers int64,
// others float64; a number that is neither stays json.Number.

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.mongodb.org/mongo-driver/v2/bson"
)

func parse(body []byte) (any, error) {
	switch {
	case len(body) > bodyMax:
		return nil, Rejected(fmt.Sprintf("body of more than %d bytes", bodyMax))
	case !utf8.Valid(body):
		return nil, Rejected("not UTF-8")
	case !json.Valid(body):
		return nil, Rejected("not JSON")
	case hasHalfPair(body):
		return nil, Rejected("half a surrogate pair")
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	return parseValue(decoder, depthMax)
}

func parseValue(decoder *json.Decoder, depth int) (any, error) {
	token, err := decoder.Token()
	if err != nil {
		return nil, Rejected("not JSON: " + err.Error())
	}
	switch token := token.(type) {
	case json.Delim:
		if depth == 0 {
			return nil, Rejected("too many levels")
		}
		if token == '{' {
			return parseObject(decoder, depth-1)
		}
		return parseArray(decoder, depth-1)
	case string:
		if strings.ContainsRune(token, 0) {
			return nil, Rejected("U+0000 in a string")
		}
	case json.Number:
		return number(token), nil
	}
	return token, nil
}

func number(token json.Number) any {
	if strings.ContainsAny(string(token), ".eE") {
		if decimal, err := token.Float64(); err == nil {
			return decimal
		}
	} else if whole, err := strconv.ParseInt(string(token), 10, 64); err == nil {
		return whole
	}
	return token
}

func parseObject(decoder *json.Decoder, depth int) (any, error) {
	object := bson.D{}
	var seen map[string]struct{}
	for decoder.More() {
		name, err := parseValue(decoder, depth)
		if err != nil {
			return nil, err
		}
		key := name.(string)
		if seen, err = note(seen, object, key); err != nil {
			return nil, err
		}
		value, err := parseValue(decoder, depth)
		if err != nil {
			return nil, err
		}
		object = append(object, bson.E{Key: key, Value: value})
	}
	_, err := decoder.Token()
	return object, err
}

// note refuses a name that the object has. Few names are looked through, many are kept in a set.
func note(seen map[string]struct{}, object bson.D, key string) (map[string]struct{}, error) {
	if len(object) < 16 {
		if _, twice := field(object, key); twice {
			return seen, Rejected("a field twice")
		}
		return seen, nil
	}
	if seen == nil {
		seen = make(map[string]struct{}, 2*len(object))
		for _, member := range object {
			seen[member.Key] = struct{}{}
		}
	}
	if _, twice := seen[key]; twice {
		return seen, Rejected("a field twice")
	}
	seen[key] = struct{}{}
	return seen, nil
}

func parseArray(decoder *json.Decoder, depth int) (any, error) {
	array := bson.A{}
	for decoder.More() {
		value, err := parseValue(decoder, depth)
		if err != nil {
			return nil, err
		}
		array = append(array, value)
	}
	_, err := decoder.Token()
	return array, err
}

// hasHalfPair finds \ud800 without its other half in valid JSON: the decoder would take it for U+FFFD.
func hasHalfPair(body []byte) bool {
	for at := bytes.IndexByte(body, '\\'); at >= 0 && at < len(body); {
		unit := escaped(body[at:])
		width := 2
		if unit >= 0xd800 && unit < 0xe000 {
			if other := escaped(body[at+6:]); unit >= 0xdc00 || other < 0xdc00 || other >= 0xe000 {
				return true
			}
			width = 12
		}
		next := bytes.IndexByte(body[at+width:], '\\')
		if next < 0 {
			return false
		}
		at += width + next
	}
	return false
}

// escaped is the code unit of a \uXXXX, or 0.
func escaped(text []byte) uint64 {
	if len(text) < 6 || text[0] != '\\' || text[1] != 'u' {
		return 0
	}
	unit, _ := strconv.ParseUint(string(text[2:6]), 16, 16)
	return unit
}

// write is the way back, for dead letters, in the form that attributes travel in: json.Marshal writes an exponent where the
// contract has digits, and escapes for which attributes have no bytes left.
func write(out io.Writer, value any) error {
	switch value := value.(type) {
	case bson.D:
		return writeAll(out, '{', '}', len(value), func(at int) error {
			return errors.Join(write(out, value[at].Key), put(out, ":"), write(out, value[at].Value))
		})
	case bson.A:
		return writeAll(out, '[', ']', len(value), func(at int) error { return write(out, value[at]) })
	case string:
		return put(out, `"`+escapes.Replace(value)+`"`)
	case float64:
		return put(out, strconv.FormatFloat(value, 'f', -1, 64))
	}
	encoded, err := json.Marshal(value)
	return errors.Join(err, put(out, string(encoded)))
}

var escapes = func() *strings.Replacer {
	pairs := []string{`"`, `\"`, `\`, `\\`, "\b", `\b`, "\t", `\t`, "\n", `\n`, "\f", `\f`, "\r", `\r`}
	for control := range ' ' {
		pairs = append(pairs, string(control), fmt.Sprintf(`\u%04x`, control)) // the first pair of a character counts
	}
	return strings.NewReplacer(pairs...)
}()

func writeAll(out io.Writer, open, end byte, count int, one func(int) error) error {
	err := put(out, string(open))
	for at := 0; at < count && err == nil; at++ {
		if at > 0 {
			err = put(out, ",")
		}
		err = errors.Join(err, one(at))
	}
	return errors.Join(err, put(out, string(end)))
}

func put(out io.Writer, text string) error {
	_, err := io.WriteString(out, text)
	return err
}
