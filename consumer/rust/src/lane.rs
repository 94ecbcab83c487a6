//! A lane is what happens to the messages of one queue: check, decide, store, report, acknowledge.
//! Whatever fails ends the session: all that is in hand is delivered again.

use crate::broker::{Broker, PARALLEL, headers_of};
use crate::failure::{Failure, Rejected, session};
use crate::message::{Batch, decode};
use crate::order::{Decision, decide, next_of};
use crate::report::Reports;
use crate::store::{Messages, Place};
use futures_util::StreamExt;
use lapin::Consumer;
use lapin::message::Delivery;
use lapin::options::BasicAckOptions;
use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Notify, watch};
use tokio::time::{sleep, timeout};

mod asked;
mod pending;
use asked::Asked;
use pending::Pending;

/// Documents of an insert.
const CHUNK_DOCUMENTS: usize = 2000;
/// For one more message.
const CHUNK_WAIT: Duration = Duration::from_millis(2);
/// For a step of what is done with a chunk.
const STEP_TIMEOUT: Duration = Duration::from_secs(60);
/// Campaigns that are known, if what is known of them is old.
const CAMPAIGNS_MAX: usize = 4096;
/// In what is known of a campaign.
const TRUST: Duration = Duration::from_secs(2);
/// Between two looks at a queue of which nothing comes.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// So many looks in a row that find messages: the subscription is silent.
const LOOKS_SILENT: u32 = 4;

/// What a lane knows of a campaign.
struct Campaign {
    totals: HashMap<String, i64>,
    next: HashMap<String, i64>,
    read_at: Instant,
}

type Received = (Delivery, Result<Arc<Batch>, Rejected>);

pub struct Lane {
    pub queue: &'static str,
    pub prefetch: u16,
    pub messages: Messages,
    pub reports: Reports,
    pub broker: Arc<Broker>,
    campaigns: HashMap<String, Campaign>,
    gaps: HashMap<(Place, i64), Instant>,
    pending: Pending,
    asked: Asked,
}

/// Ends a chunk of which a step takes too long.
async fn in_time(chunk: impl Future<Output = Result<(), Failure>>, goes_on: &Notify) -> Result<(), Failure> {
    let mut chunk = pin!(chunk);
    loop {
        tokio::select! {
            done = &mut chunk => return done,
            () = goes_on.notified() => (),
            () = sleep(STEP_TIMEOUT) => return session("a step takes too long"),
        }
    }
}

/// Forgets, of many campaigns, those that it would read back anyway.
fn remember(campaigns: &mut HashMap<String, Campaign>, campaign: &str, known: Campaign) {
    if campaigns.len() >= CAMPAIGNS_MAX {
        campaigns.retain(|_, one| one.read_at.elapsed() < TRUST);
    }
    campaigns.insert(campaign.to_owned(), known);
}

impl Lane {
    pub fn new(
        queue: &'static str,
        prefetch: u16,
        messages: Messages,
        reports: Reports,
        broker: Arc<Broker>,
    ) -> Self {
        let (campaigns, gaps, pending, asked) = Default::default();
        Self { queue, prefetch, messages, reports, broker, campaigns, gaps, pending, asked }
    }

