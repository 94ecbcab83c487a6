//! RabbitMQ: queues are created, messages come, dead letters go.

use crate::failure::{Failure, session, within};
use crate::message::{BODY_MAX, Batch, Headers};
use crate::settings::{CONNECT_TIMEOUT, OPEN_TIMEOUT};
use lapin::message::Delivery;
use lapin::options::{
    BasicConsumeOptions, BasicPublishOptions, BasicQosOptions, ConfirmSelectOptions, ExchangeDeclareOptions,
    QueueBindOptions, QueueDeclareOptions,
};
use lapin::runtime::default_runtime;
use lapin::tcp::{AsyncTcpStream, TLSConfig};
use lapin::types::{AMQPValue, FieldTable};
use lapin::uri::{AMQPScheme, AMQPUri};
use lapin::{
    BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, Consumer, ExchangeKind,
};
use openssl::ssl::{SslConnector, SslMethod};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;
use tokio::time::timeout;

mod hosts;
pub use hosts::hosts_of;

pub const PARALLEL: &str = "campaign.parallel";
pub const QUEUES: [&str; 5] =
    ["campaign.messages.0", "campaign.messages.1", "campaign.messages.2", "campaign.messages.3", PARALLEL];
const EXCHANGE: &str = "campaign";
const DEAD: &str = "campaign.dead";
/// For all the queues: a cluster that has lost nodes takes its time.
const DECLARE_TIMEOUT: Duration = Duration::from_secs(60);
/// Less than the time to end.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);
const HEARTBEAT_S: u16 = 30;
const DELIVERY_LIMIT: i64 = 2147483647;
const REASON_MAX: usize = 300;
const PERSISTENT: u8 = 2;

pub struct Broker {
    connection: Connection,
    letters: Channel,
    version: u32,
}

impl Broker {
    pub async fn open(mut uri: AMQPUri) -> Result<Self, Failure> {
        let asked = uri.clone();
        let (address, version) = tokio::task::spawn_blocking(move || version_of(&asked)).await??;
        uri.query.heartbeat = uri.query.heartbeat.or(Some(HEARTBEAT_S));
        let properties =
            ConnectionProperties::default().with_connection_name("campaign-consumer-rust".into());
        let connecting = async { Ok(connect(uri, address, properties).await?) };
        let connection = within(OPEN_TIMEOUT, "RabbitMQ", connecting).await?;
        let declaring = async {
            let letters = connection.create_channel().await?;
            letters.confirm_select(ConfirmSelectOptions::default()).await?;
            declare(&letters, version).await?;
            Ok(letters)
        };
        let letters = within(DECLARE_TIMEOUT, "RabbitMQ", declaring).await?;
        Ok(Self { connection, letters, version })
    }

    /// Subscribes on a channel of its own. The stream ends with the subscription: when the connection is
    /// lost, and when the queue is deleted.
    pub async fn consume(&self, queue: &str, prefetch: u16) -> Result<(Channel, Consumer), Failure> {
        let channel = self.connection.create_channel().await?;
        channel.basic_qos(prefetch, BasicQosOptions::default()).await?;
        let options = BasicConsumeOptions::default();
        let consumer = channel.basic_consume(queue.into(), "".into(), options, FieldTable::default()).await?;
        // RabbitMQ 3 would go over to a new queue of that name by itself, and lose what it delivers; not
        // with a limit for the whole channel, if that comes behind the subscription.
        if self.version < 4 {
            channel.basic_qos(prefetch, BasicQosOptions { global: true }).await?;
        }
        Ok((channel, consumer))
    }

    /// Whether messages of a queue wait for its only consumer.
    pub async fn waits(&self, queue: &str) -> Result<bool, Failure> {
        let passive = QueueDeclareOptions { passive: true, ..Default::default() };
        let found = self.letters.queue_declare(queue.into(), passive, FieldTable::default()).await?;
        Ok(found.message_count() > 0 && found.consumer_count() == 1)
    }

    /// Publishes a dead letter and waits for its confirm.
    pub async fn bury(
        &self,
        queue: &str,
        reason: &str,
        body: &[u8],
        came: &BasicProperties,
    ) -> Result<(), Failure> {
        let mut headers = came.headers().clone().unwrap_or_default();
        headers.insert("reason".into(), AMQPValue::LongString(one_line(reason).into()));
        headers.insert("queue".into(), AMQPValue::LongString(queue.into()));
        let options = BasicPublishOptions { mandatory: true, immediate: false };
        let body = &body[..body.len().min(BODY_MAX)];
        let letter = without_traps(came).with_headers(headers).with_delivery_mode(PERSISTENT);
        let confirm = self.letters.basic_publish(DEAD.into(), queue.into(), options, body, letter).await?;
        match confirm.await? {
            Confirmation::Ack(None) => Ok(()),
            _ => session("a dead letter came back or was refused"),
        }
    }

    pub async fn close(&self) {
        close(&self.connection, CLOSE_TIMEOUT).await;
    }
}

