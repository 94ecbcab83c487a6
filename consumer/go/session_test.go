package main

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
)

const (
	opReply = 1
	opQuery = 2004
	opMsg   = 2013
)

// answer is that of a MongoDB that is a primary, to a request of this kind.
func answer(t *testing.T, request, asked uint32) []byte {
	document, err := bson.Marshal(bson.D{{Key: "ok", Value: 1}, {Key: "helloOk", Value: true}, {Key: "ismaster", Value: true},
		{Key: "isWritablePrimary", Value: true}, {Key: "maxWireVersion", Value: 21}, {Key: "maxBsonObjectSize", Value: 16777216},
		{Key: "maxMessageSizeBytes", Value: 48000000}, {Key: "maxWriteBatchSize", Value: 100000}})
	if err != nil {
		t.Error(err)
	}
	kind, before := uint32(opMsg), make([]byte, 5) // its flags, the kind of its section
	if asked == opQuery {
		kind, before = opReply, append(make([]byte, 16), 1, 0, 0, 0) // one document
	}
	var message []byte
	for _, number := range []uint32{uint32(16 + len(before) + len(document)), 0, request, kind} {
		message = binary.LittleEndian.AppendUint32(message, number)
	}
	return append(append(message, before...), document...)
}

// blockedMongoDB says what it is, and answers nothing else.
func blockedMongoDB(t *testing.T) (uri string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	serve := func(client net.Conn) {
		defer client.Close()
		for header := make([]byte, 16); ; {
			if _, err := io.ReadFull(client, header); err != nil {
				return
			}
			number := func(at int) uint32 { return binary.LittleEndian.Uint32(header[at:]) }
			body := make([]byte, number(0)-16)
			if _, err := io.ReadFull(client, body); err != nil {
				return
			}
			if bytes.Contains(body, []byte("hello")) {
				_, _ = client.Write(answer(t, number(4), number(12)))
			}
		}
	}
	go func() {
		for client, err := listener.Accept(); err == nil; client, err = listener.Accept() {
			go serve(client)
		}
	}()
	return "mongodb://" + listener.Addr().String() + "/?directConnection=true"
}

func TestASessionIsNotOpenedForEver(t *testing.T) {
	before := openTimeout
	t.Cleanup(func() { openTimeout = before })
	openTimeout = connectTimeout / 10
	settings := Settings{AMQP: "amqp://127.0.0.1:1", MongoDB: blockedMongoDB(t), Database: "postgresql://127.0.0.1:1", Collection: "messages"}
	within(t, openTimeout+closeTimeout, func() {
		if _, err := session(t.Context(), settings, 0); err == nil {
			t.Error("nothing answered")
		}
	})
}
