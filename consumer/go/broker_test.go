package main

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"testing"
	"time"
)

// What a broker says at login: start, tune, open-ok; and a heartbeat.
var (
	start  = method(10, 10, "\x00\x09\x00\x00\x00\x00\x00\x00\x00\x05PLAIN\x00\x00\x00\x05en_US")
	tune   = method(10, 30, "\x00\x00\x00\x02\x00\x00\x00\x1e")
	openOK = method(10, 41, "\x00")
	beat   = []byte{8, 0, 0, 0, 0, 0, 0, 0xce}
)

func method(class, number uint16, arguments string) []byte {
	frame := binary.BigEndian.AppendUint32([]byte{1, 0, 0}, uint32(4+len(arguments)))
	frame = binary.BigEndian.AppendUint16(frame, class)
	frame = binary.BigEndian.AppendUint16(frame, number)
	return append(append(frame, arguments...), 0xce)
}

// blockedBroker lets one client in, and then does as one that is short of memory: it sends heartbeats, and answers nothing.
func blockedBroker(t *testing.T) (url string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		client, err := listener.Accept()
		if err != nil {
			return
		}
		defer client.Close()
		_, err = io.CopyN(io.Discard, client, int64(len("AMQP0091")))
		for _, answer := range []struct {
			frame []byte
			asked int // with so many frames
		}{{start, 0}, {tune, 1}, {openOK, 2}} {
			for range answer.asked {
				header := make([]byte, 7)
				if _, err = io.ReadFull(client, header); err == nil {
					_, err = io.CopyN(io.Discard, client, int64(binary.BigEndian.Uint32(header[3:]))+1)
				}
			}
			if err == nil {
				_, err = client.Write(answer.frame)
			}
		}
		for ; err == nil; time.Sleep(closeTimeout / 20) {
			_, err = client.Write(beat)
		}
	}()
	return "amqp://" + listener.Addr().String()
}

// within fails if something takes much longer than it may.
func within(t *testing.T, limit time.Duration, does func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		does()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(limit + 3*time.Second):
		t.Errorf("not done behind %v", limit)
	}
}

func TestABlockedBrokerIsLeft(t *testing.T) {
	broker, err := connect(blockedBroker(t))
	if err != nil {
		t.Fatal(err)
	}
	within(t, closeTimeout, broker.close)
}

func TestABlockedBrokerIsNotOpened(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), connectTimeout/10)
	defer cancel()
	url := blockedBroker(t)
	within(t, connectTimeout/10, func() {
		if _, err := openBroker(ctx, url); err == nil {
			t.Error("it has declared nothing")
		}
	})
}
