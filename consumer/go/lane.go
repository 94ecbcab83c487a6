package main

// A lane is what happens to the messages of one queue: check, decide, store, report, acknowledge.
// Whatever fails ends the session: all that is in hand is delivered again.

import (
	"context"
	"errors"
	"log/slog"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

const (
	chunkDocuments = 2000                   // of an insert
	chunkWait      = 2 * time.Millisecond   // for one more message
	stepTimeout    = time.Minute            // for a step of what is done with a chunk
	trust          = 2 * time.Second        // in what is known of a campaign
	campaignsMax   = 4096                   // known, if each was read back before that
	haltTrust      = 250 * time.Millisecond // in its not being halted
	lockWait       = 200 * time.Millisecond // before a report is tried again that met a client
	lookWindow     = 1000000                // seqs that are counted or read in one step
	lookEvery      = time.Second            // at a queue of which nothing comes
	looksSilent    = 4                      // in a row that find messages: the subscription is silent
)

// Campaign is what a lane knows of a campaign.
type Campaign struct {
	totals, next map[string]int64
	readAt       time.Time
}

// Received is a message, with its batch or with what is wrong with it.
type Received struct {
	delivery amqp.Delivery
	batch    *Batch
	wrong    error
}

// Gapped is a gap that was reported.
type Gapped struct {
	Place
	Next int64
}

// Lane handles one queue.
type Lane struct {
	queue     string
	ordered   bool
	prefetch  int
	messages  *Messages
	reports   *Reports
	broker    *Broker
	campaigns map[string]*Campaign
	gaps      map[Gapped]time.Time
	pending   Pending
	askedAt   map[string]time.Time // when a campaign was not halted
	step      *time.Timer          // ends what is done with a chunk
}

// run goes on until `stop` ends, with the messages in hand done, or until something fails.
func (l *Lane) run(stop, work context.Context) error {
	deliveries, err := l.broker.consume(l.queue, l.prefetch)
	if err != nil {
		return err
	}
	looks, quiet := 0, time.NewTicker(lookEvery)
	defer quiet.Stop()
	for {
		select {
		case <-stop.Done():
			return nil
		case <-work.Done():
			return work.Err()
		case one, open := <-deliveries:
			if !open {
				return errors.New(l.queue + ": the subscription has ended")
			}
			if err := l.chunk(work, one, deliveries); err != nil {
				return err
			}
			looks = 0
			quiet.Reset(lookEvery)
		case <-quiet.C:
			waits, err := l.broker.waits(l.queue)
			if err != nil {
				return err
			}
			if looks++; !waits {
				looks = 0
			}
			if looks >= looksSilent {
				return errors.New(l.queue + ": messages wait, and the subscription delivers none")
			}
		}
	}
}

// chunk handles a message and those that come with it, as many as one insert takes.
func (l *Lane) chunk(ctx context.Context, one amqp.Delivery, deliveries <-chan amqp.Delivery) error {
	var received []Received
	for count := 0; ; {
		batch, err := decode(one.Body, one.Headers)
		received = append(received, Received{one, batch, err})
		if err == nil {
			count += len(batch.Recipients)
		}
		if count >= chunkDocuments || len(received) >= l.prefetch/2 {
			break
		}
		var more bool
		select {
		case one, more = <-deliveries:
		case <-time.After(chunkWait):
		}
		if !more {
			break
		}
	}
	return l.settle(ctx, received)
}

func (l *Lane) settle(ctx context.Context, received []Received) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	l.step = time.AfterFunc(stepTimeout, func() {
		slog.Warn("a step takes too long", "queue", l.queue)
		cancel()
	})
	defer l.step.Stop()
	stopped, err := l.stopped(ctx, campaignsOf(received))
	if err != nil {
		return err
	}
	for _, one := range received {
		l.step.Reset(stepTimeout)
		err := one.wrong
		if err == nil {
			halted, there := stopped[one.batch.Campaign]
			err = l.admit(ctx, one.batch, halted || there && one.batch.reachesSomebody())
		}
		var reason Rejected
		if errors.As(err, &reason) {
			err = l.broker.bury(ctx, l.queue, string(reason), letterOf(&one.delivery))
		}
		if err != nil {
			return err
		}
	}
	if err := l.flush(ctx); err != nil {
		return err
	}
	return received[len(received)-1].delivery.Ack(true)
}

func campaignsOf(received []Received) map[string]bool {
	campaigns := map[string]bool{}
	for _, one := range received {
		if one.wrong == nil {
			campaigns[one.batch.Campaign] = true
		}
	}
	return campaigns
}

