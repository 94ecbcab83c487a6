//! PostgreSQL: what a consumer asks and reports. Each call is its own transaction.

use crate::failure::{Failure, session, within};
use crate::jitter;
use crate::order::{Range, parse_multirange};
use crate::settings::{CONNECT_TIMEOUT, OPEN_TIMEOUT};
use crate::store::Place;
use openssl::ssl::{SslConnector, SslMethod, SslVerifyMode};
use postgres_openssl::MakeTlsConnector;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::sleep;
use tokio_postgres::config::{LoadBalanceHosts, SslMode, TargetSessionAttrs};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Config, Row, Statement, ToStatement};

mod hosts;
use hosts::hosts_of;

const OPEN: &str = "SELECT class, total, stored_through, failed::text FROM campaign.report_open($1)";
const STOPPED: &str =
    "SELECT campaign_id, halted FROM campaign.report_stopped($1) WHERE halted OR valid_ms = 0";
const REPORT: &str =
    "SELECT campaign_id, class, total, left_out FROM campaign.report_checked($1, $2, $3, $4, $5, $6)";

/// Before a report is tried again that met a client.
const LOCK_WAIT: Duration = Duration::from_millis(200);

/// What PostgreSQL knows of a class of a campaign.
pub struct Class {
    pub name: String,
    pub total: i64,
    pub reported: i64,
    pub failed: Vec<Range>,
}

/// A range to report: as stored, or as left out.
pub struct Stored {
    pub place: Place,
    pub range: Range,
    pub suppressed: bool,
}

/// A class whose documents are to be counted before its campaign ends.
pub struct Unchecked {
    pub place: Place,
    pub total: i64,
    pub left_out: i64,
}

/// A connection, with the statements that are used for every message.
pub struct Reports {
    client: Client,
    open: Statement,
    stopped: Statement,
    report: Statement,
    /// Told whenever the next step of a chunk begins, or a report is refused because a client holds what it
    /// changes.
    pub goes_on: Arc<Notify>,
}

impl Reports {
    pub async fn open(url: &str) -> Result<Self, Failure> {
        let mut config: Config = url.parse()?;
        config.connect_timeout(CONNECT_TIMEOUT);
        if config.get_target_session_attrs() == TargetSessionAttrs::Any {
            config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        }
        let mut hosts = hosts_of(&config);
        if config.get_load_balance_hosts() == LoadBalanceHosts::Random {
            let turn = (jitter() * hosts.len() as f64) as usize % hosts.len();
            hosts.rotate_left(turn);
        }
        Self::open_first(&hosts, OPEN_TIMEOUT).await
    }

    /// Of these the first one that answers in time, each with all of its addresses.
    async fn open_first(hosts: &[Config], limit: Duration) -> Result<Self, Failure> {
        let mut done = session("DATABASE_URL has no host");
        for config in hosts {
            done = within(limit, "PostgreSQL", Self::open_host(config)).await;
            if done.is_ok() {
                break;
            }
        }
        done
    }

    /// Also tries a report: a read-only server refuses it.
    async fn open_host(config: &Config) -> Result<Self, Failure> {
        let mut tls = SslConnector::builder(SslMethod::tls())?;
        if config.get_ssl_mode() != SslMode::Require {
            tls.set_verify(SslVerifyMode::NONE); // as libpq's `prefer`: better than none
        }
        let (client, connection) = config.connect(MakeTlsConnector::new(tls.build())).await?;
        tokio::spawn(connection);
        let open = client.prepare(OPEN).await?;
        let stopped = client.prepare(STOPPED).await?;
        let report = client.prepare(REPORT).await?;
        let reports = Self { client, open, stopped, report, goes_on: Arc::default() };
        reports.classes("check").await?;
        Ok(reports)
    }

    pub async fn classes(&self, campaign: &str) -> Result<Vec<Class>, Failure> {
        let rows = self.client.query(&self.open, &[&campaign]).await?;
        let class = |row: &Row| {
            let Some(failed) = parse_multirange(row.get(3)) else {
                return session("report_open(): no multirange");
            };
            Ok(Class { name: row.get(0), total: row.get(1), reported: row.get(2), failed })
        };
        rows.iter().map(class).collect()
    }

    /// Of which of these campaigns no recipient may be stored: true if they are halted, false if only their deadline
    /// has passed.
    pub async fn stopped(&self, campaigns: &[String]) -> Result<HashMap<String, bool>, Failure> {
        let rows = self.client.query(&self.stopped, &[&campaigns]).await?;
        Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
    }

    /// Which classes are to be counted first: what concerns their campaigns, unless these are in `checked`,
    /// was not recorded.
    pub async fn report(&self, ranges: &[Stored], checked: &[String]) -> Result<Vec<Unchecked>, Failure> {
        let campaigns: Vec<&str> = ranges.iter().map(|one| one.place.campaign.as_str()).collect();
        let classes: Vec<&str> = ranges.iter().map(|one| one.place.class.as_str()).collect();
        let firsts: Vec<i64> = ranges.iter().map(|one| one.range.0).collect();
        let lasts: Vec<i64> = ranges.iter().map(|one| one.range.1).collect();
        let suppressed: Vec<bool> = ranges.iter().map(|one| one.suppressed).collect();
        let rows = self
            .insist(&self.report, &[&campaigns, &classes, &firsts, &lasts, &checked, &suppressed])
            .await?;
        let unchecked = rows.iter().filter_map(|row| {
            let place = Place { campaign: row.get(0), class: row.get::<_, Option<String>>(1)? };
            Some(Unchecked { place, total: row.get(2), left_out: row.get(3) })
        });
        Ok(unchecked.collect()) // the other rows say that a campaign has ended
    }

    pub async fn gap(&self, place: &Place, next: i64) -> Result<(), Failure> {
        let query = "SELECT campaign.report_gap($1, $2, $3)";
        self.insist(query, &[&place.campaign, &place.class, &next]).await?;
        Ok(())
    }

    pub async fn conflict(&self, place: &Place, seq: i64, reason: &str) -> Result<(), Failure> {
        let query = "SELECT campaign.report_conflict($1, $2, $3, $4)";
        self.insist(query, &[&place.campaign, &place.class, &seq, &reason]).await?;
        Ok(())
    }

    /// Makes a report, and makes it again as long as a client holds what it changes: that may take long, and
    /// another session would meet the same client.
    async fn insist<S: ToStatement + ?Sized>(
        &self,
        report: &S,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, Failure> {
        let mut refusals = 0;
        loop {
            let error = match self.client.query(report, values).await {
                Err(error) if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) => error,
                done => return Ok(done?),
            };
            if refusals == 0 {
                eprintln!("a report waits for a client: {error}");
            }
            refusals += 1;
            self.goes_on.notify_one();
            sleep(LOCK_WAIT).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::thread;
    use tokio::time::timeout;

    #[tokio::test]
    async fn a_host_that_does_not_answer_is_passed_over() {
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let next = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = |one: &TcpListener| one.local_addr().unwrap().port();
        let url = format!("postgresql://u:p@127.0.0.1:{},127.0.0.1:{}/d", port(&silent), port(&next));
        let reached = thread::spawn(move || next.accept().map(drop));
        let hosts = hosts_of(&url.parse().unwrap());
        let done = timeout(CONNECT_TIMEOUT, Reports::open_first(&hosts, Duration::from_millis(100))).await;
        assert!(done.expect("the first host is waited for").is_err());
        reached.join().unwrap().unwrap();
    }
}
