//! campaign-consumer in Rust: stores the messages of campaigns in MongoDB, exactly once and in order, as
//! docs/contract says. README.md beside this file has the commands.

mod broker;
mod failure;
mod lane;
mod message;
mod order;
mod report;
mod settings;
mod store;

use broker::{Broker, QUEUES};
use failure::{Failure, within};
use futures_util::future::try_join_all;
use lane::Lane;
use report::Reports;
use settings::{OPEN_TIMEOUT, Settings};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use store::Messages;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

const EXIT_SETTINGS: u8 = 78;
const WAIT_FIRST: Duration = Duration::from_millis(100);
const WAIT_MAX: Duration = Duration::from_secs(5);
/// For what is in hand when it is told to end.
const END_TIMEOUT: Duration = Duration::from_secs(5);

#[tokio::main]
async fn main() -> ExitCode {
    let settings = match Settings::read() {
        Ok(settings) => settings,
        Err(reason) => {
            eprintln!("wrong setting: {reason}");
            return ExitCode::from(EXIT_SETTINGS);
        }
    };
    let (stopper, stop) = watch::channel(false);
    let signals = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()));
    let (Ok(mut terminate), Ok(mut interrupt)) = signals else {
        eprintln!("cannot wait for signals");
        return ExitCode::FAILURE;
    };
    let sessions = tokio::spawn(go_on(settings, stop));
    tokio::select! {
        _ = terminate.recv() => (),
        _ = interrupt.recv() => (),
    }
    stopper.send_replace(true);
    // What is not done by then is delivered again.
    let _ = timeout(END_TIMEOUT, sessions).await;
    eprintln!("ended");
    std::process::exit(0) // without waiting for a server that does not answer
}

/// One session after the other, until it is told to end.
async fn go_on(settings: Settings, mut stop: watch::Receiver<bool>) {
    let mut wait = Duration::ZERO;
    let mut turn = 0;
    while !*stop.borrow() {
        let (consumed, done) = session(&settings, turn, &stop).await;
        turn += 1;
        wait = next_wait(wait, consumed);
        match done {
            Ok(()) => break,
            Err(Failure::Message(failure::Rejected(reason)) | Failure::Session(reason)) => {
                eprintln!("starts over: {reason}");
            }
        }
        tokio::select! {
            _ = stop.wait_for(|stopped| *stopped) => (),
            () = sleep(wait / 2 + wait.mul_f64(jitter())) => (),
        }
    }
}

/// Behind a session that has consumed for so long. To have begun does not count: a message that always makes it fail
/// would have the servers connected to several times a second, and the other queues given up each time.
fn next_wait(wait: Duration, consumed: Duration) -> Duration {
    if consumed >= WAIT_MAX { WAIT_FIRST } else { (2 * wait).clamp(WAIT_FIRST, WAIT_MAX) }
}

/// From 0 to 1: several consumers do not come back all at once.
fn jitter() -> f64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    f64::from(now.subsec_nanos() % 1_000_000) / 1e6
}

/// From one connect to the next: nothing that it knows outlives its connections. The stores come first: who
/// cannot store must not hold a queue. For how long it has consumed, and why it ended. Each turn takes the next
/// host of RabbitMQ.
async fn session(
    settings: &Settings,
    turn: usize,
    stop: &watch::Receiver<bool>,
) -> (Duration, Result<(), Failure>) {
    let (broker, lanes) = match open(settings, turn).await {
        Ok(opened) => opened,
        Err(failure) => return (Duration::ZERO, Err(failure)),
    };
    eprintln!("consuming");
    let start = Instant::now();
    let mut running = JoinSet::new();
    for lane in lanes {
        running.spawn(lane.run(stop.clone()));
    }
    let mut done = Ok(());
    while let Some(ended) = running.join_next().await {
        done = ended.unwrap_or_else(|panic| failure::session(panic.to_string()));
        if done.is_err() {
            break;
        }
    }
    let consumed = start.elapsed();
    running.shutdown().await;
    broker.close().await;
    (consumed, done)
}

async fn open(settings: &Settings, turn: usize) -> Result<(Arc<Broker>, Vec<Lane>), Failure> {
    let messages = Messages::open(&settings.mongodb, &settings.collection);
    let messages = within(OPEN_TIMEOUT, "MongoDB", messages).await?;
    // All at once: a host that does not answer takes its time but once.
    let reports = try_join_all(QUEUES.map(|_| Reports::open(&settings.database))).await?;
    let amqp = &settings.amqp[turn % settings.amqp.len()];
    let broker = Arc::new(Broker::open(amqp.clone()).await?);
    let lane =
        |(queue, reports)| Lane::new(queue, settings.prefetch, messages.clone(), reports, broker.clone());
    let lanes = QUEUES.into_iter().zip(reports).map(lane).collect();
    Ok((broker, lanes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_grows_until_a_session_has_lasted() {
        let mut wait = Duration::ZERO;
        let mut waits = Vec::new();
        for consumed_ms in [0, 50, 4000, 0, 4999, 0, 0, 0, 5000, 0] {
            wait = next_wait(wait, Duration::from_millis(consumed_ms));
            waits.push(wait.as_millis());
        }
        assert_eq!(waits, [100, 200, 400, 800, 1600, 3200, 5000, 5000, 100, 200]);
    }
}
