//! What can go wrong: with one message, or with a server.

use std::time::Duration;
use tokio::time::timeout;

/// A message for the dead letters; the text is the reason.
#[derive(Debug, PartialEq)]
pub struct Rejected(pub String);

/// Either of the two. Any error of a client is one of its server, and ends the session.
pub enum Failure {
    Message(Rejected),
    Session(String),
}

impl From<Rejected> for Failure {
    fn from(reason: Rejected) -> Self {
        Failure::Message(reason)
    }
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(inner) = source {
            text += &format!(": {inner}");
            source = inner.source();
        }
        Failure::Session(text)
    }
}

pub fn session<T>(text: impl Into<String>) -> Result<T, Failure> {
    Err(Failure::Session(text.into()))
}

/// Gives up on a server that does not answer in time.
pub async fn within<T>(
    limit: Duration,
    server: &str,
    answer: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    timeout(limit, answer).await.unwrap_or_else(|_| session(format!("{server} does not answer")))
}
