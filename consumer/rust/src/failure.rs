//! What can go wrong: with one message, or with a server.

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
