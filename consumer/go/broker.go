package main

// RabbitMQ: queues are created, messages come, dead letters go.

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

const (
	exchange  = "campaign"
	deadQueue = "campaign.dead"
	parallel  = "campaign.parallel"
	heartbeat = 30 * time.Second
)

var queues = []string{"campaign.messages.0", "campaign.messages.1", "campaign.messages.2",
	"campaign.messages.3", parallel}

// Broker is one connection. Dead letters of all lanes share a channel.
type Broker struct {
	connection *amqp.Connection
	socket     net.Conn
	close      func() // the connection; a second call waits for the first
	letters    *amqp.Channel
	returns    chan amqp.Return
	one        sync.Mutex
}

// cutHosts takes a URL apart: what comes before its hosts, these, and what comes behind them. A cluster has several,
// separated by commas.
func cutHosts(url string) (before string, hosts []string, behind string) {
	scheme, rest, _ := strings.Cut(url, "://")
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	start := strings.LastIndex(rest[:end], "@") + 1
	return scheme + "://" + rest[:start], strings.Split(rest[start:end], ","), rest[end:]
}

// hostAt is the URL with only the host whose turn it is.
func hostAt(url string, turn int) string {
	before, hosts, behind := cutHosts(url)
	return before + hosts[turn%len(hosts)] + behind
}

// isBroker says whether each host makes a URL that a connection can be tried with.
func isBroker(url string) bool {
	_, hosts, _ := cutHosts(url)
	for turn, host := range hosts {
		parsed, err := amqp.ParseURI(hostAt(url, turn))
		if err != nil || host == "" || parsed.Port < 1 || parsed.Port > 65535 {
			return false
		}
	}
	return true
}

// openBroker connects and declares.
func openBroker(ctx context.Context, url string) (*Broker, error) {
	broker, err := connect(url)
	if err != nil {
		return nil, err
	}
	defer context.AfterFunc(ctx, func() { broker.socket.Close() })()
	if broker.letters, err = broker.connection.Channel(); err == nil {
		broker.letters.NotifyReturn(broker.returns)
		err = errors.Join(broker.letters.Confirm(false), broker.declare())
	}
	if err != nil {
		broker.close()
		return nil, err
	}
	return broker, nil
}

// connect keeps the socket, to close it by force: a call waits for its answer as long as heartbeats come, and each frame
// puts off the library's own deadlines. A broker that is short of memory sends heartbeats and reads nothing.
func connect(url string) (*Broker, error) {
	broker := &Broker{returns: make(chan amqp.Return, 1)}
	dial := amqp.DefaultDial(connectTimeout)
	config := amqp.Config{Heartbeat: heartbeat, Properties: amqp.Table{"connection_name": "campaign-consumer-go"},
		Dial: func(network, address string) (_ net.Conn, err error) {
			broker.socket, err = dial(network, address)
			return broker.socket, err
		}}
	broker.close = sync.OnceFunc(func() {
		defer time.AfterFunc(closeTimeout, func() { broker.socket.Close() }).Stop()
		_ = broker.connection.Close() // whatever it says, nothing is left of it
	})
	var err error
	broker.connection, err = amqp.DialConfig(url, config)
	return broker, err
}

// declare creates what is missing, dead letters first.
func (b *Broker) declare() error {
	dead := amqp.Table{"x-queue-type": "quorum"}
	if b.version() >= 4 {
		dead["x-delivery-limit"] = int64(2147483647)
	}
	if err := b.declareQueue(deadQueue, "fanout", deadQueue, dead); err != nil {
		return err
	}
	for _, queue := range queues {
		arguments := amqp.Table{"x-dead-letter-exchange": deadQueue}
		for name, value := range dead {
			arguments[name] = value
		}
		if queue != parallel {
			arguments["x-single-active-consumer"] = true
		}
		if err := b.declareQueue(exchange, "direct", queue, arguments); err != nil {
			return err
		}
	}
	return nil
}

func (b *Broker) declareQueue(exchange, kind, queue string, arguments amqp.Table) error {
	if err := b.letters.ExchangeDeclare(exchange, kind, true, false, false, false, nil); err != nil {
		return err
	}
	if _, err := b.letters.QueueDeclare(queue, true, false, false, false, arguments); err != nil {
		return err
	}
	return b.letters.QueueBind(queue, queue, exchange, false, nil)
}

// consume subscribes on a channel of its own. The deliveries end with the subscription: when the
// connection is lost, and when the queue is deleted.
func (b *Broker) consume(queue string, prefetch int) (<-chan amqp.Delivery, error) {
	channel, err := b.connection.Channel()
	if err != nil {
		return nil, err
	}
	if err := channel.Qos(prefetch, 0, false); err != nil {
		return nil, err
	}
	deliveries, err := channel.Consume(queue, "", false, false, false, false, nil)
	// RabbitMQ 3 would go over to a new queue of that name by itself, and lose what it delivers; not
	// with a limit for the whole channel, if that comes behind the subscription.
	if err == nil && b.version() < 4 {
		err = channel.Qos(prefetch, 0, true)
	}
	return deliveries, err
}

// version is the first number of the version that the broker said at login.
func (b *Broker) version() int {
	version, _ := b.connection.Properties["version"].(string)
	major, _ := strconv.Atoi(strings.Split(version, ".")[0])
	return major
}

// waits says whether messages of a queue wait for its only consumer.
func (b *Broker) waits(queue string) (bool, error) {
	b.one.Lock()
	defer b.one.Unlock()
	found, err := b.letters.QueueDeclarePassive(queue, true, false, false, false, nil)
	return found.Messages > 0 && found.Consumers == 1, err
}

// bury publishes a dead letter and waits for its confirm.
func (b *Broker) bury(ctx context.Context, queue, reason string, letter amqp.Publishing) error {
	headers := amqp.Table{"reason": oneLine(reason), "queue": queue}
	for name, value := range letter.Headers {
		if _, there := headers[name]; !there {
			headers[name] = value
		}
	}
	letter.Headers, letter.DeliveryMode = headers, amqp.Persistent
	if len(letter.Body) > bodyMax {
		letter.Body = letter.Body[:bodyMax]
	}
	b.one.Lock()
	defer b.one.Unlock()
	confirm, err := b.letters.PublishWithDeferredConfirmWithContext(ctx, deadQueue, queue, true, false, letter)
	if err != nil {
		return err
	}
	taken, err := confirm.WaitContext(ctx)
	select {
	case returned := <-b.returns:
		return fmt.Errorf("a dead letter came back: %s", returned.ReplyText)
	default:
	}
	if err == nil && !taken {
		err = errors.New("a dead letter was refused")
	}
	return err
}

// letterOf is a delivery as it came, without what would make the broker refuse or drop it.
func letterOf(one *amqp.Delivery) amqp.Publishing {
	return amqp.Publishing{Headers: one.Headers, ContentType: one.ContentType,
		ContentEncoding: one.ContentEncoding, Priority: one.Priority, CorrelationId: one.CorrelationId,
		ReplyTo: one.ReplyTo, MessageId: one.MessageId, Timestamp: one.Timestamp, Type: one.Type,
		AppId: one.AppId, Body: one.Body}
}

func oneLine(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	return strings.ToValidUTF8(text[:min(len(text), 300)], "")
}
