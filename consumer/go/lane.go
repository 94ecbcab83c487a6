package main

// A lane is what happens to the messages of one queue: check, decide, store, report, acknowledge.
// Whatever fails ends the session: all that is in hand is delivered again.

import (
	"context"
	"errors"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

const (
	chunkDocuments = 2000                   // of an insert
	chunkWait      = 2 * time.Millisecond   // for one more message
	stepTimeout    = time.Minute            // for all that is done with a chunk
	trust          = 2 * time.Second        // in what is known of a campaign
	haltTrust      = 250 * time.Millisecond // in its not being halted
	lookEvery      = time.Second            // at a queue of which nothing comes
	looksSilent    = 4                      // in a row that find messages: the subscription is silent
)

// Campaign is what a lane knows of a campaign.
type Campaign struct {
	totals, next map[string]int64
	readAt       time.Time
	askedAt      time.Time // when it was not halted
}

// Pending is what a lane has decided to store and has not stored.
type Pending struct {
	documents []*Document
	batches   []*Batch // of each document
	reports   []Stored
	leftOut   []Stored // to be looked up before they are reported
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
	ctx, cancel := context.WithTimeout(ctx, stepTimeout)
	defer cancel()
	halted, err := l.halted(ctx, received)
	if err != nil {
		return err
	}
	for _, one := range received {
		err := one.wrong
		if err == nil {
			err = l.admit(ctx, one.batch, halted[one.batch.Campaign])
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

// halted asks which campaigns of these messages are paused or cancelled, unless it knows.
func (l *Lane) halted(ctx context.Context, received []Received) (map[string]bool, error) {
	var unknown []string
	seen := map[string]bool{}
	for _, one := range received {
		if one.wrong != nil || seen[one.batch.Campaign] {
			continue
		}
		seen[one.batch.Campaign] = true
		known := l.campaigns[one.batch.Campaign]
		if known == nil || time.Since(known.askedAt) >= haltTrust {
			unknown = append(unknown, one.batch.Campaign)
		}
	}
	if len(unknown) == 0 {
		return nil, nil
	}
	asked := time.Now()
	halted, err := l.reports.halted(ctx, unknown)
	for _, campaign := range unknown {
		if known := l.campaigns[campaign]; known != nil {
			known.askedAt = asked
		}
	}
	return halted, err
}

// admit decides what becomes of a batch.
func (l *Lane) admit(ctx context.Context, batch *Batch, halted bool) error {
	place := Place{batch.Campaign, batch.Class}
	known, err := l.known(ctx, batch)
	if err != nil {
		return err
	}
	if halted {
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
	if before := l.campaigns[campaign]; before != nil {
		known.askedAt = before.askedAt
	}
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
	l.campaigns[campaign] = known
	return known, nil
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
	if err := l.reports.gap(ctx, place, next); err != nil {
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

// leaveOut reports what is stored of a range of a halted campaign, and nothing else.
func (l *Lane) leaveOut(ctx context.Context, place Place, whole Range) error {
	stored, err := l.storedOf(ctx, place, whole)
	runs(whole, stored, func(one Range, there bool) {
		if there {
			l.pending.reports = append(l.pending.reports, Stored{place, one, false})
		}
	})
	return err
}

func (l *Lane) storedOf(ctx context.Context, place Place, whole Range) (map[int64]bool, error) {
	seqs, err := l.messages.stored(ctx, place, whole)
	stored := map[int64]bool{}
	for _, seq := range seqs {
		stored[seq] = true
	}
	return stored, err
}

// store adds a batch, from `next` on, to what is pending. All of it is reported.
func (l *Lane) store(batch *Batch, next int64) {
	now := time.Now()
	absent := map[int64]bool{}
	for i, one := range batch.Recipients {
		seq := batch.First + int64(i)
		if one == nil {
			absent[seq] = true
		} else if seq >= next {
			l.pending.batches = append(l.pending.batches, batch)
			l.pending.documents = append(l.pending.documents, &Document{
				ID: documentID(batch.Campaign, batch.Class, seq), Identifier: one.Identifier,
				Number: one.Number, Text: one.Text, Campaign: batch.Campaign, Class: batch.Class,
				Seq: seq, Attributes: one.Attributes, Created: now, Updated: now})
		}
	}
	runs(Range{batch.First, batch.Last}, absent, func(one Range, leftOut bool) {
		stored := Stored{Place{batch.Campaign, batch.Class}, one, leftOut}
		if leftOut {
			l.pending.leftOut = append(l.pending.leftOut, stored)
		} else {
			l.pending.reports = append(l.pending.reports, stored)
		}
	})
}

// flush stores and reports what is pending.
func (l *Lane) flush(ctx context.Context) error {
	pending := l.pending
	l.pending = Pending{}
	for len(pending.documents) > 0 {
		refusal, err := l.messages.insert(ctx, pending.documents)
		if err != nil {
			return err
		}
		if refusal == nil {
			break
		}
		if refusal.Reason != "" {
			seq := pending.documents[refusal.Index].Seq
			if err := l.park(ctx, pending.batches[refusal.Index], seq, refusal.Reason); err != nil {
				return err
			}
		}
		pending.documents = pending.documents[refusal.Index+1:]
		pending.batches = pending.batches[refusal.Index+1:]
	}
	for _, one := range pending.leftOut {
		stored, err := l.storedOf(ctx, one.Place, one.Range)
		if err != nil {
			return err
		}
		runs(one.Range, stored, func(part Range, there bool) {
			pending.reports = append(pending.reports, Stored{one.Place, part, !there})
		})
	}
	return l.report(ctx, pending.reports)
}

// park makes a dead letter of a recipient who cannot be stored, and tells PostgreSQL.
func (l *Lane) park(ctx context.Context, batch *Batch, seq int64, reason string) error {
	body, headers, err := batch.alone(seq)
	if err != nil {
		return err
	}
	err = l.broker.bury(ctx, l.queue, reason, amqp.Publishing{Headers: headers, Body: body,
		ContentType: "application/json", Type: "campaign.batch"})
	if err != nil {
		return err
	}
	return l.reports.conflict(ctx, Place{batch.Campaign, batch.Class}, seq, oneLine(reason))
}

// report tells PostgreSQL, and looks at MongoDB where that would end a campaign.
func (l *Lane) report(ctx context.Context, ranges []Stored) error {
	var checked []string
	for len(ranges) > 0 {
		unchecked, err := l.reports.report(ctx, ranges, checked)
		if err != nil || len(unchecked) == 0 {
			return err
		}
		for _, class := range unchecked {
			if err := l.look(ctx, class); err != nil {
				return err
			}
			checked = append(checked, class.Campaign)
		}
	}
	return nil
}

// look asks for what MongoDB has lost of a class that is about to end.
func (l *Lane) look(ctx context.Context, class Unchecked) error {
	whole := Range{1, class.Total}
	count, err := l.messages.count(ctx, class.Place, whole)
	if err != nil || count >= class.Total-class.Failed {
		return err
	}
	there, err := l.messages.stored(ctx, class.Place, whole)
	if err != nil {
		return err
	}
	classes, err := l.reports.open(ctx, class.Campaign)
	if err != nil {
		return err
	}
	for _, one := range classes {
		if one.Name != class.Class {
			continue
		}
		if missing := firstMissing(class.Total, there, one.Failed); missing != 0 {
			return l.reports.gap(ctx, class.Place, missing)
		}
	}
	return nil
}
