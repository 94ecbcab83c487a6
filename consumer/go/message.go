package main

// The messages of docs/contract: what a body says, and whether it may be stored at all.

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"go.mongodb.org/mongo-driver/v2/bson"
)

const (
	bodyMax       = 131064
	recipientsMax = 1000
	textMax       = 4096
	seqMax        = 1<<40 - 1
	depthMax      = 128
	decimalMax    = 1e15
)

// Classes, as the _id numbers them.
var classNumbers = map[string]byte{"VIP": 0, "NORMAL": 1}

// Recipient is one message; a nil one is left out.
type Recipient struct {
	Identifier, Number, Text string
	Attributes               bson.D // nil: none
}

// Batch is a checked body. Raw is what a dead letter of one recipient is made of.
type Batch struct {
	Version     int64
	Campaign    string
	Class       string
	Total       int64
	First, Last int64
	Recipients  []*Recipient
	Raw         bson.D
}

// reachesSomebody says whether not all of its recipients are left out.
func (b *Batch) reachesSomebody() bool {
	return slices.ContainsFunc(b.Recipients, func(one *Recipient) bool { return one != nil })
}

// Rejected says why a message goes to the dead letters.
type Rejected string

func (r Rejected) Error() string { return string(r) }

// documentID is the _id of a message: a campaign lies together, a repeat is a duplicate key.
func documentID(campaign, class string, seq int64) bson.Binary {
	digest := sha256.Sum256([]byte(campaign))
	id := append(digest[:10:10], classNumbers[class])
	return bson.Binary{Data: append(id, binary.BigEndian.AppendUint64(nil, uint64(seq))[3:]...)}
}

func seqOf(id bson.Binary) int64 {
	return int64(id.Data[11])<<32 | int64(binary.BigEndian.Uint32(id.Data[12:]))
}

// decode checks a body and its headers.
func decode(body []byte, headers map[string]any) (*Batch, error) {
	value, err := parse(body)
	if err != nil {
		return nil, err
	}
	root, ok := value.(bson.D)
	if !ok {
		return nil, Rejected("not a JSON object")
	}
	batch := &Batch{Raw: root}
	if batch.Version, err = integer(root, "version", 1, 3); err == nil {
		err = batch.read(root)
	}
	if err == nil {
		err = batch.checkHeaders(headers)
	}
	return batch, err
}

func (b *Batch) read(root bson.D) (err error) {
	if b.Campaign, err = text(root, "campaign_id", isID); err != nil {
		return err
	}
	if b.Class, err = text(root, "class", isClass); err != nil {
		return err
	}
	if b.Total, err = integer(root, "total", 1, seqMax); err != nil {
		return err
	}
	if b.First, err = integer(root, "first_seq", 1, seqMax); err != nil {
		return err
	}
	common, err := text(root, "message", isText)
	if err != nil {
		return err
	}
	found, _ := field(root, "recipients")
	elements, ok := found.(bson.A)
	if !ok || len(elements) == 0 || len(elements) > recipientsMax {
		return Rejected("recipients: 1 to 1000 are needed")
	}
	b.Last = b.First + int64(len(elements)) - 1
	if b.Last > b.Total {
		return Rejected("more recipients than total")
	}
	for _, element := range elements {
		recipient, err := b.recipient(element, common)
		if err != nil {
			return err
		}
		b.Recipients = append(b.Recipients, recipient)
	}
	return nil
}

func (b *Batch) recipient(element any, common string) (*Recipient, error) {
	if element == nil && b.Version >= 3 {
		return nil, nil
	}
	object, ok := element.(bson.D)
	if !ok {
		return nil, Rejected("a recipient is no object")
	}
	recipient := &Recipient{Text: common}
	var err error
	if recipient.Identifier, err = text(object, "identifier", isID); err != nil {
		return nil, err
	}
	if recipient.Number, err = text(object, "phone_number", isNumber); err != nil {
		return nil, err
	}
	if b.Version == 1 {
		return recipient, nil // what else it brings are unknown fields
	}
	if _, there := field(object, "message"); there {
		if recipient.Text, err = text(object, "message", isText); err != nil {
			return nil, err
		}
	}
	if attributes, there := field(object, "attributes"); there {
		if recipient.Attributes, ok = attributes.(bson.D); !ok {
			return nil, Rejected("attributes: an object is needed")
		}
		err = checkAttributes(recipient.Attributes)
	}
	return recipient, err
}

