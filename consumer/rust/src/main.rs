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
use failure::Failure;
use lane::Lane;
use report::Reports;
use settings::Settings;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
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
    let mut wait = WAIT_FIRST;
    let mut turn = 0;
    while !*stop.borrow() {
        let (consumed, done) = session(&settings, turn, &stop).await;
        turn += 1;
        if consumed {
            wait = WAIT_FIRST;
        }
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
        wait = WAIT_MAX.min(2 * wait);
    }
}

/// From 0 to 1: several consumers do not come back all at once.
fn jitter() -> f64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    f64::from(now.subsec_nanos() % 1_000_000) / 1e6
}

/// From one connect to the next: nothing that it knows outlives its connections. The stores come first: who
/// cannot store must not hold a queue. Whether it came to consume, and why it ended. Each turn takes the next
/// host of RabbitMQ.
async fn session(
    settings: &Settings,
    turn: usize,
    stop: &watch::Receiver<bool>,
) -> (bool, Result<(), Failure>) {
    let (broker, lanes) = match open(settings, turn).await {
        Ok(opened) => opened,
        Err(failure) => return (false, Err(failure)),
    };
    eprintln!("consuming");
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
    running.shutdown().await;
    broker.close().await;
    (true, done)
}

async fn open(settings: &Settings, turn: usize) -> Result<(Arc<Broker>, Vec<Lane>), Failure> {
    let messages = Messages::open(&settings.mongodb, &settings.collection).await?;
    let mut reports = Vec::new();
    for _ in QUEUES {
        reports.push(Reports::open(&settings.database).await?);
    }
    let amqp = &settings.amqp[turn % settings.amqp.len()];
    let broker = Arc::new(Broker::open(amqp.clone()).await?);
    let lane =
        |(queue, reports)| Lane::new(queue, settings.prefetch, messages.clone(), reports, broker.clone());
    let lanes = QUEUES.into_iter().zip(reports).map(lane).collect();
    Ok((broker, lanes))
}