/// To the address that has answered: of several, lapin might first wait for another one.
async fn connect(
    uri: AMQPUri,
    address: SocketAddr,
    properties: ConnectionProperties,
) -> lapin::Result<Connection> {
    let connect = async move |uri: AMQPUri, runtime| {
        let stream = AsyncTcpStream::connect(&runtime, address).await?;
        match uri.scheme {
            AMQPScheme::AMQP => Ok(stream),
            AMQPScheme::AMQPS => Ok(stream.into_tls(&uri.authority.host, TLSConfig::default()).await?),
        }
    };
    Connection::connector(uri, default_runtime()?, connect, properties).await
}

/// lapin's heartbeats end with this: it would wait for ever for a broker that does not answer.
async fn close(connection: &Connection, limit: Duration) {
    let _ = timeout(limit, connection.close(200, "".into())).await;
}

/// The properties without what would make the broker refuse or drop the letter.
fn without_traps(came: &BasicProperties) -> BasicProperties {
    let mut letter = BasicProperties::default();
    macro_rules! keep {
        ($($name:ident $with:ident),*) => {
            $(if let Some(value) = came.$name() { letter = letter.$with(value.clone()); })*
        };
    }
    keep!(content_type with_content_type, content_encoding with_content_encoding, priority with_priority,
        correlation_id with_correlation_id, reply_to with_reply_to, message_id with_message_id,
        timestamp with_timestamp, kind with_type, app_id with_app_id);
    letter
}

/// The properties of a batch of one.
pub fn properties_of(batch: &Batch, seq: i64) -> BasicProperties {
    let mut headers = FieldTable::default();
    let text = |text: &str| AMQPValue::LongString(text.into());
    headers.insert("campaign_id".into(), text(&batch.campaign));
    headers.insert("class".into(), text(&batch.class));
    headers.insert("first_seq".into(), seq.into());
    headers.insert("count".into(), 1_i64.into());
    headers.insert("total".into(), batch.total.into());
    if batch.version > 1 {
        headers.insert("version".into(), batch.version.into());
    }
    let properties = BasicProperties::default().with_content_type("application/json".into());
    properties.with_type("campaign.batch".into()).with_headers(headers)
}

/// The headers that may repeat the body, as text.
pub fn headers_of(delivery: &Delivery) -> Headers {
    let table = delivery.properties.headers().clone().unwrap_or_default();
    let text = |value: &AMQPValue| match value {
        AMQPValue::LongString(text) => text.to_string(),
        AMQPValue::ShortString(text) => text.to_string(),
        AMQPValue::LongLongInt(number) => number.to_string(),
        AMQPValue::LongInt(number) => number.to_string(),
        AMQPValue::LongUInt(number) => number.to_string(),
        AMQPValue::ShortInt(number) => number.to_string(),
        AMQPValue::ShortShortInt(number) => number.to_string(),
        other => format!("{other:?}"),
    };
    table.inner().iter().map(|(name, value)| (name.to_string(), text(value))).collect()
}

pub fn one_line(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(REASON_MAX).collect()
}

/// Creates what is missing, dead letters first.
async fn declare(channel: &Channel, version: u32) -> Result<(), Failure> {
    let quorum = || {
        let mut arguments = FieldTable::default();
        arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
        if version >= 4 {
            arguments.insert("x-delivery-limit".into(), DELIVERY_LIMIT.into());
        }
        arguments
    };
    declare_queue(channel, (DEAD, ExchangeKind::Fanout), DEAD, quorum()).await?;
    for queue in QUEUES {
        let mut arguments = quorum();
        arguments.insert("x-dead-letter-exchange".into(), AMQPValue::LongString(DEAD.into()));
        if queue != PARALLEL {
            arguments.insert("x-single-active-consumer".into(), true.into());
        }
        declare_queue(channel, (EXCHANGE, ExchangeKind::Direct), queue, arguments).await?;
    }
    Ok(())
}

async fn declare_queue(
    channel: &Channel,
    (exchange, kind): (&str, ExchangeKind),
    queue: &str,
    arguments: FieldTable,
) -> Result<(), Failure> {
    let durable = ExchangeDeclareOptions { durable: true, ..Default::default() };
    channel.exchange_declare(exchange.into(), kind, durable, FieldTable::default()).await?;
    let durable = QueueDeclareOptions { durable: true, ..Default::default() };
    channel.queue_declare(queue.into(), durable, arguments).await?;
    let options = QueueBindOptions::default();
    channel.queue_bind(queue.into(), exchange.into(), queue.into(), options, FieldTable::default()).await?;
    Ok(())
}

/// The first number of the broker's version, which it says before the login, and the address that it has. lapin does
/// not pass it on, and the arguments of the queues depend on it.
fn version_of(uri: &AMQPUri) -> Result<(SocketAddr, u32), Failure> {
    let addresses = (uri.authority.host.as_str(), uri.authority.port).to_socket_addrs()?;
    first_version(addresses, uri)
}