// stopped asks which of these campaigns are halted or behind their deadline, but for those of which it knows that they
// are not. Of each campaign, since a report may have to wait between the answers for two of them.
func (l *Lane) stopped(ctx context.Context, campaigns map[string]bool) (map[string]bool, error) {
	for campaign, at := range l.askedAt {
		if time.Since(at) >= haltTrust {
			delete(l.askedAt, campaign)
		}
	}
	var unknown []string
	for campaign := range campaigns {
		if _, known := l.askedAt[campaign]; !known {
			unknown = append(unknown, campaign)
		}
	}
	if len(unknown) == 0 {
		return nil, nil
	}
	asked := time.Now()
	stopped, err := l.reports.stopped(ctx, unknown)
	if err != nil {
		return nil, err
	}
	for _, campaign := range unknown {
		if _, there := stopped[campaign]; !there {
			l.askedAt[campaign] = asked
		}
	}
	return stopped, nil
}

// admit decides what becomes of a batch, of which only that is reported which is stored already if it is left out.
func (l *Lane) admit(ctx context.Context, batch *Batch, leftOut bool) error {
	place := Place{batch.Campaign, batch.Class}
	known, err := l.known(ctx, batch)
	if err != nil {
		return err
	}
	if leftOut {
		delete(l.campaigns, batch.Campaign)
		return l.leaveOut(ctx, place, Range{batch.First, batch.Last})
	}
	if !l.ordered {
		l.store(batch, batch.First)
		return nil
	}
	next := known.next[batch.Class]
	if decide(batch.First, batch.Last, next) != Store && time.Since(known.readAt) >= trust {
		if known, err = l.readBack(ctx, batch.Campaign); err != nil {
			return err
		}
		next = known.next[batch.Class]
	}
	if decide(batch.First, batch.Last, next) == Gap {
		return l.gap(ctx, place, next)
	}
	l.store(batch, next)
	known.next[batch.Class] = max(next, batch.Last+1)
	return nil
}

// known is the campaign of a batch, if it can be of it.
func (l *Lane) known(ctx context.Context, batch *Batch) (known *Campaign, err error) {
	known = l.campaigns[batch.Campaign]
	if known == nil || batch.Last > known.totals[batch.Class] && time.Since(known.readAt) >= trust {
		if known, err = l.readBack(ctx, batch.Campaign); err != nil {
			return nil, err
		}
	}
	total, there := known.totals[batch.Class]
	switch {
	case len(known.totals) == 0:
		return nil, Rejected("unknown campaign")
	case !there:
		return nil, Rejected("the campaign has no recipients of this class")
	case batch.Last > total:
		return nil, Rejected("more recipients than the campaign has")
	}
	return known, nil
}

// readBack asks both servers where a campaign stands; what is pending must be there before.
func (l *Lane) readBack(ctx context.Context, campaign string) (*Campaign, error) {
	if err := l.flush(ctx); err != nil {
		return nil, err
	}
	known := &Campaign{totals: map[string]int64{}, next: map[string]int64{}, readAt: time.Now()}
	classes, err := l.reports.open(ctx, campaign)
	if err != nil {
		return nil, err
	}
	for _, class := range classes {
		place := Place{campaign, class.Name}
		known.totals[class.Name] = class.Total
		if !l.ordered {
			continue
		}
		highest, err := l.messages.highest(ctx, place)
		if err != nil {
			return nil, err
		}
		next, lost := nextOf(class.Reported, highest, class.Failed)
		known.next[class.Name] = next
		if lost {
			if err := l.gap(ctx, place, next); err != nil {
				return nil, err
			}
		}
	}
	l.remember(campaign, known)
	return known, nil
}

// remember forgets, of many campaigns, those that it would read back anyway.
func (l *Lane) remember(campaign string, known *Campaign) {
	if len(l.campaigns) >= campaignsMax {
		for old, one := range l.campaigns {
			if time.Since(one.readAt) >= trust {
				delete(l.campaigns, old)
			}
		}
	}
	l.campaigns[campaign] = known
}

// gap asks for a class from `next` on, once in a while; all that is stored is reported before.
func (l *Lane) gap(ctx context.Context, place Place, next int64) error {
	if err := l.flush(ctx); err != nil {
		return err
	}
	gap := Gapped{place, next}
	if time.Since(l.gaps[gap]) < trust {
		return nil
	}
	if err := l.insist(ctx, func() error { return l.reports.gap(ctx, place, next) }); err != nil {
		return err
	}
	for old, at := range l.gaps {
		if time.Since(at) >= trust {
			delete(l.gaps, old)
		}
	}
	l.gaps[gap] = time.Now()
	return nil
}
