//! Settings: the environment wins over .env in the current directory, and that over the defaults.

use crate::broker::hosts_of;
use lapin::uri::AMQPUri;
use mongodb::options::ConnectionString;
use std::{collections::HashMap, env, fs, time::Duration};
use tokio_postgres::Config;

/// For one address of a server.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// From the first packet to a host until it can be used.
pub const OPEN_TIMEOUT: Duration = Duration::from_secs(10);

/// Those of docs/consumer.md that this consumer knows.
#[derive(Debug, PartialEq)]
pub struct Settings {
    /// Of each host of the URL, of which there is at least one.
    pub amqp: Vec<AMQPUri>,
    pub mongodb: String,
    pub database: String,
    pub collection: String,
    pub prefetch: u16,
}

impl Settings {
    pub fn read() -> Result<Self, String> {
        let file = match fs::read_to_string(".env") {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(format!(".env: {error}")),
        };
        Self::from(|name| env::var(name).ok(), &file)
    }

    fn from(environment: impl Fn(&str) -> Option<String>, file: &str) -> Result<Self, String> {
        let lines = lines_of(file);
        let value = |name: &str| {
            let found = environment(name).or_else(|| lines.get(name).map(|value| (*value).to_owned()));
            found.filter(|value| !value.is_empty())
        };
        let needed = |name: &str| value(name).ok_or_else(|| format!("{name} is not set"));
        // Why it is wrong is not said: what looks like a port may be half of a password.
        let right = |name, is_right: fn(&str) -> bool| {
            needed(name).and_then(|url| is_right(&url).then_some(url).ok_or(format!("{name}: not a URL")))
        };
        let prefetch = value("CAMPAIGN_PREFETCH").unwrap_or_else(|| "1000".to_owned());
        Ok(Self {
            amqp: hosts_of(&needed("AMQP_URL")?).ok_or("AMQP_URL: not a URL")?,
            mongodb: right("MONGODB_URI", |url| ConnectionString::parse(url).is_ok())?,
            database: right("DATABASE_URL", |url| url.parse::<Config>().is_ok())?,
            collection: value("CAMPAIGN_COLLECTION").unwrap_or_else(|| "messages".to_owned()),
            prefetch: (prefetch.parse().ok().filter(|number| *number >= 2))
                .ok_or("CAMPAIGN_PREFETCH: a number from 2 to 65535 is needed")?,
        })
    }
}

/// Lines NAME=value, with or without quotes.
fn lines_of(file: &str) -> HashMap<&str, &str> {
    let lines = file.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    let pairs = lines.filter_map(|line| line.split_once('='));
    pairs.map(|(name, value)| (name.trim(), unquoted(value.trim()))).collect()
}

fn unquoted(value: &str) -> &str {
    let without = |quote| value.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
    without('"').or_else(|| without('\'')).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str =
        "# a comment\nAMQP_URL = 'amqp://file'\nMONGODB_URI=mongodb://file/?a=b\nCAMPAIGN_PREFETCH=7\n";

    fn environment(name: &str) -> Option<String> {
        match name {
            "DATABASE_URL" => Some("postgresql://environment".to_owned()),
            "MONGODB_URI" => Some("mongodb://environment".to_owned()),
            _ => None,
        }
    }

    #[test]
    fn the_environment_wins_over_the_file() {
        let settings = Settings::from(environment, FILE).unwrap();
        assert_eq!(
            (settings.amqp[0].authority.host.as_str(), settings.mongodb.as_str()),
            ("file", "mongodb://environment")
        );
        assert_eq!((settings.collection.as_str(), settings.prefetch), ("messages", 7));
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        assert!(Settings::from(environment, "").unwrap_err().contains("AMQP_URL"));
        let wrong = FILE.replace("=7", "=1");
        assert!(Settings::from(environment, &wrong).unwrap_err().contains("CAMPAIGN_PREFETCH"));
    }

    #[test]
    fn nothing_of_a_wrong_url_is_told() {
        for url in ["amqp:user:secret@host", "amqp://user:sec%zzret@host/v", "amqp://user:sec/ret@host"] {
            let reason = Settings::from(environment, &format!("AMQP_URL={url}")).unwrap_err();
            assert_eq!(reason, "AMQP_URL: not a URL");
        }
        for (name, url) in [
            ("MONGODB_URI", "mongodb://user:secret"),
            ("MONGODB_URI", "mongodb://user:sec/ret@host"),
            ("DATABASE_URL", "postgresql://user@host:secret/d"),
            ("DATABASE_URL", "host=host password=sec ret"),
        ] {
            let wrong = |asked: &str| if asked == name { Some(url.to_owned()) } else { environment(asked) };
            assert_eq!(Settings::from(wrong, FILE).unwrap_err(), format!("{name}: not a URL"));
        }
    }
}
