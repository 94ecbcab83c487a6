package main

// What a lane has decided to store, on its way: into MongoDB first, then in a report to PostgreSQL.

import (
	"context"
	"errors"
	"log/slog"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// Pending is what a lane has decided to store and has not stored.
type Pending struct {
	documents []*Document
	batches   []*Batch // of each document
	reports   []Stored
	leftOut   []Stored // to be looked up before they are reported
}

// Parked is a recipient who cannot be stored.
type Parked struct {
	batch  *Batch
	seq    int64
	reason string
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
			l.pending.documents = append(l.pending.documents, documentOf(batch, one, seq, now))
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
	var parked []Parked
	for len(pending.documents) > 0 {
		l.step.Reset(stepTimeout)
		if err := l.stillWanted(ctx, pending.batches); err != nil {
			return err
		}
		refusal, err := l.messages.insert(ctx, pending.documents)
		if err != nil {
			return err
		}
		if refusal == nil {
			break
		}
		refused, err := l.pass(ctx, &pending, refusal)
		if err != nil {
			return err
		}
		parked = append(parked, refused...)
	}
	// Behind all that is stored: a report may have to wait, and the campaign be paused meanwhile.
	for _, one := range parked {
		l.step.Reset(stepTimeout)
		if err := l.park(ctx, one); err != nil {
			return err
		}
	}
	for _, one := range pending.leftOut {
		l.step.Reset(stepTimeout)
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

// pass leaves of what is pending what is still to be stored behind a refusal, and answers who cannot be. If a place
// is taken, others may be, too: after a crash all that was in hand.
func (l *Lane) pass(ctx context.Context, pending *Pending, refusal *Refusal) ([]Parked, error) {
	documents, batches := pending.documents[refusal.Index:], pending.batches[refusal.Index:]
	if refusal.Reason != "" {
		pending.documents, pending.batches = documents[1:], batches[1:]
		return []Parked{{batches[0], documents[0].Seq, refusal.Reason}}, nil
	}
	taken, err := l.messages.taken(ctx, documents)
	if err == nil && taken[string(documents[0].ID.Data)] == nil {
		err = errors.New("a duplicate key that no majority shows")
	}
	if err != nil {
		return nil, err
	}
	var parked []Parked
	pending.documents, pending.batches = nil, nil
	for i, one := range documents {
		theirs, there := taken[string(one.ID.Data)]
		if !there {
			pending.documents, pending.batches = append(pending.documents, one), append(pending.batches, batches[i])
		} else if !one.same(theirs) {
			parked = append(parked, Parked{batches[i], one.Seq, "conflict: stored with other content"})
		}
	}
	return parked, nil
}

// stillWanted asks again whether these may be stored, of each campaign for which that was asked too long ago: a report had
// to wait, or MongoDB took its time. The next session knows what to do with those of a halted campaign.
func (l *Lane) stillWanted(ctx context.Context, batches []*Batch) error {
	campaigns := map[string]bool{}
	for _, one := range batches {
		campaigns[one.Campaign] = true
	}
	stopped, err := l.stopped(ctx, campaigns)
	if err == nil && len(stopped) > 0 {
		return errors.New("a campaign was stopped while its messages were in hand")
	}
	return err
}

// park makes a dead letter of a recipient who cannot be stored, and tells PostgreSQL.
func (l *Lane) park(ctx context.Context, one Parked) error {
	body, headers, err := one.batch.alone(one.seq)
	if err != nil {
		return err
	}
	err = l.broker.bury(ctx, l.queue, one.reason, amqp.Publishing{Headers: headers, Body: body,
		ContentType: "application/json", Type: "campaign.batch"})
	if err != nil {
		return err
	}
	return l.insist(ctx, func() error {
		return l.reports.conflict(ctx, Place{one.batch.Campaign, one.batch.Class}, one.seq, oneLine(one.reason))
	})
}

// report tells PostgreSQL, and looks at MongoDB where that would end a campaign.
func (l *Lane) report(ctx context.Context, ranges []Stored) error {
	var checked []string
	for len(ranges) > 0 {
		var unchecked []Unchecked
		err := l.insist(ctx, func() (err error) {
			unchecked, err = l.reports.report(ctx, ranges, checked)
			return err
		})
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

// look asks for what MongoDB has lost of a class that is about to end. Who was left out is missing in any
// case; who was refused is, or another document is in their place.
func (l *Lane) look(ctx context.Context, class Unchecked) error {
	var count int64
	err := l.lookThrough(class, func(window Range) error {
		found, err := l.messages.count(ctx, class.Place, window)
		count += found
		return err
	})
	if err != nil || count >= class.Total-class.LeftOut {
		return err
	}
	var there []int64
	err = l.lookThrough(class, func(window Range) error {
		found, err := l.messages.stored(ctx, class.Place, window)
		there = append(there, found...)
		return err
	})
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
			err = l.insist(ctx, func() error { return l.reports.gap(ctx, class.Place, missing) })
			// What is in hand may be among it: it must not be reported.
			return errors.Join(err, errors.New("MongoDB has lost documents that were stored"))
		}
	}
	return nil
}

// lookThrough takes a step for each window of a class: a large one takes longer than a step may.
func (l *Lane) lookThrough(class Unchecked, look func(Range) error) error {
	return windows(Range{1, class.Total}, lookWindow, func(window Range) error {
		l.step.Reset(stepTimeout)
		return look(window)
	})
}

// insist makes a report, and makes it again as long as a client holds what it changes: that may take long, and
// another session would meet the same client. The chunk has its whole time again after each refusal.
func (l *Lane) insist(ctx context.Context, report func() error) error {
	for refusals := 0; ; refusals++ {
		err := report()
		if !isLocked(err) {
			return err
		}
		if refusals == 0 {
			slog.Warn("a report waits for a client", "queue", l.queue, "reason", err)
		}
		l.step.Reset(stepTimeout)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(lockWait):
		}
	}
}