func (b *Batch) checkHeaders(headers map[string]any) error {
	expected := map[string]any{"campaign_id": b.Campaign, "class": b.Class, "first_seq": b.First,
		"count": int64(len(b.Recipients)), "total": b.Total, "version": b.Version}
	for name, want := range expected {
		got, there := headers[name]
		if there && fmt.Sprint(got) != fmt.Sprint(want) {
			return Rejected("header " + name + " disagrees with the body")
		}
	}
	return nil
}

// alone is the recipient at seq as a batch of one, with its headers.
func (b *Batch) alone(seq int64) ([]byte, map[string]any, error) {
	one := append(bson.D(nil), b.Raw...)
	for i := range one {
		switch one[i].Key {
		case "first_seq":
			one[i].Value = seq
		case "recipients":
			one[i].Value = bson.A{one[i].Value.(bson.A)[seq-b.First]}
		}
	}
	headers := map[string]any{"campaign_id": b.Campaign, "class": b.Class, "first_seq": seq,
		"count": int64(1), "total": b.Total}
	if b.Version > 1 {
		headers["version"] = b.Version
	}
	var body bytes.Buffer
	err := write(&body, one)
	return body.Bytes(), headers, err
}

// Fields ---------------------------------------------------------------------------------------

func field(object bson.D, name string) (any, bool) {
	for _, member := range object {
		if member.Key == name {
			return member.Value, true
		}
	}
	return nil, false
}

func integer(object bson.D, name string, low, high int64) (int64, error) {
	value, _ := field(object, name)
	number, ok := value.(int64)
	if !ok || number < low || number > high {
		return 0, Rejected(fmt.Sprintf("%s: a number from %d to %d is needed", name, low, high))
	}
	return number, nil
}

func text(object bson.D, name string, valid func(string) bool) (string, error) {
	value, _ := field(object, name)
	found, ok := value.(string)
	if !ok || !valid(found) {
		return "", Rejected("field " + name + " is missing or wrong")
	}
	return found, nil
}

func isClass(class string) bool { _, ok := classNumbers[class]; return ok }

func isText(text string) bool { return utf8.RuneCountInString(text) <= textMax }

func isID(id string) bool {
	if len(id) < 2 || len(id) > 32 || id[0] < 'a' {
		return false
	}
	for _, one := range id {
		if (one < 'a' || one > 'z') && (one < '0' || one > '9') {
			return false
		}
	}
	return true
}

func isNumber(number string) bool {
	if len(number) < 9 || len(number) > 16 || number[0] != '+' {
		return false
	}
	for _, digit := range number[1:] {
		if digit < '0' || digit > '9' {
			return false
		}
	}
	return true
}

// checkAttributes looks at what MongoDB could not hold or be asked for, at every level.
func checkAttributes(value any) error {
	switch value := value.(type) {
	case bson.D:
		for _, member := range value {
			if member.Key == "" || member.Key[0] == '$' || strings.ContainsRune(member.Key, '.') {
				return Rejected("attributes: a key that MongoDB could not be asked for")
			}
			if err := checkAttributes(member.Value); err != nil {
				return err
			}
		}
	case bson.A:
		for _, element := range value {
			if err := checkAttributes(element); err != nil {
				return err
			}
		}
	case json.Number:
		return Rejected("attributes: a number beyond 64 bits")
	case float64:
		if value <= -decimalMax || value >= decimalMax {
			return Rejected("attributes: a number of more than 15 digits")
		}
	}
	return nil
}
