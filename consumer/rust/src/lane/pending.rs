//! What a lane has decided to store, on its way: into MongoDB first, then in a report to PostgreSQL.

use super::Lane;
use crate::broker::{one_line, properties_of};
use crate::failure::{Failure, session};
use crate::message::{Batch, id_of, seq_of};
use crate::order::{Range, first_missing, runs};
use crate::report::{Stored, Unchecked};
use crate::store::{Place, Refusal, documents_of, is_same};
use mongodb::bson::Document;
use std::collections::HashMap;
use std::sync::Arc;

const CONFLICT: &str = "conflict: stored with other content";

/// What a lane has decided to store and has not stored.
#[derive(Default)]
pub struct Pending {
    documents: Vec<Document>,
    /// The batch of each document.
    batches: Vec<Arc<Batch>>,
    reports: Vec<Stored>,
    /// To be looked up before they are reported.
    left_out: Vec<Stored>,
}

/// A recipient who cannot be stored: its batch, its seq, and why.
type Parked = (Arc<Batch>, i64, String);

impl Lane {
    /// Reports what is stored of a range of a halted campaign, and nothing else.
    pub(super) async fn leave_out(&mut self, place: Place, range: Range) -> Result<(), Failure> {
        let stored = self.messages.stored(&place, range).await?;
        let pieces = runs(range, &stored).into_iter().filter(|(_, there)| *there);
        let reports = pieces.map(|(range, _)| Stored { place: place.clone(), range, suppressed: false });
        self.pending.reports.extend(reports);
        Ok(())
    }

    /// Adds a batch, from `next` on, to what is pending. All of it is reported.
    pub(super) fn store(&mut self, batch: &Arc<Batch>, next: i64) {
        let documents = documents_of(batch, next);
        self.pending.batches.extend(documents.iter().map(|_| batch.clone()));
        self.pending.documents.extend(documents);
        let absent = (batch.first..)
            .zip(&batch.recipients)
            .filter(|(_, one)| one.is_none())
            .map(|(seq, _)| seq)
            .collect();
        for (range, suppressed) in runs((batch.first, batch.last), &absent) {
            let piece = Stored { place: Place::of(batch), range, suppressed };
            if suppressed { self.pending.left_out.push(piece) } else { self.pending.reports.push(piece) }
        }
    }

    /// Stores and reports what is pending.
    pub(super) async fn flush(&mut self) -> Result<(), Failure> {
        let mut pending = std::mem::take(&mut self.pending);
        let mut parked = Vec::new();
        while !pending.documents.is_empty() {
            self.reports.goes_on.notify_one();
            self.still_wanted(&pending.batches).await?;
            let Some(refusal) = self.messages.insert(&pending.documents).await? else {
                break;
            };
            parked.extend(self.pass(&mut pending, refusal).await?);
        }
        // Behind all that is stored: a report may have to wait, and the campaign be paused meanwhile.
        for (batch, seq, reason) in parked {
            self.reports.goes_on.notify_one();
            self.park(&batch, seq, &reason).await?;
        }
        for one in pending.left_out {
            self.reports.goes_on.notify_one();
            let stored = self.messages.stored(&one.place, one.range).await?;
            for (range, there) in runs(one.range, &stored) {
                pending.reports.push(Stored { place: one.place.clone(), range, suppressed: !there });
            }
        }
        self.report(&pending.reports).await
    }

    /// Leaves of what is pending what is still to be stored behind a refusal, and answers who cannot be. If a
    /// place is taken, others may be, too: after a crash all that was in hand.
    async fn pass(&self, pending: &mut Pending, refusal: Refusal) -> Result<Vec<Parked>, Failure> {
        let mut documents = pending.documents.split_off(refusal.index);
        let mut batches = pending.batches.split_off(refusal.index);
        let mut parked = Vec::new();
        let mut taken = HashMap::new();
        if let Some(reason) = refusal.reason {
            parked.push((batches.remove(0), seq_of(&documents.remove(0)), reason));
        } else {
            taken = self.messages.taken(&documents).await?;
            if !taken.contains_key(id_of(&documents[0])) {
                return session("a duplicate key that no majority shows");
            }
        }
        (pending.documents, pending.batches) = (Vec::new(), Vec::new());
        for (document, batch) in documents.into_iter().zip(batches) {
            match taken.get(id_of(&document)) {
                None => {
                    pending.documents.push(document);
                    pending.batches.push(batch);
                }
                Some(theirs) if is_same(&document, theirs) => (),
                Some(_) => parked.push((batch, seq_of(&document), CONFLICT.into())),
            }
        }
        Ok(parked)
    }

    /// Asks again whether these may be stored, if that was asked too long ago: a report had to wait, or MongoDB
    /// took its time. The next session knows what to do with those of a halted campaign.
    async fn still_wanted(&mut self, batches: &[Arc<Batch>]) -> Result<(), Failure> {
        let each = batches.chunk_by(Arc::ptr_eq);
        if self.stopped(each.map(|same| &same[0].campaign)).await?.is_empty() {
            return Ok(());
        }
        session("a campaign was stopped while its messages were in hand")
    }

    /// Makes a dead letter of a recipient who cannot be stored, and tells PostgreSQL.
    async fn park(&self, batch: &Batch, seq: i64, reason: &str) -> Result<(), Failure> {
        let body = batch.alone(seq);
        self.broker.bury(self.queue, reason, body.as_bytes(), &properties_of(batch, seq)).await?;
        self.reports.conflict(&Place::of(batch), seq, &one_line(reason)).await
    }

    /// Tells PostgreSQL, and looks at MongoDB where that would end a campaign.
    async fn report(&self, ranges: &[Stored]) -> Result<(), Failure> {
        let mut checked = Vec::new();
        while !ranges.is_empty() {
            let unchecked = self.reports.report(ranges, &checked).await?;
            if unchecked.is_empty() {
                break;
            }
            for class in unchecked {
                self.look(&class).await?;
                checked.push(class.place.campaign);
            }
        }
        Ok(())
    }

    /// Asks for what MongoDB has lost of a class that is about to end. Who was left out is missing in any
    /// case; who was refused is, or another document is in their place.
    async fn look(&self, class: &Unchecked) -> Result<(), Failure> {
        let whole = (1, class.total);
        if self.messages.count(&class.place, whole).await? >= class.total - class.left_out {
            return Ok(());
        }
        let there = self.messages.stored(&class.place, whole).await?;
        let classes = self.reports.classes(&class.place.campaign).await?;
        let failed = classes.into_iter().find(|one| one.name == class.place.class).map(|one| one.failed);
        match first_missing(class.total, &there, &failed.unwrap_or_default()) {
            Some(missing) => {
                self.reports.gap(&class.place, missing).await?;
                // What is in hand may be among it: it must not be reported.
                session("MongoDB has lost documents that were stored")
            }
            None => Ok(()),
        }
    }
}