/// Of these addresses the first one that answers.
fn first_version(
    addresses: impl Iterator<Item = SocketAddr>,
    uri: &AMQPUri,
) -> Result<(SocketAddr, u32), Failure> {
    let mut done = session("RabbitMQ's host has no address");
    for address in addresses {
        done = version_at(&address, uri).map(|version| (address, version));
        if done.is_ok() {
            break;
        }
    }
    done
}

fn version_at(address: &SocketAddr, uri: &AMQPUri) -> Result<u32, Failure> {
    let socket = TcpStream::connect_timeout(address, CONNECT_TIMEOUT)?;
    socket.set_read_timeout(Some(CONNECT_TIMEOUT))?;
    if uri.scheme == AMQPScheme::AMQPS {
        let connector = SslConnector::builder(SslMethod::tls())?.build();
        return greeting(connector.connect(&uri.authority.host, socket)?);
    }
    greeting(socket)
}

fn greeting(mut socket: impl Read + Write) -> Result<u32, Failure> {
    socket.write_all(b"AMQP\0\0\x09\x01")?;
    let mut head = [0; 7];
    socket.read_exact(&mut head)?;
    let mut frame =
        vec![0; u32::from_be_bytes([head[3], head[4], head[5], head[6]]).min(BODY_MAX as u32) as usize];
    socket.read_exact(&mut frame)?;
    match version_in(&frame) {
        Some(version) => Ok(version),
        None => session("RabbitMQ does not say its version"),
    }
}

/// A field table has the length of a name, the name, S for a string, its length, the string.
fn version_in(frame: &[u8]) -> Option<u32> {
    let name = b"\x07versionS";
    let at = frame.windows(name.len()).position(|piece| piece == name)? + name.len() + size_of::<u32>();
    let digits: Vec<u8> = frame[at..].iter().copied().take_while(u8::is_ascii_digit).collect();
    String::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::thread;

    #[test]
    fn the_version_is_found_in_the_greeting() {
        assert_eq!(version_in(b"\0\x0a\0\x0a\x07versionS\0\0\0\x063.10.8\x08platformS"), Some(3));
        assert_eq!(version_in(b"\x07productS\0\0\0\x08RabbitMQ"), None);
        assert_eq!(version_in(b"\x07versionS\0\0\0\x00"), None);
    }

    /// A method frame: its class, its number, its arguments.
    fn frame(class: u8, method: u8, arguments: &[u8]) -> Vec<u8> {
        let length = arguments.len() as u8 + 4;
        [&[1, 0, 0, 0, 0, 0, length, 0, class, 0, method], arguments, &[0xCE]].concat()
    }

    fn greeting_frame() -> Vec<u8> {
        frame(10, 10, b"\0\x09\0\0\0\x0E\x07versionS\0\0\0\x014\0\0\0\x05PLAIN\0\0\0\x05en_US")
    }

    #[test]
    fn the_next_address_of_a_host_is_tried() {
        let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let there = listener.local_addr().unwrap();
        let greeter = thread::spawn(move || {
            let (mut socket, _) = listener.accept()?;
            socket.read_exact(&mut [0; 8])?;
            socket.write_all(&greeting_frame())
        });
        let found = first_version([gone, there].into_iter(), &AMQPUri::default());
        assert!(found.is_ok_and(|found| found == (there, 4)));
        greeter.join().unwrap().unwrap();
    }

    /// Takes one login and says nothing more.
    fn log_in(listener: &TcpListener) -> std::io::Result<TcpStream> {
        let start = greeting_frame();
        let tune = frame(10, 30, b"\0\0\0\x02\0\0\0\0");
        let open = frame(10, 41, b"\0");
        let (mut socket, _) = listener.accept()?;
        socket.read_exact(&mut [0; 8])?;
        for (answer, expected) in [(start, 1), (tune, 2), (open, 0)] {
            socket.write_all(&answer)?;
            for _ in 0..expected {
                let mut head = [0; 7];
                socket.read_exact(&mut head)?;
                socket.read_exact(&mut vec![0; usize::from(head[6]) + 256 * usize::from(head[5]) + 1])?;
            }
        }
        Ok(socket)
    }

    #[tokio::test]
    async fn a_silent_broker_is_left() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let logged_in = thread::spawn(move || log_in(&listener));
        let connection = connect(AMQPUri::default(), address, ConnectionProperties::default());
        let connection = timeout(OPEN_TIMEOUT, connection).await.unwrap().unwrap();
        let _silent = logged_in.join().unwrap().unwrap();
        let closing = close(&connection, Duration::from_millis(100));
        timeout(CLOSE_TIMEOUT, closing).await.expect("it is waited for");
    }

    #[test]
    fn a_reason_is_one_line() {
        assert_eq!(one_line(" a\n b\t c "), "a b c");
        assert_eq!(one_line(&"é".repeat(1000)).chars().count(), REASON_MAX);
    }
}
