// campaign-consumer in Go: stores the messages of campaigns in MongoDB, exactly once and in order, as
// docs/contract says. README.md beside this file has the commands.
package main

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	exitSettings = 78
	waitFirst    = 100 * time.Millisecond
	waitMax      = 5 * time.Second
	endTimeout   = 5 * time.Second // for what is in hand when it is told to end
	closeTimeout = 2 * time.Second // for each connection
)

var openTimeout = 15 * time.Second // for all connections of a session; its test has less

func main() {
	settings, err := readSettings(os.Getenv, ".env")
	if err != nil {
		slog.Error("wrong setting", "reason", err)
		os.Exit(exitSettings)
	}
	stop, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer cancel()
	context.AfterFunc(stop, func() { time.AfterFunc(endTimeout, end) })
	var wait time.Duration
	for turn := 0; stop.Err() == nil; turn++ {
		lasted, err := session(stop, settings, turn)
		if stop.Err() != nil {
			break
		}
		wait = nextWait(wait, lasted)
		slog.Warn("starts over", "reason", err, "in", wait.String())
		select {
		case <-stop.Done():
		case <-time.After(wait/2 + rand.N(wait)):
		}
	}
	end()
}

// nextWait is the pause behind a session. It grows as long as sessions fail soon, also of those that consume: what fails
// each time anew (a batch that MongoDB refuses, a full disk) would take the other queues' time.
func nextWait(wait, lasted time.Duration) time.Duration {
	if lasted >= waitMax {
		return waitFirst
	}
	return min(max(2*wait, waitFirst), waitMax)
}

// end does not wait for a server that does not answer: what is not done by then is delivered again.
func end() {
	slog.Info("ended")
	os.Exit(0)
}

// session is from one connect to the next: nothing that it knows outlives its connections. The stores come
// first: who cannot store must not hold a queue. Each turn takes the next host of RabbitMQ. It answers how long it has
// consumed.
func session(stop context.Context, settings Settings, turn int) (lasted time.Duration, err error) {
	opening, opened := context.WithTimeout(stop, openTimeout)
	defer opened()
	messages, err := openMessages(opening, settings.MongoDB, settings.Collection)
	if err != nil {
		return 0, err
	}
	defer messages.close()
	reports, err := openReports(opening, settings.Database)
	if err != nil {
		return 0, err
	}
	defer func() { go reports.pool.Close() }() // it would wait for a server that does not answer
	broker, err := openBroker(opening, hostAt(settings.AMQP, turn))
	if err != nil {
		return 0, err
	}
	defer broker.close()
	slog.Info("consuming")
	began := time.Now()
	// What is in hand may end well. If a lane fails, the others may be waiting for a broker that reads nothing.
	lanes, failed := errgroup.WithContext(context.WithoutCancel(stop))
	context.AfterFunc(failed, broker.close)
	for _, queue := range queues {
		lane := &Lane{queue: queue, ordered: queue != parallel, prefetch: settings.Prefetch,
			messages: messages, reports: reports, broker: broker, campaigns: map[string]*Campaign{},
			gaps: map[Gapped]time.Time{}, askedAt: map[string]time.Time{}}
		lanes.Go(func() error { return lane.run(stop, failed) })
	}
	err = lanes.Wait()
	return time.Since(began), err
}