    /// Goes on until `stop` is set, with the messages in hand done, or until something fails.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) -> Result<(), Failure> {
        let (_channel, mut consumer) = self.broker.consume(self.queue, self.prefetch).await?;
        let mut looks = 0;
        loop {
            let came = tokio::select! {
                biased;
                _ = stop.wait_for(|stopped| *stopped) => return Ok(()),
                one = consumer.next() => Some(one),
                _ = sleep(LOOK_EVERY) => None,
            };
            let Some(first) = came else {
                looks = if self.broker.waits(self.queue).await? { looks + 1 } else { 0 };
                if looks >= LOOKS_SILENT {
                    return session(format!(
                        "{}: messages wait, and the subscription delivers none",
                        self.queue
                    ));
                }
                continue;
            };
            looks = 0;
            let Some(first) = first else {
                return session(format!("{}: the subscription has ended", self.queue));
            };
            let received = self.gather(first?, &mut consumer).await?;
            let goes_on = self.reports.goes_on.clone();
            in_time(self.settle(received), &goes_on).await?;
        }
    }

    /// A message and those that come with it, as many as one insert takes.
    async fn gather(&self, first: Delivery, consumer: &mut Consumer) -> Result<Vec<Received>, Failure> {
        let mut received: Vec<Received> = Vec::new();
        let mut count = 0;
        let mut next = Some(first);
        while let Some(delivery) = next {
            let batch = decode(&delivery.data, &headers_of(&delivery)).map(Arc::new);
            count += batch.as_ref().map_or(0, |batch| batch.recipients.len());
            received.push((delivery, batch));
            if count >= CHUNK_DOCUMENTS || received.len() >= usize::from(self.prefetch / 2) {
                break;
            }
            next = match timeout(CHUNK_WAIT, consumer.next()).await {
                Ok(Some(more)) => Some(more?),
                _ => None,
            };
        }
        Ok(received)
    }

    async fn settle(&mut self, received: Vec<Received>) -> Result<(), Failure> {
        let batches = received.iter().filter_map(|(_, batch)| batch.as_ref().ok());
        let stopped = self.stopped(batches.map(|batch| &batch.campaign)).await?;
        for (delivery, batch) in &received {
            self.reports.goes_on.notify_one();
            let done = match batch {
                Ok(batch) => {
                    let halted = stopped.get(&batch.campaign);
                    let left_out = halted.is_some_and(|halted| *halted || batch.reaches_somebody());
                    self.admit(batch, left_out).await
                }
                Err(Rejected(reason)) => Err(Rejected(reason.clone()).into()),
            };
            match done {
                Err(Failure::Message(Rejected(reason))) => {
                    self.broker.bury(self.queue, &reason, &delivery.data, &delivery.properties).await?;
                }
                other => other?,
            }
        }
        self.flush().await?;
        if let Some((last, _)) = received.last() {
            last.acker.ack(BasicAckOptions { multiple: true }).await?;
        }
        Ok(())
    }

    /// Which of these campaigns are halted or behind their deadline: asks, unless it knows that they are not.
    async fn stopped(
        &mut self,
        campaigns: impl Iterator<Item = &String>,
    ) -> Result<HashMap<String, bool>, Failure> {
        let now = Instant::now();
        let due = self.asked.due(campaigns, now);
        if due.is_empty() {
            return Ok(HashMap::new());
        }
        let stopped = self.reports.stopped(&due).await?;
        self.asked.answered(due, &stopped, now);
        Ok(stopped)
    }

    /// Decides what becomes of a batch, of which only that is reported which is stored already if it is left out.
    async fn admit(&mut self, batch: &Arc<Batch>, left_out: bool) -> Result<(), Failure> {
        let place = Place::of(batch);
        self.know(batch).await?;
        if left_out {
            self.campaigns.remove(&batch.campaign);
            return self.leave_out(place, (batch.first, batch.last)).await;
        }
        if self.queue == PARALLEL {
            self.store(batch, batch.first);
            return Ok(());
        }
        let mut next = self.next(batch);
        if decide(batch.first, batch.last, next) != Decision::Store && self.is_old(&batch.campaign) {
            self.read_back(&batch.campaign).await?;
            next = self.next(batch);
        }
        if decide(batch.first, batch.last, next) == Decision::Gap {
            return self.gap(&place, next).await;
        }
        self.store(batch, next);
        if let Some(known) = self.campaigns.get_mut(&batch.campaign) {
            known.next.insert(batch.class.clone(), next.max(batch.last + 1));
        }
        Ok(())
    }

    fn next(&self, batch: &Batch) -> i64 {
        let known = self.campaigns.get(&batch.campaign);
        known.and_then(|known| known.next.get(&batch.class)).copied().unwrap_or(1)
    }

    fn total(&self, batch: &Batch) -> Option<i64> {
        self.campaigns.get(&batch.campaign)?.totals.get(&batch.class).copied()
    }

    fn is_old(&self, campaign: &str) -> bool {
        self.campaigns.get(campaign).is_none_or(|known| known.read_at.elapsed() >= TRUST)
    }

    /// Knows the campaign of a batch, if it can be of it.
    async fn know(&mut self, batch: &Batch) -> Result<(), Failure> {
        let missing = !self.campaigns.contains_key(&batch.campaign);
        if missing || self.total(batch).unwrap_or(0) < batch.last && self.is_old(&batch.campaign) {
            self.read_back(&batch.campaign).await?;
        }
        match self.total(batch) {
            None => Err(Rejected("no such campaign, or no recipients of this class in it".into()).into()),
            Some(total) if batch.last > total => {
                Err(Rejected("more recipients than the campaign has".into()).into())
            }
            Some(_) => Ok(()),
        }
    }

    /// Asks both servers where a campaign stands; what is pending must be there before.
    async fn read_back(&mut self, campaign: &str) -> Result<(), Failure> {
        self.flush().await?;
        let mut known = Campaign { totals: HashMap::new(), next: HashMap::new(), read_at: Instant::now() };
        for class in self.reports.classes(campaign).await? {
            let place = Place { campaign: campaign.to_owned(), class: class.name.clone() };
            known.totals.insert(class.name.clone(), class.total);
            if self.queue == PARALLEL {
                continue;
            }
            let highest = self.messages.highest(&place).await?;
            let (next, lost) = next_of(class.reported, highest, &class.failed);
            known.next.insert(class.name, next);
            if lost {
                self.gap(&place, next).await?;
            }
        }
        remember(&mut self.campaigns, campaign, known);
        Ok(())
    }

    /// Asks for a class from `next` on, once in a while; all that is stored is reported before.
    async fn gap(&mut self, place: &Place, next: i64) -> Result<(), Failure> {
        self.flush().await?;
        self.gaps.retain(|_, at| at.elapsed() < TRUST);
        let gap = (place.clone(), next);
        if !self.gaps.contains_key(&gap) {
            self.reports.gap(place, next).await?;
            self.gaps.insert(gap, Instant::now());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_campaigns_are_forgotten() {
        let mut campaigns = HashMap::new();
        let known = |read_at| Campaign { totals: HashMap::new(), next: HashMap::new(), read_at };
        for at in 0..3 * CAMPAIGNS_MAX {
            remember(&mut campaigns, &at.to_string(), known(Instant::now() - TRUST));
        }
        assert!(campaigns.len() <= CAMPAIGNS_MAX);
        for at in 0..=CAMPAIGNS_MAX {
            remember(&mut campaigns, &at.to_string(), known(Instant::now() + Duration::from_secs(3600)));
        }
        assert_eq!(campaigns.len(), CAMPAIGNS_MAX + 1);
    }
}
