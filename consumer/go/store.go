package main

// MongoDB: documents are inserted, looked up and counted, never changed.

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"
	"go.mongodb.org/mongo-driver/v2/mongo/readpref"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/connstring"
)

const (
	duplicateKey     = 11000
	validationFailed = 121
	collectionExists = 48
)

var compared = []string{"identifier", "phone_number", "message", "campaign_id", "attributes"}

// Place is a class of a campaign.
type Place struct{ Campaign, Class string }

// Document is what MongoDB holds of a message.
type Document struct {
	ID         bson.Binary `bson:"_id"`
	Identifier string      `bson:"identifier"`
	Number     string      `bson:"phone_number"`
	Text       string      `bson:"message"`
	Campaign   string      `bson:"campaign_id"`
	Class      string      `bson:"class"`
	Seq        int64       `bson:"seq"`
	Attributes *bson.D     `bson:"attributes,omitempty"` // a pointer: empty ones are stored
	Created    time.Time   `bson:"created_at"`
	Updated    time.Time   `bson:"updated_at"`
	Deleted    bool        `bson:"deleted"`
}

func documentOf(batch *Batch, one *Recipient, seq int64, now time.Time) *Document {
	document := &Document{ID: documentID(batch.Campaign, batch.Class, seq), Identifier: one.Identifier,
		Number: one.Number, Text: one.Text, Campaign: batch.Campaign, Class: batch.Class, Seq: seq,
		Created: now, Updated: now}
	if one.Attributes != nil {
		document.Attributes = &one.Attributes
	}
	return document
}

// Refusal is a document that is not stored: its place is taken, or MongoDB's rules forbid it for good.
type Refusal struct {
	Index  int
	Reason string // "": its place is taken
}

// Messages is the collection.
type Messages struct {
	client     *mongo.Client
	collection *mongo.Collection
}

// isMongoDB says whether a connection can be tried with this URI. For that of a service the resolver is needed, which may
// be away.
func isMongoDB(uri string) bool {
	_, err := connstring.ParseAndValidate(uri)
	return err == nil || strings.HasPrefix(uri, connstring.SchemeMongoDBSRV+"://")
}

// openMessages creates the collection if it is missing, which shows that MongoDB takes writes.
func openMessages(ctx context.Context, uri, collection string) (*Messages, error) {
	parsed, err := connstring.ParseAndValidate(uri)
	if err != nil {
		return nil, err
	}
	database := parsed.Database
	if database == "" {
		database = "campaign"
	}
	client, err := mongo.Connect(optionsOf(uri))
	if err != nil {
		return nil, err
	}
	clustered := bson.D{{Key: "key", Value: bson.D{{Key: "_id", Value: 1}}}, {Key: "unique", Value: true}}
	messages := &Messages{client, client.Database(database).Collection(collection)}
	err = client.Database(database).CreateCollection(ctx, collection,
		options.CreateCollection().SetClusteredIndex(clustered))
	var refused mongo.CommandError
	if err != nil && !(errors.As(err, &refused) && refused.Code == collectionExists) {
		messages.close()
		return nil, err
	}
	return messages, nil
}

// optionsOf wins over the URI: a secondary that lags lacks what is stored.
func optionsOf(uri string) *options.ClientOptions {
	journaled := true
	return options.Client().ApplyURI(uri).SetServerSelectionTimeout(connectTimeout).
		SetReadPreference(readpref.Primary()).SetReadConcern(readconcern.Majority()).
		SetWriteConcern(&writeconcern.WriteConcern{W: "majority", Journal: &journaled})
}

func (m *Messages) close() {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	_ = m.client.Disconnect(ctx)
}

// insert stores documents in order and answers how many of them are stored: all, or those in front of
// the refused one.
func (m *Messages) insert(ctx context.Context, documents []*Document) (*Refusal, error) {
	_, err := m.collection.InsertMany(ctx, documents)
	var failed mongo.BulkWriteException
	if !errors.As(err, &failed) || failed.WriteConcernError != nil || len(failed.WriteErrors) == 0 {
		return nil, err
	}
	first := failed.WriteErrors[0]
	switch {
	case first.Code == duplicateKey && ofPlace(first.Raw):
		return &Refusal{Index: first.Index}, nil
	case first.Code == duplicateKey || first.Code == validationFailed:
		return &Refusal{first.Index, first.Message}, nil
	}
	return nil, err
}

// ofPlace tells a taken _id from another unique index.
func ofPlace(raw bson.Raw) bool {
	pattern, ok := raw.Lookup("keyPattern").DocumentOK()
	if !ok {
		return true
	}
	_, err := pattern.LookupErr("_id")
	return err == nil
}

// taken is what is in the places of these documents, by its _id.
func (m *Messages) taken(ctx context.Context, documents []*Document) (map[string]bson.Raw, error) {
	taken := map[string]bson.Raw{}
	for len(documents) > 0 {
		near := nearOf(documents)
		var found []bson.Raw
		cursor, err := m.collection.Find(ctx, idsBetween(documents[0].ID, documents[near-1].ID))
		if err == nil {
			err = cursor.All(ctx, &found)
		}
		if err != nil {
			return nil, err
		}
		for _, one := range found {
			_, id, _ := one.Lookup("_id").BinaryOK()
			taken[string(id)] = one
		}
		documents = documents[near:]
	}
	return taken, nil
}

// nearOf is how many of these documents are read at once: one class, in order, and little in between.
func nearOf(documents []*Document) int {
	near := 1
	for ; near < len(documents); near++ {
		before, one := documents[near-1], documents[near]
		apart := one.Seq - before.Seq
		if one.Campaign != before.Campaign || one.Class != before.Class || apart < 1 || apart > recipientsMax {
			break
		}
	}
	return near
}

// same compares bytes: theirs may hold anything, a field twice as well.
func (d *Document) same(theirs bson.Raw) bool {
	ours, err := bson.Marshal(d)
	for _, name := range compared {
		if err != nil || !slices.EqualFunc(valuesOf(ours, name), valuesOf(theirs, name), bson.RawValue.Equal) {
			return false
		}
	}
	return true
}

// valuesOf is all that a document says in a field. Lookup would find the first value only.
func valuesOf(document bson.Raw, name string) []bson.RawValue {
	var values []bson.RawValue
	elements, _ := document.Elements()
	for _, element := range elements {
		if element.Key() == name {
			values = append(values, element.Value())
		}
	}
	return values
}

func between(place Place, first, last int64) bson.D {
	return idsBetween(documentID(place.Campaign, place.Class, first), documentID(place.Campaign, place.Class, last))
}

func idsBetween(first, last bson.Binary) bson.D {
	return bson.D{{Key: "_id", Value: bson.D{{Key: "$gte", Value: first}, {Key: "$lte", Value: last}}}}
}

var onlyID = bson.D{{Key: "_id", Value: 1}}

// highest is the last seq that is stored of a class, or 0.
func (m *Messages) highest(ctx context.Context, place Place) (int64, error) {
	var found Document
	err := m.collection.FindOne(ctx, between(place, 0, seqMax), options.FindOne().
		SetProjection(onlyID).SetSort(bson.D{{Key: "_id", Value: -1}})).Decode(&found)
	if errors.Is(err, mongo.ErrNoDocuments) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return seqOf(found.ID), nil
}

// stored is which seqs of a range MongoDB has, in order.
func (m *Messages) stored(ctx context.Context, place Place, one Range) ([]int64, error) {
	cursor, err := m.collection.Find(ctx, between(place, one.First, one.Last), options.Find().
		SetProjection(onlyID).SetSort(onlyID))
	if err != nil {
		return nil, err
	}
	defer cursor.Close(ctx)
	var seqs []int64
	for cursor.Next(ctx) {
		var found Document
		if err := cursor.Decode(&found); err != nil {
			return nil, err
		}
		seqs = append(seqs, seqOf(found.ID))
	}
	return seqs, cursor.Err()
}

func (m *Messages) count(ctx context.Context, place Place, one Range) (int64, error) {
	return m.collection.CountDocuments(ctx, between(place, one.First, one.Last))
}
